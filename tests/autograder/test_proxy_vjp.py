"""Gradients by way of the proxy, on all five targets: `vjp` of calls, for arguments and for parameters."""

import pytest
import torch

from autograder.target.failures import NotAsExpected

from .test_proxy_operations import X, equal


def test_vjp_by_position(student):
    first, second, cotangent = torch.randn(2, 3), torch.randn(2, 3), torch.randn(2, 3)
    got = student.product.vjp(first, second, cotangent=cotangent, wrt=(1, 0))
    assert equal(got[0], cotangent * first)
    assert equal(got[1], cotangent * second)
    assert [each.requires_grad for each in got] == [False, False]


def test_vjp_of_an_unused_argument_and_without_gradient(student):
    x = torch.randn(2)
    assert student.pair.vjp(x, torch.ones(2), cotangent=(None, (None, [None])), wrt=(0,)) == [None]
    assert student.detached.vjp(x, cotangent=x, wrt=(0,)) == [None]
    assert student.whole_numbers.vjp(x, cotangent=torch.ones(2).long(), wrt=(0,)) == [None]
    assert student.pair.vjp(x, x, cotangent=None, wrt=(0, 1)) == [None, None]


def test_vjp_with_a_cotangent_for_some_parts(student):
    x, y, g = torch.randn(2), torch.randn(2), torch.randn(2)
    (only_product,) = student.pair.vjp(x, y, cotangent=(g, None), wrt=(0,))
    assert torch.allclose(only_product, g * y)
    (both,) = student.pair.vjp(x, y, cotangent=(g, (None, [g])), wrt=(1,))
    assert torch.allclose(both, g * x - g)


def test_vjp_for_parameters(student, model):
    other = student.Model(2)
    g = torch.randn(2, 2)
    weight, x, unused, frozen, foreign = model.vjp(
        X, cotangent=g, wrt=("first.weight", 0, "unused", "frozen", (other, "first.weight"))
    )
    assert torch.allclose(weight, g.T @ X)
    assert torch.allclose(x, g @ model.get("first.weight"))
    assert unused is frozen is foreign is None
    got = student.call_model.vjp(model, X, cotangent=g, wrt=((model, "first.bias"), 1))
    assert torch.allclose(got[0], g.sum(0))
    assert model.get("first.weight.grad") is None, "vjp leaves no gradient behind"


def test_vjp_of_arguments_that_are_not_contiguous(student):
    x, y = torch.randn(3, 2).T, torch.randn(1, 3).expand(2, 3)
    g = torch.randn(3, 2).T
    got = student.product.vjp(x, y, cotangent=g, wrt=(0, 1))
    assert torch.allclose(got[0], g * y)
    assert torch.allclose(got[1], g * x), "as many entries as the expanded argument shows"
    assert got[1].shape == (2, 3)


def test_vjp_where_the_result_has_another_form(student):
    x = torch.randn(2)
    for function, arguments, cotangent, wrt, expected in (
        (student.pair, (x, x), (x, x, x), (0,), "a tuple of 3"),
        (student.none_at_all, (), x, (), r"a tensor of shape \(2,\)"),
        (student.scaled, (x,), torch.ones(3), (0,), r"a tensor of shape \(3,\)"),
    ):
        with pytest.raises(NotAsExpected, match=f"^The result: not of the right form; expected {expected}.$"):
            function.vjp(*arguments, cotangent=cotangent, wrt=wrt)
