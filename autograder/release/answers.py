"""Stubs of written answers: the same file with every answer taken out, prose to "TODO" and companions to None."""

import ast

from autograder.errors import GraderError
from autograder.key import question_of


def make_answers_stub(solution: str, name: str = "solution") -> str:
    """The stub of a file of answers. Raises `GraderError` where it holds no answers."""
    nodes = [node for node in ast.parse(solution).body if isinstance(node, ast.Assign)]
    if not nodes:
        raise GraderError(f"{name}: has no answers (NAME = ...), so the stub would be the solution")
    return with_answers(solution, {target.id: _open(target.id) for node in nodes for target in _names(node)})


def with_answers(source: str, expressions: dict[str, str]) -> str:
    """The file with these constants, by name, set to other expressions."""
    lines = source.splitlines(keepends=True)
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.Assign):
            for target in _names(node):
                if target.id in expressions:
                    assert node.end_lineno is not None
                    lines[node.lineno - 1 : node.end_lineno] = [f"{target.id} = {expressions[target.id]}\n"]
    return "".join(lines)


def _open(name: str) -> str:
    return '"TODO"' if name == question_of(name) else "None"


def _names(node: ast.Assign) -> list[ast.Name]:
    return [target for target in node.targets if isinstance(target, ast.Name)]
