"""Running a notebook's code cells, one after another, as one module.

A cell that raises, exits, is no Python or takes too long is noted and the later ones go on, in what the others left
behind. One that ends the whole process is found out from outside, and left out when the others are run again. Names
that a notebook finds without importing them (`display`, `get_ipython`) are there and do nothing.
"""

import ast
import builtins
import contextlib
import inspect
import linecache
import os
import signal
import sys
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.student.notebook import Cell, file_name
from autograder.student.reduce import describe

_SHARE = 3  # a cell may use this part of the time that is left: one endless loop leaves enough for the others
_LEAST_SECONDS = 0.05
_WAITING = 10  # as in a test: generous, so that load on the machine changes no mark
_MAX_FAILURES = 50

ENDED = "end of the process"  # the name of what a cell did wrong that is left out for it

Failure = dict[str, Any]  # as `describe` tells an error; "cell" is the cell's number


class OutOfTime(BaseException):
    """The cell's time is used up. Not an Exception: `except Exception` in the cell does not catch it."""


def made_module(name: str, file: Path) -> types.ModuleType:
    """The module that the cells will be run in."""
    module = types.ModuleType(name)
    module.__file__ = str(file)
    vars(module).update(display=_nothing, get_ipython=_Shell, input=_no_input)
    sys.modules[name] = module
    return module


def run(
    module: types.ModuleType,
    cells: Sequence[Cell],
    failures: list[Failure],
    seconds: float,
    reveal: bool,
    replaced: Mapping[str, Any],
    ended: Sequence[int] = (),
) -> Iterator[int]:
    """Run the cells in `module`, and add to `failures` what goes wrong in which; before each, its number is told.

    `seconds` of CPU are for all cells together; 0 sets no limit. What is `replaced` takes the place of what a cell
    defines under that name, for the cells after it as well. The cells `ended`, by number, are left out.
    """
    namespace = vars(module)
    file = Path(str(module.__file__))
    process, began = os.getpid(), time.process_time()
    for cell in cells:
        if not cell.run:
            continue
        if cell.number in ended:
            failures.append({"kind": "Exception", "name": ENDED, "text": "", "frames": [], "cell": cell.number})
            continue
        yield cell.number
        left = 0.9 * seconds - (time.process_time() - began)
        error = _run_cell(file_name(file, cell.number), cell, namespace, left / _SHARE if seconds else 0.0)
        if os.getpid() != process:
            os._exit(0)  # a process that a cell forked: the rest is not its business
        for replaced_name in replaced.keys() & namespace.keys():
            namespace[replaced_name] = replaced[replaced_name]
        if error is not None and len(failures) < _MAX_FAILURES:
            failures.append({**describe(error, str(file.parent), reveal), "cell": cell.number})
            error = None  # and the frames that it holds
    _close_figures()
    namespace |= replaced


def why_missing(name: str, cells: Sequence[Cell], failures: Sequence[Failure], reveal: bool) -> str:
    """The first that failed of the cells that make a name, in brackets, and what it said if `reveal`; or nothing."""
    makers = {cell.number for cell in cells if name in cell.makes()}
    told = next((failure for failure in failures if failure["cell"] in makers), None)
    if told is None:
        return ""
    if told["name"] == ENDED:
        return f" (cell {told['cell']} ended the Python process)"
    kind = told["name"] if hasattr(builtins, told["name"]) or reveal else told["kind"]
    text = f": {told['text']}" if reveal and told["text"] else ""
    return f" (cell {told['cell']} failed with {kind}{text})"


def _run_cell(file: str, cell: Cell, namespace: dict[str, Any], seconds: float) -> BaseException | None:
    """Run one cell; what it raised, if anything."""
    linecache.cache[file] = (len(cell.source), None, cell.source.splitlines(keepends=True), file)
    try:
        code = compile(cell.source, file, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        with _limited(seconds):
            if code.co_flags & inspect.CO_COROUTINE:
                import asyncio

                asyncio.run(types.FunctionType(code, namespace)())
            else:
                exec(code, namespace)
    except OutOfTime as error:
        return TimeoutError(str(error)).with_traceback(error.__traceback__)
    except BaseException as error:  # a SystemExit, a KeyboardInterrupt and a MemoryError end a cell as well
        return error
    return None


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in what runs once it has used so much CPU time, or has lasted ten times as long.

    It goes on raising, since a bare `except:` or a destructor swallows the first. For a cell that swallows all of them,
    and where there are no such timers (Windows), the limit for the whole notebook has to do.
    """
    if not seconds or not hasattr(signal, "setitimer"):
        yield
        return
    if seconds < _LEAST_SECONDS:
        raise OutOfTime("not run: the cells before it used up the time")
    armed = True

    def stop(*_: object) -> None:
        if armed:
            raise OutOfTime(f"stopped after {seconds:.1f} seconds")

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, _WAITING * seconds))
    try:
        for timer, number, limit in timers:
            signal.signal(number, stop)
            signal.setitimer(timer, limit, 0.1)
        yield
    finally:
        armed = False
        for timer, number, _ in timers:
            signal.setitimer(timer, 0)
            signal.signal(number, signal.SIG_IGN)  # one that is still on its way would end the process by default


# -- what a notebook finds there


class _Shell:
    """What `get_ipython()` gives: everything can be asked of it and nothing happens."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing


def _nothing(*_: Any, **__: Any) -> None:
    pass


class _Anything:
    """`IPython.display.HTML` and the like: made of anything, and never shown."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass


class _Grader(_Anything, _Shell):
    """`otter.Notebook`."""


def _no_input(_: object = "", /) -> str:
    raise EOFError("input() has nobody to ask here")


@contextlib.contextmanager
def shell_modules(stay: bool) -> Iterator[None]:
    """`IPython` and `IPython.display` as modules whose names do nothing: the real ones want a shell around them.

    So is `otter`: its `grader.check` is for whoever works in the notebook.
    """
    before = sys.modules.get("otter")
    otter = sys.modules["otter"] = types.ModuleType("otter")
    vars(otter).update(Notebook=_Grader)
    made = ["otter"]
    if "IPython" not in sys.modules:
        top, inner = types.ModuleType("IPython"), types.ModuleType("IPython.display")
        vars(top).update(get_ipython=_Shell, display=inner, __path__=[])
        vars(inner).update(display=_nothing, clear_output=_nothing, __getattr__=_display_class)
        sys.modules |= {"IPython": top, "IPython.display": inner}
        made += ["IPython.display", "IPython"]
    try:
        yield
    finally:
        if not stay:
            for name in made:
                sys.modules.pop(name, None)
            if before is not None:
                sys.modules["otter"] = before


def _display_class(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return _Anything


def _close_figures() -> None:
    """What was drawn is seen by nobody, and costs memory."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        with contextlib.suppress(Exception):
            pyplot.close("all")
