"""Frames that somebody else might have sent, in either direction: a value, a `WireError` or a closed channel."""

import random
import socket
import struct
from pathlib import Path

import pytest

from autograder.student import wire
from autograder.student.channel import Channel, ChannelClosed
from autograder.student.wire import Ref, WireError
from autograder.student.workbench import BenchConfig, Workbench
from autograder.student.worker import _answer
from autograder.target.forms import is_answer

TINY_UNIT = Path(__file__).with_name("tiny_unit")
MOST = 1 << 16  # bytes of a message, on these channels
VALUES = (
    None,
    {"value": [1, 2.5, float("nan"), float("-inf"), -(2**70)]},
    {"value": {"x": ("a", b"bytes"), 3: [Ref(1, "Model")]}},
    {"error": {"kind": "ValueError", "name": "Own", "text": "t", "frames": [["words.py", 3, "f", "x", []]]}},
    {"missing": "words.py has no f"},
    {"forbidden": ["collections.Counter", 3]},
    [[[[]]]] * 20,
)
SIZES = (0, 1, 2, 24, 1000, MOST, MOST + 1, 8 << 20, (8 << 20) + 1, 2**31, 2**32 - 1)
REQUESTS = (
    {"op": "call", "target": "count_words", "args": ["a b"], "kwargs": {}, "keep": None, "after": False, "seed": 1},
    {"op": "call", "target": "most_common", "args": [""], "kwargs": {}, "keep": [], "after": True, "seed": None},
    {"op": "begin", "seed": 3},
    {"op": "value", "name": "count_words"},
    {"op": "get", "target": Ref(0, "dict"), "path": "x.y"},
    {"op": "take", "target": Ref(0, "dict"), "count": 3},
    {"op": "same", "first": Ref(0, "x"), "second": Ref(1, "y")},
)


def frame(dice: random.Random, value: object, number: int) -> bytes:
    """A frame, sometimes with a lie in its head, sometimes with another body."""
    header, raw = wire.encode(value)
    sizes = [len(header), len(raw)]
    if dice.random() < 0.2:
        sizes[dice.randrange(2)] = dice.choice(SIZES)
    if dice.random() < 0.1:
        header = b"[" * dice.choice((10, 1000, 50_000))
        sizes[0] = len(header)
    magic = b"AG02" if dice.random() < 0.95 else dice.randbytes(4)
    number = number if dice.random() < 0.8 else dice.randrange(2**64)
    return struct.pack(">4sQIQ", magic, number, sizes[0], sizes[1]) + header + raw


def stream(dice: random.Random) -> bytes:
    """Some frames, one after another: duplicated, cut, with noise between them, with bytes that are others."""
    data = bytearray()
    for _ in range(dice.randrange(1, 4)):
        made = frame(dice, dice.choice(VALUES), 7)
        data += made * dice.choice((1, 1, 1, 2))
        if dice.random() < 0.1:
            data += dice.randbytes(dice.randrange(40))
    for _ in range(dice.choice((0, 0, 1, 3))):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data[: dice.choice((len(data), len(data), dice.randrange(len(data) + 1)))])


class Writer:
    """The other end: a piece each time it is asked, and then no more."""

    def __init__(self, end: socket.socket, rest: memoryview, piece: int) -> None:
        self.end, self.rest, self.piece = end, rest, piece

    def write(self) -> None:
        if self.rest:
            self.end.sendall(self.rest[: self.piece])
            self.rest = self.rest[self.piece :]
        else:
            self.end.close()


@pytest.mark.parametrize("piece", [1 << 20, 7, 1], ids=["whole", "in pieces", "dripped"])
def test_what_comes_through_a_channel_is_a_value_or_an_error(piece: int) -> None:
    """2,400 streams of some frames each. Each time the reader waits, the next piece is written: no clock is in it."""
    dice = random.Random(piece)
    count = {"value": 0, "error": 0, "closed": 0}
    for _ in range(1000 if piece > 1 else 400):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            writer = Writer(theirs, memoryview(stream(dice)[: 4000 if piece < 100 else MOST]), piece)
            channel = Channel(ours, MOST)
            while True:
                try:
                    channel.receive(number=7, watch=writer.write)
                    count["value"] += 1
                except WireError:
                    count["error"] += 1
                    break
                except ChannelClosed:
                    count["closed"] += 1
                    break
    assert min(count.values()) > 20, count


def mutated(dice: random.Random, header: bytes) -> bytes:
    changed = bytearray(header)
    for _ in range(dice.choice((1, 1, 2))):
        where = dice.randrange(len(changed))
        match dice.randrange(4):
            case 0:
                changed[where] = dice.randrange(32, 127)
            case 1:
                del changed[where : where + dice.randrange(1, 8)]
            case 2:
                changed[where:where] = dice.choice(
                    (b"[]", b"null", b'"x"', b"1", b"-1", b"1e999", b'["h",9,"x"]', b"{}")
                )
            case 3:
                words = (b"call", b"get", b"target", b"args", b"null", b"seed", b"value", b"count_words", b"true")
                changed = changed.replace(dice.choice(words), dice.choice(words), 1)
        changed = changed or bytearray(b"0")
    return bytes(changed)


def test_a_mutated_request_is_answered_whatever_it_asks() -> None:
    """The other direction: two thousand requests as a worker gets them; it never ends over one."""
    dice = random.Random(5)
    bench = Workbench(BenchConfig("words", str(TINY_UNIT / "solutions"), isolated=False))
    bench.load()
    answered = 0
    for _ in range(2000):
        request = dice.choice(REQUESTS)
        try:
            theirs = wire.decode(mutated(dice, wire.encode(request)[0]), b"", bench.held)
        except (WireError, KeyError):  # what the worker's own loop calls a fault
            continue
        if isinstance(theirs, dict) and theirs.get("op") == "scan":
            continue
        answer = _answer(bench, theirs)
        assert answer.keys() <= {"value", "missing", "error", "forbidden"}
        wire.encode(answer)
        answered += 1
        if "value" in answer and "op" in request:
            is_answer(request, answer["value"])
    assert answered > 200


def test_an_answer_of_any_form_is_one_or_is_none() -> None:
    """Whatever a worker says to whatever was asked: `is_answer` says yes or no."""
    for request in REQUESTS:
        for value in (
            *VALUES,
            *(part for each in VALUES if isinstance(each, dict) for part in each.values()),
            (),
            ({}, ()),
        ):
            assert is_answer(request, value) in (True, False)
