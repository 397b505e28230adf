"""What says of itself what it is not comes across as what it is, or not at all; and errors cross as errors."""

import builtins

import numpy as np
import pytest
import torch

from autograder.student.wire import Ref
from autograder.target.failures import Finding, NotAsExpected, StudentError

WRONG = {
    "list": [0],
    "tuple": (0,),
    "dict": {"a": 0},
    "str": "wrong",
    "int": 0,
    "float": 0.0,
}


def test_a_lying_tensor_is_the_numbers_that_it_holds(student):
    for name, true in (("tensor", torch.zeros(2)), ("shape", torch.zeros(1))):
        got = student.lie(name)
        assert type(got) is torch.Tensor
        assert (got.shape, got.dtype) == (true.shape, torch.float32)
        assert got.equal(true)
        with pytest.raises(NotAsExpected):
            student.expect_close(got, torch.ones_like(true), atol=0.5)


def test_a_lying_array_is_the_numbers_that_it_holds(student):
    got = student.lie("array")
    assert type(got) is np.ndarray
    assert got.shape == (1,)
    assert got.tolist() == [0]


def test_a_tensor_without_numbers_is_what_its_class_gives_or_nothing(student):
    try:
        got = student.lie("dispatch")
    except Finding:
        return
    assert isinstance(got, Ref) or type(got) is torch.Tensor


@pytest.mark.parametrize("name", WRONG)
def test_lying_comparisons_stay_behind(student, name):
    got = student.lie(name)
    assert type(got) is type(WRONG[name])
    assert got == WRONG[name]
    assert got != [1, 2, 3]


def test_an_object_that_equals_everything_is_a_handle(student):
    got = student.lie("yes")
    assert isinstance(got, Ref)
    assert got != 3
    with pytest.raises(NotAsExpected):
        student.expect_equal(got, 3)


@pytest.mark.parametrize("name", ["impostor dict", "impostor tensor", "impostor int"])
def test_who_claims_another_class_is_refused(student, name):
    with pytest.raises(StudentError):
        student.lie(name)
    assert student.add(1, 1) == 2


def test_the_name_of_a_type_is_bounded_and_not_its_own_to_say(student):
    """While hidden tests run (in the zygote here) only a name in the topic's own file is told."""
    assert student.lie("named").kind in ("Named", "object")
    assert student.lie("long name").kind in ("N" * 80, "object")


# errors


def builtin_errors():
    for name, kind in vars(builtins).items():
        is_error = isinstance(kind, type) and issubclass(kind, Exception) and kind.__name__ == name
        if is_error and not issubclass(kind, (Warning, ExceptionGroup, UnicodeError)):
            yield name


@pytest.mark.parametrize("name", sorted(builtin_errors()))
def test_a_builtin_error_is_what_it_was(student, name):
    with pytest.raises(getattr(builtins, name)) as caught:
        student.fail(name, "what is wrong")
    assert isinstance(caught.value, StudentError)
    assert (caught.value.kind, caught.value.name) == (name, name)
    assert "what is wrong" in caught.value.text
    assert caught.value.function == "fail"
    assert caught.value.place.startswith("sample.py, line ")
    assert caught.value.frames[-1].source.startswith("raise own.get")


def test_an_error_of_the_students_own_is_its_nearest_builtin_ancestor(student):
    with pytest.raises(ValueError, match="Unfit: too small") as caught:
        student.fail("Unfit", "too small")
    assert (caught.value.kind, caught.value.name, caught.value.text) == ("ValueError", "Unfit", "too small")
    for name in ("Unhappy", "Group"):
        with pytest.raises(StudentError) as caught:
            student.fail(name, "text")
        assert caught.value.kind == "Exception"
    with pytest.raises(ValueError, match="decode") as caught:
        student.decode()
    assert caught.value.kind == "UnicodeDecodeError"


def test_a_bare_error_is_no_error_of_the_students():
    with pytest.raises(ValueError, match="mine") as caught:
        raise ValueError("mine")
    assert not isinstance(caught.value, StudentError)


def test_expect_raises(student):
    with student.expect_raises(ValueError, naming=["small"]):
        student.fail("Unfit", "too small")
    with pytest.raises(NotAsExpected, match="No ValueError is raised"), student.expect_raises(ValueError):
        student.add(1)
    with pytest.raises(NotAsExpected, match="does not name"), student.expect_raises(ValueError, naming=["large"]):
        student.fail("Unfit", "too small")
    with pytest.raises(KeyError), student.expect_raises(ValueError):
        student.fail("KeyError", "k")


@pytest.mark.parametrize(
    "name",
    ["raises", "exits", "no text", "lying", "no traceback", "named", "long name", "long text", "odd text", "object"],
)
def test_an_error_that_misbehaves_is_an_error_all_the_same(student, name):
    with pytest.raises(StudentError) as caught:
        student.misbehave(name)
    error = caught.value
    if name != "lying":
        assert error.kind == "ValueError" or name == "no traceback"
    assert len(error.name) <= 80
    assert len(error.text) <= 4000
    assert type(error.text) is str
    assert student.add(1, 1) == 2


def test_a_syntax_error_that_misbehaves(student):
    with pytest.raises(SyntaxError):
        student.misbehave("syntax")


def test_endless_recursion_is_an_error(student):
    with pytest.raises(RecursionError) as caught:
        student.overflow()
    assert 0 < len(caught.value.frames) <= 12
    assert student.add(1, 1) == 2


@pytest.mark.parametrize("name", ["SystemExit", "GeneratorExit"])
def test_leaving_ends_the_call_alone(student, name):
    kept = student.same_again.keep()(1)
    with pytest.raises(StudentError, match=name):
        student.leave(name)
    assert student.same(kept, kept)


def test_an_interrupt_of_the_students_own_ends_the_call_alone(process_student):
    kept = process_student.same_again.keep()(1)
    with pytest.raises(StudentError, match="KeyboardInterrupt"):
        process_student.leave("KeyboardInterrupt")
    assert process_student.same(kept, kept)
