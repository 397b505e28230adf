"""A picture of an item, made by a function of the unit's tests/pictures from what the student's code gives.

It is asked for once all tests of the topic are done, of the same worker and within the same limits, and may cost
nothing else: whatever goes wrong, there is no picture, and no mark has changed.
"""

import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from autograder.grading.suite import TestTarget, begin_test
from autograder.pictures import HeatMap, Lines, NoPicture, Picture
from autograder.spec import Item, Topic, Unit
from autograder.student.importing import load_file
from autograder.target.failures import Finding
from autograder.target.proxy import Student

_CPU_SECONDS = 2.0
_SEED = 0


def picture_of(unit: Unit, topic: Topic, item: Item, target: TestTarget) -> Picture | None:
    """The item's picture, or nothing where the student's code gives nothing that can be drawn."""
    assert item.picture is not None
    try:
        draw = getattr(_module(unit.pictures / f"{topic.name}.py"), item.picture)
        begin_test(target, _SEED, min(_CPU_SECONDS, unit.spec.limits.cpu_seconds))
        picture = draw(Student(target))
    except (Finding, NoPicture):
        return None
    except Exception as error:  # the unit's own fault, or something of the student's that it did not expect
        where = f"tests/pictures/{topic.name}.py, {item.picture}"
        print(f"{where}: no picture: {type(error).__name__}", file=sys.stderr)  # noqa: T201  # loud
        return None
    return picture if isinstance(picture, (HeatMap, Lines)) else None


@cache
def _module(path: Path) -> ModuleType:
    return load_file(f"pictures_{path.stem}", path)
