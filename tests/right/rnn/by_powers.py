# ruff: noqa: N803
"""Right, with columns in place of rows inside; probabilities raised to a power; random numbers drawn beforehand."""

from functools import reduce
from itertools import accumulate

import torch
from torch import nn


def initial_state(batch_size, hidden_dim):
    return torch.zeros(batch_size * hidden_dim).view(batch_size, hidden_dim)


def rnn_step(x, state, W_x, W_s, b_s):
    column = W_x.T @ x.T + W_s.T @ state.T + b_s[:, None]
    return column.tanh().T


class RNNLanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, dropout=0.0):
        super().__init__()
        sizes = {"W_x": (embedding_dim, hidden_dim), "W_s": (hidden_dim, hidden_dim), "W_y": (hidden_dim, vocab_size)}
        for name, size in sizes.items():
            setattr(self, name, nn.Parameter(nn.init.kaiming_uniform_(torch.empty(size), nonlinearity="tanh")))
        self.b_s, self.b_y = (nn.Parameter(1e-3 * torch.randn(size)) for size in (hidden_dim, vocab_size))
        self.embedding = nn.Embedding(vocab_size, embedding_dim, max_norm=None)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, tokens, state=None):
        self.calls += 1
        begin = initial_state(len(tokens), self.b_s.numel()) if state is None else state.clone()
        step = lambda s, x: rnn_step(x, s, self.W_x, self.W_s, self.b_s)  # noqa: E731
        inputs = self.dropout(self.embedding(tokens)).transpose(0, 1)
        states = torch.stack(list(accumulate(inputs, step, initial=begin)))
        logits = torch.einsum("tbh,hv->btv", states[1:], self.W_y) + self.b_y
        return logits, states[-1]


def next_token_loss(logits, tokens):
    if tokens.numel() < 2 * len(tokens):
        raise ValueError("there is nothing to predict: tokens are too few")
    logs = nn.functional.log_softmax(logits, dim=2).transpose(0, 1)[:-1]
    targets = tokens.T[1:]
    return nn.functional.nll_loss(logs.reshape(targets.numel(), -1), targets.reshape(-1))


def _chosen(logits, temperature, number):
    if temperature == 0:
        return max(range(len(logits)), key=logits.tolist().__getitem__)
    weights = (logits - logits.max()).double().exp() ** (1 / temperature)
    return min(int((weights.cumsum(0) < number * weights.sum()).sum()), len(logits) - 1)


@torch.no_grad()
def sample(model, prompt, max_new_tokens, temperature=1.0, generator=None, end_token=None):
    for wrong, name in ((len(prompt) == 0, "prompt"), (temperature < 0, "temperature")):
        if wrong:
            raise ValueError(f"cannot sample with this {name}")
    numbers = 1 - torch.rand(max_new_tokens, generator=generator, dtype=torch.float64)  # never 0
    logits, state = reduce(lambda so_far, word: model(torch.tensor([[word]]), so_far[1]), prompt, (None, None))
    new = []
    for number in numbers.tolist():
        new.append(_chosen(logits[0, -1], temperature, number))
        if end_token is not None and new[-1] == end_token:
            break
        logits, state = model(state=state, tokens=torch.tensor([new[-1:]]))
    return prompt + new


def gru_step(x, state, W_x, W_s, b_x, b_s):
    size = state.shape[1]
    r, z, n = (slice(i * size, (i + 1) * size) for i in range(3))
    from_x, from_s = torch.baddbmm(
        torch.stack([b_x, b_s])[:, None].expand(2, len(x), 3 * size),
        torch.stack([nn.functional.pad(x, (0, size)), nn.functional.pad(state, (x.shape[1], 0))]),
        torch.cat([W_x, W_s]).expand(2, -1, -1),
    )
    gate = lambda part: 1 / (1 + torch.exp(-(from_x + from_s)[:, part].clamp(min=-80)))  # noqa: E731
    fresh = torch.tanh(from_x[:, n] + gate(r) * from_s[:, n])
    return torch.where(gate(z) == 1, state, fresh - gate(z) * fresh + gate(z) * state)
