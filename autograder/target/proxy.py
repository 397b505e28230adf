"""`Student`: the student's module as a test sees it, wherever it runs.

student.softmax(x, dim=0)                       call, or construct; data comes back as data, the rest as a Handle
student.forward.keep(1)(params, ids, ids, s)    that part of the result stays a handle
student.corrupt.after(windows, 10, generator)   (result, the arguments as they are afterwards)
student.softmax.vjp(x, cotangent=g, wrt=(0,))   gradients, by position of argument or path of parameter
student.sample.seeded(3)(model, [1, 2], 5)      random states set before this call (or before its vjp)
student.value("answer")                         a variable of the module, as data (a Handle where it is none)
student.prop("generator", 7)                    something made over there by a function of tests/props
student.prop("filled", student.GPT, numbers)    the same, of something that the student wrote
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Protocol

from autograder.errors import GraderError
from autograder.student.wire import Ref
from autograder.student.workbench import OtherForm
from autograder.target.expect import Expectations, describe
from autograder.target.failures import NotAsExpected, StudentError


class Target(Protocol):
    """Whatever carries out requests: see `autograder.student.workbench` for what there is to ask."""

    def request(self, request: dict[str, Any], resolve: Callable[[int, str], Any]) -> Any:
        """The answer, or one of `autograder.target.failures` raised."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a student's module: its data and whether it is trained."""

    data: Any
    requires_grad: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)


class Handle(Ref):
    """Something that stays with the student: a module, an optimizer, a cache, an iterator."""

    __slots__ = ("_target",)

    def __init__(self, target: Target, id: int, kind: str) -> None:
        super().__init__(id, kind)
        self._target = target

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Function(self._target, self)(*args, **kwargs)

    def after(self, *args: Any, **kwargs: Any) -> Any:
        return Function(self._target, self).after(*args, **kwargs)

    def keep(self, *path: Any) -> "Function":
        return Function(self._target, self).keep(*path)

    def seeded(self, seed: int) -> "Function":
        return Function(self._target, self).seeded(seed)

    def vjp(self, *args: Any, cotangent: Any, wrt: Sequence[Any], **kwargs: Any) -> Any:
        return Function(self._target, self).vjp(*args, cotangent=cotangent, wrt=wrt, **kwargs)

    def method(self, name: str) -> "Function":
        """A method of it, to call."""
        return Function(self._target, self.at(name))

    def get(self, path: str) -> Any:
        """An attribute by its path, as data: "query.weight", "blocks.0.norm1.epsilon", "query.weight.grad"."""
        return self._ask("get", path=path)

    def gather(self, *paths: str) -> list[Any]:
        """`get` for many paths, in one request."""
        found: list[Any] = self._ask("get", path=list(paths))
        return found

    def at(self, path: str) -> "Handle":
        """An attribute by its path, as a handle."""
        held: Handle = self._ask("at", path=path)
        return held

    def set(self, path: str, value: Any) -> None:
        """Copy data into a parameter, or set an attribute."""
        self.fill({path: value})

    def fill(self, values: Mapping[str, Any]) -> None:
        """`set` for many paths, in one request."""
        self._ask("set", values=values)

    def parameters(self) -> dict[str, Parameter]:
        """Every parameter by name."""
        told = self._ask("parameters")
        return {name: Parameter(data, requires_grad) for name, (data, requires_grad) in told.items()}

    @property
    def training(self) -> bool:
        return bool(self.get("training"))

    def train(self, mode: bool = True) -> None:
        self._ask("train", mode=mode)

    def zero_grad(self) -> None:
        self._ask("zero_grad")

    def take(self, count: int) -> list[Any]:
        """The next `count` things at most. An iterator goes on where it was, anything else begins anew."""
        taken: list[Any] = self._ask("take", count=count)
        return taken

    def _ask(self, operation: str, **rest: Any) -> Any:
        return _request(self._target, op=operation, target=self, **rest)


@dataclass(frozen=True)
class Function:
    """Something of the student's that can be called, with what is to be done about it."""

    target: Target
    callee: str | Handle
    kept: tuple[Any, ...] | None = None
    seed: int | None = None

    def keep(self, *path: Any) -> "Function":
        """The part of the result at `path` (all of it, without one) stays a handle."""
        return Function(self.target, self.callee, path, self.seed)

    def seeded(self, seed: int) -> "Function":
        """Random states are set to `seed` just before the call."""
        return Function(self.target, self.callee, self.kept, seed)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(args, kwargs, after=False)

    def after(self, *args: Any, **kwargs: Any) -> Any:
        """The result, and the positional arguments as they are after the call."""
        return self._call(args, kwargs, after=True)

    def vjp(self, *args: Any, cotangent: Any, wrt: Sequence[Any], **kwargs: Any) -> Any:
        """Gradients of the sum of cotangent * result; None where none flows.

        `cotangent` mirrors the result (None leaves a part out); `wrt` holds positions of tensor arguments, paths of
        the called module's parameters, and pairs (handle, path) for those of others.
        """
        for place in wrt:
            if isinstance(place, int) and not hasattr(args[place], "requires_grad"):
                raise GraderError(f"a test wants the gradient for argument {place}, which is no tensor")
        try:
            return self._ask("vjp", args, kwargs, cotangent=cotangent, wrt=list(wrt))
        except StudentError as error:
            if error.name == OtherForm.__name__ and not error.frames:
                raise NotAsExpected(f"The result: not of the right form; expected {describe(cotangent)}.") from None
            raise

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any], after: bool) -> Any:
        keep = None if self.kept is None else list(self.kept)
        return self._ask("call", args, kwargs, keep=keep, after=after)

    def _ask(self, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any], **rest: Any) -> Any:
        about = {"target": self.callee, "args": list(args), "kwargs": kwargs, "seed": self.seed}
        return _request(self.target, op=operation, **about, **rest)


class Student(Expectations):
    """The student's module. Its functions are attributes; the student reads what the `expect_*` checks say."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Function:
        """A function by its name, also where the name is one of this class."""
        return Function(self._target, name)

    def prop(self, name: str, *args: Any, **kwargs: Any) -> Handle:
        """Something made over there by a named function of the unit's props.

        What the student wrote (`student.GPT`) may be handed to it, before anything else.
        """
        of = [part.callee for part in takewhile(lambda part: isinstance(part, Function), args)]
        rest = list(args[len(of) :])
        if any(isinstance(part, Function) for part in rest):
            raise GraderError(f"a test hands the prop {name} something of the student's after something else")
        made: Handle = _request(self._target, op="prop", name=name, args=rest, kwargs=kwargs, of=of)
        return made

    def value(self, name: str) -> Any:
        """A variable of the module; `MissingName`, and so "not attempted", where there is none or it is still None."""
        return _request(self._target, op="value", name=name)

    def same(self, first: Handle, second: Handle) -> bool:
        """Whether two handles name one object."""
        return bool(_request(self._target, op="same", first=first, second=second))


def _request(to: Target, **request: Any) -> Any:
    _check_handles(to, request)
    return to.request(request, lambda number, kind: Handle(to, number, kind))


_MAY_HOLD_HANDLES = frozenset((Handle, list, tuple, dict))


def _check_handles(to: Target, value: Any) -> None:
    """A handle means something only to the target that gave it; anywhere else it would name some other object."""
    kind = type(value)
    if kind is Handle:
        if value._target is not to:
            raise GraderError(f"a test hands {value!r} to another target than the one it comes from")
    elif kind in (list, tuple, dict):
        for part in value.values() if kind is dict else value:
            if type(part) in _MAY_HOLD_HANDLES:
                _check_handles(to, part)
