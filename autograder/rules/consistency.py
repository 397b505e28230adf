"""What no single key of grading.yml shows: names that stand twice, items that do not fit their topic or its tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

from autograder.rules.yaml_lines import Location
from autograder.spec import Item, Kind, Topic, Unit


def inconsistent(unit: Unit) -> Iterator[tuple[Location, str]]:
    """What no single key shows: names that stand twice, and items and test files that do not agree."""
    names: set[str] = set()
    ids: set[str] = set()
    for t, topic in enumerate(unit.spec.topics):
        at: Location = ("topics", t)
        if topic.name in names:
            yield (*at, "name"), "another topic has this name"
        names.add(topic.name)
        for i, item in enumerate(topic.items):
            here: Location = (*at, "items", i)
            if item.id in ids:
                yield (*here, "id"), "another item has this id"
            ids.add(item.id)
            if not item.id.startswith(f"{topic.name}."):
                yield (*here, "id"), f"must begin with {topic.name!r} and a dot"
            yield from ((here, text) for text in _unfit(unit, topic, item))
        if topic.kind != "answers":
            yield from _tests_that_differ(unit, topic, at)
            yield from _pictures_that_lack(unit, topic, at)
    for t, topic in enumerate(unit.spec.topics):
        for i, item in enumerate(topic.items):
            for b, other in enumerate(item.builds_on):
                if other not in ids | names and not _stands_in(unit, other, names):
                    yield ("topics", t, "items", i, "builds_on", b), f"no item or topic {other!r}"
                if other == item.id:
                    yield ("topics", t, "items", i, "builds_on", b), "an item cannot build on itself"


def without_stand_in(unit: Unit) -> list[str]:
    """The topics that items build on, that these rules do not ask for, and that nothing stands in for."""
    names = {topic.name for topic in unit.spec.topics}
    return [name for name in unit.spec.importable if name not in names and not _stands_in(unit, name, names)]


def _stands_in(unit: Unit, other: str, names: set[str]) -> bool:
    """Whether a topic that these rules do not ask for is built on: its stand-in serves."""
    topic = other.partition(".")[0]
    return topic not in names and topic.isidentifier() and (unit.stand_ins / f"{topic}.py").is_file()


def _unfit(unit: Unit, topic: Topic, item: Item) -> Iterator[str]:
    """What an item has that its topic's kind has not, or the other way round."""
    if topic.kind == "answers":
        if (item.completion is None) == (item.form is None):
            yield "a written answer needs `completion` (prose) or `form` (a worked companion)"
        if item.tests or item.public or item.picture:
            yield "a written answer has no tests and no picture"
    elif item.completion is not None or item.quality is not None or item.form is not None:
        yield "`completion`, `quality` and `form` belong to a topic with `kind: answers`"
    elif not item.tests and unit.tests("hidden").is_dir():  # students' rules do not name them
        yield "tests: an item needs at least one test"


def _tests_that_differ(unit: Unit, topic: Topic, at: Location) -> Iterator[tuple[Location, str]]:
    kinds: tuple[Kind, ...] = ("public", "hidden")
    for kind in kinds:
        if not unit.tests(kind).is_dir():
            continue  # a student's copy has no hidden tests
        first, *further = (path.relative_to(unit.root) for path in unit.suite(kind, topic.name))
        if not (unit.root / first).is_file():
            yield (*at, "name"), f"{first} does not exist"
            continue
        there: dict[str, Path] = {}  # the file of each test
        try:
            for file in (first, *further):
                for test, line in _test_functions(unit.root / file):
                    if test in there:  # marks go by the name
                        yield (*at, "name"), f"{file}:{line}: a test named {test} stands in {there[test]} already"
                    there[test] = file
        except SyntaxError as error:
            yield (*at, "name"), f"{file}:{error.lineno}: {error.msg}"
            continue
        lacks = f"neither {first} nor {further[0].parent}/ has a test" if further else f"{first} has no test"
        claimed: set[str] = set()
        for i, item in enumerate(topic.items):
            key = "tests" if kind == "hidden" else "public"
            for n, test in enumerate(item.tests if kind == "hidden" else item.public):
                loc: Location = (*at, "items", i, key, test if kind == "hidden" else n)
                if test not in there:
                    yield loc, f"{lacks} {test}"
                if test in claimed:
                    yield loc, f"{test} stands with another item already"
                claimed.add(test)
        for test in sorted(there.keys() - claimed):
            yield (*at, "name"), f"{test} of {there[test]} belongs to no item"


def _pictures_that_lack(unit: Unit, topic: Topic, at: Location) -> Iterator[tuple[Location, str]]:
    path = unit.pictures / f"{topic.name}.py"
    if not unit.tests("hidden").is_dir():
        return  # a student's copy has none of it
    try:
        there = {node.name for node in _functions(path)} if path.is_file() else set()
    except SyntaxError as error:
        yield (*at, "name"), f"{path.relative_to(unit.root)}:{error.lineno}: {error.msg}"
        return
    for i, item in enumerate(topic.items):
        if item.picture and item.picture not in there:
            yield (*at, "items", i, "picture"), f"{path.relative_to(unit.root)} has no function {item.picture}"


def _test_functions(path: Path) -> list[tuple[str, int]]:
    """The tests of a file, with their lines."""
    return [(node.name, node.lineno) for node in _functions(path) if node.name.startswith("test_")]


def _functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]
