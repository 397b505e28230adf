"""Ten thousand messages that somebody else might have written: a value or a `WireError`, never anything else."""

import random
import struct

import numpy as np
import pytest
import torch

from autograder.student.wire import MAX_ELEMENTS, Ref, WireError, decode, encode

BASE = torch.arange(12.0).reshape(3, 4)
SEEDS = [
    {"op": "call", "args": [BASE.T, BASE[1:, ::2]], "kwargs": {"n": 3}, "keep": None},
    [1, 2.5, "text", None, True, b"bytes", (1, ()), -(2**100), float("nan")],
    {"value": (np.arange(6).reshape(2, 3), {"h": Ref(1, "Model"), "g": [Ref(2, "x"), Ref(2, "x")]})},
    [torch.ones(1).expand(4, 5), torch.empty(0, 3), torch.tensor(True), torch.tensor(1.5, requires_grad=True)],
    {1: {(2, "a"): [[]]}, None: b"", 1.5: {"x": np.zeros((2, 0), dtype="bool")}},
]
TOKENS = [
    *(b"-1", b"0", b"1", b"2", b"9223372036854775807", b"4611686018427387903", b"1e400", b"NaN", b"-Infinity", b"1.5"),
    *(
        b"[]",
        b"{}",
        b'{"a":1}',
        b"null",
        b"true",
        b'""',
        b'"l"',
        b'"t"',
        b'"d"',
        b'"i"',
        b'"b"',
        b'"a"',
        b'"T"',
        b'"h"',
    ),
    *(b'"float32"', b'"bool"', b'"complex128"', b'"object"', b'"\\ud800"', b'"0x"', b"[0,8]", b"[[0,8]]", b'["l"]'),
]


def read(value, storages):
    """Bytes that the value holds, a shared storage once; reads all of it, so that a lie about memory would show."""
    if isinstance(value, dict):
        return sum(read(key, storages) + read(part, storages) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return sum(read(part, storages) for part in value)
    if isinstance(value, torch.Tensor):
        assert value.numel() <= MAX_ELEMENTS
        if value.numel() < 10_000:
            value.detach().clone()
        storage = value.untyped_storage()
        known = storage.data_ptr() in storages
        storages.add(storage.data_ptr())
        return 0 if known else storage.nbytes()
    if isinstance(value, np.ndarray):
        value.copy()
        return value.nbytes
    if isinstance(value, bytes):
        return len(value)
    assert value is None or isinstance(value, (bool, int, float, str, Ref))
    return 0


def mutated(rng, header, raw):
    """One of the ways in which a message can be wrong."""
    header, raw = bytearray(header), bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        where = rng.randrange(len(header) + 1)
        match rng.randrange(7):
            case 0:
                header[where : where + 1] = bytes([rng.randrange(256)])
            case 1:
                del header[where : where + rng.randrange(1, 20)]
            case 2:
                header = header[:where]
            case 3:
                header[where:where] = header[rng.randrange(len(header) + 1) :][:30]
            case 4 | 5:
                header = replaced_part(rng, header)
            case 6:
                raw = raw[: rng.randrange(len(raw) + 1)]
                if raw:
                    raw[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(header), bytes(raw)


def replaced_part(rng, header):
    """A number, word or bracket of the JSON text for another, so that it stays JSON most of the time."""
    starts = [index for index, byte in enumerate(header) if byte in b"[,"]
    if not starts:
        return header
    start = rng.choice(starts) + 1
    end = start
    while end < len(header) and header[end] not in b",]":
        end += 1
    return header[:start] + rng.choice(TOKENS) + header[end:]


def made_up(rng, depth=0):
    """A tree with the right tags and anything behind them."""
    tag = rng.choice(["l", "t", "d", "i", "b", "a", "T", "h", "x", 3])

    def number():
        return rng.choice([0, 1, 2, 3, 8, -1, 2**26, 2**31, 2**61, 2**63, 1.5, True, None, "1"])

    def numbers():
        return rng.choice([[number() for _ in range(rng.randrange(4))], number(), {}])

    if depth > 4 or rng.random() < 0.2:
        return number()
    match tag:
        case "d":
            pairs = [
                [made_up(rng, depth + 1) for _ in range(rng.choice((2, 2, 2, 3)))] for _ in range(rng.randrange(3))
            ]
            return [tag, *pairs]
        case "a":
            return [tag, rng.choice(["float32", "uint8", "bool", "object"]), numbers(), number(), number()]
        case "T":
            kind = rng.choice(["float32", "uint8", "bool", "complex64", "storage"])
            return [tag, kind, numbers(), numbers(), number(), number(), rng.choice([True, False, 1])]
        case "i" | "b" | "h":
            return [tag, *(number() for _ in range(rng.randrange(4)))]
    return [tag, *(made_up(rng, depth + 1) for _ in range(rng.randrange(4)))]


def check(header, raw):
    """1 if the message is a value."""
    try:
        value = decode(header, raw)
    except WireError:
        return 0
    assert read(value, set()) <= len(raw)
    return 1


@pytest.mark.parametrize("seed", range(5))
def test_mutated_messages(seed):
    rng = random.Random(seed)
    good = [encode(value) for value in SEEDS]
    accepted = sum(check(*mutated(rng, *rng.choice(good))) for _ in range(1400))
    assert 20 < accepted < 1000, "some are still messages, so that the rest is not refused for one reason"


def test_made_up_messages():
    import json

    rng = random.Random(11)
    accepted = 0
    for _ in range(2000):
        storages = rng.choice([[], [[0, 8]], [[0, 8], [8, 8]], [[0, 2**40]], [[-8, 8]], [[0]], {}, None])
        accepted += check(json.dumps([made_up(rng), storages]).encode(), bytes(rng.choice((0, 8, 16))))
    assert accepted > 20


def test_noise():
    rng = random.Random(12)
    for _ in range(1000):
        check(rng.randbytes(rng.randrange(60)), rng.randbytes(rng.randrange(60)))


def test_every_truncation():
    for value in SEEDS:
        header, raw = encode(value)
        for end in range(len(header)):
            with pytest.raises(WireError):
                decode(header[:end], raw)
        for end in range(len(raw)):
            check(header, raw[:end])


def test_shapes_and_strides_that_lie():
    """Layouts at random over a storage of eight numbers: refused, or inside it."""
    import json

    rng = random.Random(13)
    raw = struct.pack("8f", *range(8))
    accepted = 0
    for _ in range(1000):
        sizes = [rng.choice((0, 1, 2, 3, 2**26, 2**40)) for _ in range(rng.randrange(4))]
        steps = [rng.choice((0, 1, 2, 4, 7, 2**40, 2**61, -1)) for _ in sizes]
        tree = ["T", "float32", sizes, steps, rng.choice((0, 1, 7, 8, 2**61)), 0, False]
        accepted += check(json.dumps([tree, [[0, 32]]]).encode(), raw)
    assert accepted > 50
