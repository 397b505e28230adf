"""Single steps, the GRU's too, and the state before the first."""

import math

import torch

from ..shared import _strided
from .shared import GRADIENT, STATE

# initial_state


def test_initial_state_is_zero(student):
    """Before the first word the state of a single sequence is zeros."""
    student.expect_equal(student.initial_state(1, 4), torch.zeros(1, 4))


def test_initial_state_of_a_batch(student):
    """There is one row of zeros for each sequence of the batch."""
    for batch, size in ((3, 5), (5, 3), (4, 4), (2, 1), (100, 2)):
        student.expect_equal(student.initial_state(batch, size), torch.zeros(batch, size))
    student.expect_equal(student.initial_state(batch_size=3, hidden_dim=2), torch.zeros(3, 2))


# rnn_step


def _step(batch, size, hidden):
    """Random x, state, W_x, W_s and b_s."""
    state, w_x, w_s = torch.rand(batch, hidden) * 2 - 1, torch.randn(size, hidden), torch.randn(hidden, hidden)
    return torch.randn(batch, size), state, w_x / math.sqrt(size), w_s / math.sqrt(hidden), torch.randn(hidden)


def _new_state(x, state, w_x, w_s, b_s):
    """The equation of the docstring."""
    return torch.tanh(x @ w_x + state @ w_s + b_s)


def test_rnn_step_from_nothing(student):
    """From a state of zeros the new state is tanh of x W_x + b_s."""
    x, state, *weights = _step(1, 3, 4)
    args = (x, torch.zeros_like(state), *weights)
    student.expect_close(student.rnn_step(*args), _new_state(*args), atol=STATE)


def test_rnn_step_from_a_state(student):
    """The new state depends on the old one by way of W_s, rows times matrix."""
    args = _step(1, 3, 4)
    student.expect_close(student.rnn_step(*args), _new_state(*args), atol=STATE)


def test_rnn_step_of_a_batch(student):
    """Every row of a batch makes its own step, for any sizes."""
    for batch, size, hidden in ((5, 3, 4), (4, 4, 4), (2, 6, 1), (100, 2, 3)):
        args = _step(batch, size, hidden)
        student.expect_close(student.rnn_step(*args), _new_state(*args), atol=STATE)


def test_rnn_step_gradients(student):
    """Gradients flow to x, to the state and to all three weights."""
    args, cotangent = _step(4, 3, 5), torch.randn(4, 5)
    got = student.rnn_step.vjp(*args, cotangent=cotangent, wrt=range(5))
    leaves = [each.requires_grad_() for each in args]
    want = torch.autograd.grad(_new_state(*leaves), leaves, cotangent)
    for name, mine, theirs in zip(("x", "state", "W_x", "W_s", "b_s"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_rnn_step_of_large_numbers(student):
    """Large inputs drive the state to 1 and -1, and not beyond."""
    x, state, w_x, w_s, b_s = _step(3, 4, 6)
    for args in ((1e4 * x, state, w_x, w_s, b_s), (x, state, w_x, 1e4 * w_s, b_s), (x, state, w_x, w_s, 1e4 * b_s)):
        # sums of 10000 are 0.001 apart in float32, which tanh feels where they happen to be near 0
        student.expect_close(student.rnn_step(*args), _new_state(*args), atol=2e-2)


def test_rnn_step_leaves_its_arguments_alone(student):
    """Contiguous or not, the arguments are afterwards what they were."""
    for args in (
        _step(2, 3, 4),
        (_strided(2, 3), torch.rand(1, 4).expand(2, 4), _strided(3, 4), _strided(4, 4), torch.randn(4)),
    ):
        got, after = student.rnn_step.after(*args)
        student.expect_close(got, _new_state(*args), atol=STATE)
        for name, now, before in zip(("x", "state", "W_x", "W_s", "b_s"), after, args, strict=True):
            student.expect_equal(now, before, about=f"{name} after the call")


# gru_step


def _gru(batch, size, hidden):
    """Random x, state, W_x, W_s, b_x and b_s."""
    x, state = torch.randn(batch, size), torch.rand(batch, hidden) * 2 - 1
    w_x, w_s = torch.randn(size, 3 * hidden) / math.sqrt(size), torch.randn(hidden, 3 * hidden) / math.sqrt(hidden)
    return x, state, w_x, w_s, *torch.randn(2, 3 * hidden)


GRU = ("x", "state", "W_x", "W_s", "b_x", "b_s")


def _new_memory(x, state, w_x, w_s, b_x, b_s):
    """By torch, whose matrices are transposed."""
    return torch.gru_cell(x, state, w_x.T, w_s.T, b_x, b_s)


def test_gru_step_from_nothing(student):
    """From a state of zeros, without biases, the new state is (1 - z) * n."""
    x, state, w_x, w_s, b_x, b_s = _gru(1, 3, 4)
    args = (x, 0 * state, w_x, w_s, 0 * b_x, 0 * b_s)
    student.expect_close(student.gru_step(*args), _new_memory(*args), atol=STATE)


def test_gru_step_from_a_state(student):
    """Gates in the order reset, update, new; reset acts on s W_sn + b_sn; update keeps the old state."""
    args = _gru(1, 3, 4)
    student.expect_close(student.gru_step(*args), _new_memory(*args), atol=STATE)


def test_gru_step_of_a_batch(student):
    """Every row of a batch makes its own step, for any sizes."""
    for batch, size, hidden in ((5, 3, 4), (4, 4, 4), (3, 12, 3), (2, 6, 1)):
        args = _gru(batch, size, hidden)
        student.expect_close(student.gru_step(*args), _new_memory(*args), atol=STATE)


def test_gru_step_gradients(student):
    """Gradients flow to all six arguments."""
    args, cotangent = _gru(4, 3, 5), torch.randn(4, 5)
    got = student.gru_step.vjp(*args, cotangent=cotangent, wrt=range(6))
    leaves = [each.requires_grad_() for each in args]
    want = torch.autograd.grad(_new_memory(*leaves), leaves, cotangent)
    for name, mine, theirs in zip(GRU, got, want, strict=True):
        student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_gru_step_with_gates_wide_open(student):
    """With an update gate of 1 the state stays as it is, with one of 0 it is all new; large numbers are no harm."""
    x, state, w_x, w_s, b_x, b_s = _gru(3, 2, 11)
    # each unit has its own gates: reset and update in all combinations of open, shut and between, then the new memory
    settings = [(reset, update, 0) for reset in (1, -1, 0) for update in (1, -1, 0)] + [(0, 0, 1), (0, 0, -1)]
    b_x = b_x + 1000.0 * torch.tensor(settings).T.flatten()
    args = (x, state, w_x, w_s, b_x, b_s)
    student.expect_close(student.gru_step(*args), _new_memory(*args), atol=STATE)


def test_gru_step_leaves_its_arguments_alone(student):
    """Contiguous or not, the arguments are afterwards what they were."""
    strided = (_strided(2, 3), torch.rand(1, 4).expand(2, 4), _strided(3, 12), _strided(4, 12), *torch.randn(2, 12))
    for args in (_gru(2, 3, 4), strided):
        got, after = student.gru_step.after(*args)
        student.expect_close(got, _new_memory(*args), atol=STATE)
        for name, now, before in zip(GRU, after, args, strict=True):
            student.expect_equal(now, before, about=f"{name} after the call")
