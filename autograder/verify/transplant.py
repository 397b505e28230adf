"""Mistakes put into the *different* right modules, to see whether a report still calls them by their name.

What is put there is the definition of the item, as the mistake has it, with the imports and constants of the solution
that it uses; everything else is the other module's. That can be done where the definition needs nothing else of its own
module: where the right definition, put there, still gets full marks.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from autograder.grading.batch import Watcher
from autograder.mistakes import mistakes_of, names_of, right_modules_of
from autograder.spec import Topic, Unit
from autograder.verify.cases import Case, files_of
from autograder.verify.proof import Verdict, prove


def transplanted(source: str, name: str, into: str) -> str | None:
    """`into`, with the definition of `name` in `source` in place of its own; None where one of them has none."""
    ours, theirs = ast.parse(source), ast.parse(into)
    new, old = _definition(ours, name), _definition(theirs, name)
    if new is None or old is None:
        return None
    lines = into.splitlines(keepends=True)
    first, last = _lines(old)
    needed = _needed(ours, _names_in(new))
    definition = source.splitlines(keepends=True)[_lines(new)[0] - 1 : _lines(new)[1]]
    before = [f"{ast.unparse(node)}\n" for node in needed]
    return "".join((*lines[: first - 1], *before, "\n\n", *definition, *lines[last:]))


def _needed(module: ast.Module, used: set[str]) -> list[ast.stmt]:
    """Its imports, and the constants that are used, with those that they use, in order."""
    constants = [node for node in module.body if isinstance(node, ast.Assign)]
    while True:
        chosen = [node for node in constants if used & {name.id for name in node.targets if isinstance(name, ast.Name)}]
        more = used.union(*map(_names_in, chosen))
        if more == used:
            break
        used = more
    return [node for node in module.body if isinstance(node, (ast.Import, ast.ImportFrom)) or node in chosen]


def _names_in(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def named_elsewhere(unit: Unit, topics: Sequence[Topic], watcher: Watcher | None, jobs: int | None) -> list[Verdict]:
    """What a report calls each common mistake in each other right module where it can be put."""
    every = [case for topic in topics if topic.kind == "module" for case in _cases(unit, topic)]
    seeds = [b"transplants"]
    untouched = prove(unit, [case for case in every if case.mistake is None], seeds, jobs=jobs)
    sound = {verdict.case.name for verdict in untouched.verdicts if not verdict.wrong}
    mistaken = [case for case in every if case.mistake is not None and case.name.partition(" with ")[0] in sound]
    return list(prove(unit, mistaken, seeds, watcher, names=True, jobs=jobs).verdicts)


def _cases(unit: Unit, topic: Topic) -> Iterator[Case]:
    """For each item and each other module: the right definition put there, and each common mistake's."""
    files = files_of(unit, unit.solutions)
    solution = files[topic.file].decode()
    bank = mistakes_of(unit, topic)
    common = [mistake for mistake in bank if mistake.common]
    for module, path in right_modules_of(unit, topic).items():
        other = path.read_text(encoding="utf-8")
        for item in topic.items:
            changed = transplanted(solution, item.name, other)
            if changed is None:
                continue
            at = f"{topic.name}/{module}: {item.name}"
            sound = Case(at, frozenset([item.id]), files | {topic.file: changed.encode()})
            yield sound
            for mistake in (mistake for mistake in common if mistake.item == item.id):
                source = mistake.applied_to(solution)
                changed = transplanted(source, item.name, other) if _only_in(source, solution, item.name) else None
                if changed is not None:
                    with_it = files | {topic.file: changed.encode()}
                    says = names_of(mistake, bank)
                    yield replace(sound, name=f"{at} with {mistake.id}", files=with_it, mistake=mistake, says=says)


def _only_in(changed: str, solution: str, name: str) -> bool:
    """Whether a mistake changes nothing outside of this definition, imports aside."""

    def rest(source: str) -> list[str]:
        body = ast.parse(source).body
        kept = (node for node in body if not isinstance(node, (ast.Import, ast.ImportFrom)))
        return [ast.dump(node) for node in kept if getattr(node, "name", "") != name]

    return rest(changed) == rest(solution)


def _definition(tree: ast.Module, name: str) -> ast.FunctionDef | ast.ClassDef | None:
    found = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name]
    return found[0] if len(found) == 1 else None


def _lines(node: ast.FunctionDef | ast.ClassDef) -> tuple[int, int]:
    """First and last line, decorators included."""
    assert node.end_lineno is not None
    return min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno
