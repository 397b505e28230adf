"""A second rule file: other marks for a part of the same unit, said in a few lines.

based_on: grading.yml
topics: [synthesis, hf_tutorial]    # only these; without it all
total: 100                          # points are scaled so that all required items come to this
prose: completion                   # nobody reads: the quality points go to the worked companions
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Literal, Self

from pydantic import model_validator

from autograder.errors import UsageError
from autograder.spec import Item, Points, Spec, Strict, Topic


class Variant(Strict):
    """What is changed of the rules that it is based on."""

    based_on: str
    topics: tuple[str, ...] | None = None
    total: Points | None = None
    prose: Literal["read", "completion"] = "read"

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.topics == ():
            raise ValueError("topics: name at least one")
        return self

    def of(self, spec: Spec) -> Spec:
        """The rules with the changes."""
        if self.topics is not None:
            unknown = [name for name in self.topics if name not in {topic.name for topic in spec.topics}]
            if unknown:
                raise UsageError(f"based on {self.based_on}, which has no topic {', '.join(unknown)}")
            spec = spec.model_copy(update={"topics": tuple(spec.topic(name) for name in self.topics)})
        if self.prose == "completion":
            spec = without_readers(spec)
        if self.total is not None:
            required = sum((item.points for item in spec.items if not item.extra), Fraction(0))
            factor = self.total / required
            spec = _each_item(spec, lambda item: _scaled(item, factor))
        return spec


def without_readers(spec: Spec) -> Spec:
    """The rules where nobody reads: each topic's quality points go to its worked companions, in proportion."""
    return spec.model_copy(update={"topics": tuple(map(_without_readers, spec.topics))})


def _without_readers(topic: Topic) -> Topic:
    quality = sum((item.quality or Fraction(0) for item in topic.items), Fraction(0))
    companions = sum((item.points for item in topic.items if item.form is not None), Fraction(0))
    if not quality or not companions:
        return topic
    factor = (companions + quality) / companions

    def changed(item: Item) -> Item:
        if item.form is not None:
            return _scaled(item, factor)
        return item.model_copy(update={"points": item.completion, "quality": None}) if item.quality else item

    return topic.model_copy(update={"items": tuple(map(changed, topic.items))})


def _scaled(item: Item, factor: Fraction) -> Item:
    parts = {name: getattr(item, name) for name in ("points", "completion", "quality")}
    return item.model_copy(update={name: part * factor for name, part in parts.items() if part is not None})


def _each_item(spec: Spec, change: Callable[[Item], Item]) -> Spec:
    topics = (topic.model_copy(update={"items": tuple(map(change, topic.items))}) for topic in spec.topics)
    return spec.model_copy(update={"topics": tuple(topics)})
