"""Truncated backpropagation through time."""

import numpy as np
import torch

from .shared import NAMES, _autograd, _expect_gradients, _gradients, _problem, _remembering, _unroll


def _expect_passes(student, problem, k1, k2):
    """A pass after every k1 steps and one for the rest, each over k2 steps, of the losses that none before counted."""
    length = len(problem[1])
    ends = [*range(k1, length, k1), length]
    want = [
        _gradients(problem, max(1, end - k2 + 1), end, before) for before, end in zip([0, *ends], ends, strict=False)
    ]
    passes = student.expect_parts(student.truncated_bptt(*problem, k1, k2), len(want), about="the list of passes")
    for number, (mine, theirs) in enumerate(zip(passes, want, strict=True), 1):
        _expect_gradients(student, mine, theirs, about=f" of pass {number}")


def test_truncated_bptt_of_one_step(student):
    """Of a single step there is one pass, with all of its gradients: W_s has its own from the given state."""
    _expect_passes(student, _problem(6, 4, 1), 1, 1)


def test_truncated_bptt_in_one_pass(student):
    """With k1 = k2 = T there is one pass, and it is full BPTT."""
    problem = _problem(6, 4, 5)
    losses, _, trained = _unroll(problem)
    (got,) = student.expect_parts(student.truncated_bptt(*problem, k1=5, k2=5), 1, about="the list of passes")
    _expect_gradients(student, got, _autograd(sum(losses), trained))


def test_truncated_bptt_number_of_passes(student):
    """A pass runs after every k1 steps, and each is a dict with a gradient for each parameter, of its shape."""
    problem = _problem(6, 4, 6)
    for k1, count in ((2, 3), (3, 2)):
        passes = student.expect_parts(student.truncated_bptt(*problem, k1, k1), count, about="the list of passes")
        for gradients in passes:
            student.expect(isinstance(gradients, dict), "A pass is no dict.")
            for name in NAMES:
                student.expect(name in gradients, f"A pass has no gradient of {name}.")
                student.expect_array(gradients[name], problem[0][name].shape, about=f"the gradient of {name}")


def test_truncated_bptt_with_windows_side_by_side(student):
    """With k1 = k2 each window begins where the one before ended, with the state that was reached there."""
    for length, k in ((6, 3), (8, 2)):
        _expect_passes(student, _problem(9, 4, length), k, k)


def test_truncated_bptt_with_windows_that_overlap(student):
    """With k2 > k1 a pass goes back into steps whose losses are counted already, and does not count them again."""
    for length, k1, k2 in ((6, 2, 4), (9, 3, 5), (4, 1, 2)):
        _expect_passes(student, _problem(9, 4, length), k1, k2)


def test_truncated_bptt_with_windows_over_everything(student):
    """With k2 >= T the sum of all passes is full BPTT, whatever k1 is."""
    problem = _problem(8, 4, 6)
    losses, _, trained = _unroll(problem)
    want = _autograd(sum(losses), trained)
    for k1, k2, count in ((2, 6, 3), (4, 9, 2)):
        passes = student.expect_parts(student.truncated_bptt(*problem, k1, k2), count, about="the list of passes")
        for gradients in passes:
            zeros = {name: np.zeros_like(array) for name, array in problem[0].items()}
            student.expect(isinstance(gradients, dict) and zeros.keys() <= gradients.keys(), "A gradient is missing.")
            for name, array in zeros.items():
                student.expect_array(gradients[name], array.shape, about=f"the gradient of {name}")
        total = {name: sum(gradients[name] for gradients in passes) for name in NAMES}
        _expect_gradients(student, total, want, about=" in the sum of all passes")


def test_truncated_bptt_with_gaps_between_windows(student):
    """With k1 > k2 the steps between two windows carry the state on, and their losses are never counted."""
    for length, k1, k2 in ((6, 3, 2), (8, 4, 1)):
        _expect_passes(student, _problem(9, 4, length), k1, k2)


def test_truncated_bptt_with_a_remainder(student):
    """Where k1 does not divide T, one more pass runs at the end, over the last k2 steps, for the losses left there."""
    for length, k1, k2 in ((7, 2, 4), (8, 3, 2), (5, 4, 3)):
        _expect_passes(student, _problem(8, 4, length), k1, k2)


def test_truncated_bptt_agrees_with_autograd(student):
    """Each pass is what automatic differentiation finds when the window's first state is a constant."""
    for length, k1, k2 in ((9, 2, 4), (7, 3, 2)):
        problem = _problem(9, 4, length)
        states = [torch.tensor(problem[3]), *(state.detach() for state in _unroll(problem)[1])]
        want, counted = [], set()
        for t in (step for step in range(1, length + 1) if step % k1 == 0 or step == length):
            first = max(1, t - k2 + 1)
            losses, _, trained = _unroll(problem, first, t, states[first - 1])
            loss = sum(loss for step, loss in enumerate(losses, first) if step not in counted)
            counted |= set(range(first, t + 1))
            want.append(_autograd(loss, trained))
        passes = student.expect_parts(student.truncated_bptt(*problem, k1, k2), len(want), about="the list of passes")
        for number, (mine, theirs) in enumerate(zip(passes, want, strict=True), 1):
            _expect_gradients(student, mine, theirs, about=f" of pass {number}")


def test_truncated_bptt_after_every_step(student):
    """With k1 = 1 every step has a pass, which counts one loss; with k2 = 1 too, W_s still gets a gradient."""
    for k2 in (1, 3):
        _expect_passes(student, _problem(6, 4, 6), 1, k2)


def test_truncated_bptt_with_fewer_steps_than_k1(student):
    """With k1 >= T there is one pass, at the end, over the last k2 steps."""
    for length, k1, k2 in ((5, 7, 2), (5, 5, 3), (4, 9, 9), (1, 3, 2)):
        _expect_passes(student, _problem(6, 4, length), k1, k2)


def test_truncated_bptt_with_many_steps(student):
    """Ids may repeat, gradients may be large, and memory may be long: each pass is still exact."""
    params, inputs, targets, state = _remembering(3, 4, 30)
    params["W_y"] *= 20
    for k1, k2 in ((7, 19), (11, 4)):
        _expect_passes(student, (params, inputs, targets, state), k1, k2)


def test_truncated_bptt_leaves_its_arguments_alone(student):
    """Parameters, inputs, targets and state are afterwards what they were."""
    problem = _problem(6, 4, 5)
    _, after = student.truncated_bptt.after(*problem, 2, 3)
    for name, now, before in zip(("params", "inputs", "targets", "state"), after, problem, strict=False):
        student.expect_equal(now, before, about=f"{name} after the call")


def test_truncated_bptt_with_no_steps_to_run(student):
    """k1 or k2 of less than 1 is a ValueError that names it."""
    problem = _problem(6, 4, 5)
    for k1, k2, name in ((-1, 2, "k1"), (2, -3, "k2"), (0, 2, "k1"), (2, 0, "k2")):
        with student.expect_raises(ValueError, naming=(name,)):
            student.truncated_bptt(*problem, k1, k2)
