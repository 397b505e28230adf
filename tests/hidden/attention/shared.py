"""What the tests of `attention` share.

What is right is said by a few lines of library calls, which cost less than asking the solution for it. Tolerances are
five times or more what the right modules in tests/right differ by, over 1000 seeds: that is the rounding of different
orders of operations.
"""

import math

import torch
from torch.nn import functional

from ..shared import _merged, _split

ROUNDING = 2e-6  # of a softmax, whose entries are at most 1: 1.2e-7 was seen
MIXTURE = 1e-5  # of sums of a few products of size one: 1.1e-6
GRADIENT = 3e-5  # the same with some more terms: 2.4e-6
LAYER = 3e-5  # of three matrix products in a row, results up to 4: 2.4e-6
LAYER_GRADIENT = 2e-4  # of sums over all positions of a batch, of size up to twenty: 2.7e-5


def _mask(*shape, allowed):
    """A random mask with exactly so many True in each row."""
    return torch.rand(*shape).argsort(dim=-1) < allowed


def _softmax(x, dim=-1):
    """torch's softmax, and zeros where all is -inf."""
    nothing = torch.isneginf(x).all(dim=dim, keepdim=True)
    return functional.softmax(x.masked_fill(nothing, 0.0), dim=dim).masked_fill(nothing, 0.0)


def _attended(query, key, value, mask=None):
    """(output, weights) of attention."""
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = _softmax(scores if mask is None else scores.masked_fill(~mask, -math.inf))
    return weights @ value, weights


def _through_heads(weights, heads, x, mask=None):
    """What a MultiHeadAttention with these weights makes of x."""

    def projected(name, x):
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    query, key, value = (_split(projected(name, x), heads) for name in ("query", "key", "value"))
    return projected("output", _merged(_attended(query, key, value, mask)[0]))


def _expect_gradients(student, got, result, inputs, cotangent, atol):
    """Gradients are those of `result`, for each of the inputs, by name."""
    want = torch.autograd.grad(result, list(inputs.values()), cotangent)
    for name, mine, theirs in zip(inputs, got, want, strict=True):
        student.expect_close(mine, theirs, atol=atol, about=f"the gradient of {name}")
