"""The checks of a test whose messages the student reads.

They say what was expected of shape, dtype and form, and where the first difference is; never an expected number. That
stands apart, for tests that are no secret. Every check looks at form before it looks at values, so a test
dies of nothing that a student may return.
"""

import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from autograder.errors import GraderError
from autograder.student.answers import MAX_BITS
from autograder.student.wire import Ref
from autograder.target.failures import NotAsExpected, PartlyAsExpected, StudentError

_DIMENSIONS, _LARGEST_SIZE = 6, 99_999  # of shapes that a message spells out


def describe(value: Any) -> str:
    """What a value is, in a student's words, without its numbers: `a tensor of shape (2, 3)`."""
    if value is None:
        return "None (is there a `return`?)"
    if isinstance(value, Ref):
        return "an object" if value.kind == "object" else f"an object of type {value.kind}"
    library = _library(value)
    if library:
        return f"a {'tensor' if library == 'torch' else 'NumPy array'} of {_shape(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    article = "an" if type(value).__name__[0] in "aeiou" else "a"
    return f"{article} {type(value).__name__}"


class Expectations:
    """The `expect_*` methods of `Student`. Each raises `NotAsExpected`."""

    def expect(self, condition: object, message: str) -> None:
        """The message, unless the condition holds. The message must not hold a hidden value."""
        if not condition:
            raise NotAsExpected(message)

    def award(self, fraction: Fraction, message: str) -> None:
        """End a test that measures how far the student came: this fraction of its marks, and what is still missing.

        A fraction of 1 ends nothing: the test has been passed so far.
        """
        if not 0 <= fraction <= 1:
            raise GraderError(f"a test awards {fraction} of its marks")
        if fraction < 1:
            raise PartlyAsExpected(Fraction(fraction), message)

    def expect_tensor(
        self, got: Any, shape: Sequence[int] | None = None, dtype: Any = None, about: str = "the result"
    ) -> Any:
        """A torch tensor of this shape and dtype (float32 unless said otherwise), which is returned."""
        return self._expect_array(got, "torch", shape, dtype or sys.modules["torch"].float32, about)

    def expect_array(
        self, got: Any, shape: Sequence[int] | None = None, dtype: Any = "float64", about: str = "the result"
    ) -> Any:
        """A NumPy array of this shape and dtype, which is returned."""
        return self._expect_array(got, "numpy", shape, dtype, about)

    def expect_number(self, got: Any, about: str = "the result") -> float:
        """A finite number: an int, a float, a NumPy scalar or a tensor without dimensions."""
        if _library(got) and tuple(got.shape) == ():
            got = got.item()
        if isinstance(got, bool) or not isinstance(got, (int, float)):
            raise NotAsExpected(f"{_start(about)}: {describe(got)}; expected a number.")
        if isinstance(got, int) and got.bit_length() > MAX_BITS:
            raise NotAsExpected(f"{_start(about)}: an integer of {got.bit_length()} bits; expected a smaller number.")
        if not math.isfinite(got):
            raise NotAsExpected(f"{_start(about)}: {got}; expected a finite number.")
        return got

    def expect_handle(self, got: Any, about: str = "the result") -> Any:
        """An object that stays with the student, such as a module; it is returned."""
        if not isinstance(got, Ref):
            raise NotAsExpected(f"{_start(about)}: {describe(got)}; expected an object.")
        return got

    def expect_parts(self, got: Any, count: int, about: str = "the result") -> tuple[Any, ...]:
        """A tuple (or list) of `count` parts, which are returned."""
        if not isinstance(got, (tuple, list)):
            raise NotAsExpected(f"{_start(about)}: {describe(got)}; expected {count} values, as a tuple.")
        if len(got) != count:
            raise NotAsExpected(f"{_start(about)}: {len(got)} parts; expected {count}.")
        return tuple(got)

    def expect_close(self, got: Any, want: Any, atol: float, rtol: float = 0.0, about: str = "the result") -> Any:
        """Numbers of the same form, within atol + rtol * |want| of those wanted; returns `got`."""
        if isinstance(want, (int, float)) and not isinstance(want, bool):
            number = self.expect_number(got, about)
            if not math.isclose(number, want, rel_tol=rtol, abs_tol=atol):
                raise NotAsExpected(f"{_start(about)}: not the right number.", number, want)
            return got
        self._expect_like(got, want, about)
        self._expect_no_difference(got, want, lambda a, b: _far(a, b, atol, rtol), about)
        return got

    def expect_equal(self, got: Any, want: Any, about: str = "the result") -> Any:
        """Exactly the same: for ids, masks, words, and numbers that are copied and not computed; returns `got`."""
        if _library(want):
            self._expect_like(got, want, about)
            self._expect_no_difference(got, want, lambda a, b: (a != b) & ~((a != a) & (b != b)), about)
        elif isinstance(want, (list, tuple)):
            if not isinstance(got, (list, tuple)):
                raise NotAsExpected(f"{_start(about)}: {describe(got)}; expected {describe(want)}.")
            if len(got) != len(want):
                raise NotAsExpected(f"{_start(about)}: {len(got)} entries; expected {len(want)}.", got, want)
            for index, (one, other) in enumerate(zip(got, want, strict=True)):
                self.expect_equal(one, other, f"entry {index} of {about}")
        elif isinstance(want, dict):
            self._expect_keys(got, want, about)
            for key in want:
                self.expect_equal(
                    got[key], want[key], f"{about}[{key!r}]" if isinstance(key, int) else f"part of {about}"
                )
        elif isinstance(want, (int, float)) and not isinstance(want, bool):
            number = self.expect_number(got, about)
            if number != want:
                raise NotAsExpected(f"{_start(about)}: not the right number.", number, want)
        elif type(got) is not type(want) or got != want:
            same_kind = type(got) is type(want)
            found = "not the right one" if same_kind else f"{describe(got)}; expected {describe(want)}"
            raise NotAsExpected(f"{_start(about)}: {found}.", *((got, want) if same_kind else ()))
        return got

    @contextmanager
    def expect_raises(self, kind: type[Exception], naming: Sequence[str] = ()) -> Iterator[None]:
        """The student's code raises this error, and its message contains one of the names, as a word."""
        try:
            yield
        except StudentError as error:
            if not isinstance(error, kind):
                raise
            if naming and not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", error.text) for name in naming):
                wanted = " or ".join(f"`{name}`" for name in naming)
                raise NotAsExpected(f"The {kind.__name__} is raised, but its message does not name {wanted}.") from None
        else:
            raise NotAsExpected(f"No {kind.__name__} is raised.")

    def _expect_array(self, got: Any, library: str, shape: Sequence[int] | None, dtype: Any, about: str) -> Any:
        form = "tensor" if library == "torch" else "NumPy array"
        if _library(got) != library:
            wanted = f" of shape {tuple(shape)}" if shape is not None else ""
            raise NotAsExpected(f"{_start(about)}: {describe(got)}; expected a {form}{wanted}.")
        if shape is not None and tuple(got.shape) != tuple(shape):
            raise NotAsExpected(f"{_start(about)}: {_shape(got.shape)}; expected {tuple(shape)}.")
        if _plain(got.dtype) != _plain(dtype):
            raise NotAsExpected(f"{_start(about)}: dtype {_plain(got.dtype)}; expected {_plain(dtype)}.")
        return got

    def _expect_like(self, got: Any, want: Any, about: str) -> None:
        self._expect_array(got, _library(want), want.shape, want.dtype, about)

    def _expect_keys(self, got: Any, want: dict[Any, Any], about: str) -> None:
        if not isinstance(got, dict):
            raise NotAsExpected(f"{_start(about)}: {describe(got)}; expected a dict.")
        if got.keys() != want.keys():
            missing, more = len(want.keys() - got.keys()), len(got.keys() - want.keys())
            text = f"{_start(about)}: {missing} keys are missing, and {more} are too many."
            raise NotAsExpected(text, got, want)

    def _expect_no_difference(self, got: Any, want: Any, differs: Callable[[Any, Any], Any], about: str) -> None:
        got, want = _as_numpy(got), _as_numpy(want)
        wrong = differs(got, want)
        if not wrong.any():
            return
        where = tuple(int(axis[0]) for axis in wrong.nonzero()) if wrong.ndim else ()
        first = got[where]
        text = "not the right number"
        if where:
            text = f"the shape {tuple(got.shape)} is right, but {int(wrong.sum())} of {wrong.size} entries are not"
        if first != first:
            text += ", and some are nan" if where else ", but nan"
        elif abs(first) == math.inf:
            text += ", and some are infinite" if where else ", but infinite"
        if where:
            text += f"; the first wrong one is at {list(where)}"
        raise NotAsExpected(f"{_start(about)}: {text}.", first.item(), want[where].item())


def _as_numpy(value: Any) -> Any:
    if _library(value) != "torch":
        return value
    plain = value.detach()
    return (plain.float() if _plain(plain.dtype) == "bfloat16" else plain).numpy()  # NumPy has no bfloat16


def _far(got: Any, want: Any, atol: float, rtol: float) -> Any:
    numpy = sys.modules["numpy"]
    wide = "complex128" if want.dtype.kind == "c" else "float64"  # a difference of small integers wraps round
    got, want = got.astype(wide), want.astype(wide)
    with numpy.errstate(invalid="ignore"):
        near = numpy.abs(got - want) <= atol + rtol * numpy.abs(want)
    return ~(near | (got == want) | ((got != got) & (want != want)))


def _library(value: Any) -> str:
    """ "torch" or "numpy" for their arrays, "" for anything else."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        return "torch"
    return "numpy" if numpy is not None and isinstance(value, numpy.ndarray) else ""


def _shape(shape: Sequence[int]) -> str:
    """A shape in words. One that no exercise comes near is not spelled out: its numbers could tell a hidden input."""
    if len(shape) > _DIMENSIONS or any(size > _LARGEST_SIZE for size in shape):
        return f"a shape of {len(shape)} dimensions"
    return f"shape {tuple(shape)}"


def _plain(dtype: Any) -> str:
    return str(getattr(dtype, "name", dtype)).removeprefix("torch.")


def _start(about: str) -> str:
    """The beginning of a sentence; the name of a variable stays as it is, and a comma makes way for the colon."""
    about = about.removesuffix(",")
    return about if "_" in about.split(maxsplit=1)[0] else about[:1].upper() + about[1:]
