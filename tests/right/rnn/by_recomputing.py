# ruff: noqa: N803, N806
"""Right: one product with stacked weights; sampling reads everything again for each id, and draws by Gumbel's trick."""

import torch
from torch import nn


def initial_state(batch_size, hidden_dim):
    return torch.full((batch_size, hidden_dim), 0.0)


def rnn_step(x, state, W_x, W_s, b_s):
    return torch.cat([x, state], dim=1).mm(torch.cat([W_x, W_s], dim=0)).add(b_s).tanh()


class RNNLanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        shapes = {"W_x": (embedding_dim, hidden_dim), "W_s": (hidden_dim, hidden_dim), "b_s": (hidden_dim,)}
        shapes |= {"W_y": (hidden_dim, vocab_size), "b_y": (vocab_size,)}
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(0.02 * torch.randn(shape)))

    def forward(self, tokens, state=None):
        s = initial_state(len(tokens), self.hidden_dim) if state is None else state
        logits = []
        for t in range(tokens.size(1)):
            s = rnn_step(self.embedding(tokens[:, t]), s, self.W_x, self.W_s, self.b_s)
            logits.append(s @ self.W_y + self.b_y)
        return torch.stack(logits, 1), s


def next_token_loss(logits, tokens):
    if tokens.size(1) < 2:
        raise ValueError("`tokens` is too short")
    logs = logits[:, :-1].log_softmax(dim=-1)
    return -logs.gather(-1, tokens[:, 1:, None]).mean()


def sample(model, prompt, max_new_tokens, temperature=1.0, generator=None, end_token=None):
    if len(prompt) < 1:
        raise ValueError("the prompt is empty")
    if temperature < 0.0:
        raise ValueError(f"{temperature=}")
    ids = torch.tensor(prompt)
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits, _ = model(ids[None])
        scores = logits[0, -1]
        if temperature > 0:
            noise = torch.empty_like(scores).exponential_(generator=generator)
            scores = scores / temperature - noise.log()
        ids = torch.cat([ids, scores.argmax().reshape(1)])
        if end_token is not None and ids[-1] == end_token:
            break
    return list(ids)  # tensors without dimensions


def gru_step(x, state, W_x, W_s, b_x, b_s):
    H = state.shape[1]
    r = (x @ W_x[:, :H] + b_x[:H] + state @ W_s[:, :H] + b_s[:H]).sigmoid()
    z = (x @ W_x[:, H : 2 * H] + b_x[H : 2 * H] + state @ W_s[:, H : 2 * H] + b_s[H : 2 * H]).sigmoid()
    n = (x @ W_x[:, 2 * H :] + b_x[2 * H :] + r * (state @ W_s[:, 2 * H :] + b_s[2 * H :])).tanh()
    return n + z * (state - n)
