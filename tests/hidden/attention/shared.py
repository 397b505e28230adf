"""What the tests of `attention` share.

Tolerances are five times or more what the right modules in tests/right differ by, over 1000 seeds: that is the rounding
of different orders of operations.
"""

import torch

ROUNDING = 2e-6  # of a softmax, whose entries are at most 1: 1.2e-7 was seen
MIXTURE = 1e-5  # of sums of a few products of size one: 1.1e-6
GRADIENT = 3e-5  # the same with some more terms: 2.4e-6
LAYER = 3e-5  # of three matrix products in a row, results up to 4: 2.4e-6
LAYER_GRADIENT = 2e-4  # of sums over all positions of a batch, of size up to twenty: 2.7e-5


def _mask(*shape, allowed):
    """A random mask with exactly so many True in each row."""
    return torch.rand(*shape).argsort(dim=-1) < allowed
