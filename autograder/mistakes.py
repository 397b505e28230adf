"""The bank of mistakes: wrong solutions that students really write, each a small edit of the solution.

tests/mistakes/TOPIC.yml is a list of mistakes; tests/right/TOPIC/ holds whole modules that are right and different.
"""

import ast
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from autograder.errors import UsageError
from autograder.key import load_key
from autograder.release.answers import with_answers
from autograder.rules import yaml_lines
from autograder.spec import Topic, Unit
from autograder.student import notebook


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
    kind_of: str = ""  # another mistake of the item, more general: what that says is true of this one too
    true_of: Literal["", "breaks off", "gives its argument back"] = ""  # half-written code that makes this mistake, too

    def applied_to(self, solution: str, kind: str = "module") -> str:
        """The solution with this mistake in it. Raises `UsageError` where an edit does not fit.

        In a notebook the texts to replace are looked for in the code cells, all together.
        """
        if kind == "notebook":
            return self._in_notebook(solution)
        (changed,) = self._edited([solution])
        self._check(changed)
        return changed

    def _in_notebook(self, solution: str) -> str:
        content = json.loads(solution)
        cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        sources = self._edited(["".join(cell["source"]) for cell in cells])
        for cell, source in zip(cells, sources, strict=True):
            cell["source"] = source.splitlines(keepends=True)
        changed = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        for each in notebook.read(changed.encode()):
            if each.run:
                self._check(each.source)
        return changed

    def _edited(self, sources: list[str]) -> list[str]:
        for edit in self.edits:
            times = sum(source.count(edit.replace) for source in sources)
            if times != 1:
                raise UsageError(f"mistake {self.id}: the text to replace stands {times} times: {edit.replace!r}")
            sources = [source.replace(edit.replace, edit.by) for source in sources]
        return sources

    def _check(self, source: str) -> None:
        try:
            ast.parse(source)
        except SyntaxError as error:
            raise UsageError(
                f"mistake {self.id}: line {error.lineno} of the result is not Python: {error.msg}"
            ) from None


def mistakes_of(unit: Unit, topic: Topic) -> tuple[Mistake, ...]:
    """The topic's bank, checked: ids stand once, items exist, edits fit."""
    path = unit.root / "tests" / "mistakes" / f"{topic.name}.yml"
    if not path.is_file():
        return ()
    try:
        found = TypeAdapter(tuple[Mistake, ...]).validate_python(yaml_lines.read(path.read_text(encoding="utf-8")))
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
        mistake.applied_to(solution, topic.kind)
    for mistake in found:
        if mistake.kind_of and mistake.kind_of not in seen:
            raise UsageError(f"{path}: mistake {mistake.id}: no mistake {mistake.kind_of}")
    return found


def names_of(mistake: Mistake, bank: Sequence[Mistake]) -> frozenset[str]:
    """The sentences that are true of code with this mistake: its own, and those of what it is a kind of."""
    return frozenset(each.says for each in bank if each.id in (mistake.id, mistake.kind_of))


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
    return {path.stem: path for path in sorted(folder.glob(f"*{Path(topic.file).suffix}"))}
