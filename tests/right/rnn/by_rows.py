# ruff: noqa: N803, N806
"""Right, one sequence and position at a time; float64 inside; one-hot rows; NumPy scalars, and draws by searching."""

import math

import numpy as np
import torch
from torch import nn


def initial_state(batch_size, hidden_dim):
    return torch.from_numpy(np.zeros((batch_size, hidden_dim), dtype=np.float32))


def rnn_step(x, state, W_x, W_s, b_s):
    rows = []
    for one, old in zip(x, state, strict=True):
        total = (
            b_s.double() + (one.double()[:, None] * W_x.double()).sum(0) + (old.double()[:, None] * W_s.double()).sum(0)
        )
        rows.append(torch.tanh(total).float())
    return torch.stack(rows)


class RNNLanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim):
        super().__init__()
        self.W_y = nn.Parameter(torch.randn(hidden_dim, vocab_size) / math.sqrt(hidden_dim))
        self.b_y = nn.Parameter(torch.zeros(vocab_size))
        self.W_s = nn.Parameter(0.5 * torch.eye(hidden_dim))
        self.W_x = nn.Parameter(torch.randn(embedding_dim, hidden_dim) / math.sqrt(embedding_dim))
        self.b_s = nn.Parameter(torch.zeros(hidden_dim))
        self.embedding = nn.Embedding(vocab_size, embedding_dim)

    def forward(self, tokens, state=None):
        batch, length = tokens.shape
        if state is None:
            state = initial_state(batch, self.b_s.shape[0])
        one_hot = nn.functional.one_hot(tokens, self.b_y.shape[0]).float()
        x = one_hot @ self.embedding.weight
        logits = x.new_zeros(batch, length, self.b_y.shape[0])
        for t in range(length):
            state = torch.tanh(x[:, t] @ self.W_x + (state @ self.W_s + self.b_s))
            logits[:, t] = self.b_y + state @ self.W_y
        return logits, state


def next_token_loss(logits, tokens):
    batch, length = tokens.shape
    if length < 2:
        raise ValueError("two tokens or more, please: tokens has too few")
    total = 0.0
    for row, ids in zip(logits.double(), tokens, strict=True):
        for t in range(length - 1):
            total = total + torch.logsumexp(row[t], dim=0) - row[t, ids[t + 1]]
    return (total / (batch * (length - 1))).float()


def _draw(scores, generator):
    """An index, by halving an interval that a random number lies in."""
    shares = np.cumsum(np.exp(scores - scores.max()))
    number = torch.rand(1, dtype=torch.float64, generator=generator).item() * shares[-1]
    return np.searchsorted(shares, number, side="right")


def sample(model, prompt, max_new_tokens, temperature=1.0, generator=None, end_token=None):
    if prompt == []:
        raise ValueError("prompt is []")
    if temperature < 0:
        raise ValueError("temperature should be 0 or more")
    result, state, tokens = [*prompt], None, torch.as_tensor(prompt).reshape(1, -1)
    with torch.inference_mode():
        for _ in range(max_new_tokens):
            logits, state = model(tokens, state)
            scores = logits[0, tokens.shape[1] - 1].double().numpy()
            chosen = _draw(scores / temperature, generator) if temperature > 0 else np.argmax(scores)
            result.append(np.int64(chosen))
            if chosen == end_token:
                return result
            tokens = torch.tensor([[chosen]])
    return result


def gru_step(x, state, W_x, W_s, b_x, b_s):
    W_xr, W_xz, W_xn = W_x.double().split(state.shape[1], dim=1)
    W_sr, W_sz, W_sn = W_s.double().split(state.shape[1], dim=1)
    b_xr, b_xz, b_xn = b_x.double().split(state.shape[1])
    b_sr, b_sz, b_sn = b_s.double().split(state.shape[1])
    x, s = x.double(), state.double()
    r = 0.5 * (1 + torch.tanh((x @ W_xr + s @ W_sr + b_xr + b_sr) / 2))
    z = 0.5 * (1 + torch.tanh((x @ W_xz + s @ W_sz + b_xz + b_sz) / 2))
    n = torch.tanh(x @ W_xn + b_xn + r * (s @ W_sn + b_sn))
    return ((1 - z) * n + z * s).float()
