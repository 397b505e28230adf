"""The softmax, also where entries are minus infinity."""

import math

import torch

from ..shared import _strided
from .shared import GRADIENT, ROUNDING, _expect_gradients, _mask, _softmax


def test_softmax_of_one_row(student):
    """Each entry of a row becomes exp of it, divided by the sum of exp over the row."""
    x = torch.randn(5)
    student.expect_close(student.softmax(x), _softmax(x), atol=ROUNDING)


def test_softmax_of_each_row_of_a_matrix(student):
    """Without `dim`, every row of a matrix is normalised on its own, along the last dimension."""
    x = torch.randn(3, 4)
    student.expect_close(student.softmax(x), _softmax(x), atol=ROUNDING)


def test_softmax_along_the_dimension_asked_for(student):
    """`dim` says along which dimension the entries compete, counted from the front or, negative, from the back."""
    x = torch.randn(2, 3, 4)
    for dim in (0, 2, -2, -3):
        student.expect_close(student.softmax(x, dim=dim), _softmax(x, dim=dim), atol=ROUNDING)
    student.expect_close(student.softmax(x, 1), _softmax(x, 1), atol=ROUNDING)


def test_softmax_of_any_shape(student):
    """The input may have one to four dimensions, some of size 1, and the result has its shape."""
    for shape in ((4,), (3, 1), (1, 3, 1), (2, 1, 3, 4)):
        x = torch.randn(*shape)
        student.expect_close(student.softmax(x), _softmax(x), atol=ROUNDING)
    for shape in ((1,), (1, 4), (4, 4), (3, 2, 2, 1)):
        x = torch.randn(*shape)
        student.expect_close(student.softmax(x, dim=0), _softmax(x, dim=0), atol=ROUNDING)


def test_softmax_of_minus_infinity_is_zero(student):
    """An entry of -inf gets exactly 0, and the rest of its row shares the whole, however negative the rest is."""
    x = torch.randn(4, 5)
    x[1] -= 9990.0
    hidden = _mask(4, 5, allowed=2)
    x[hidden] = -math.inf
    got = student.expect_tensor(student.softmax(x), shape=(4, 5))
    student.expect_equal(got[hidden], torch.zeros(8), about="what -inf entries get")
    # at -1e4 float32 numbers are 0.001 apart, so exp(x - logsumexp(x)), which is allowed, is off by as much
    student.expect_close(got, _softmax(x), atol=2e-3)
    student.expect_close(got[[0, 2, 3]], _softmax(x)[[0, 2, 3]], atol=ROUNDING)


def test_softmax_gradient(student):
    """Gradients flow through softmax, along whichever dimension it runs."""
    x, cotangent = torch.randn(3, 4), torch.randn(3, 4)
    for dim in (0, -1):
        got = student.softmax.vjp(x, dim=dim, cotangent=cotangent, wrt=(0,))
        x.requires_grad_()
        _expect_gradients(student, got, _softmax(x, dim=dim), {"x": x}, cotangent, GRADIENT)
        x = x.detach()
    x = x + torch.tensor([[9000.0], [0.0], [-9000.0]])
    got = student.softmax.vjp(x, cotangent=cotangent, wrt=(0,))
    x.requires_grad_()  # about 9000 float32 numbers are 0.001 apart
    _expect_gradients(student, got, _softmax(x), {"x": x}, cotangent, 1e-2)


def test_softmax_of_large_entries(student):
    """Entries of 10000 and of -10000 give finite, right results, in one tensor with small ones too."""
    x = torch.tensor([[1e4, 1e4 - 1, -1e4], [-1e4, 1 - 1e4, 2 - 1e4], [0.0, 1.0, -1.0], [-1e4, 0.0, 1e4]])
    # at 1e4 float32 numbers are 0.001 apart, so exp(x - logsumexp(x)), which is allowed, is off by as much
    student.expect_close(student.softmax(x), _softmax(x), atol=2e-3)
    student.expect_close(student.softmax(x.T, dim=0), _softmax(x.T, dim=0), atol=2e-3)
    y = 200 * torch.randn(6, 5)
    student.expect_close(student.softmax(y), _softmax(y), atol=3e-4)  # the same at 1000: 0.0001 apart


def test_softmax_where_all_is_minus_infinity(student):
    """Where all entries are -inf the result is zeros, not nan, and other rows are as ever."""
    x = torch.randn(2, 3, 4)
    x[0, 1] = -math.inf
    x[1, :, 2] = -math.inf
    for dim in (-1, 1):
        got = student.expect_tensor(student.softmax(x, dim=dim), shape=(2, 3, 4))
        want = _softmax(x, dim=dim)
        student.expect_equal(got[torch.isneginf(x)], torch.zeros(7), about="what -inf entries get")
        student.expect_close(got, want, atol=ROUNDING)
    nothing = torch.full((3,), -math.inf)
    student.expect_equal(student.softmax(nothing), torch.zeros(3))


def test_softmax_gradient_where_entries_are_minus_infinity(student):
    """Gradients stay finite where entries are -inf, and where all of a row is."""
    x, cotangent = torch.randn(4, 5), torch.randn(4, 5)
    x[_mask(4, 5, allowed=2)] = -math.inf
    x[2] = -math.inf
    got = student.softmax.vjp(x, cotangent=cotangent, wrt=(0,))[0]
    x.requires_grad_()
    (want,) = torch.autograd.grad(_softmax(x), x, cotangent)
    got = student.expect_tensor(got, shape=(4, 5), about="the gradient")
    student.expect(bool(torch.isfinite(got).all()), "the gradient has an entry that is nan or infinite")
    there = torch.isfinite(x.detach())
    student.expect_close(got[there], want[there], atol=GRADIENT, about="the gradient at finite entries")


def test_softmax_leaves_its_input_alone(student):
    """The input is afterwards what it was, and need not be contiguous."""
    x = _strided(3, 4, 2)
    got, (after,) = student.softmax.after(x)
    student.expect_equal(after, x, about="x after the call")
    student.expect_close(got, _softmax(x), atol=ROUNDING)
    row = torch.randn(1, 4).expand(3, 4)
    student.expect_close(student.softmax(row), _softmax(row), atol=ROUNDING)
