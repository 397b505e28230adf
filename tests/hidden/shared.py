"""What the tests of several topics share. What those of one share stands in the folder of the topic."""

import json
import math

import torch


def _strided(*shape):
    """Random numbers in a tensor that is not contiguous: its dimensions lie in memory in the opposite order."""
    return torch.randn(*reversed(shape)).permute(*reversed(range(len(shape))))


def _packed(weights):
    """Weights, by name, as props take them: all shapes in one text, all numbers in one tensor."""
    shapes = json.dumps({name: weight.shape for name, weight in weights.items()})
    return shapes, torch.cat([weight.flatten() for weight in weights.values()])


def _fill(owner, module, weights):
    """Copies weights, by name, into the parameters of a module."""
    owner.prop("fill", module, *_packed(weights))


def _split(x, heads):
    """(B, T, D) as heads, (B, h, T, D/h)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _merged(x):
    """Heads (B, h, T, d) side by side, (B, T, hd)."""
    return x.transpose(1, 2).flatten(2)


def _surprise(count, draws, probability):
    """How astonishing so many of so many draws are: by Chernoff's bound their chance is at most exp(-surprise)."""
    share = count / draws
    return draws * sum(
        part * math.log(part / expected) if expected else math.inf
        for part, expected in ((share, probability), (1 - share, 1 - probability))
        if part
    )
