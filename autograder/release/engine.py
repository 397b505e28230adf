"""The part of the engine that `check` needs, found by following imports, and what it needs of other packages."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from autograder.errors import GraderError
from autograder.spec import Unit

ENGINE = Path(__file__).resolve().parent.parent
_ROOTS = (
    *("autograder.__main__", "autograder.cli", "autograder.cli.checking", "autograder.spec"),
    *("autograder.desk.check", "autograder.desk.kernel", "autograder.desk.plugin", "autograder.desk.watch"),
)
_NOT_FOLLOWED = ("autograder.cli",)  # it imports the other commands where they are there


def modules_for_check() -> dict[str, Path]:
    """The modules that a student's copy has, by name; those that run beside the student's code among them."""
    return _reached([*_ROOTS, *(name for name in _all() if name.startswith("autograder.student."))])


def _reached(roots: Iterable[str]) -> dict[str, Path]:
    there, waiting = _all(), list(roots)
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        if name in found or name not in there:
            continue
        found[name] = there[name]
        parts = name.split(".")
        waiting += [".".join(parts[:end]) for end in range(1, len(parts))]
        if name not in _NOT_FOLLOWED:
            waiting += _imports(there[name])
    return dict(sorted(found.items()))


def requirements_of(modules: Iterable[Path]) -> list[str]:
    """What the engine's own metadata says of the packages that these modules import."""
    imported = {name.partition(".")[0] for path in modules for name in _imports(path)}
    known = packages_distributions()
    wanted = {
        _normal(distribution)
        for name in imported - set(sys.stdlib_module_names) - {"autograder"}
        for distribution in known.get(name, ())
    }
    needs = [line for line in requires("autograder") or () if "extra ==" not in line]
    found = [line for line in needs if _normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) in wanted]
    if not found:
        raise GraderError("the installed engine does not say what it needs: install it with pip")
    return found


def requirements_of_unit(unit: Unit) -> list[str]:
    """What the unit itself needs: the extra `unit` of its pyproject.toml, if it has one."""
    path = unit.root / "pyproject.toml"
    if not path.is_file():
        return []
    extras = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {}).get("optional-dependencies", {})
    return [str(line) for line in extras.get("unit", [])]


def _all() -> dict[str, Path]:
    names = {}
    for path in ENGINE.rglob("*.py"):
        parts = ("autograder", *path.relative_to(ENGINE).with_suffix("").parts)
        if not any(part.endswith("_template") for part in parts):
            names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
