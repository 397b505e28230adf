"""Right answers in every form that the contract allows come back as plain data, the same on all five targets.

And what cannot be sent ends the call with an error of the student's, and nothing but the call.
"""

import math

import numpy as np
import pytest
import torch

from autograder.student.wire import Ref
from autograder.target.failures import NotAsExpected, StudentError

SQUARE = torch.arange(6.0).reshape(2, 3)
CONJUGATE = torch.tensor([1 - 2j, 3 + 4j])

TENSORS = {
    "tensor 0-dim": torch.tensor(2.5),
    "parameter": SQUARE,
    "requires grad": SQUARE,
    "not a leaf": SQUARE,
    "view": SQUARE[:, 1:],
    "transposed": SQUARE,
    "expanded": torch.ones(2, 3),
    "subclass": SQUARE,
    "inference": SQUARE,
    "conj": CONJUGATE,
    "neg": torch.tensor([-2.0, 4.0]),
    "bool": torch.tensor([True, False]),
    "bfloat16": torch.tensor([1.0, 0.1], dtype=torch.bfloat16),
    "float16": torch.tensor([1.0, 0.1], dtype=torch.float16),
    "empty": torch.empty(0, 4),
}
ARRAYS = {
    "np 0-dim": np.array(2.5),
    "array": np.arange(6.0).reshape(2, 3),
    "array view": np.arange(12.0).reshape(2, 6)[:, ::-2],
    "array fortran": np.arange(6.0).reshape(2, 3),
    "array big-endian": np.arange(3.0),
    "array read-only": np.ones((2, 2)),
    "array empty": np.zeros((3, 0)),
    "array bool": np.array([True, False]),
    "matrix": np.array([1.0, 2.0]),
}
PLAIN = {
    "np.int64": 3,
    "np.uint8": 255,
    "np.float32": 0.5,
    "np.float64": 0.5,
    "np.bool": True,
    "np.str": "word",
    "size": (2, 3),
    "list": [1, [2.0, "three"], None, True],
    "list subclass": [1, 2],
    "ordered": {"b": 1, "a": 2},
    "user dict": {"a": 1},
    "keys": {1: "a", (1, "b"): "c", None: 0, b"k": 2, 1.5: 3},
    "int enum": 2,
    "str subclass": "word",
    "float subclass": 1.5,
    "bytes": b"\x00\xff",
    "big int": -(2**200),
    "surrogate": "\ud800 and \x00 and é",
    "many": list(range(100_000)),
}
NUMBERS = ("np.int64", "np.uint8", "np.float32", "np.float64", "np 0-dim", "tensor 0-dim", "int enum", "float subclass")


def types_of(value):
    """The types, down to the scalars."""
    if isinstance(value, dict):
        return {types_of(key): types_of(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return (type(value), *map(types_of, value[:10]))
    return type(value)


def test_tensors(student):
    for name, want in TENSORS.items():
        got = student.form(name)
        assert type(got) is torch.Tensor, name
        assert (got.dtype, got.shape, got.requires_grad) == (want.dtype, want.shape, False), name
        assert (got.is_conj(), got.is_neg()) == (False, False), name
        assert got.equal(want), name
        student.expect_equal(got, want)
        student.expect_close(got, want, atol=0.0)


def test_a_tensor_that_comes_back_is_a_copy_of_its_own_size(student):
    for name in ("view", "expanded", "transposed"):
        got = student.form(name)
        assert got.is_contiguous()
        assert got.untyped_storage().nbytes() == got.numel() * 4
        got += 1  # the test may write to it


def test_arrays(student):
    for name, want in ARRAYS.items():
        got = student.form(name)
        assert type(got) is np.ndarray, name
        assert (got.dtype, got.shape) == (want.dtype, want.shape), name
        assert np.array_equal(got, want), name
        assert got.flags.writeable, name
        student.expect_equal(got, want)


def test_scalars_texts_and_containers(student):
    for name, want in PLAIN.items():
        got = student.form(name)
        assert got == want, name
        assert types_of(got) == types_of(want), name
        student.expect_equal(got, want)


def test_numbers_are_numbers_in_any_form(student):
    for name in NUMBERS:
        student.expect_number(student.form(name))
    assert student.expect_number(student.form("big int")) == -(2**200)
    for name in ("np.bool", "str subclass", "size", "requires grad"):
        with pytest.raises(NotAsExpected):
            student.expect_number(student.form(name))


def test_nan_and_infinity(student):
    nan, inf, minus, zero = student.form("nan")
    assert nan != nan
    assert (inf, minus) == (math.inf, -math.inf)
    assert math.copysign(1, zero) == -1


def test_named_tuples_and_return_types_are_tuples(student):
    x, square = student.form("named tuple")
    assert x == 1
    assert square.equal(SQUARE)
    values, indices = student.form("return type")
    assert type(student.form("return type")) is tuple
    assert values.tolist() == [2, 5]
    assert indices.tolist() == [2, 2]


def test_what_transformers_gives_is_a_dict(student):
    output = student.model_output()
    assert type(output) is dict
    assert output["loss"].item() == 1
    assert output["logits"].shape == (1, 2)
    encoding = student.batch_encoding()
    assert type(encoding) is dict
    assert encoding["input_ids"].tolist() == [[1, 2]]


def test_a_generator_is_taken_from(student):
    numbers = student.generator()
    assert numbers.kind == "generator"
    assert numbers.take(10) == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("looped", "nested deeper"),
        ("deep", "nested"),
        ("tensor key", "key of type Tensor"),
        ("object key", "key of type Ref"),
        ("long", "8 MB of numbers and words"),
        ("huge int", "an int of more than 4096 bits"),
        ("many tensors", "more than 20000 arrays"),
        ("expanded", "more than 67108864 elements"),
        ("broadcast", "more than 67108864 elements"),
        ("dimensions", "more than 16 dimensions"),
    ],
)
def test_what_cannot_be_sent_ends_the_call_alone(student, name, why):
    kept = student.same_again.keep()(1)
    with pytest.raises(TypeError, match=f"the result cannot be sent: .*{why}") as caught:
        student.refused(name)
    assert isinstance(caught.value, StudentError)
    assert student.add(1, 1) == 2
    assert student.same(kept, kept), "the same process goes on"


def test_a_result_larger_than_a_message_ends_the_call_alone(process_student):
    kept = process_student.same_again.keep()(1)
    with pytest.raises(TypeError, match="the result cannot be sent: larger than 64 MB"):
        process_student.refused("large")
    assert process_student.same(kept, kept)


def test_what_is_no_data_is_a_handle(student):
    for name in (
        *("object array", "words", "sparse", "meta", "set", "range"),
        *("complex", "long double", "function", "module", "device"),
    ):
        got = student.left_behind(name)
        assert isinstance(got, Ref), name
        with pytest.raises(NotAsExpected):
            student.expect_tensor(got)
    assert student.left_behind("sparse").kind == "Tensor"
    assert student.left_behind("function")(2.0) == student.scaled(2.0)


# the checks on what came back


def test_a_number_too_large_for_a_float_is_no_error_of_the_test(student):
    big = student.same_again(2**2000)
    with pytest.raises(NotAsExpected, match="2001 bits"):
        student.expect_close(big, 1.0, atol=1e-6)
    with pytest.raises(NotAsExpected):
        student.expect_equal(big, 3)


def test_small_integers_do_not_wrap_round_in_a_comparison(student):
    got = student.same_again(torch.tensor([0], dtype=torch.uint8))
    with pytest.raises(NotAsExpected):
        student.expect_close(got, torch.tensor([255], dtype=torch.uint8), atol=1.5)


def test_bools_and_bfloat16_can_be_compared(student):
    student.expect_close(torch.tensor([True]), torch.tensor([True]), atol=0.0)
    with pytest.raises(NotAsExpected, match="the first wrong one"):
        student.expect_close(torch.tensor([True]), torch.tensor([False]), atol=0.0)
    got = student.form("bfloat16")
    with pytest.raises(NotAsExpected, match="the first wrong one"):
        student.expect_equal(got, got + 1)
