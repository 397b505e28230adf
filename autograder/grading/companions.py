"""Worked companions of written questions: a computed or chosen answer with a form, compared exactly.

The form is no secret, and `check` tells whether an answer has it. Whether it is right is judged with the key alone.
"""

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from autograder.grading import prose
from autograder.grading.outcome import Outcome
from autograder.key import Check, Miss
from autograder.results import Status
from autograder.spec import Item

_ROUNDING = 1e-9  # relative: what an expression such as 0.1 + 0.2 may be off
_NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NOT_ANSWERED = Outcome(Status.NOT_ATTEMPTED, "Not answered yet.")


def is_open(value: Any) -> bool:
    """Whether nothing is answered yet."""
    return value is None or value == [] or (isinstance(value, str) and not prose.is_written(value))


def form_in_words(item: Item) -> str:
    """`a number`, `a list of three words (vanishing, exploding)`."""
    assert item.form is not None
    count, _, kind = item.form.rpartition(" ")
    if kind in ("number", "word"):
        words = f"a {kind}"
    else:
        number = int(count) if count else None
        spelled = "" if number is None else f"{_NUMERALS[number] if number < len(_NUMERALS) else number} "
        words = f"a list of {spelled}{kind}"
    return f"{words} (of: {', '.join(item.allowed)})" if item.allowed else words


def form_problem(item: Item, value: Any) -> str:
    """What is wrong with the form of an answer, or nothing. It says nothing about right and wrong."""
    assert item.form is not None
    count, _, kind = item.form.rpartition(" ")
    entries = _flat(value) if isinstance(value, list) else [value]
    wanted = form_in_words(item)
    if isinstance(value, list) == (kind in ("number", "word")):
        return f"Write {wanted}, not {_described(value)}."
    if count and len(entries) != int(count):
        return f"Write {wanted}; this is a list of {len(entries)}."
    for entry in entries:
        fits = _is_number(entry) if kind.startswith("number") else isinstance(entry, str)
        if not fits:
            return f"Write {wanted}; there is {_described(entry)} in it."
        if item.allowed and not _folded(entry).startswith(tuple(map(_folded, item.allowed))):
            return f"Write {wanted}; {str(entry)[:40]!r} is none of them."
    return ""


def judge(item: Item, check: Check, right: Any, value: Any) -> Outcome:
    """Whether a companion is right; where it is a near miss, `diagnosis` names the misconception."""
    if is_open(value):
        return NOT_ANSWERED
    if any(_same(value, wanted, check.tolerance) for wanted in (right, *check.accept)):
        return Outcome(Status.PASSED)
    miss = next((miss for miss in check.misses if _fits(miss, value, check.tolerance)), None)
    message = form_problem(item, value) or "This is not the right answer."
    return Outcome(Status.FAILED, message, diagnosis=miss.says if miss else None)


def _fits(miss: Miss, value: Any, tolerance: float) -> bool:
    entries = _flat(value) if isinstance(value, list) else [value]
    numbers = [entry for entry in entries if _is_number(entry)]
    return (
        (miss.like is not None and _same(value, miss.like, tolerance, any_entry="*"))
        or (miss.contains is not None and any(_same(entry, miss.contains, tolerance) for entry in entries))
        or (miss.length is not None and len(entries) == miss.length)
        or (miss.above is not None and len(numbers) == 1 and numbers[0] > miss.above)
        or (miss.below is not None and len(numbers) == 1 and numbers[0] < miss.below)
    )


def _same(value: Any, wanted: Any, tolerance: float, any_entry: str | None = None) -> bool:
    """Numbers within the tolerance, words without regard to case and spaces, lists entry by entry.

    An entry of `wanted` that is a list itself names several, of which one will do.
    """
    if any_entry is not None and wanted == any_entry:
        return True
    if isinstance(wanted, list):
        entries = _flat(value) if isinstance(value, list) else None
        if entries is None or len(entries) != len(wanted):
            return False
        choices = [other if isinstance(other, list) else [other] for other in wanted]
        return all(
            any(_same(one, each, tolerance, any_entry) for each in choice)
            for one, choice in zip(entries, choices, strict=True)
        )
    if isinstance(wanted, str):
        return isinstance(value, str) and _folded(value) == _folded(wanted)
    return _is_number(value) and math.isclose(value, wanted, rel_tol=_ROUNDING, abs_tol=tolerance)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _folded(text: Any) -> str:
    """Without regard to case, spaces and hyphens."""
    text = unicodedata.normalize("NFKC", str(text)).casefold()
    return "".join(letter for letter in text if not letter.isspace() and unicodedata.category(letter) != "Pd")


def _flat(value: Sequence[Any]) -> list[Any]:
    """The entries of a list, and of the lists in it: (q, k, v) may be three pairs or six numbers."""
    return [entry for part in value for entry in (_flat(part) if isinstance(part, list) else [part])]


def _described(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, bool) or value is None:
        return str(value)
    return "text" if isinstance(value, str) else "a number"
