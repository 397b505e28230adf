"""What a student might hand in: functions and classes for every operation of the proxy and every form of an answer."""

import builtins
import dataclasses
import enum
import random
from collections import OrderedDict, UserDict, namedtuple

import numpy as np
import torch
from lies import leave, lie, misbehave, overflow, swallow  # noqa: F401
from torch import nn

SCALE = 2.0  # the mistake has 3.0 here


def scaled(x):
    return x * SCALE


# -- operations


def add(first, second=0, *, third=0):
    return first + second + third


def greet(name, mark="!"):
    return f"hello {name}{mark}"


def fill_(x, value):
    """Changes its argument."""
    x.fill_(value)
    return x.sum()


def fill_first(x, _others):
    x.fill_(1)


def append(items, item):
    items.append(item)


def draw(count):
    return torch.randn(count), np.random.rand(count), [random.random() for _ in range(count)]


def draw_from(generator, count):
    return torch.rand(count, generator=generator)


def forward(x):
    """A result with a part that only `backward` understands."""
    return x.sum(), {"x": x, "steps": [Step(1), Step(2)], "private": {1, 2}}


def backward(cache):
    return 2 * cache["x"] + len(cache["private"])


def step_of(cache, index):
    return cache["steps"][index].number


class Step:
    def __init__(self, number):
        self.number = number


class Model(nn.Module):
    def __init__(self, size, bias=True):
        super().__init__()
        self.first = nn.Linear(size, size, bias=bias)
        self.blocks = nn.ModuleList([nn.Linear(size, size), nn.Linear(size, size)])
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("offset", torch.zeros(size))
        self.frozen = nn.Parameter(torch.ones(size), requires_grad=False)
        self.unused = nn.Parameter(torch.ones(size))
        self.epsilon = 1e-5
        self.tied = self.blocks[0].weight

    def forward(self, x, twice=False):
        y = self.dropout(self.first(x)) + self.offset * self.frozen
        return (y, 2 * y) if twice else y

    def norm(self, order=2):
        return self.first.weight.norm(order).item()

    @staticmethod
    def name_of(thing):
        return type(thing).__name__


def call_model(model, x):
    return model(x)


def logits_of(model, ids):
    return model(ids).logits


def backprop(model, x):
    model(x).sum().backward()


class Descent:
    """As torch.optim.SGD, whose import takes seconds."""

    def __init__(self, model, learning_rate):
        self.model = model
        self.learning_rate = learning_rate

    def step(self):
        with torch.no_grad():
            for parameter in self.model.parameters():
                if parameter.grad is not None:
                    parameter.sub_(self.learning_rate * parameter.grad)

    def zero_grad(self):
        self.model.zero_grad()


def optimize(optimizer):
    optimizer.step()


def countdown(count):
    while count:
        yield count
        count -= 1


def squares():
    return {"one": 1, "four": 4}.items()


def consume(iterator, count):
    return [next(iterator) for _ in range(count)]


def first_of(things):
    return things[0]


def attribute_of(thing, name):
    return getattr(thing, name)


def apply(function, array):
    return function(array)


def product(first, second):
    return first * second


def pair(x, y):
    return x * y, (x + y, [x - y])


def detached(x):
    return x.detach() * 2


def whole_numbers(x):
    return x.long()


def strides_of(x):
    return x.shape, x.stride(), x.storage_offset(), x.is_contiguous(), x.requires_grad, str(x.dtype)


def shares_memory(x, y):
    return x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()


def storage_of(x):
    return torch.empty(0, dtype=x.dtype).set_(x.untyped_storage())


def set_entry(x, index, value):
    with torch.no_grad():
        x[index] = value


def flags_of(array):
    return array.flags.writeable, array.flags.c_contiguous, array.dtype.str


def total(model, others):
    """Handles stand inside lists and dicts as well."""
    return sum(step.number for step in others["steps"]) + model.number


def kinds_of(value):
    if isinstance(value, dict):
        return {kinds_of(key): kinds_of(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(kinds_of, value)]
    return type(value).__name__


def same_again(value):
    return value


def none_at_all():
    pass


NOT_YET = None


def content(path):
    with open(path) as file:
        return file.read()


# -- forms of right answers

Point = namedtuple("Point", "x y")
Colour = enum.IntEnum("Colour", "RED GREEN")


class Word(str):
    __slots__ = ()


class Metres(float):
    pass


class Row(list):
    pass


class Record(UserDict):
    pass


class Marked(torch.Tensor):
    pass


@dataclasses.dataclass
class Config:
    size: int
    name: str = "config"


def config(size):
    return Config(size)


def model_output():
    from transformers.modeling_outputs import CausalLMOutput

    return CausalLMOutput(loss=torch.tensor(1.0), logits=torch.ones(1, 2))


def batch_encoding():
    from transformers import BatchEncoding

    return BatchEncoding({"input_ids": torch.tensor([[1, 2]]), "attention_mask": torch.tensor([[1, 1]])})


SQUARE = torch.arange(6.0).reshape(2, 3)


def _inference():
    with torch.inference_mode():
        return SQUARE * 1


FORMS = {
    "np.int64": lambda: np.int64(3),
    "np.uint8": lambda: np.uint8(255),
    "np.float32": lambda: np.float32(0.5),
    "np.float64": lambda: np.float64(0.5),
    "np.bool": lambda: np.bool_(True),
    "np.str": lambda: np.str_("word"),
    "np 0-dim": lambda: np.array(2.5),
    "tensor 0-dim": lambda: torch.tensor(2.5),
    "parameter": lambda: nn.Parameter(SQUARE.clone()),
    "requires grad": lambda: SQUARE.clone().requires_grad_(),
    "not a leaf": lambda: SQUARE.clone().requires_grad_() * 1,
    "view": lambda: SQUARE[:, 1:],
    "transposed": lambda: SQUARE.T.contiguous().T,
    "expanded": lambda: torch.ones(1, 3).expand(2, 3),
    "subclass": lambda: SQUARE.as_subclass(Marked),
    "inference": _inference,
    "conj": lambda: torch.tensor([1 + 2j, 3 - 4j]).conj(),
    "neg": lambda: torch.tensor([1 + 2j, 3 - 4j]).conj().imag,
    "bool": lambda: torch.tensor([True, False]),
    "bfloat16": lambda: torch.tensor([1.0, 0.1], dtype=torch.bfloat16),
    "float16": lambda: torch.tensor([1.0, 0.1], dtype=torch.float16),
    "empty": lambda: torch.empty(0, 4),
    "array": lambda: np.arange(6.0).reshape(2, 3),
    "array view": lambda: np.arange(12.0).reshape(2, 6)[:, ::-2],
    "array fortran": lambda: np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "array big-endian": lambda: np.arange(3, dtype=">f8"),
    "array read-only": lambda: np.broadcast_to(np.float64(1), (2, 2)),
    "array empty": lambda: np.zeros((3, 0)),
    "array bool": lambda: np.array([True, False]),
    "matrix": lambda: np.ma.masked_array([1.0, 2.0], mask=[False, True]),
    "named tuple": lambda: Point(1, SQUARE),
    "return type": lambda: torch.max(SQUARE, dim=1),
    "size": lambda: SQUARE.shape,
    "list": lambda: [1, [2.0, "three"], None, True],
    "list subclass": lambda: Row([1, 2]),
    "ordered": lambda: OrderedDict(b=1, a=2),
    "user dict": lambda: Record(a=np.int64(1)),
    "keys": lambda: {np.int64(1): "a", (1, "b"): "c", None: 0, b"k": 2, 1.5: 3},
    "int enum": lambda: Colour.GREEN,
    "str subclass": lambda: Word("word"),
    "float subclass": lambda: Metres(1.5),
    "bytes": lambda: b"\x00\xff",
    "big int": lambda: -(2**200),
    "nan": lambda: [float("nan"), float("inf"), -float("inf"), -0.0],
    "surrogate": lambda: "\ud800 and \x00 and é",
    "many": lambda: list(range(100_000)),
}


def form(name):
    return FORMS[name]()


def generator():
    return (number for number in range(3))


# -- what cannot be sent


def refused(name):
    looped = []
    looped.append(looped)
    deep = []
    for _ in range(1000):
        deep = [deep]
    return {
        "looped": lambda: looped,
        "deep": lambda: deep,
        "tensor key": lambda: {torch.tensor(1): 1},
        "object key": lambda: {Step(1): 1},
        "large": lambda: np.zeros(9 << 20),
        "long": lambda: "x" * (9 << 20),
        "huge int": lambda: 1 << 100_000,
        "many tensors": lambda: [torch.tensor(0.0)] * 20_001,
        "expanded": lambda: torch.zeros(1).expand(2**40),
        "broadcast": lambda: np.broadcast_to(0.0, (2**40,)),
        "dimensions": lambda: torch.zeros([1] * 20),
    }[name]()


def left_behind(name):
    """No data, so a handle."""
    return {
        "object array": lambda: np.array([object()], dtype=object),
        "words": lambda: np.array(["a", "b"]),
        "sparse": SQUARE.to_sparse,
        "meta": lambda: torch.empty(2, device="meta"),
        "set": lambda: {1, 2},
        "range": lambda: range(3),
        "complex": lambda: 1j,
        "long double": lambda: np.longdouble(1),
        "function": lambda: scaled,
        "module": lambda: torch,
        "device": lambda: torch.device("cpu"),
    }[name]()


# -- errors


class Unfit(ValueError):
    pass


class Unhappy(Exception):
    pass


def fail(name, text="wrong"):
    own = {"Unfit": Unfit, "Unhappy": Unhappy, "Group": lambda _: ExceptionGroup(text, [ValueError(text)])}
    raise own.get(name, getattr(builtins, name, None))(text)


def decode():
    return b"\xff".decode()
