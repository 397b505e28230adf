"""What the tests of several topics share. What those of one share stands in the folder of the topic."""

import math

import torch


def _strided(*shape):
    """Random numbers in a tensor that is not contiguous: its dimensions lie in memory in the opposite order."""
    return torch.randn(*reversed(shape)).permute(*reversed(range(len(shape))))


def _surprise(count, draws, probability):
    """How astonishing so many of so many draws are: by Chernoff's bound their chance is at most exp(-surprise)."""
    share = count / draws
    return draws * sum(
        part * math.log(part / expected) if expected else math.inf
        for part, expected in ((share, probability), (1 - share, 1 - probability))
        if part
    )
