"""How files become modules in the process that runs them: the student's, stand-ins and props."""

import importlib.util
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def load_props(folder: str, topic: str) -> dict[str, Any]:
    """The named functions of props/common.py and of props/TOPIC.py, which finds the others in `props_common`."""
    found: dict[str, Any] = {}
    for name in ("common", topic):
        path = Path(folder, f"{name}.py")
        if path.is_file():
            found |= {key: value for key, value in vars(load_file(f"props_{name}", path)).items() if callable(value)}
    return found


def load_file(name: str, path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:  # from its source, whatever compiled file lies beside it
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


@contextmanager
def importable(folder: str, names: Sequence[str], stay: bool) -> Iterator[None]:
    """These modules import each other by bare name, from the student's folder, which comes last on the path.

    With `stay`, in a process of their own, they stay importable; in the tests' process nothing of them stays behind.
    """
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.append(folder)
    try:
        yield
    finally:
        if not stay:
            sys.path.remove(folder)
            for name in names:
                sys.modules.pop(name, None)
            sys.modules.update(before)
