"""What a student's function gave back, made plain before it crosses: and how its errors are told.

A NumPy scalar becomes a Python scalar, a Parameter its data, a Mapping a dict, a tuple subclass (a named tuple,
torch.Size) a tuple, a tensor subclass a plain tensor. What is no data at all is held here and named by a handle.
"""

import linecache
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from autograder.student.wire import ARRAY_TYPES, MAX_DEPTH, TENSOR_TYPES, Ref, WireError

Hold = Callable[[object], Ref]

# How a subclass of a scalar becomes the scalar, without asking the subclass.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: lambda value: str.__getnewargs__(value)[0],
    bytes: lambda value: bytes.__getnewargs__(value)[0],
}

MAX_TEXT = 4000
MAX_FRAMES = 12

# The built-in errors that a test may wait for; a student's own error crosses as its nearest ancestor among them.
ERRORS = (
    *(
        "ArithmeticError",
        "AssertionError",
        "AttributeError",
        "EOFError",
        "Exception",
        "ImportError",
        "IndentationError",
    ),
    *("IndexError", "KeyError", "LookupError", "MemoryError", "ModuleNotFoundError", "NameError"),
    *("NotImplementedError", "OSError", "OverflowError", "RecursionError", "RuntimeError", "StopIteration"),
    *("SyntaxError", "TimeoutError", "TypeError", "UnboundLocalError", "ValueError", "ZeroDivisionError"),
)


def reduce(value: Any, hold: Hold, depth: int = 0) -> Any:
    """`value` as plain data, with a handle from `hold` wherever something is no data."""
    if depth > MAX_DEPTH:
        raise WireError(f"nested deeper than {MAX_DEPTH}")
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    for kind in (int, float, str, bytes):
        if isinstance(value, kind):
            return _PLAIN[kind](value)
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        if isinstance(value, numpy.generic):
            return reduce(value.item(), hold, depth + 1)
        if isinstance(value, numpy.ndarray):
            plain = numpy.array(value, subok=False)
            return plain if plain.dtype.name in ARRAY_TYPES else hold(value)
    if torch is not None and isinstance(value, torch.Tensor):
        return _plain_tensor(value, hold, torch)
    if isinstance(value, Mapping):
        return {reduce(key, hold, depth + 1): reduce(value[key], hold, depth + 1) for key in list(value)}
    if isinstance(value, list):
        return [reduce(part, hold, depth + 1) for part in list.__iter__(value)]
    if isinstance(value, tuple):
        return tuple(reduce(part, hold, depth + 1) for part in tuple.__iter__(value))
    return hold(value)


def _plain_tensor(value: Any, hold: Hold, torch: Any) -> Any:
    """The numbers of a tensor, whatever its class says of itself."""
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        plain = torch.Tensor.detach(value)
        if type(plain) is not torch.Tensor:
            plain = plain.as_subclass(torch.Tensor)
        if type(plain) is not torch.Tensor or plain.layout is not torch.strided or plain.device.type != "cpu":
            return hold(value)
        if str(plain.dtype).removeprefix("torch.") not in TENSOR_TYPES:
            return hold(value)
        return plain.resolve_conj().resolve_neg().contiguous().clone()


def describe(error: BaseException, folder: str, reveal: bool) -> dict[str, Any]:
    """An error as data: its nearest built-in ancestor, its text and the lines of the student's files it went through.

    With `reveal` the frames tell the shapes of the variables too: for a student's own check, where nothing is hidden.
    """
    names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    kind = next((name for name in names if name in ERRORS), "Exception")
    frames = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith(folder):
            frames.append(_frame(frame, line, reveal))
    if isinstance(error, SyntaxError) and str(error.filename).startswith(folder):
        frames.append([Path(str(error.filename)).name, error.lineno or 0, "", (error.text or "").strip()[:200], []])
    return {
        "kind": kind,
        "name": type(error).__name__[:80],
        "text": _text(error.msg if isinstance(error, SyntaxError) else error),
        "frames": frames[-MAX_FRAMES:],
    }


def _frame(frame: FrameType, line: int, reveal: bool) -> list[Any]:
    code = frame.f_code
    source = linecache.getline(code.co_filename, line).strip()[:200]
    shapes = [[name, shape] for name, value in list(frame.f_locals.items())[:20] if (shape := _shape(value))]
    name = getattr(code, "co_qualname", code.co_name)
    return [Path(code.co_filename).name, line, name[:120], source, shapes if reveal else []]


def _shape(value: object) -> str:
    """`tensor (2, 3) float32` for what has a shape, nothing for what has none."""
    try:
        shape, dtype = tuple(value.shape), value.dtype  # type: ignore[attr-defined]
        return f"{shape} {str(dtype).removeprefix('torch.')}"[:80]
    except Exception:  # whatever a student's object does when it is asked
        return ""


def _text(error: object) -> str:
    try:
        return str(error)[:MAX_TEXT]
    except Exception:  # an error whose own message fails
        return ""
