"""The key of a topic of written answers: solutions/TOPIC.yml, for readers and for the judge of worked companions.

    E1:
      question: What is a word embedding?
      rubric:
        - {points: 1, says: a vector for each word}
      check:                        # of the companion E1_CHECK, whose right answer stands in solutions/TOPIC.py
        tolerance: 0.001            # of each number, absolute; 0 where it is exact
        accept: [[1, 3, [2, two]]]  # other right answers; a list in the list: any of these
        misses:                     # the first that fits is named
          - {id: e1_sum, like: 2.1, says: These are the losses' sum.}

In `like`, "*" stands for any entry. Instead of it a miss may say `contains: WORD`, `length: N`, `above: N` or
`below: N`.
"""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from autograder.errors import UsageError
from autograder.rules import yaml_lines
from autograder.spec import Topic, Unit

Scalar = str | int | float
Value = Scalar | list[Scalar]
Choice = Scalar | list[Scalar | list[Scalar]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Miss(_Strict):
    """A wrong answer that tells what was thought. `says` names the misconception and gives no answer away."""

    id: str
    says: str
    like: Value | None = None
    contains: Scalar | None = None
    length: int | None = None
    above: float | None = None
    below: float | None = None


class Check(_Strict):
    """How a worked companion is compared with the right answer."""

    tolerance: float = Field(0, ge=0)
    accept: tuple[Choice, ...] = ()
    misses: tuple[Miss, ...] = ()


class Concept(_Strict):
    """A part of a good answer, with its share of the reader's marks."""

    points: int = Field(gt=0)
    says: str


class Question(_Strict):
    """One question: what a reader sees beside an answer, and the check of its companion if it has one."""

    question: str
    rubric: tuple[Concept, ...]
    check: Check | None = None


Key = dict[str, Question]


def load_key(unit: Unit, topic: Topic) -> Key:
    """The topic's key, checked against its items; `UsageError` for what does not fit."""
    path: Path = unit.solutions / f"{topic.name}.yml"
    try:
        key = TypeAdapter(Key).validate_python(yaml_lines.read(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"{path}: {error}") from None
    for item in topic.items:
        name = question_of(item.name)
        if name not in key:
            raise UsageError(f"{path}: has no {name}, which {item.id} needs")
        if item.form is not None and key[name].check is None:
            raise UsageError(f"{path}: {name} has no `check`, which {item.id} needs")
    return key


def question_of(name: str) -> str:
    """The question that a constant answers: E1 for E1 and for E1_CHECK."""
    return name.removesuffix("_CHECK")
