"""The classes that are graded: a light one, of one topic, and a whole one, of every topic."""

import shutil
from itertools import cycle, islice
from pathlib import Path

from autograder.mistakes import mistakes_of, right_modules_of
from autograder.spec import Unit


def light(unit: Unit, topic_name: str, folder: Path, count: int) -> Path:
    """Right solutions and known mistakes in turn; empty lines make each file one of a kind, with a seed of its own."""
    topic = unit.spec.topic(topic_name)
    solution = (unit.solutions / topic.file).read_text(encoding="utf-8")
    right = [solution, *(path.read_text(encoding="utf-8") for path in right_modules_of(unit, topic).values())]
    wrong = [mistake.applied_to(solution, topic.kind) for mistake in mistakes_of(unit, topic)]
    sources = [source for pair in zip(cycle(right), wrong, strict=False) for source in pair] or right
    shutil.rmtree(folder, ignore_errors=True)
    for number, source in enumerate(islice(cycle(sources), count)):
        _write(folder / f"s{number:03}", {topic.file: source.encode() + b"\n" * (1 + number)})
    return folder


def whole(unit: Unit, folder: Path, count: int) -> Path:
    """Right submissions of everything: the solutions with, here and there, a different right module."""
    solutions = {file: (unit.solutions / file).read_bytes() for file in unit.spec.files}
    others = {topic.file: list(right_modules_of(unit, topic).values()) for topic in unit.spec.topics}
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(count):
        files = dict(solutions)
        for place, (file, paths) in enumerate(others.items()):
            if paths and (number + place) % 3 == 0:
                files[file] = paths[number % len(paths)].read_bytes()
        # A blank at the end is no change of a notebook's content, nor of a module's.
        _write(folder / f"s{number:03}", {file: data + b"\n" * (1 + number) for file, data in files.items()})
    return folder


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
