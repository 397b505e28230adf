"""Naming misconceptions where there are no solutions: what public tests see of each known mistake, as fingerprints.

A fingerprint is a hash of everything that an item's public tests asked for and got, numbers rounded. It is made of
each mistake of the bank, where the bank is (`autograder release fingerprints`), and of a student's own code by `check`.
What is handed out is tests/public/fingerprints.json: for each mistake that public tests catch and tell from all others,
where to look it up, and its sentence and hint, locked with its fingerprint. So the file holds no solution, no expected
value, and no sentence that can be read before somebody's code does exactly what the mistake does.
"""

import hashlib
import json
import math
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.grading.outcome import Outcome
from autograder.grading.recording import Record
from autograder.mistakes import Mistake
from autograder.results import Status
from autograder.spec import Item, Unit
from autograder.student.wire import Ref

# Numbers are rounded on two grids, so that what lies on the edge of a step of one lies within a step of the other.
_OFFSETS = (0.0, 0.37)
_STEP = 1e-3  # of the largest number, about: rounding differs by 1e-6
_TELLING = 3  # different values that tell something, which a failed test must have got

Found = Mapping[str, tuple[Outcome, Record]]  # by public test of one item
Table = dict[str, list[tuple[str, str]]]  # by item: where to look, and what is locked there


def fingerprints(item: Item, found: Found) -> tuple[str, ...]:
    """The fingerprint of what came of an item's public tests, on each grid; none where it would tell nothing."""
    outcomes = {test: outcome for test, (outcome, _) in found.items()}
    failed = [test for test, outcome in outcomes.items() if outcome.status is Status.FAILED]
    if not failed or any(o.status not in (Status.PASSED, Status.FAILED) for o in outcomes.values()):
        return ()
    if any(not record.whole for _, record in found.values()):
        return ()
    values = {part for test in failed for each in found[test][1].exchanges for part in _parts(_plain(each.answer, 0.0))}
    if len(values) < _TELLING:
        return ()
    return tuple(dict.fromkeys(_hash(item, found, offset) for offset in _OFFSETS))  # one, where all is whole


def table_of(found: Sequence[tuple[Item, Mistake, Found]]) -> Table:
    """What is handed out: mistakes that share a fingerprint are told by the one common among them, or not at all."""
    alike: dict[tuple[str, str], list[Mistake]] = defaultdict(list)
    for item, mistake, each in found:
        for print_ in fingerprints(item, each):
            alike[item.id, print_].append(mistake)
    table: Table = defaultdict(list)
    for (item_id, print_), mistakes in alike.items():
        chosen = mistakes if len(mistakes) == 1 else [mistake for mistake in mistakes if mistake.common]
        if len(chosen) == 1:
            table[item_id].append((_place(print_), _lock(f"{chosen[0].says} {chosen[0].hint}".encode(), print_).hex()))
    return {item_id: sorted(rows) for item_id, rows in sorted(table.items())}


def diagnosis(table: Table, item: Item, found: Found) -> str | None:
    """The sentence and hint of the mistake whose fingerprint this is."""
    rows = dict(table.get(item.id, ()))
    for print_ in fingerprints(item, found) if rows else ():
        if _place(print_) in rows:
            return _lock(bytes.fromhex(rows[_place(print_)]), print_).decode()
    return None


def path_of(unit: Unit) -> Path:
    return unit.root / "tests" / "public" / "fingerprints.json"


def read_table(unit: Unit) -> Table:
    """The table that is handed out with the public tests; empty where there is none."""
    try:
        read: Table = json.loads(path_of(unit).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read


def _hash(item: Item, found: Found, offset: float) -> str:
    told = [
        (test, str(outcome.status), [(each.error, _plain(each.answer, offset)) for each in record.exchanges])
        for test, (outcome, record) in sorted(found.items())
    ]
    return hashlib.sha256(f"{item.id}\0{told!r}".encode()).hexdigest()


def _place(print_: str) -> str:
    return hashlib.sha256(f"place {print_}".encode()).hexdigest()[:24]


def _lock(text: bytes, print_: str) -> bytes:
    """Locked with the fingerprint as the key, and unlocked in the same way."""
    key = hashlib.shake_256(f"key {print_}".encode()).digest(len(text))
    return bytes(one ^ other for one, other in zip(text, key, strict=True))


def _plain(value: Any, offset: float) -> Any:
    """A value as nested tuples, its numbers rounded on a grid."""
    if isinstance(value, Ref):
        return ("handle",)
    if isinstance(value, dict):
        return tuple(
            (str(key), _plain(part, offset)) for key, part in sorted(value.items(), key=lambda pair: str(pair[0]))
        )
    if isinstance(value, (list, tuple)):
        return tuple(_plain(part, offset) for part in value)
    if isinstance(value, float):
        return _rounded([value], offset)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().double().numpy() if value.dtype.is_floating_point else value.numpy()
    if hasattr(value, "shape") and hasattr(value, "ravel"):
        numbers = value.ravel().tolist()
        return (tuple(value.shape), _rounded(numbers, offset) if value.dtype.kind == "f" else tuple(map(str, numbers)))
    return str(value)


def _rounded(numbers: list[float], offset: float) -> tuple[str, ...]:
    finite = [abs(number) for number in numbers if math.isfinite(number)]
    largest = max(finite, default=0.0)
    # A power of two, so that a largest number that is rounded differently does not change the grid.
    step = _STEP * 2.0 ** math.floor(math.log2(1.37 * largest)) if largest > 1e-9 else _STEP
    return tuple(
        f"{round(number / step + offset)}@{step:.3g}" if math.isfinite(number) else str(number) for number in numbers
    )


def _parts(value: Any) -> set[str]:
    """The different values in a plain one that tell something: not 0, nor what is no number and empty."""
    if isinstance(value, tuple):
        return {each for part in value for each in _parts(part)}
    text = str(value)
    return set() if text.partition("@")[0] in ("", "0", "None", "True", "False", "handle", "nan") else {text}
