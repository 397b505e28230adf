"""A recurrent network as a language model: one step, a model that reads a text, its loss, and sampling from it.

The handout is `rnn.md`. The network is Elman's ("Finding Structure in Time", 1990) with word embeddings in front; the
extra exercise is the gated unit of Cho et al. ("Learning Phrase Representations using RNN Encoder-Decoder", 2014).
torch's own RNN, GRU and their cells may not be called here, since writing them is the task.

Letters in shapes: B batch, T time (positions), V vocabulary, E size of an embedding, H size of the state. Rows are
multiplied with matrices, x W, so W_x has shape (E, H). Ids are int64, everything else is float32.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def initial_state(batch_size: int, hidden_dim: int) -> Tensor:
    """The memory before the first word: zeros, (B, H)   (handout, exercise 1)"""
    # BEGIN SOLUTION: a row for each sequence
    return torch.zeros(batch_size, hidden_dim)
    # END SOLUTION


def rnn_step(x: Tensor, state: Tensor, W_x: Tensor, W_s: Tensor, b_s: Tensor) -> Tensor:
    """s_t = tanh(x_t W_x + s_{t-1} W_s + b_s)   (Elman 1990; handout, exercise 2)

    x (B, E), state (B, H), W_x (E, H), W_s (H, H), b_s (H,). Returns the new state (B, H).
    """
    # BEGIN SOLUTION: the equation, word for word
    return torch.tanh(x @ W_x + state @ W_s + b_s)
    # END SOLUTION


class RNNLanguageModel(nn.Module):
    """logits_t = s_t W_y + b_y, where s_t = rnn_step(embedding of token t, s_{t-1})   (handout, exercise 3)

    The parameters are `embedding.weight` (V, E), `W_x` (E, H), `W_s` (H, H), `b_s` (H,), `W_y` (H, V) and `b_y` (V,).
    How they begin is free, but a fresh model must be able to learn: not all of them can be 0.
    """

    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int) -> None:
        super().__init__()
        # BEGIN SOLUTION: an embedding and five parameters, by the names above; small random numbers, zeros for biases
        scale = hidden_dim**-0.5
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.W_x = nn.Parameter(torch.zeros(embedding_dim, hidden_dim).uniform_(-scale, scale))
        self.W_s = nn.Parameter(torch.zeros(hidden_dim, hidden_dim).uniform_(-scale, scale))
        self.b_s = nn.Parameter(torch.zeros(hidden_dim))
        self.W_y = nn.Parameter(torch.zeros(hidden_dim, vocab_size).uniform_(-scale, scale))
        self.b_y = nn.Parameter(torch.zeros(vocab_size))
        # END SOLUTION

    def forward(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """tokens (B, T), ids; state (B, H), zeros if there is none. Returns logits (B, T, V) and the last state (B, H).

        Position t of the logits is about token t + 1. Who hands the last state in again goes on where this call ended.
        """
        # BEGIN SOLUTION: one step for each position, the states kept; logits of all states at once
        if state is None:
            state = initial_state(tokens.shape[0], self.W_s.shape[0])
        states = []
        for x in self.embedding(tokens).unbind(dim=1):
            state = rnn_step(x, state, self.W_x, self.W_s, self.b_s)
            states.append(state)
        return torch.stack(states, dim=1) @ self.W_y + self.b_y, state
        # END SOLUTION


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Mean of -log p(token t + 1 | tokens up to t), in nats   (handout, exercise 4)

    logits (B, T, V), tokens (B, T). Returns a scalar, the mean over the B (T - 1) tokens that are predicted: all but
    the first of each sequence. It is finite for logits of +-1000. ValueError if T < 2.
    """
    # BEGIN SOLUTION: which logits have a target, and which tokens are one? then the library's cross-entropy
    if tokens.shape[1] < 2:
        raise ValueError(f"tokens must hold at least 2 positions to predict one, got {tokens.shape[1]}")
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    # END SOLUTION


@torch.no_grad()
def sample(
    model: nn.Module,
    prompt: list[int],
    max_new_tokens: int,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    end_token: int | None = None,
) -> list[int]:
    """The prompt and what the model writes after it   (handout, exercise 5)

    `model(tokens, state)` gives logits and a state, as above. Each new id is drawn from softmax(logits / temperature)
    of the last position; temperature 0 takes the likeliest one instead. It stops after `max_new_tokens` ids, or after
    `end_token` has been drawn, which is kept; one in the prompt stops nothing. All randomness comes from `generator`
    (None: torch's global one). The prompt is left as it was. ValueError for an empty prompt or a temperature below 0.
    """
    # BEGIN SOLUTION: the whole prompt first, then one id at a time: what must be handed on, and what need not be?
    if not prompt:
        raise ValueError("prompt must hold at least one id")
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, got {temperature}")
    ids, state = list(prompt), None
    tokens = torch.tensor([ids])
    for _ in range(max_new_tokens):
        logits, state = model(tokens, state)
        if temperature == 0:
            chosen = logits[0, -1].argmax()
        else:
            probabilities = torch.softmax(logits[0, -1] / temperature, dim=-1)
            chosen = torch.multinomial(probabilities, 1, generator=generator)
        ids.append(int(chosen))
        if ids[-1] == end_token:
            break
        tokens = chosen.reshape(1, 1)
    return ids
    # END SOLUTION


def gru_step(x: Tensor, state: Tensor, W_x: Tensor, W_s: Tensor, b_x: Tensor, b_s: Tensor) -> Tensor:
    """One step of a gated recurrent unit, in the form of torch.nn.GRUCell   (Cho et al. 2014; handout, extra exercise)

    r = sigma(x W_xr + b_xr + s W_sr + b_sr)            the reset gate
    z = sigma(x W_xz + b_xz + s W_sz + b_sz)            the update gate
    n = tanh(x W_xn + b_xn + r * (s W_sn + b_sn))       the new memory
    result = (1 - z) * n + z * s

    x (B, E), state (B, H), W_x (E, 3H), W_s (H, 3H), b_x (3H,), b_s (3H,): the columns for r, then those for z, then
    those for n. Returns the new state (B, H). (d2l.ai multiplies r into s before the product with W_sn: another good
    GRU, but not this one.)
    """
    # BEGIN SOLUTION: two products, each cut into three
    x_r, x_z, x_n = (x @ W_x + b_x).chunk(3, dim=-1)
    s_r, s_z, s_n = (state @ W_s + b_s).chunk(3, dim=-1)
    reset = torch.sigmoid(x_r + s_r)
    update = torch.sigmoid(x_z + s_z)
    new = torch.tanh(x_n + reset * s_n)
    return (1 - update) * new + update * state
    # END SOLUTION
