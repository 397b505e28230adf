"""The bank of mistakes: wrong solutions that students really write, each a small edit of the solution.

tests/mistakes/TOPIC.yml is a list of mistakes; tests/right/TOPIC/ holds whole modules that are right and different.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from autograder.errors import UsageError
from autograder.key import load_key
from autograder.release.answers import with_answers
from autograder.spec import Topic, Unit


class Edit(BaseModel):
    """A text that stands once in the solution, and what stands there instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    replace: str
    by: str


class Mistake(BaseModel):
    """A wrong version of one item. `says` names the misconception, `hint` helps without giving the answer away."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    item: str
    edits: tuple[Edit, ...]
    says: str
    hint: str
    common: bool = False

    def applied_to(self, solution: str) -> str:
        """The solution with this mistake in it. Raises `UsageError` where an edit does not fit."""
        for edit in self.edits:
            if solution.count(edit.replace) != 1:
                times = solution.count(edit.replace)
                raise UsageError(f"mistake {self.id}: the text to replace stands {times} times: {edit.replace!r}")
            solution = solution.replace(edit.replace, edit.by)
        try:
            ast.parse(solution)
        except SyntaxError as error:
            raise UsageError(
                f"mistake {self.id}: line {error.lineno} of the result is not Python: {error.msg}"
            ) from None
        return solution


def mistakes_of(unit: Unit, topic: Topic) -> tuple[Mistake, ...]:
    """The topic's bank, checked: ids stand once, items exist, edits fit."""
    path = unit.root / "tests" / "mistakes" / f"{topic.name}.yml"
    if not path.is_file():
        return ()
    try:
        found = TypeAdapter(tuple[Mistake, ...]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"{path}: {error}") from None
    solution = (unit.solutions / topic.file).read_text(encoding="utf-8")
    seen: set[str] = set()
    for mistake in found:
        if mistake.id in seen:
            raise UsageError(f"{path}: two mistakes are called {mistake.id}")
        seen.add(mistake.id)
        if mistake.item not in {item.id for item in topic.items}:
            raise UsageError(f"{path}: mistake {mistake.id}: no item {mistake.item}")
        mistake.applied_to(solution)
    return found


def near_misses_of(unit: Unit, topic: Topic, solution: str) -> Iterator[tuple[Mistake, str]]:
    """Every near miss of the topic's key that is a single answer, with the solution changed to it."""
    for name, question in load_key(unit, topic).items():
        for miss in question.check.misses if question.check else ():
            if miss.like is not None and not (isinstance(miss.like, list) and "*" in miss.like):
                item = f"{topic.name}.{name}_CHECK"
                mistake = Mistake(id=miss.id, item=item, edits=(), says=miss.says, hint="")
                yield mistake, with_answers(solution, {f"{name}_CHECK": repr(miss.like)})


def right_modules_of(unit: Unit, topic: Topic) -> dict[str, Path]:
    """The topic's different right solutions, by name."""
    folder = unit.root / "tests" / "right" / topic.name
    return {path.stem: path for path in sorted(folder.glob("*.py"))}
