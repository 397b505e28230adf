"""Suggestions: where words of the rubric stand in an answer. Off until a reader asks, and worth nothing until accepted.

A concept is suggested where at least half of its telling words occur. That is no judgement: the words of a right
answer also stand in its denial, and in a list of words that says nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.gradebook.settling import Rubric

_WORD = re.compile(r"[^\W_]+")
_STEM = 5  # letters that two forms of a word share: predict, prediction
_QUIET_WORDS = """
about after again all also and another any are because been before being both but can cannot could does each every
few for from had has have here how into its itself just like many may more most must named names not nothing one
only other others our out over said says same shall should since some such than that the their them then there these
they this those through two under until use used very was way were what when where which while who whose why will
with without would word words you your answer answers point
"""
_QUIET = frozenset(_QUIET_WORDS.split())


@dataclass(frozen=True)
class Suggestion:
    """Spans (start, end) of the answer in which words of a concept stand; `concept` counts from 1."""

    concept: int
    spans: tuple[tuple[int, int], ...]


def suggestions(text: str, rubric: Rubric) -> Sequence[Suggestion]:
    """For each concept of which enough words occur in the text, where they do."""
    found = []
    words = [(match.start(), match.end(), _stem(match.group())) for match in _WORD.finditer(text)]
    for number, concept in enumerate(rubric, 1):
        wanted = {_stem(word) for word in _WORD.findall(concept.says) if _tells(word)}
        spans = tuple((start, end) for start, end, stem in words if stem in wanted)
        met = {stem for _, _, stem in words} & wanted
        if met and 2 * len(met) >= len(wanted):
            found.append(Suggestion(number, spans))
    return found


def _tells(word: str) -> bool:
    return (len(word) > 2 or word.isdigit()) and word.casefold() not in _QUIET


def _stem(word: str) -> str:
    return word.casefold()[:_STEM]
