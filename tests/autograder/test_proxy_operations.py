"""Every operation of the proxy but vjp, on all five targets."""

import random

import numpy as np
import pytest
import torch

from autograder.errors import GraderError
from autograder.student.workbench import seed_everything
from autograder.target.failures import Finding, MissingName, StudentError
from autograder.target.proxy import Handle

X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def equal(got, want):
    return type(got) is type(want) and got.dtype == want.dtype and got.shape == want.shape and bool((got == want).all())


def test_each_target_runs_its_own_module(student, request):
    assert student.scaled(1.0) == (3.0 if "mistake" in request.node.name else 2.0)


# call, construct


def test_call_with_positions_and_names(student):
    assert student.add(1, 2, third=3) == 6
    assert student.add(1) == 1
    assert student.greet("Ada", mark="?") == "hello Ada?"
    assert student["add"](1, second=1) == 2
    assert student.none_at_all() is None


def test_construct_gives_a_handle_that_can_be_called(student, model):
    assert isinstance(model, Handle)
    assert model.kind == "Model"
    assert repr(model) == "<Model of the student>"
    assert model(X).shape == (2, 2)
    assert student.call_model(model, X).shape == (2, 2)
    assert [part.shape for part in model(X, twice=True)] == [(2, 2), (2, 2)]


def test_call_of_what_is_not_there(student):
    with pytest.raises(MissingName, match=r"sample\.py has no subtract"):
        student.subtract(1)
    with pytest.raises(StudentError, match="TypeError"):
        student.SQUARE(1)
    with pytest.raises(AttributeError):
        student._private  # noqa: B018


def test_methods(student, model):
    model.set("first.weight", 2 * torch.eye(2))
    assert model.method("norm")() == pytest.approx(8**0.5)
    assert model.method("norm")(order=1) == pytest.approx(4)
    assert model.method("first.forward")(torch.zeros(1, 2)).shape == (1, 2)


# get, at, set


def test_get_gives_data(student, model):
    assert model.get("epsilon") == 1e-5
    assert type(model.get("first.weight")) is torch.Tensor
    assert model.get("first.weight").requires_grad is False
    assert model.get("first.weight.shape") == (2, 2)
    assert model.get("first.weight.grad") is None
    assert model.get("blocks.1.in_features") == 2
    assert isinstance(model.get("first"), Handle)
    assert isinstance(model.get("forward"), Handle)
    with pytest.raises(AttributeError, match="second"):
        model.get("second.weight")


def test_gather_gives_what_get_gives(student, model):
    assert model.gather() == []
    epsilon, shape, first = model.gather("epsilon", "first.weight.shape", "first")
    assert (epsilon, shape) == (1e-5, (2, 2))
    assert student.same(first, model.at("first"))
    with pytest.raises(AttributeError, match="second"):
        model.gather("epsilon", "second.weight")


def test_value_of_a_variable(student, request):
    assert student.value("SCALE") == (3.0 if "mistake" in request.node.name else 2.0)
    assert isinstance(student.value("Model"), Handle)
    with pytest.raises(MissingName, match=r"sample\.py: `NOT_YET` is still None"):
        student.value("NOT_YET")
    with pytest.raises(MissingName, match=r"sample\.py has no NOWHERE"):
        student.value("NOWHERE")


def test_data_lie_beside_the_folder_of_the_code(student, targets):
    """One relative path for all targets, for what the code opens and what a prop opens."""
    (targets.folder / "data").mkdir(exist_ok=True)
    (targets.folder / "data" / "words").write_text("oak")
    assert student.content("../data/words") == "oak"


def test_at_gives_a_handle(student, model):
    first = model.at("first")
    assert first.get("weight").shape == (2, 2)
    assert isinstance(model.at("epsilon"), Handle)
    assert isinstance(model.at("first.weight"), Handle)
    assert student.call_model(model.at("blocks.0"), X).shape == (2, 2)
    with pytest.raises(StudentError):
        model.at("second")


def test_set_a_parameter(student, model):
    weight = torch.randn(2, 2)
    model.set("first.weight", weight)
    model.set("first.bias", torch.zeros(2))
    assert equal(model.get("first.weight"), weight)
    assert torch.allclose(model(X), X @ weight.T)
    assert model.parameters()["first.weight"].requires_grad


def test_set_a_tied_parameter_under_either_name(student, model):
    model.set("tied", torch.ones(2, 2))
    assert equal(model.get("blocks.0.weight"), torch.ones(2, 2))


def test_set_a_buffer_and_attributes(student, model):
    model.set("offset", torch.ones(2))
    assert equal(model.get("offset"), torch.ones(2))
    model.set("offset", np.full(2, 3.0))
    assert equal(model.get("offset"), torch.full((2,), 3.0))
    model.set("epsilon", 0.5)
    assert model.get("epsilon") == 0.5
    model.set("first.bias", None)
    assert model.get("first.bias") is None


def test_set_refuses_what_does_not_fit(student, model):
    with pytest.raises(ValueError, match=r"first.weight has shape \(2, 2\), should be \(3, 2\)"):
        model.set("first.weight", torch.zeros(3, 2))
    with pytest.raises(AttributeError, match="weigth"):
        model.set("first.weigth", torch.zeros(2, 2))
    with pytest.raises(AttributeError, match="second"):
        model.set("second.weight", torch.zeros(2, 2))


# parameters, modes, gradients


def test_parameters_by_name_each_once(student, model):
    parameters = model.parameters()
    assert set(parameters) == {
        *("frozen", "unused", "tied"),
        *(f"{layer}.{name}" for layer in ("first", "blocks.0", "blocks.1") for name in ("weight", "bias")),
    } - {"blocks.0.weight"}
    assert {name for name, each in parameters.items() if not each.requires_grad} == {"frozen"}
    assert parameters["first.weight"].shape == (2, 2)
    assert equal(parameters["frozen"].data, torch.ones(2))


def test_training_and_evaluation(student, model):
    assert model.training is False
    model.train()
    assert model.training is True
    assert model.at("dropout").training is True
    assert not torch.equal(model(torch.ones(50, 2)), model(torch.ones(50, 2)))
    model.train(False)
    assert torch.equal(model(X), model(X))


def test_gradients_and_zero_grad(student, model):
    student.backprop(model, X)
    assert equal(model.get("first.weight.grad"), torch.tensor([[4.0, 6.0], [4.0, 6.0]]))
    assert model.get("unused.grad") is None
    model.zero_grad()
    grad = model.get("first.weight.grad")
    assert grad is None or not grad.any()


def test_a_second_object_that_holds_the_first(student, model):
    optimizer = student.Descent(model, 0.5)
    before = model.get("first.bias")
    student.backprop(model, X)
    student.optimize(optimizer)
    assert torch.allclose(model.get("first.bias"), before - 1.0)
    optimizer.zero_grad()
    grad = model.get("first.bias.grad")
    assert grad is None or not grad.any()


# take, same, keep, after


def test_take_at_most_and_go_on(student):
    numbers = student.countdown(5)
    assert isinstance(numbers, Handle)
    assert numbers.take(2) == [5, 4]
    assert student.consume(numbers, 1) == [3]
    assert numbers.take(0) == []
    assert numbers.take(10) == [2, 1]
    assert numbers.take(10) == []


def test_take_begins_anew_where_it_is_no_iterator(student):
    entries = student.squares()
    assert entries.take(1) == [("one", 1)]
    assert entries.take(5) == [("one", 1), ("four", 4)]
    with pytest.raises(TypeError):
        student.Step(1).take(1)


def test_same(student, model):
    assert student.same(model, model) is True
    assert student.same(model.at("first"), model.at("first")) is True
    assert student.same(model.at("blocks.0.weight"), model.at("tied")) is True
    assert student.same(model.at("blocks.0"), model.at("blocks.1")) is False
    assert student.same(model, student.Model(2)) is False
    word = student.same_again.keep()("softmax")
    assert student.same(word, word) is True


def test_keep_all_of_a_result(student):
    kept = student.add.keep()(torch.ones(2), 1)
    assert isinstance(kept, Handle)
    assert student.same_again(kept).tolist() == [2.0, 2.0]
    assert student.add(kept, kept).tolist() == [4.0, 4.0]


def test_keep_a_part_of_a_tuple(student):
    total, cache = student.forward.keep(1)(X)
    assert total == 10
    assert isinstance(cache, Handle)
    assert equal(student.backward(cache), 2 * X + 2)
    assert equal(cache.get("x"), X)
    assert cache.get("steps.1.number") == 2
    cache.set("x", -X)
    assert equal(student.backward(cache), -2 * X + 2)


def test_keep_a_part_of_a_dict_and_deeper(student):
    total, cache = student.forward.keep(1, "steps")(X)
    assert total == 10
    assert equal(cache["x"], X)
    assert isinstance(cache["steps"], Handle)
    assert isinstance(cache["private"], Handle)
    assert [step.kind for step in cache["steps"].take(5)] == ["Step", "Step"]
    _, cache = student.forward.keep(1, "steps", 0)(X)
    assert cache["steps"][0].get("number") == 1
    encoding = student.batch_encoding.keep("input_ids")()
    assert encoding["input_ids"].kind == "Tensor"
    assert encoding["attention_mask"].shape == (1, 2)


def test_what_is_no_data_becomes_a_handle_without_keep(student):
    _, cache = student.forward(X)
    assert equal(cache["x"], X)
    assert [step.kind for step in cache["steps"]] == ["Step", "Step"]
    assert student.step_of({"steps": cache["steps"]}, 1) == 2
    assert student.config(3).get("size") == 3


def test_after_tells_the_arguments_as_they_are_then(student):
    x = torch.zeros(2, 2)
    total, (after, value) = student.fill_.after(x, 3.0)
    assert (total, value) == (12, 3.0)
    assert equal(after, torch.full((2, 2), 3.0))
    assert not x.any(), "the test's own argument is not changed"
    _, (items, _) = student.append.after([1], 2)
    assert items == [1, 2]
    _, (array, *_) = student.set_entry.after(np.zeros(2), 1, 5.0)
    assert array.tolist() == [0, 5]


def test_after_of_a_handle_and_of_a_method(student, model):
    _, (same, _) = student.call_model.after(model, X)
    assert student.same(same, model)
    result, (x,) = model.after(X)
    assert result.shape == x.shape
    assert model.keep()(X).kind == "Tensor"


# seeds


def test_seeds_are_set_once_at_the_start_of_a_test(student):
    first, second = student.draw(3), student.draw(3)
    seed_everything(7)
    assert equal(first[0], torch.randn(3))
    assert not torch.equal(first[0], second[0])
    assert first[2] != second[2]


def test_seeded_sets_all_random_states_before_a_call(student):
    first, second, third = student.draw.seeded(3)(2), student.draw.seeded(3)(2), student.draw.seeded(4)(2)
    seed_everything(3)
    for got in (first, second):
        assert equal(got[0], torch.randn(2, generator=torch.Generator().manual_seed(3)))
        assert equal(got[1], np.random.RandomState(3).rand(2))
        assert got[2] == [r.random() for r in [random.Random(3)] for _ in range(2)]
    assert not torch.equal(first[0], third[0])


def test_seeded_goes_with_the_rest(student, model):
    model.train()
    x, g = torch.ones(20, 2), torch.ones(20, 2)
    assert torch.equal(model.seeded(1)(x), model.seeded(1)(x))
    got = [student.call_model.seeded(seed).vjp(model, x, cotangent=g, wrt=(1,))[0] for seed in (1, 1, 2)]
    assert torch.equal(got[0], got[1])
    assert not torch.equal(got[0], got[2])
    kept = student.draw.seeded(1).keep(0)(2)
    assert kept[0].kind == "Tensor"
    assert student.same_again(kept[0]).tolist() == student.draw.keep().seeded(1)(2).get("0").tolist()


def test_what_the_student_draws_does_not_shift_what_the_test_draws(student):
    seed_everything(11)
    want = [torch.rand(1).item() for _ in range(3)]
    seed_everything(11)
    got = []
    for _ in range(3):
        student.draw(5)
        got.append(torch.rand(1).item())
    assert got == want


# handles


def test_a_handle_of_another_target_is_the_graders_fault(student, targets, request):
    other = targets.get("solution" if "solution" not in request.node.name else "debugger")
    from autograder.target.proxy import Student

    other.begin(1, 1.0)
    foreign = Student(other).Model(2)
    with pytest.raises(GraderError, match="another target"):
        student.call_model(foreign, X)
    with pytest.raises(GraderError, match="another target"):
        student.same_again({"list": [foreign]})
    with pytest.raises(GraderError, match="no tensor"):
        student.call_model.vjp(foreign, X, cotangent=X, wrt=(0,))


def test_a_handle_of_an_earlier_test_names_nothing(student, request):
    stale = student.Model(2)
    stale._target.begin(1, 60.0)
    fresh = student.Model(3)
    assert fresh.id != stale.id
    with pytest.raises(Exception) as caught:  # noqa: PT011  # what it is called depends on the target
        stale.get("epsilon")
    assert not isinstance(caught.value, StudentError)
    assert isinstance(caught.value, Finding) == ("zygote" in request.node.name or "spawner" in request.node.name)
