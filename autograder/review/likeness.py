"""Which answers are like each other. They are sorted by it, so that a reader meets like ones in a row; it marks none.

Likeness is RapidFuzz's token sort ratio of the texts, 0 to 100: the order of words does not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import process, utils
from rapidfuzz.fuzz import token_sort_ratio

Left = np.ndarray[tuple[int], np.dtype[np.bool_]]
ALIKE = 80.0  # in one group; a reader decides what is done with a group
_LENGTH = 2000  # characters that are compared


@dataclass(frozen=True)
class Place:
    """Where an answer stands: `index` of the text, and the number of its group, or None if nothing is like it."""

    index: int
    group: int | None


def arranged(texts: Sequence[str]) -> list[Place]:
    """The texts in an order in which each one is followed by the one most like it of those that are left."""
    if not texts:
        return []
    words = [utils.default_process(text[:_LENGTH]) for text in texts]
    like = process.cdist(words, words, scorer=token_sort_ratio, dtype=np.float32)
    groups = _groups(like)
    left: Left = np.ones(len(texts), dtype=np.bool_)
    numbers = np.array([number or 0 for number in groups])
    current = max(range(len(texts)), key=lambda index: len(words[index]))  # the longest says the most
    order = []
    while True:
        order.append(current)
        left[current] = False
        if not left.any():
            return [Place(index, groups[index]) for index in order]
        same = left & (numbers == numbers[current]) & (numbers > 0)
        candidates = same if same.any() else left  # a group stands together
        current = int(np.argmax(np.where(candidates, like[current], -1)))


def _groups(like: "np.ndarray[tuple[int, int], np.dtype[np.float32]]") -> list[int | None]:
    """Numbers of groups, from 1: each answer of a group is like another of it."""
    number = len(like)
    groups: list[int | None] = [None] * number
    latest = 0
    for start in range(number):
        if groups[start] is not None:
            continue
        reached, todo = {start}, [start]
        while todo:
            near = np.flatnonzero(like[todo.pop()] >= ALIKE)
            new = [int(index) for index in near if int(index) not in reached]
            reached.update(new)
            todo += new
        if len(reached) > 1:
            latest += 1
            for index in reached:
                groups[index] = latest
    return groups
