"""Forbidden shortcuts: library functions whose writing is the exercise.

They are seen in the source (`in_source`) and trapped when called (`install`). A trap springs only where the calling
frame belongs to the topic's file: a library that uses the function itself, or another topic, is left alone.

A forbidden name is dotted, and * stands for any text: "torch.*softmax*" is seen in the source in every namespace of
torch, and trapped for what `torch` itself holds. A whole module ("torch") is seen in the source alone.
"""

import ast
import functools
import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase, translate
from types import FrameType
from typing import Any

from autograder.student.notebook import SUFFIX, file_name, line_number

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class ForbiddenCall(Exception):
    """The student's file called what it should write itself. `args` are the name and the line."""


def in_source(tree: ast.Module, names: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """(name, line, the function or class at top level it stands in) for every use of a forbidden name in a function.

    A comparison under `if __name__ == "__main__":` uses nothing that is graded, so code outside functions is not seen.
    """
    if not names:
        return []
    own = {node.name for node in tree.body if isinstance(node, _DEFINITIONS)}
    inside = {top: list(ast.walk(top)) for top in tree.body}
    known = {name: meaning for nodes in inside.values() for name, meaning in _imports(nodes) if name not in own}
    found: dict[tuple[int, str], str] = {}
    for top in tree.body:
        if isinstance(top, _DEFINITIONS):
            local = known | dict(_imports(inside[top]))
            for node in inside[top]:
                used = _dotted(node, local)
                if used and any(fnmatchcase(used, name) or used.startswith(f"{name}.") for name in names):
                    place = (getattr(node, "lineno", top.lineno), top.name)
                    found[place] = max(used, found.get(place, ""), key=len)
    return [(used, line, top) for (line, top), used in sorted(found.items())]


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """What each imported name stands for: ("F", "torch.nn.functional")."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _dotted(node: ast.AST, known: dict[str, str]) -> str:
    """`F.softmax` as "torch.nn.functional.softmax", with what the names stand for; "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load) or node.id not in known:
        return ""
    return ".".join([known[node.id], *reversed(parts)])


def install(names: tuple[str, ...], file: str) -> None:
    """Wrap every forbidden function, and the constructor of every forbidden class, against calls from `file`.

    A name that this version of the library does not have is passed over: the unit's own tests tell it. So is a whole
    module, which is seen in the source alone.
    """
    for owner, attribute, name in meant(names):
        original = getattr(owner, attribute, None)
        try:
            if isinstance(original, type):
                original.__init__ = _trap(original.__init__, name, file)  # type: ignore[misc]
            elif callable(original):
                setattr(owner, attribute, _trap(original, name, file))
        except (AttributeError, TypeError):
            continue  # an immutable C type: the source scan has to do


def meant(names: tuple[str, ...]) -> Iterator[tuple[Any, str, str]]:
    """(owner, attribute, full name) of everything there is under these names, each once."""
    seen = set()
    for name in names:
        owner_name, _, pattern = name.rpartition(".")
        owner = resolve(owner_name) if owner_name else None
        # What does not match is not looked at: a library imports some of its parts when they are.
        held = filter(re.compile(translate(pattern)).match, dir(owner)) if "*" in pattern else [pattern]
        for attribute in held:
            if hasattr(owner, attribute) and (owner_name, attribute) not in seen:
                seen.add((owner_name, attribute))
                yield owner, attribute, f"{owner_name}.{attribute}"


def resolve(name: str) -> Any:
    """The module, class or namespace of a dotted name, or None."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:end]))
        if module is None:
            try:
                module = importlib.import_module(".".join(parts[:end]))
            except ImportError:
                continue
        owner: Any = module
        for part in parts[end:]:
            owner = getattr(owner, part, None)
        return owner
    return None


def _trap(original: Any, name: str, file: str) -> Any:
    @functools.wraps(original, updated=())
    def trapped(*args: Any, **kwargs: Any) -> Any:
        caller = sys._getframe(1)
        if _belongs(caller, file):
            raise ForbiddenCall(name, line_number(caller.f_code.co_filename, caller.f_lineno))
        return original(*args, **kwargs)

    return trapped


def _belongs(frame: FrameType | None, file: str) -> bool:
    """The student's file, or code that was made from a string there."""
    while frame is not None and frame.f_code.co_filename.startswith("<"):
        if frame.f_globals.get("__file__") == file:
            return True
        frame = frame.f_back
    if frame is None:
        return False
    name = frame.f_code.co_filename
    return name == file or (file.endswith(SUFFIX) and name.startswith(file_name(file, "")))
