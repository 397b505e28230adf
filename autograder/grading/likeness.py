"""Whether two answers are the same, up to the rounding that different ways of computing bring."""

import math
import sys
from typing import Any

from autograder.student.wire import Ref

# Below this size numbers are taken for the rounding of larger ones: a gradient that is 0 comes out as 1e-8 or so.
_SMALL = 1e-6
_SMALL_OF_FOUR_BYTES = 1e-3
_BESIDE = 1e-2  # of the largest in the same answer, of numbers with four bytes


def alike(one: Any, other: Any, tolerance: float, beside: float = 0.0) -> bool:
    """The same form and the same numbers within `tolerance`, relative to the largest; `beside` it stands another."""
    if isinstance(one, Ref) or isinstance(other, Ref):
        return isinstance(one, Ref) and isinstance(other, Ref)
    if _is_array(one) or _is_array(other):
        return _is_array(one) and _is_array(other) and _arrays_alike(one, other, tolerance, beside)
    if isinstance(one, float) or isinstance(other, float):
        return _numbers_alike(one, other, tolerance)
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        beside = max([beside, *map(_largest, filter(_is_array, other))])
        return len(one) == len(other) and all(
            alike(part, mate, tolerance, beside) for part, mate in zip(one, other, strict=True)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key], tolerance, beside) for key in one)
    return bool(one == other)


def _numbers_alike(one: Any, other: Any, tolerance: float) -> bool:
    if any(isinstance(each, bool) or not isinstance(each, (int, float)) for each in (one, other)):
        return False
    try:
        near = math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an int that is larger than any float
        return False
    return near or (one != one and other != other)


def _is_array(value: Any) -> bool:
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    return (torch is not None and isinstance(value, torch.Tensor)) or (
        numpy is not None and isinstance(value, numpy.ndarray)
    )


def _arrays_alike(one: Any, other: Any, tolerance: float, beside: float) -> bool:
    if type(one) is not type(other) or tuple(one.shape) != tuple(other.shape) or one.dtype != other.dtype:
        return False
    numpy = sys.modules["numpy"]
    first, second = (_as_numpy(each) for each in (one, other))
    if first.dtype.kind not in "fc":
        return bool((first == second).all())
    finite = numpy.isfinite(second)
    if not (finite == numpy.isfinite(first)).all():
        return False
    least = max(_SMALL_OF_FOUR_BYTES, _BESIDE * beside) if _bytes(one) == 4 else _SMALL
    scale = max(_largest(other), least)
    same_rest = (first == second) | ((first != first) & (second != second))
    near = numpy.abs(numpy.where(finite, first, 0) - numpy.where(finite, second, 0)) <= tolerance * scale
    return bool(numpy.where(finite, near, same_rest).all())


def _largest(array: Any) -> float:
    """The largest of the finite numbers, without its sign; 0 of what are no fractions."""
    numbers = _as_numpy(array)
    if numbers.dtype.kind not in "fc":
        return 0.0
    finite = numbers[sys.modules["numpy"].isfinite(numbers)]
    return float(abs(finite).max()) if finite.size else 0.0


def _bytes(array: Any) -> int:
    return int(array.element_size() if hasattr(array, "element_size") else array.itemsize)


def _as_numpy(value: Any) -> Any:
    numpy = sys.modules["numpy"]
    plain = value.detach().double().numpy() if hasattr(value, "detach") else value
    return plain.astype(numpy.complex128) if plain.dtype.kind == "c" else plain
