"""What a test hands in arrives as it was: strides, offsets, shared memory, kinds; on all five targets."""

import math

import numpy as np
import pytest
import torch

from autograder.errors import GraderError
from autograder.student.wire import WireError

BASE = torch.arange(24.0).reshape(4, 6)

TENSORS = {
    "contiguous": BASE,
    "transposed": BASE.T,
    "slice": BASE[1:3, 1:5],
    "steps": BASE[::2, ::3],
    "offset": BASE[2:],
    "expanded": torch.ones(1, 3).expand(4, 3),
    "permuted": torch.rand(2, 3, 4).permute(2, 0, 1),
    "windows": torch.arange(6.0).unfold(0, 3, 1),
    "0-dim": torch.tensor(3.0),
    "0-dim view": BASE[2, 3],
    "empty": torch.empty(0, 4),
    "empty view": BASE[:, 6:],
    "float64": BASE.double(),
    "bfloat16": BASE.bfloat16(),
    "complex": torch.complex(BASE, -BASE),
    "int64": torch.tensor([-(2**63), 2**63 - 1]),
    "uint8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": BASE > 3,
    "requires grad": BASE.clone().requires_grad_(),
    "requires grad view": BASE.clone().T.requires_grad_(),
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_keeps_its_layout(student, name):
    x = TENSORS[name]
    shape, strides, offset, contiguous, requires_grad, dtype = student.strides_of(x)
    assert (shape, strides, offset) == (tuple(x.shape), x.stride(), x.storage_offset())
    assert (contiguous, requires_grad, dtype) == (x.is_contiguous(), x.requires_grad, str(x.dtype))
    assert student.same_again(x).equal(x.detach())


def test_conjugates_arrive_as_the_numbers_that_they_are(student):
    first, second = torch.tensor([1 + 2j]), torch.tensor([3 + 4j])
    arguments = [first.conj(), second.conj(), first.conj().imag, second.conj().clone().requires_grad_().conj()]
    got = student.same_again(arguments)
    assert [each.tolist() for each in got] == [[1 - 2j], [3 - 4j], [-2.0], [3 + 4j]]


def test_arguments_that_share_memory_go_on_sharing_it(student):
    x = torch.zeros(4)
    assert student.shares_memory(x[:2], x[1:]) is True
    assert student.shares_memory(x, x.clone()) is False
    _, (row, _, _) = student.set_entry.after(x, 1, 5.0)
    assert row.tolist() == [0, 5, 0, 0]
    _, (first, second) = student.fill_first.after(x[:3], x[1:])
    assert (first.tolist(), second.tolist()) == ([1, 1, 1], [1, 1, 0])
    _, (first, second) = student.fill_first.after(x, x.clone())
    assert second.tolist() == [0, 0, 0, 0]
    _, (_, other) = student.fill_first.after(x, [x.view(2, 2)])
    assert other[0].tolist() == [[1, 1], [1, 1]]


def test_storages_of_one_address_and_different_sizes_are_not_confused(student):
    numbers = np.arange(6.0)
    short, long = torch.from_numpy(numbers[:2]), torch.from_numpy(numbers)
    got = student.same_again([short, long, short])
    assert [each.tolist() for each in got] == [[0, 1], [0, 1, 2, 3, 4, 5], [0, 1]]


def test_what_a_view_does_not_show_is_not_sent(student):
    tokens = torch.arange(1, 13).reshape(3, 4)
    assert student.storage_of(tokens[:, :-1]).tolist() == [1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0]
    assert student.storage_of(tokens[1]).tolist() == [0, 0, 0, 0, 5, 6, 7, 8, 0, 0, 0, 0]
    assert student.storage_of(tokens.T[1:3]).tolist() == [0, 2, 3, 0, 0, 6, 7, 0, 0, 10, 11, 0]
    assert student.storage_of(tokens[:1, :1].expand(5, 7)).tolist() == [1] + [0] * 11
    assert student.storage_of(tokens.flatten()[:6].unfold(0, 3, 2)).tolist() == [1, 2, 3, 4, 5] + [0] * 7
    assert student.storage_of(tokens[:0]).tolist() == [0] * 12
    first, last, ids = student.same_again([tokens[:, :1], tokens[:, 3:], tokens[0]])
    assert (first.flatten().tolist(), last.flatten().tolist(), ids.tolist()) == ([1, 5, 9], [4, 8, 12], [1, 2, 3, 4])


def test_arrays(student):
    for array in (
        *(
            np.arange(6.0).reshape(2, 3),
            np.arange(6.0)[::-2],
            np.array(2.5),
            np.zeros((0, 3)),
            np.arange(3, dtype=">i4"),
        ),
        *(np.arange(3, dtype="uint64"), np.array([1 + 2j]), np.array([True, False]), np.broadcast_to(1.0, (2, 3))),
    ):
        got = student.same_again(array)
        assert (got.dtype.name, got.shape) == (array.dtype.name, array.shape)
        assert np.array_equal(got, array)
        writeable, contiguous, dtype = student.flags_of(array)
        assert writeable
        assert contiguous
        assert ">" not in dtype


def test_plain_data_keeps_its_types(student):
    value = {1: [True, 1, 1.0, "1", b"1", None, (1,), {}], (1, "x"): {"": []}, 2.5: -(2**300), "s": "\udcff\x00"}
    assert student.same_again(value) == value
    assert student.kinds_of([True, 1, 1.0, "1", b"1", None, (1, [2]), {"a": 1}]) == [
        *("list", "bool", "int", "float", "str", "bytes", "NoneType"),
        *(["tuple", "int", ["list", "int"]], {"str": "int"}),
    ]
    got = student.same_again([math.nan, math.inf, -math.inf])
    assert got[0] != got[0]
    assert got[1:] == [math.inf, -math.inf]


def test_what_is_no_data_is_the_graders_fault(student):
    for value in (object(), {1, 2}, 1j, np.array([object()]), torch.empty(2, device="meta"), {torch.ones(1): 1}):
        with pytest.raises((GraderError, WireError)):
            student.same_again(value)
    assert student.add(1, 1) == 2


def test_a_tensor_that_is_too_large_is_the_graders_fault(student):
    with pytest.raises((GraderError, WireError)):
        student.same_again(torch.zeros(1).expand(2**27))
    with pytest.raises((GraderError, WireError)):
        student.same_again(torch.zeros([1] * 20))


def test_a_generator_keeps_its_state_between_calls(student):
    generator = student.prop("generator", 5)
    own = torch.Generator().manual_seed(5)
    for count in (2, 3):
        assert student.draw_from(generator, count).equal(torch.rand(count, generator=own))
    assert student.draw_from(student.prop("generator", 5), 2).equal(
        torch.rand(2, generator=torch.Generator().manual_seed(5))
    )


def test_callbacks_and_loaders_and_models(student):
    assert student.apply(student.prop("function", "sum_of_squares"), np.array([1.0, 2.0])) == 5.0
    batches = [{"x": torch.ones(2)}, {"x": torch.zeros(1)}]
    loader = student.prop("loader", batches)
    assert [batch["x"].tolist() for batch in loader.take(5)] == [[1, 1], [0]]
    assert [batch["x"].tolist() for batch in loader.take(5)] == [[1, 1], [0]], "it begins anew"
    layer = student.prop("linear", torch.eye(2), torch.ones(2))
    assert student.call_model(layer, torch.zeros(1, 2)).tolist() == [[1, 1]]


def test_handles_inside_lists_and_dicts(student):
    one, two, three = (student.Step(number) for number in (1, 2, 3))
    assert student.total(one, {"steps": [two, three]}) == 6
    assert student.total(one, {"steps": ()}) == 1
    got = student.same_again([one, {"two": (two,)}])
    assert student.same(got[0], one)
    assert student.same(got[1]["two"][0], two)


def test_an_argument_that_is_a_name_of_the_module_is_a_text(student):
    assert student.same_again("scaled") == "scaled"
    assert student.greet("add") == "hello add!"
