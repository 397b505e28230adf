"""What a student's function gave back, made plain before it crosses: and how its errors are told.

A NumPy scalar becomes a Python scalar, a Parameter its data, a Mapping a dict, a tuple subclass (a named tuple,
torch.Size) a tuple, a tensor subclass a plain tensor. What is no data at all is held here and named by a handle.
"""

import builtins
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from autograder.student.wire import ARRAY_TYPES, MAX_DEPTH, MAX_ELEMENTS, TENSOR_TYPES, Ref, WireError

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
ERRORS = {
    kind: kind.__name__
    for kind in vars(builtins).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, (Warning, ExceptionGroup))
}


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
            plain = value.item()  # of a long double: itself
            return hold(value) if isinstance(plain, numpy.generic) else reduce(plain, hold, depth + 1)
        if isinstance(value, numpy.ndarray):
            if numpy.ndarray.size.__get__(value) > MAX_ELEMENTS:  # before a broadcast one is written out
                raise WireError(f"more than {MAX_ELEMENTS} elements")
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
    with torch._C.DisableTorchFunctionSubclass():
        plain = torch.Tensor.detach(value)  # so nothing of what follows is recorded
        if type(plain) is not torch.Tensor:
            plain = plain.as_subclass(torch.Tensor)
        if type(plain) is not torch.Tensor or plain.layout is not torch.strided or plain.device.type != "cpu":
            return hold(value)
        if str(plain.dtype).removeprefix("torch.") not in TENSOR_TYPES:
            return hold(value)
        if plain.numel() > MAX_ELEMENTS:  # before an expanded one is written out
            raise WireError(f"more than {MAX_ELEMENTS} elements")
        return plain.resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)


def describe(error: BaseException, folder: str, reveal: bool) -> dict[str, Any]:
    """An error as data: its nearest built-in ancestor, its text and the lines of the student's files it went through.

    With `reveal` the frames tell the shapes of the variables too: for a student's own check, where nothing is hidden.
    """
    kind = name = "Exception"
    text, frames = "", []
    try:
        kind = next((ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS), kind)
        name = type(error).__name__[:80]
        text = str(error.msg if isinstance(error, SyntaxError) else error)[:MAX_TEXT]
        frames = _frames(error, folder + os.sep, reveal)
    except BaseException:  # an error's own methods are the student's as well, and may do anything
        text = text or "an error that cannot be told"
    if isinstance(error, WireError):
        kind, name, text, frames = "TypeError", "TypeError", f"the result cannot be sent: {text}", []
    return {"kind": kind, "name": name, "text": text, "frames": frames}


def _frames(error: BaseException, folder: str, reveal: bool) -> list[Any]:
    """The innermost lines of the student's files, and of a syntax error its own line."""
    walk = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _file(frame).startswith(folder)]
    frames = [_frame(frame, line, reveal) for frame, line in walk[-MAX_FRAMES:]]
    if isinstance(error, SyntaxError) and str(error.filename).startswith(folder):
        frames.append([Path(str(error.filename)).name, error.lineno or 0, "", (error.text or "").strip()[:200], []])
    return frames[-MAX_FRAMES:]


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


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
