"""What `grader.check("tour.longest")` runs in a notebook: an item's public tests, on what the kernel holds now.

otter-grader finds the files in assignments/tests (made by `autograder release stubs`), and each calls `check_item`. The
tests are those of `autograder check`, which runs the saved file from the top in a process of its own; here they see the
variables of the running kernel as they are, in this process and without limits: Jupyter's stop button ends an endless
loop. What a test draws at random, and the variables that it sets for pytest, are nothing that the notebook sees.
"""

import linecache
import os
import textwrap
import traceback
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from autograder.desk.check import SEED
from autograder.grading.outcome import Outcome
from autograder.grading.suite import Suite, collect
from autograder.grading.topic import bench_config
from autograder.results import Status
from autograder.spec import Item, Topic, Unit, find_root, load
from autograder.target.inprocess import InProcessTarget, kept_states


class DoesNotHold(AssertionError):
    """A public test does not hold; the text is for the student."""


def check_item(id: str, variables: Mapping[str, Any]) -> None:
    """Run the public tests of an item on these variables. Raises `DoesNotHold`, which tells all that do not."""
    unit = _unit(find_root(Path.cwd()))
    topic = unit.spec.topic(id.partition(".")[0])
    item = next(each for each in topic.items if each.id == id)
    with kept_states(), _kept_environment():
        told = collect(unit, "public", [topic.name], lambda suite: _told(unit, topic, item, suite, variables))
    if told:
        raise DoesNotHold("\n".join(told))


@cache
def _unit(root: Path) -> Unit:
    """The unit; its rules do not change while a notebook is open."""
    return load(root)


def _told(unit: Unit, topic: Topic, item: Item, suite: Suite[list[str]], variables: Mapping[str, Any]) -> list[str]:
    module = types.ModuleType(topic.name)
    vars(module).update(variables)
    bench = bench_config(unit, topic, unit.assignments, reveal=True, isolated=False)
    target = InProcessTarget(bench, module=module)
    told = []
    for test in item.public:
        outcome = suite.run(topic.name, item, test, target, SEED, reveal=True)
        if outcome.status is not Status.PASSED:
            text = f"{outcome.message}{_line(outcome, variables)}"
            told.append(f"{suite.claim(topic.name, test)}\n{textwrap.indent(text, '    ')}")
    return told


def _line(outcome: Outcome, variables: Mapping[str, Any]) -> str:
    """The notebook's own line that the error came through last, or what to do about a name that is missing."""
    if outcome.error is not None and outcome.error.__cause__ is not None:
        for frame, line in reversed(list(traceback.walk_tb(outcome.error.__cause__.__traceback__))):
            if frame.f_globals is variables:
                source = linecache.getline(frame.f_code.co_filename, line).strip()
                return f"\nIn `{frame.f_code.co_name}`, line {line} of its cell: {source}"
    if outcome.status is Status.NOT_ATTEMPTED and " has no " in outcome.message:
        return "\nHave you run its cell?"
    return ""


@contextmanager
def _kept_environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
