# ruff: noqa: N803
"""Right: all inputs projected before the loop, states from a generator, a list as result, draws without softmax."""

import torch
from torch import Tensor, nn
from torch.nn.parameter import Parameter


def initial_state(batch_size: int, hidden_dim: int) -> Tensor:
    return torch.zeros((hidden_dim, batch_size)).T


def rnn_step(x, state, W_x, W_s, b_s):
    z = torch.addmm(b_s, x, W_x)
    z = torch.addmm(z, state, W_s)
    return z.tanh_()


def _parameter(*shape: int) -> Parameter:
    bound = shape[-1] ** -0.5
    return Parameter(torch.rand(*shape) * 2 * bound - bound)


class RNNLanguageModel(nn.Module):
    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.W_x = _parameter(embedding_dim, hidden_dim)
        self.W_s = _parameter(hidden_dim, hidden_dim)
        self.b_s = _parameter(hidden_dim)
        self.W_y = _parameter(hidden_dim, vocab_size)
        self.b_y = _parameter(vocab_size)

    def _states(self, tokens, state):
        projected = self.embedding(tokens) @ self.W_x + self.b_s
        for t in range(projected.shape[1]):
            state = torch.tanh(projected[:, t] + state @ self.W_s)
            yield state

    def forward(self, tokens, state=None):
        if state is None:
            state = initial_state(batch_size=tokens.shape[0], hidden_dim=len(self.b_s))
        states = torch.stack(list(self._states(tokens, state)), dim=1)
        return [states.matmul(self.W_y) + self.b_y, states[:, -1]]


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    if not tokens.shape[1] > 1:
        raise ValueError("next_token_loss: tokens must have T >= 2")
    predicted = logits[:, : tokens.shape[1] - 1].reshape(-1, logits.shape[-1])
    targets = tokens[:, 1:].reshape(-1)
    right = predicted[torch.arange(len(targets)), targets]
    return (torch.logsumexp(predicted, dim=-1) - right).sum() / targets.numel()


def _check(prompt, temperature):
    if not prompt:
        raise ValueError("prompt: at least one id")
    if temperature < 0:
        raise ValueError("temperature: not below zero")


def sample(model, prompt, max_new_tokens, temperature=1.0, generator=None, end_token=None):
    _check(prompt, temperature)
    ids = prompt[:]
    if max_new_tokens == 0:
        return ids
    was_training = model.training
    model.eval()
    logits, state = model(torch.tensor([prompt]), None)
    while True:
        last = logits[:, -1].detach()
        if temperature:
            weights = torch.exp((last - last.max()) / temperature)
            token = torch.multinomial(weights, num_samples=1, replacement=True, generator=generator)
        else:
            token = last.argmax(dim=1, keepdim=True)
        ids.append(token.item())
        if ids[-1] == end_token or len(ids) == len(prompt) + max_new_tokens:
            break
        logits, state = model(tokens=token, state=state)
    model.train(was_training)
    return ids


def gru_step(x, state, W_x, W_s, b_x, b_s):
    a, b = torch.addmm(b_x, x, W_x), torch.addmm(b_s, state, W_s)
    h = state.shape[1]
    gates = torch.sigmoid(a[:, : 2 * h] + b[:, : 2 * h])
    keep = gates[:, h:]
    new = torch.tanh(a[:, 2 * h :] + gates[:, :h] * b[:, 2 * h :])
    return new.mul(1 - keep).add(keep.mul(state))
