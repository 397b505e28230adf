"""What the tests of `embeddings` share.

Tolerances are five times or more what the right modules in tests/right differ by, over 1000 seeds.
"""

import random

import torch

LOSS = 2e-5  # of means and sums of a few terms up to ten
GRADIENT = 1e-5  # of the same; entries up to three
SCORE = 1e-5  # of two small linear layers, results up to three
COSINE = 3e-6  # of results between -1 and 1, however they are made

WORDS = ["ale", "bread", "crown", "dagger", "elm", "fire", "gown", "hall", "ink", "jest", "knight", "lord", "moon"]


def _shuffled(tokens):
    """The same tokens in another order."""
    return random.sample(list(tokens), len(list(tokens)))


def _vocab(words):
    """`<unk>` and the words, ids in this order."""
    return {word: index for index, word in enumerate(["<unk>", *words])}


def _every_other(ids):
    """The same ids in a tensor that is not contiguous: between them lie others."""
    return torch.stack([ids, ids + 1], dim=-1).flatten(-2)[..., ::2]
