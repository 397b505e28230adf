"""Mutants that no test kills, and why that is right: tests/mutants/TOPIC.yml.

- item: words.count_words
  because: The order of the two factors does not matter.      # an argument, for the one who doubts it
  mutants:
    - {line: "total = a * b", becomes: "total = b * a"}

A mutant is known by its text, so that an explanation lasts as long as the line that it is about, and no longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from autograder.errors import UsageError
from autograder.spec import Item, Topic, Unit
from autograder.verify.proof import Verdict


class Change(BaseModel):
    """A mutant's text: a line of the solution, and what it becomes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    line: str
    becomes: str


class Explanation(BaseModel):
    """Why no test kills these mutants of an item, and none should."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: str
    because: Annotated[str, Field(min_length=20)]
    mutants: tuple[Change, ...]


@dataclass(frozen=True)
class Reckoning:
    """What became of a topic's mutants. `unexplained` fails; so does an explanation that explains nothing."""

    verdicts: tuple[Verdict, ...]
    unexplained: tuple[Verdict, ...]
    refuted: tuple[str, ...]  # explained, and killed all the same
    stale: tuple[str, ...]  # explained, and made no more

    def share_killed(self, item: Item) -> tuple[int, int]:
        """How many of an item's mutants are killed, and how many there are."""
        mutants = [verdict for verdict in self.verdicts if item.id in verdict.case.items]
        return sum(verdict.lost for verdict in mutants), len(mutants)


def explanations_of(unit: Unit, topic: Topic) -> tuple[Explanation, ...]:
    """What is written down about a topic's survivors. Raises `UsageError` where it does not read."""
    path = unit.root / "tests" / "mutants" / f"{topic.name}.yml"
    if not path.is_file():
        return ()
    try:
        found = TypeAdapter(tuple[Explanation, ...]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"{path}: {error}") from None
    for each in found:
        if each.item not in {item.id for item in topic.items}:
            raise UsageError(f"{path}: no item {each.item}")
    return found


def reckon(verdicts: Sequence[Verdict], explanations: Sequence[Explanation]) -> Reckoning:
    """Mutants and explanations, held against each other."""
    explained = {(each.item, m.line, m.becomes) for each in explanations for m in each.mutants}
    unexplained, refuted, seen = [], [], set()
    for verdict in verdicts:
        mutant = verdict.case.mutant
        assert mutant is not None
        keys = {(item, mutant.line, mutant.becomes) for item in verdict.case.items} & explained
        seen |= keys
        if not verdict.lost and not keys:
            unexplained.append(verdict)
    survived = {
        (item, verdict.case.mutant.line, verdict.case.mutant.becomes)
        for verdict in verdicts
        if verdict.case.mutant is not None and not verdict.lost
        for item in verdict.case.items
    }
    told = {key: f"{key[0]}: {key[1]}  ->  {key[2]}" for key in explained}
    refuted = sorted(told[key] for key in seen - survived)
    stale = sorted(told[key] for key in explained - seen)
    return Reckoning(tuple(verdicts), tuple(unexplained), tuple(refuted), tuple(stale))
