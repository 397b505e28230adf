"""What has been proved already: a hash of everything that a topic's proof depends on, kept in build/verify.

Whoever proves only what has changed skips a topic whose hash stands there. The folder can be kept from one run of
continuous integration to the next; where it is lost, everything is proved.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from autograder.spec import Topic, Unit

KEPT = Path("build", "verify", "proved.json")
_ENGINE = ("grading", "student", "target", "verify", "mistakes.py", "spec.py", "key.py")


def hash_of(unit: Unit, topic: Topic, how: str) -> str:
    """A hash of the files that the topic's proof depends on, its rules, and how it is proved."""
    spec = unit.spec
    rules = (topic.model_dump_json(), spec.limits.model_dump_json(), spec.verify.model_dump_json(), repr(spec.preload))
    digest = hashlib.sha256("\0".join((how, *rules)).encode())
    for path in sorted(set(_files(unit, topic))):
        digest.update(f"{path.relative_to(unit.root) if path.is_relative_to(unit.root) else path.name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def unproved(unit: Unit, topics: Sequence[Topic], how: str) -> list[Topic]:
    """Those of the topics that have not been proved as they are now."""
    known = _known(unit)
    return [topic for topic in topics if known.get(f"{topic.name} {how}") != hash_of(unit, topic, how)]


def keep(unit: Unit, topics: Sequence[Topic], how: str) -> None:
    """Write down that these topics are proved."""
    known = _known(unit) | {f"{topic.name} {how}": hash_of(unit, topic, how) for topic in topics}
    path = unit.root / KEPT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def _known(unit: Unit) -> dict[str, str]:
    try:
        known = json.loads((unit.root / KEPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _files(unit: Unit, topic: Topic) -> Iterator[Path]:
    engine = Path(__file__).resolve().parent.parent
    for name in _ENGINE:
        yield from [engine / name] if name.endswith(".py") else (engine / name).rglob("*.py")
    below = {topic.name, *topic.below, "common"}
    others = {each.name for each in unit.spec.topics} - {topic.name}
    tests = unit.root / "tests"
    hidden = (path for path in unit.tests("hidden").rglob("*") if path.suffix != ".pyc")
    wanted = [
        *unit.suite("public", topic.name),
        *(path for path in hidden if unit.topic_of(path) not in others),
        *(unit.solutions / f"{name}{suffix}" for name in below for suffix in (".py", ".ipynb", ".yml")),
        *(unit.assignments / f"{name}{suffix}" for name in below for suffix in (".py", ".ipynb")),
        *(folder / f"{name}.py" for folder in (unit.props, unit.stand_ins) for name in below),
        *(tests / folder / f"{topic.name}.yml" for folder in ("mistakes", "mutants")),
        tests / "mistakes" / f"{topic.name}.caught.csv",
        unit.root / ".ci" / "constraints.txt",
    ]
    folders = [tests / "right" / topic.name, *(unit.root / resource for resource in unit.spec.resources)]
    yield from (path for path in wanted if path.is_file())
    yield from (path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
