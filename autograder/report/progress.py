"""What is different from the submission that was graded before, for the student's report.

The result of the last *other* submission is kept beside the reports, as results.before.json: so a report that is
written again for the same submission says the same again. What stands in such a file is shown and never counted; one
that cannot be read, or was graded by other rules, is passed over.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from autograder.report.files import write_atomically
from autograder.report.summary import count, marks
from autograder.results import Result, Status

BEFORE = "results.before.json"
_MOST = 8  # items that are named


@dataclass(frozen=True)
class Progress:
    """The marks before and now, and the ids of items that are complete now, have more marks, or have fewer."""

    before: Fraction
    now: Fraction
    complete: tuple[str, ...]
    more: tuple[str, ...]
    fewer: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """`5.5 marks more than last time, when it was 41.5.`"""
        difference = self.now - self.before
        if marks(difference) in ("0", "-0"):
            return f"As many marks as last time: {marks(self.before)}."
        more = "more" if difference > 0 else "fewer"
        return f"{count(marks(abs(difference)), 'mark')} {more} than last time, when it was {marks(self.before)}."

    @property
    def lists(self) -> tuple[tuple[str, tuple[str, ...], str], ...]:
        """(heading, items, what else there is) for each list that is not empty."""
        named = (("Now complete", self.complete), ("Further than before", self.more), ("Fewer marks", self.fewer))
        return tuple(
            (heading, ids[:_MOST], f"and {len(ids) - _MOST} more" if len(ids) > _MOST else "")
            for heading, ids in named
            if ids
        )


def since_last_time(folder: Path, result: Result) -> Progress | None:
    """What is different from the submission graded before into this folder, if there is one; keeps it for later."""
    last = _read(folder / "results.json")
    if last and last.get("submission_sha256") != result.submission_sha256 and last.get("graded") is True:
        write_atomically(folder / BEFORE, json.dumps(last, ensure_ascii=False))
    before = _read(folder / BEFORE)
    if not before or not result.graded or before.get("submission_sha256") == result.submission_sha256:
        return None
    try:
        return _progress(before, result)
    except (TypeError, ValueError, KeyError, OverflowError):
        return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _progress(before: Mapping[str, Any], result: Result) -> Progress | None:
    scores = {str(item["id"]): Fraction(item["score"]) for item in before["items"]}
    points = {str(item["id"]): Fraction(item["max_score"]) + Fraction(item["pending"]) for item in before["items"]}
    now = {item.id: float(item.max_score + item.pending) for item in result.items}
    if now != {item: float(most) for item, most in points.items()}:
        return None  # other rules
    gained = [item for item in result.items if float(item.score) > float(scores[item.id])]
    complete = tuple(item.id for item in gained if item.status is Status.PASSED)
    return Progress(
        Fraction(before["score"]),
        result.score,
        complete,
        tuple(item.id for item in gained if item.id not in complete),
        tuple(item.id for item in result.items if float(item.score) < float(scores[item.id])),
    )
