"""What the tests of `rnn` share.

Tolerances are five times or more what the right modules in tests/right differ by, over 1000 seeds.
"""

import math

import torch

STATE = 3e-6  # of states, which lie between -1 and 1
LOGITS = 1e-5  # of sums of a dozen terms, results up to four
GRADIENT = 3e-5  # of sums over all positions of a batch, entries up to ten
LOSS = 5e-6  # of means of a few terms up to ten

PARAMETERS = ("embedding.weight", "W_x", "W_s", "b_s", "W_y", "b_y")


def _shapes(v, e, h):
    """The shapes of the parameters, by name, for these sizes of vocabulary, embedding and hidden state."""
    return dict(zip(PARAMETERS, ((v, e), (e, h), (h, h), (h,), (h, v), (v,)), strict=True))


def _weights(vocab_size, embedding_dim, hidden_dim):
    """Random parameters, by name, of a size that keeps states between the extremes."""
    shapes = _shapes(vocab_size, embedding_dim, hidden_dim)
    fan_in = {"W_x": embedding_dim, "W_s": hidden_dim, "W_y": hidden_dim}
    return {name: torch.randn(shape) / math.sqrt(fan_in.get(name, 1.5)) for name, shape in shapes.items()}


def _read(weights, tokens, state=None):
    """(logits, last state) of a model with these weights, by the equations of the docstring."""
    vectors, w_x, w_s, b_s, w_y, b_y = (weights[name] for name in PARAMETERS)
    state = torch.zeros(len(tokens), len(w_s)) if state is None else state
    states = []
    for x in vectors[tokens].unbind(dim=1):
        state = torch.tanh(x @ w_x + state @ w_s + b_s)
        states.append(state)
    return torch.stack(states, dim=1) @ w_y + b_y, state
