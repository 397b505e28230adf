"""The wire and the channel, by themselves: what crosses, what is refused, and that nothing else ever comes of it."""

import json
import socket
import struct
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from autograder.student import wire
from autograder.student.channel import Channel, ChannelClosed
from autograder.student.wire import Ref, WireError, decode, encode


def crossed(value):
    return decode(*encode(value))


def message(tree, storages=(), raw=b""):
    return json.dumps([tree, list(storages)]).encode(), raw


@contextmanager
def little_memory(megabytes):
    """torch's own memory is not seen here; what it claims is checked by the sizes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes << 20
    finally:
        tracemalloc.stop()


# -- what crosses


def test_plain_data_crosses():
    value = {"a": [1, -(2**63), 2**63, True, None, "é\ud800", b"\x00", (), {}], (1, 2.5, None): {"x": [[[]]]}}
    assert crossed(value) == value
    assert [type(each) for each in crossed([True, 1, 1.0, "", b"", None])] == [bool, int, float, str, bytes, type(None)]


def test_handles_are_resolved():
    seen = []
    assert decode(*encode([Ref(3, "Model")]), lambda *told: seen.append(told)) == [None]
    assert seen == [(3, "Model")]


def test_views_of_one_storage_travel_once():
    x = torch.arange(1000.0)
    header, raw = encode([x, x[10:20], x.view(10, 100).T])
    assert len(raw) == 4000
    whole, part, turned = decode(header, raw)
    whole[10] = -1
    assert part[0] == -1
    assert turned[10, 0] == -1


def test_what_is_made_belongs_to_the_reader():
    array, tensor = crossed([np.zeros(3), torch.zeros(3)])
    array += 1
    tensor += 1
    assert array.flags.owndata or array.base is not None


@pytest.mark.parametrize(
    "value",
    [
        *(object(), {1, 2}, 1j, np.array([object()]), np.float64(1), {torch.ones(1): 1}, {Ref(1): 1}, {frozenset(): 1}),
        *(
            torch.nn.Parameter(torch.ones(1)),
            torch.empty(1, device="meta"),
            torch.eye(2).to_sparse(),
            torch.zeros(17 * [1]),
        ),
        *(1 << 5000, torch.zeros(1).expand(2**27), "x" * (9 << 20), [torch.zeros(1)] * 20_001, np.zeros(20 * [1])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_not_cross_is_refused_by_the_sender(value):
    with pytest.raises(WireError):
        encode(value)


def test_whatever_the_sender_lets_through_the_receiver_reads():
    """Otherwise a right answer would look like a broken worker."""
    nested = [1]
    for _ in range(63):
        nested = [nested]
    for value in (
        (1 << 4096) - 1,
        -(1 << 4095),
        nested,
        [torch.zeros(0)] * 20_000,
        torch.zeros(16 * [1]),
        2**63,
        -(2**63),
    ):
        assert type(crossed(value)) is type(value)
    with pytest.raises(WireError):
        encode([nested])


# -- what is refused by the receiver

EIGHT = bytes(8)
MALFORMED = {
    "not json": (b"\xff\xfe", b""),
    "empty": (b"", b""),
    "no pair": (b"[1]", b""),
    "a triple": (b"[1,[],[]]", b""),
    "an object": (b'[{"a":1},[]]', b""),
    "an object as storages": message(["T", "float32", [1], [1], 0, 0, False], {"a": 1}),
    "no tag": message([]),
    "unknown tag": message(["z", 1]),
    "tag that is a number": message([1, 2]),
    "tag that is a list": message([["l"], 2]),
    "int that is none": message(["i", "zz"]),
    "int that is a list": message(["i", [1] * 5]),
    "int of too many digits": message(["i", "f" * 2000]),
    "decimal int of too many digits": (b"[" + b"9" * 10_000 + b",[]]", b""),
    "two ints": message(["i", "1", "2"]),
    "pair that is a word": message(["d", "ab"]),
    "pair of three": message(["d", [1, 2, 3]]),
    "pair that is a number": message(["d", 3]),
    "key that is a list": message(["d", [["l"], 1]]),
    "key that is a dict": message(["d", [["d"], 1]]),
    "key that is a tuple with a list": message(["d", [["t", ["l"]], 1]]),
    "key that is a tensor": message(["d", [["T", "float32", [0], [1], 0, 0, False], 1]], [[0, 0]]),
    "key that is a handle": message(["d", [["h", 1, "x"], 1]]),
    "handle of no kind": message(["h", 1]),
    "handle with a number for a kind": message(["h", 1, 2]),
    "handle with a bool": message(["h", True, "x"]),
    "handle with a float": message(["h", 1.0, "x"]),
    "bytes outside": message(["b", 4, 8], raw=EIGHT),
    "bytes before": message(["b", -1, 4], raw=EIGHT),
    "bytes of negative size": message(["b", 4, -4], raw=EIGHT),
    "bytes of float size": message(["b", 0, 4.0], raw=EIGHT),
    "bytes twice": message(["l", ["b", 0, 8], ["b", 0, 8]], raw=EIGHT),
    "array of another size": message(["a", "float32", [3], 0, 8], raw=EIGHT),
    "array of objects": message(["a", "object", [1], 0, 8], raw=EIGHT),
    "array of words": message(["a", "<U2", [1], 0, 8], raw=EIGHT),
    "array whose type is a list": message(["a", ["float32"], [2], 0, 8], raw=EIGHT),
    "array of negative shape": message(["a", "float32", [-2], 0, 8], raw=EIGHT),
    "array of two negative lengths": message(["a", "float32", [-1, -2], 0, 8], raw=EIGHT),
    "array of float shape": message(["a", "float32", [2.0], 0, 8], raw=EIGHT),
    "array of bool shape": message(["a", "float32", [True, True], 0, 4], raw=EIGHT),
    "array whose shape is a word": message(["a", "float32", "22", 0, 16], raw=EIGHT),
    "array whose shape is a number": message(["a", "float32", 2, 0, 8], raw=EIGHT),
    "array that overflows": message(["a", "float32", [2**32, 2**32], 0, 0]),
    "array of a large length and none": message(["a", "float32", [2**61, 0], 0, 0]),
    "array of many dimensions": message(["a", "float32", [1] * 17 + [2], 0, 8], raw=EIGHT),
    "array of a bool of 2": message(["a", "bool", [1], 0, 1], raw=b"\2"),
    "array used twice": message(["l", *[["a", "float32", [2], 0, 8]] * 2], raw=EIGHT),
    "tensor outside": message(["T", "float32", [3], [1], 0, 0, False], [[0, 8]], EIGHT),
    "tensor past its offset": message(["T", "float32", [2], [1], 1, 0, False], [[0, 8]], EIGHT),
    "tensor of large steps": message(["T", "float32", [2], [2], 0, 0, False], [[0, 8]], EIGHT),
    "tensor of negative steps": message(["T", "float32", [2], [-1], 1, 0, False], [[0, 8]], EIGHT),
    "tensor of huge steps": message(["T", "float32", [2, 2], [2**62, 2**62], 0, 0, False], [[0, 8]], EIGHT),
    "tensor of a huge offset": message(["T", "float32", [1], [1], 2**61, 0, False], [[0, 8]], EIGHT),
    "empty tensor of a huge offset": message(["T", "float32", [0], [1], 2**61, 0, False], [[0, 8]], EIGHT),
    "empty tensor that is large": message(["T", "float32", [2**61, 2**61, 0], [1, 1, 1], 0, 0, False], [[0, 0]]),
    "tensor of too few steps": message(["T", "float32", [1, 2], [1], 0, 0, False], [[0, 8]], EIGHT),
    "tensor without storage": message(["T", "float32", [1], [1], 0, 0, False]),
    "tensor with the last storage": message(["T", "float32", [1], [1], 0, -1, False], [[0, 8]], EIGHT),
    "storage of an odd size": message(["T", "float32", [1], [1], 0, 0, False], [[0, 7]], EIGHT),
    "storage outside": message(["T", "float32", [1], [1], 0, 0, False], [[8, 8]], EIGHT),
    "storage of three": message(["T", "float32", [1], [1], 0, 0, False], [[0, 8, 8]], EIGHT),
    "storage used twice": message(
        ["l", *(["T", "float32", [2], [1], 0, number, False] for number in (0, 1))], [[0, 8], [0, 8]], EIGHT
    ),
    "gradient of whole numbers": message(["T", "int64", [1], [1], 0, 0, True], [[0, 8]], EIGHT),
    "gradient that is a number": message(["T", "float32", [1], [1], 0, 0, 1], [[0, 8]], EIGHT),
    "sparse tensor": message(["T", "sparse", [1], [1], 0, 0, False], [[0, 8]], EIGHT),
    "tensor of an attribute of torch": message(["T", "load", [1], [1], 0, 0, False], [[0, 8]], EIGHT),
    "tensor of a bool of 2": message(["T", "bool", [1], [1], 0, 0, False], [[0, 1]], b"\2"),
    "tensor of many dimensions": message(["T", "float32", [1] * 17, [1] * 17, 0, 0, False], [[0, 8]], EIGHT),
    "many million dimensions": message(["T", "float32", [2**61] * 500_000, [], 0, 0, False], [[0, 8]], EIGHT),
    "too many elements": message(["T", "uint8", [2**27], [0], 0, 0, False], [[0, 8]], EIGHT),
    "too many tensors": message(["l", *[["T", "uint8", [0], [0], 0, 0, False]] * 20_001], [[0, 0]]),
    "deep": (b"[" * 60_000 + b"]" * 60_000, b""),
    "deeper than allowed": message(json.loads('["l",' * 70 + "1" + "]" * 70)),
    "too large a header": (b"[[" + b" " * wire.MAX_HEADER + b"],[]]", b""),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_message_is_refused(name):
    with pytest.raises(WireError):
        decode(*MALFORMED[name])


def test_a_small_message_makes_nothing_large():
    with little_memory(4):
        expanded = decode(*message(["T", "uint8", [2**13, 2**13], [0, 0], 0, 0, False], [[0, 8]], EIGHT))
        assert expanded.untyped_storage().nbytes() == 8
        for header, raw in (
            message(["l", *[["a", "float32", [250], 0, 1000]] * 30], raw=bytes(1000)),
            message(["l", *[["b", 0, 1000]] * 60], raw=bytes(1000)),
            message(["a", "float64", [2**26], 0, 2**29], raw=bytes(1000)),
            message(["T", "float64", [2**26], [1], 0, 0, False], [[0, 2**29]], bytes(1000)),
            message(["i", "f" * 900]),
            (b"[" * 1000, b""),
            (b"[" + b"[]," * 300 + b"[]]", b""),
        ):
            try:
                decode(header, raw)
            except WireError:
                continue


# -- the channel


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours, 1 << 20), theirs


def frame(header, raw=b"", number=0, magic=b"AG02", header_size=None, raw_size=None):
    sizes = (len(header) if header_size is None else header_size, len(raw) if raw_size is None else raw_size)
    return struct.pack(">4sQIQ", magic, number, *sizes) + header + raw


@pytest.mark.parametrize(
    "data",
    [
        frame(b"[1,[]]", magic=b"AG01"),
        frame(b"[1,[]]", magic=b"\0\0\0\0"),
        frame(b"", header_size=2**32 - 1),
        frame(b"", raw_size=2**64 - 1),
        frame(b"", header_size=1 << 19, raw_size=1 << 20),
        frame(b"[1,[]]", number=8),
        frame(b"nonsense", number=7),
    ],
)
def test_a_frame_that_is_none_is_refused_at_once(ends, data):
    channel, theirs = ends
    theirs.sendall(data)
    with pytest.raises(WireError), little_memory(2):
        channel.receive(number=7)


def test_the_end_of_the_other_side_is_told(ends):
    channel, theirs = ends
    theirs.sendall(frame(b"[1,[]]", header_size=100))
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(ChannelClosed):
        channel.receive()


def test_values_cross_with_their_number(ends):
    channel, theirs = ends
    other = Channel(theirs, 1 << 20)
    channel.send({"a": torch.ones(2)}, 2**64 - 1)
    assert other.receive()["a"].tolist() == [1, 1]
    assert other.number == 2**64 - 1
    other.send(3, other.number)
    assert channel.receive(number=2**64 - 1) == 3


def test_what_is_too_large_is_not_begun(ends):
    channel, theirs = ends
    with pytest.raises(WireError, match="larger than 1 MB"):
        channel.send(bytes(2 << 20))
    channel.send(1)
    assert Channel(theirs, 100).receive() == 1


class Late(Exception):
    pass


def test_a_message_that_drips_ends_with_the_watch(ends):
    """A byte at every look: whoever waits looks again before each of them."""
    channel, theirs = ends
    data = iter(frame(b"[1,[]]" + b" " * 1000))
    looks = 0

    def watch():
        nonlocal looks
        looks += 1
        if looks > 200:
            raise Late
        theirs.sendall(bytes([next(data)]))

    with pytest.raises(Late):
        channel.receive(watch=watch)


def test_a_peer_that_does_not_read_ends_with_the_watch(ends):
    channel, _ = ends
    looks = iter(range(20))

    def watch():
        if next(looks, None) is None:
            raise Late

    with pytest.raises(Late):
        channel.send(bytes(900_000), watch=watch)
