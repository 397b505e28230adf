"""Answers that say of themselves what they are not, and errors that misbehave when they are asked."""

import numpy as np
import torch


class Yes:
    """Equal to everything, longer than everything."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 0

    def __len__(self):
        return 3

    def __bool__(self):
        return True


class LyingTensor(torch.Tensor):
    """Every function of torch, asked about it, says yes."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True


class LyingShape(torch.Tensor):
    shape = torch.Size((2, 3))
    dtype = torch.float64
    requires_grad = False
    layout = torch.strided

    def size(self, *_):
        return self.shape

    def numel(self):
        return 6

    def detach(self):
        return torch.ones(2, 3)

    def clone(self, **_):
        return torch.ones(2, 3)

    __len__ = Yes.__len__
    __eq__ = Yes.__eq__
    __hash__ = torch.Tensor.__hash__


class Dispatched(torch.Tensor):
    """Has no numbers of its own."""

    @staticmethod
    def __new__(cls):
        return torch.Tensor._make_wrapper_subclass(cls, (2, 3))

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return torch.ones(2, 3) if "detach" in str(function) else NotImplemented


class LyingArray(np.ndarray):
    shape = (2, 3)
    size = 6

    def __array_function__(self, *_):
        return True

    def __array_ufunc__(self, *_, **__):
        return True

    def __array__(self, *_, **__):
        return np.ones((2, 3))

    __eq__ = Yes.__eq__
    __hash__ = None


class LyingList(Yes, list):
    def __iter__(self):
        return iter([7, 7, 7])

    def __getitem__(self, _):
        return 7


class LyingTuple(Yes, tuple):
    __slots__ = ()

    def __iter__(self):
        return iter([7, 7, 7])

    def __getitem__(self, _):
        return 7


class LyingDict(Yes, dict):
    pass


class LyingStr(Yes, str):
    __slots__ = ()

    def __str__(self):
        return "right"

    def __format__(self, _):
        return "right"


class LyingInt(Yes, int):
    def __int__(self):
        return 42

    def __index__(self):
        return 42


class LyingFloat(Yes, float):
    def __float__(self):
        return 42.0


class Impostor:
    def __init__(self, kind):
        self._kind = kind

    @property
    def __class__(self):
        return self._kind


class Boastful(type):
    """A class whose name is for the class to say."""

    @property
    def __name__(cls):
        return "right" * 5000


class Named(metaclass=Boastful):
    pass


def lie(name):
    return {
        "tensor": lambda: torch.zeros(2).as_subclass(LyingTensor),
        "shape": lambda: torch.zeros(1).as_subclass(LyingShape),
        "dispatch": Dispatched,
        "array": lambda: np.zeros(1).view(LyingArray),
        "list": lambda: LyingList([0]),
        "tuple": lambda: LyingTuple((0,)),
        "dict": lambda: LyingDict({"a": 0}),
        "str": lambda: LyingStr("wrong"),
        "int": lambda: LyingInt(0),
        "float": lambda: LyingFloat(0.0),
        "yes": Yes,
        "impostor dict": lambda: Impostor(dict),
        "impostor tensor": lambda: Impostor(torch.Tensor),
        "impostor int": lambda: Impostor(int),
        "named": Named,
        "long name": type("N" * 10_000, (), {}),
    }[name]()


# -- errors


class Raises(ValueError):
    def __str__(self):
        raise RuntimeError("no text")


class Exits(ValueError):
    def __str__(self):
        raise SystemExit(0)


class NoText(ValueError):
    def __str__(self):
        return 3  # noqa: PLE0307


class LyingText(str):
    __slots__ = ()

    def __getitem__(self, _):
        return Yes()


class Lying(ValueError):
    def __str__(self):
        return LyingText("text")


class NoTraceback(ValueError):
    __traceback__ = Yes()


class NamedError(ValueError, metaclass=Boastful):
    pass


def misbehave(name):
    raise {
        "raises": Raises,
        "exits": Exits,
        "no text": NoText,
        "lying": Lying,
        "no traceback": NoTraceback,
        "named": NamedError,
        "long name": type("N" * 10_000, (ValueError,), {}),
        "long text": lambda: ValueError("x" * 50_000_000),
        "odd text": lambda: ValueError("\ud800\x1b[31m\x00"),
        "object": lambda: ValueError(object(), [1]),
        "syntax": lambda: SyntaxError("no", ("sample.py", "one", 2, 3)),
    }[name]()


def overflow(depth=0):
    return overflow(depth + 1)


def leave(name):
    raise {"SystemExit": SystemExit, "GeneratorExit": GeneratorExit, "KeyboardInterrupt": KeyboardInterrupt}[name](0)


def swallow(function, *args):
    """Whatever it raises, it is hidden."""
    try:
        return function(*args)
    except Exception:
        return None
