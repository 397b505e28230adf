"""What may cross between grader and worker: plain data, sizes and depth bounded. Never pickle, never code.

A message is a JSON header and one block of raw bytes. JSON scalars stand for themselves, every array is tagged:

    ["l", ...] list    ["t", ...] tuple    ["d", [key, value], ...] dict    ["i", "-0x1f"] a large int
    ["b", offset, size] bytes              ["a", dtype, shape, offset, size] NumPy array, C order
    ["T", dtype, shape, strides, storage_offset, storage, requires_grad] torch tensor
    ["h", id, kind] something that stays where it is

Storages of tensors travel once, however many tensors share them, so that views stay views; what no tensor of the
message shows of its storage is blanked, so that `tokens[:, :-1]` does not carry the last token along. Decoding trusts
nothing: whatever does not fit raises `WireError`, which makes the call that it belongs to a failed call. It hands out
no byte twice, so what it makes is not much larger than the message.
"""

import ctypes
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

MAX_DEPTH = 64
MAX_DIMENSIONS = 16
MAX_ELEMENTS = 2**26
MAX_NODES = 4_000_000
MAX_ARRAYS = 20_000
MAX_HEADER = 8 << 20  # bytes; the lists that Python makes of a header are up to thirty times as large
MAX_INT_BITS = 4096

TENSOR_TYPES = (
    *("float64", "float32", "float16", "bfloat16", "complex64", "complex128"),
    *("int64", "int32", "int16", "int8", "uint8", "bool"),
)
ARRAY_TYPES = (
    *("float64", "float32", "float16", "complex64", "complex128"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"),
)


class WireError(Exception):
    """A value that may not cross, or a message that is not what it claims to be."""


class Ref:
    """Names an object that stays in the worker; `kind` is the name of its type."""

    __slots__ = ("id", "kind")

    def __init__(self, id: int, kind: str = "object") -> None:
        self.id = id
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind} of the student>"


_JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False)  # it is given trees only
_SCALARS = frozenset((type(None), bool, float, str))  # that stand for themselves
_NO_SCALARS = frozenset((list, dict))  # of what JSON knows
_MAX_JSON_INT, _MAX_SIZE = 2**63, 2**62


@dataclass
class _Encoder:
    raw: bytearray = field(default_factory=bytearray)
    shown: list[list[Any]] = field(default_factory=list)  # of each storage, the tensors that show it; kept alive here
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)  # of a storage by its address and size
    nodes: int = 0
    arrays: int = 0

    def tree(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind is int:
            if value.bit_length() > MAX_INT_BITS:
                raise WireError(f"an int of more than {MAX_INT_BITS} bits")
            return value if abs(value) < _MAX_JSON_INT else ["i", hex(value)]
        if kind is list or kind is tuple:
            deeper = self.deeper(depth, len(value))
            parts = [part if type(part) in _SCALARS else self.tree(part, deeper) for part in value]
            return ["l" if kind is list else "t", *parts]
        if kind is dict:
            deeper = self.deeper(depth, 2 * len(value))
            return ["d", *([self.tree(_key(k), deeper), self.tree(v, deeper)] for k, v in value.items())]
        if kind is bytes:
            return ["b", *self.block(value)]
        if isinstance(value, Ref):
            return ["h", value.id, value.kind]
        numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
        if numpy is not None and kind is numpy.ndarray and (name := value.dtype.name) in ARRAY_TYPES:  # a slow name
            self.count(value.shape)
            native = value.astype(name, copy=False)  # the name leaves out the order of bytes
            return ["a", name, list(value.shape), *self.block(native.tobytes())]
        if torch is not None and kind is torch.Tensor:
            return self.tensor(value)
        raise WireError(f"{kind.__name__} is not data that can be sent")

    def deeper(self, depth: int, parts: int) -> int:
        """The depth of the parts of something, of which there are so many."""
        self.nodes += parts
        if parts and depth >= MAX_DEPTH:
            raise WireError(f"nested deeper than {MAX_DEPTH}")
        if self.nodes > MAX_NODES:
            raise WireError(f"more than {MAX_NODES} parts")
        return depth + 1

    def tensor(self, value: Any) -> Any:
        name = _name_of(value.dtype)
        if name not in TENSOR_TYPES or value.layout is not sys.modules["torch"].strided or not value.is_cpu:
            raise WireError(f"a tensor of {value.dtype}, {value.layout} on {value.device} is not data that can be sent")
        self.count(value.shape)
        plain = value.detach().resolve_conj().resolve_neg()
        storage = plain.untyped_storage()
        number = self.numbers.setdefault((storage.data_ptr(), storage.nbytes()), len(self.shown))
        if number == len(self.shown):
            self.shown.append([])
        self.shown[number].append(plain)
        shape, strides = list(plain.shape), list(plain.stride())
        return ["T", name, shape, strides, plain.storage_offset(), number, value.requires_grad]

    def storages(self) -> list[list[int]]:
        """The block of each storage, once all tensors that show it are known."""
        return [self.block(_shown_bytes(tensors)) for tensors in self.shown]

    def count(self, shape: Sequence[int]) -> None:
        self.arrays += 1
        if self.arrays > MAX_ARRAYS:
            raise WireError(f"more than {MAX_ARRAYS} arrays and tensors")
        _elements(list(shape))

    def block(self, data: bytes) -> list[int]:
        self.raw.extend(b"\0" * (-len(self.raw) % 8))  # aligned, so that it can be read in place
        self.raw.extend(data)
        return [len(self.raw) - len(data), len(data)]


def encode(value: Any) -> tuple[bytes, bytes]:
    """A value as header and raw block. Raises `WireError` for what is not plain data."""
    encoder = _Encoder()
    try:
        tree = encoder.tree(value)
        header = _JSON.encode([tree, encoder.storages()]).encode()
    except RecursionError:
        raise WireError("nested too deep") from None
    if len(header) > MAX_HEADER:
        raise WireError(f"more than {MAX_HEADER >> 20} MB of numbers and words outside arrays")
    return header, bytes(encoder.raw)


def _shown_bytes(tensors: list[Any]) -> bytes:
    """The bytes of a storage, with 0 wherever none of these tensors has an element."""
    storage = tensors[0].untyped_storage()
    size = storage.nbytes()
    data = ctypes.string_at(storage.data_ptr(), size) if size else b""
    if any(tensor.is_contiguous() and tensor.numel() * tensor.element_size() == size for tensor in tensors):
        return data
    torch = sys.modules["torch"]
    shown = torch.zeros(size, dtype=torch.bool)
    for tensor in tensors:
        if tensor.numel():
            width = tensor.element_size()
            strides = [step * width for step in tensor.stride()]
            sizes = [length if step else 1 for length, step in zip(tensor.shape, strides, strict=True)]
            shown.as_strided([*sizes, width], [*strides, 1], tensor.storage_offset() * width).fill_(True)
    return bytes((torch.frombuffer(bytearray(data), dtype=torch.uint8) * shown).numpy()) if size else b""


@dataclass
class _Decoder:
    raw: bytearray
    storages: list[Any]
    resolve: Callable[[int, str], Any]
    made: dict[int, Any] = field(default_factory=dict)
    given: int = 0  # bytes handed out
    arrays: int = 0

    def tree(self, node: Any, depth: int = 0) -> Any:
        kind = type(node)
        if kind is not list:
            if kind is dict:
                raise WireError("an object where an array belongs")
            return node
        if depth > MAX_DEPTH:
            raise WireError(f"nested deeper than {MAX_DEPTH}")
        tag, *rest = node
        if tag == "l":
            return [self.tree(part, depth + 1) if type(part) in _NO_SCALARS else part for part in rest]
        if tag == "t":
            return tuple([self.tree(part, depth + 1) if type(part) in _NO_SCALARS else part for part in rest])
        if tag == "d":
            if any(type(pair) is not list for pair in rest):
                raise WireError("a dict that is none")
            return {_key(self.tree(key, depth + 1)): self.tree(part, depth + 1) for key, part in rest}
        if tag == "i":
            (digits,) = rest
            if type(digits) is not str or len(digits) > MAX_INT_BITS // 4 + 3:
                raise WireError("an int that is too large")
            return int(digits, 16)
        if tag == "b":
            return bytes(self.block(*rest))
        if tag == "h":
            number, kind = rest
            if type(number) is not int or type(kind) is not str:
                raise WireError("a handle that is none")
            return self.resolve(number, kind[:80])
        if tag == "a":
            return self.array(*rest)
        if tag == "T":
            return self.tensor(*rest)
        raise WireError("unknown tag")

    def block(self, offset: int, size: int) -> memoryview:
        _naturals(offset, size)
        self.given += size
        if offset + size > len(self.raw) or self.given > len(self.raw):
            raise WireError("a block outside the message, or one that is used twice")
        return memoryview(self.raw)[offset : offset + size]

    def array(self, dtype: str, shape: list[int], offset: int, size: int) -> Any:
        numpy = _library("numpy")
        if dtype not in ARRAY_TYPES:
            raise WireError("an array of unknown type")
        if self.elements(shape) * numpy.dtype(dtype).itemsize != size:
            raise WireError("an array whose size is not that of its shape")
        data = bytearray(self.block(offset, size))
        if dtype == "bool":
            _truths(bytes(data))
        return numpy.frombuffer(data, dtype=dtype).reshape(shape)

    def tensor(
        self, dtype: str, shape: list[int], strides: list[int], offset: int, storage: int, requires_grad: bool
    ) -> Any:
        torch = _library("torch")
        if dtype not in TENSOR_TYPES:
            raise WireError("a tensor of unknown type")
        _naturals(offset, storage, *strides)
        elements = self.elements(shape)
        if len(strides) != len(shape) or type(requires_grad) is not bool or storage >= len(self.storages):
            raise WireError("a tensor that does not fit itself")
        kind = getattr(torch, dtype)
        data = self.storage(storage, torch)
        held = data.numel() // kind.itemsize
        last = offset
        if elements:
            for length, step in zip(shape, strides, strict=True):
                last += (length - 1) * step
        if (last >= held if elements else last > held) or data.numel() % kind.itemsize:
            raise WireError("a tensor outside its storage")
        if dtype == "bool":
            _truths(bytes(data.numpy()))
        made = torch.empty(0, dtype=kind).set_(data.untyped_storage(), offset, shape, strides)
        return made.requires_grad_(requires_grad) if requires_grad else made

    def storage(self, number: int, torch: Any) -> Any:
        if number not in self.made:
            offset, size = self.storages[number]
            block = self.block(offset, size)
            self.made[number] = torch.frombuffer(bytearray(block), dtype=torch.uint8) if size else torch.empty(0).byte()
        return self.made[number]

    def elements(self, shape: list[int]) -> int:
        self.arrays += 1
        if self.arrays > MAX_ARRAYS:
            raise WireError(f"more than {MAX_ARRAYS} arrays and tensors")
        return _elements(shape)


def decode(header: bytes | bytearray, raw: bytes | bytearray, resolve: Callable[[int, str], Any] = Ref) -> Any:
    """The value of a message. `resolve` turns (id, kind) of a handle into what stands for it here."""
    if len(header) > MAX_HEADER:
        raise WireError("a header that is too large")
    try:
        tree, storages = json.loads(header.decode())
        held = raw if type(raw) is bytearray else bytearray(raw)
        return _Decoder(held, list(storages), resolve).tree(tree)
    except WireError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise WireError(f"malformed: {type(error).__name__}") from None
    except (RuntimeError, MemoryError):  # what torch makes of sizes that overflow
        raise WireError("malformed sizes") from None


@lru_cache(maxsize=64)
def _name_of(dtype: Any) -> str:
    """Of a dtype of torch: "float32"."""
    return str(dtype).removeprefix("torch.")


def _library(name: str) -> Any:
    module = sys.modules.get(name)
    if module is None:
        raise WireError(f"a value of {name}, which this unit does not use")
    return module


def _naturals(*numbers: object) -> None:
    for number in numbers:
        if type(number) is not int or not 0 <= number < _MAX_SIZE:
            raise WireError("a size that is none")


def _elements(shape: list[int]) -> int:
    if len(shape) > MAX_DIMENSIONS:
        raise WireError(f"more than {MAX_DIMENSIONS} dimensions")
    _naturals(*shape)
    elements = math.prod(shape)
    if max((elements, *shape)) > MAX_ELEMENTS:
        raise WireError(f"more than {MAX_ELEMENTS} elements")
    return elements


def _key(key: Any) -> Any:
    """What may be the key of a dict: a scalar, or a tuple of such."""
    if key is None or type(key) in (bool, int, float, str, bytes):
        return key
    if type(key) is tuple:
        return tuple(_key(part) for part in key)
    raise WireError(f"a dict with a key of type {type(key).__name__}")


def _truths(data: bytes) -> None:
    """A byte of a bool is 0 or 1: what arithmetic makes of any other is anybody's guess."""
    if data.translate(None, b"\0\1"):
        raise WireError("a bool that is neither")
