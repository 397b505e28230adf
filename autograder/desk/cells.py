"""What `check` says of a notebook's cell that failed, in words that say what to do about it.

The commonest two are nobody's mistake of programming: a cell calls a function whose TODO is still open, and a cell uses
what a cell further down makes. The notebook is read here as data and not run.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.student.cells import ENDED
from autograder.student.notebook import Cell
from autograder.target.failures import StudentError

_UNDEFINED = re.compile(r"name '(\w+)' is not defined")


@dataclass(frozen=True)
class ToldCell:
    """`passed_over` where the cell itself is not at fault."""

    heading: str
    text: str
    passed_over: bool = False


def tell(number: int, error: StudentError, cells: Sequence[Cell], failed: frozenset[int]) -> ToldCell:
    """What to say of cell `number`; `failed` are the numbers of all that failed."""
    if error.name == ENDED:
        return ToldCell(
            f"cell {number} ended the whole Python process",
            "`os._exit` does that, and so does a crash in compiled code. The other cells were run without it.",
        )
    line = f", line {error.frames[-1].line}: {error.frames[-1].source}" if error.frames else ""
    if isinstance(error, NotImplementedError):
        if not error.function:
            return ToldCell(f"cell {number} is not written yet", "", passed_over=True)
        return ToldCell(f"cell {number} is passed over: `{error.function}` is not written yet", "", passed_over=True)
    undefined = _UNDEFINED.match(error.text) if isinstance(error, NameError) else None
    if undefined:
        return _undefined(number, undefined[1], line, cells, failed) or ToldCell(
            f"cell {number} failed{line}", str(error)
        )
    return ToldCell(f"cell {number} failed{line}", str(error))


def _undefined(number: int, name: str, line: str, cells: Sequence[Cell], failed: frozenset[int]) -> ToldCell | None:
    """What to say of a name that is missing, if a cell of the notebook makes it."""
    makers = [cell for cell in cells if cell.number != number and name in cell.makes()]
    above = [cell for cell in makers if cell.number < number]
    for cell in reversed(above):
        if not cell.run:
            why = f"cell {cell.number} makes it, and is not run when graded"
            return ToldCell(f"cell {number} is passed over: it needs `{name}`", f"{why}.", passed_over=True)
        if cell.number in failed:
            why = f"cell {cell.number} would make it, and did not get that far"
            return ToldCell(f"cell {number} is passed over: it needs `{name}`", f"{why}.", passed_over=True)
    if above or not makers:
        return None
    below = makers[0].number
    return ToldCell(
        f"cell {number} failed{line}",
        f"`{name}` is made in cell {below}, further down. Cells run from top to bottom: move cell {below} above this "
        "one. (In Jupyter, Restart and Run All shows the same.)",
    )
