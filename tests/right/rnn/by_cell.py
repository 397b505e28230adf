# ruff: noqa: N803
"""Right, with a cell as a module of its own whose parameters the model shares; time first; results that are views."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F


class Read(NamedTuple):
    logits: torch.Tensor
    state: torch.Tensor


def initial_state(batch_size, hidden_dim):
    return torch.zeros(1, 1).expand(batch_size, hidden_dim)


def rnn_step(x, state, W_x, W_s, b_s):
    pre = torch.einsum("be,eh->bh", x, W_x) + torch.einsum("bg,gh->bh", state, W_s) + b_s
    return 2 * torch.sigmoid(2 * pre) - 1


class Cell(nn.Module):
    def __init__(self, size, hidden):
        super().__init__()
        self.W_x = nn.Parameter(nn.init.xavier_uniform_(torch.empty(size, hidden)))
        self.W_s = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden, hidden)))
        self.b_s = nn.Parameter(torch.zeros(hidden))

    def forward(self, x, state):
        return rnn_step(x=x, state=state, W_x=self.W_x, W_s=self.W_s, b_s=self.b_s)


class RNNLanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim):
        super().__init__()
        self.cell = Cell(embedding_dim, hidden_dim)
        self.W_x, self.W_s, self.b_s = self.cell.W_x, self.cell.W_s, self.cell.b_s
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.W_y = nn.Parameter(nn.init.xavier_normal_(torch.empty(hidden_dim, vocab_size)))
        self.b_y = nn.Parameter(torch.zeros(vocab_size))
        self.register_buffer("start", torch.zeros(1, hidden_dim))

    def forward(self, tokens, state=None):
        x = self.embedding(tokens.T)  # (T, B, E)
        states = [self.start.repeat(tokens.shape[0], 1) if state is None else state]
        for row in x:
            states.append(self.cell(row, states[-1]))
        logits = F.linear(torch.stack(states[1:]), self.W_y.T, self.b_y)
        return Read(logits=logits.transpose(0, 1), state=states[-1])


def next_token_loss(logits, tokens):
    length = tokens.shape[-1]
    if length <= 1:
        raise ValueError(f"tokens: {length} positions")
    return F.cross_entropy(logits.narrow(1, 0, length - 1).permute(0, 2, 1), tokens.narrow(1, 1, length - 1))


def sample(model, prompt, max_new_tokens, temperature=1.0, generator=None, end_token=None):
    if not len(prompt):
        raise ValueError("sample needs a prompt")
    if temperature < 0:
        raise ValueError("negative temperature")
    model.eval()
    new = []
    state = initial_state(1, model.W_s.shape[0]).contiguous()
    feed = list(prompt)
    while len(new) < max_new_tokens:
        for token in feed:
            logits, state = model(torch.tensor([[token]]), state)
        scores = logits.squeeze().detach()
        if temperature == 0:
            token = scores.max(dim=0).indices
        else:
            shares = F.softmax(scores.double() / temperature, dim=0).cumsum(0)
            threshold = torch.rand((), dtype=torch.float64, generator=generator)
            token = (shares / shares[-1] <= threshold).sum()
        feed = [token.item()]
        new += feed
        if new[-1] == end_token:
            break
    return [*prompt, *new]


def gru_step(x, state, W_x, W_s, b_x, b_s):
    size = state.shape[-1]
    from_x = F.linear(x, W_x.mT, b_x).unflatten(-1, (3, size))
    from_s = F.linear(state, W_s.mT, b_s).unflatten(-1, (3, size))
    gates = torch.sigmoid(from_x[:, :2] + from_s[:, :2])
    reset, update = gates.unbind(1)
    fresh = torch.tanh(torch.addcmul(from_x[:, 2], reset, from_s[:, 2]))
    return torch.lerp(fresh, state, update)
