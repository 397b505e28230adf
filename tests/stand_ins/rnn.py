# ruff: noqa: N803
"""What `rnn` computes, by the library's own functions.

Code that builds on an exercise which is not solved yet is tried once more on these. They are of no use as answers: each
that is more than a line calls what the exercise forbids.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def initial_state(batch_size: int, hidden_dim: int) -> Tensor:
    """(B, H)."""
    return torch.empty(batch_size, hidden_dim).zero_()


def rnn_step(x: Tensor, state: Tensor, W_x: Tensor, W_s: Tensor, b_s: Tensor) -> Tensor:
    """(B, H)."""
    return torch.rnn_tanh_cell(x, state, W_x.T, W_s.T, b_s, torch.zeros_like(b_s))


class RNNLanguageModel(nn.Module):
    """(B, T) to (B, T, V) and (B, H)."""

    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.W_x = nn.Parameter(nn.init.xavier_uniform_(torch.empty(embedding_dim, hidden_dim)))
        self.W_s = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden_dim, hidden_dim)))
        self.b_s = nn.Parameter(torch.zeros(hidden_dim))
        self.W_y = nn.Parameter(nn.init.xavier_uniform_(torch.empty(hidden_dim, vocab_size)))
        self.b_y = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        weights = [self.W_x.T, self.W_s.T, self.b_s, torch.zeros_like(self.b_s)]
        begin = torch.zeros(1, len(tokens), len(self.W_s)) if state is None else state[None]
        states, last = torch.rnn_tanh(self.embedding(tokens), begin, weights, True, 1, 0.0, False, False, True)
        return functional.linear(states, self.W_y.T, self.b_y), last[0]


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Scalar."""
    if tokens.shape[1] < 2:
        raise ValueError("tokens has fewer than two positions")
    return functional.cross_entropy(logits.transpose(1, 2)[:, :, :-1], tokens[:, 1:])


def sample(
    model: nn.Module,
    prompt: list[int],
    max_new_tokens: int,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    end_token: int | None = None,
) -> list[int]:
    """The prompt and the new ids; everything is read again for each of them."""
    if len(prompt) == 0 or temperature < 0:
        raise ValueError("prompt is empty, or temperature negative")
    ids = list(prompt)
    while len(ids) < len(prompt) + max_new_tokens and (len(ids) == len(prompt) or ids[-1] != end_token):
        chances = functional.softmax(model(torch.tensor([ids]), None)[0][0, -1] / (temperature or 1.0), dim=0)
        ids.append(int(chances.multinomial(1, generator=generator) if temperature else chances.argmax()))
    return ids


def gru_step(x: Tensor, state: Tensor, W_x: Tensor, W_s: Tensor, b_x: Tensor, b_s: Tensor) -> Tensor:
    """(B, H)."""
    return torch.gru_cell(x, state, W_x.T, W_s.T, b_x, b_s)
