"""The stub maker: `assignments/` from `solutions/`, so that the two never drift apart.

In a solution, the lines from `# BEGIN SOLUTION` to `# END SOLUTION` become a TODO and `raise NotImplementedError`.
Words after `# BEGIN SOLUTION:` become the TODO's. Everything else, signatures and docstrings above all, stays.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.errors import GraderError
from autograder.release.answers import make_answers_stub
from autograder.release.otter_checks import check_files
from autograder.spec import Topic, Unit

_BEGIN = re.compile(r"^(?P<indent>\s*)# BEGIN SOLUTION(?::\s*(?P<words>.*\S))?\s*$")
_END = re.compile(r"^\s*# END SOLUTION\s*$")


def make_stub(solution: str, name: str = "solution") -> str:
    """The stub of a solution. Raises `GraderError` for markers that do not pair, naming file and line."""
    stub = "\n".join(stub_lines(solution.splitlines(), name)) + "\n"
    if stub == solution:
        raise GraderError(
            f"{name}: has no region between # BEGIN SOLUTION and # END SOLUTION; the stub would be the solution"
        )
    try:
        ast.parse(stub)
    except SyntaxError as error:
        raise GraderError(
            f"{name}: its stub would not be Python: {error.msg} in line {error.lineno} of the stub"
        ) from None
    return stub


def stub_of(topic: Topic, solution: str, name: str = "solution") -> str:
    """The stub of a topic's solution, whatever its kind. Raises `GraderError` where none can be made."""
    if topic.kind == "answers":
        return make_answers_stub(solution, name)
    if topic.kind == "notebook":
        from autograder.release.notebooks import make_notebook_stub  # nbformat is slow to import

        return make_notebook_stub(solution, name)
    return make_stub(solution, name)


def stub_lines(lines: list[str], name: str, raises: Callable[[int], bool] = lambda _: True) -> Iterator[str]:
    """The lines without what regions hold. `raises` says of a line whether the stub gives up there, as functions do."""
    begun = 0
    for number, line in enumerate(lines, 1):
        begin = _BEGIN.match(line)
        if begin and begun:
            raise GraderError(f"{name}:{number}: # BEGIN SOLUTION inside the region that begins in line {begun}")
        if begin:
            begun = number
            yield f"{begin['indent']}# TODO: {begin['words']}" if begin["words"] else f"{begin['indent']}# TODO"
            if raises(number):
                yield f"{begin['indent']}raise NotImplementedError"
        elif _END.match(line):
            if not begun:
                raise GraderError(f"{name}:{number}: # END SOLUTION without a beginning")
            begun = 0
        elif not begun:
            yield line
    if begun:
        raise GraderError(f"{name}:{begun}: # BEGIN SOLUTION without an end")


def handed_out(unit: Unit) -> dict[str, str]:
    """All that is made for assignments/, by name: stubs, and what `grader.check` runs in notebooks."""
    made = {}
    for topic in unit.spec.topics:
        solution = unit.solutions / topic.file
        made[topic.file] = stub_of(topic, solution.read_text(encoding="utf-8"), str(solution))
    return made | check_files(unit)


def write_stubs(unit: Unit, only_check: bool = False) -> list[Path]:
    """Make every stub, and what notebooks are checked by; the paths of those that were missing or different."""
    changed = []
    for name, stub in handed_out(unit).items():
        path = unit.assignments / name
        if path.is_file() and path.read_text(encoding="utf-8") == stub:
            continue
        changed.append(path)
        if not only_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(stub, encoding="utf-8")
    return changed
