"""The instrument for `bptt`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Here stand the two passes, in tests/hidden/bptt truncated passes and what gradients are checked with, watched and
clipped. Comparisons are with the equations of the docstrings on the same numbers, and for each exercise also with
torch's autograd or mathematics.
"""

import numpy as np

from .bptt.shared import (
    NAMES,
    ROUNDING,
    _autograd,
    _cache,
    _expect_gradients,
    _from_zero,
    _gradients,
    _problem,
    _remembering,
    _run,
    _unroll,
)


def _forward(student, problem):
    """(loss, cache) of the student's forward, the cache as data."""
    loss, cache = student.expect_parts(student.forward(*problem), 2, about="the result, (loss, cache),")
    student.expect(isinstance(cache, dict), "The cache is no dict.")
    for name in ("states", "probs"):
        student.expect(name in cache, f'The cache has no "{name}".')
    return loss, cache


def _expect_large(student, problem):
    """Loss and probabilities where logits are about 1000, and so have an error of 1e-13 from the start."""
    loss, cache = _forward(student, problem)
    want_loss, _, probs = _run(problem)
    student.expect_close(loss, want_loss, atol=1e-9, about="the loss")
    student.expect_close(cache["probs"], probs, atol=1e-9, about='cache["probs"]')


def _expect_backward(student, problem, names=NAMES):
    """backward after forward gives the gradients."""
    got = student.backward(problem[0], _cache(student, problem))
    _expect_gradients(student, got, _gradients(problem), names)


# forward


def test_forward_loss_of_one_step(student):
    """With one step and a state of zeros, the loss is the cross-entropy of the target, in nats."""
    problem = _from_zero(_problem(6, 4, 1))
    loss, _ = _forward(student, problem)
    student.expect_close(loss, _run(problem)[0], ROUNDING, ROUNDING, about="the loss")


def test_forward_states_of_one_step(student):
    """`cache["states"]` holds the given state, then the tanh of what comes in from the input and from that state."""
    problem = _problem(6, 4, 1)
    _, cache = _forward(student, problem)
    student.expect_close(cache["states"], _run(problem)[1], ROUNDING, about='cache["states"]')


def test_forward_probs_of_one_step(student):
    """`cache["probs"]` is the softmax of the logits, a row of V numbers for the one step."""
    problem = _problem(6, 4, 1)
    _, cache = _forward(student, problem)
    student.expect_close(cache["probs"], _run(problem)[2], ROUNDING, about='cache["probs"]')


def test_forward_states_of_many_steps(student):
    """Each state is made from its own input and from the state before it; there are T + 1 of them."""
    for problem in (_problem(6, 4, 5), _problem(3, 7, 8), _problem(4, 1, 3), _remembering(5, 4, 60)):
        want = _run(problem)[1]
        student.expect_close(_forward(student, problem)[1]["states"], want, ROUNDING, about='cache["states"]')


def test_forward_probs_of_many_steps(student):
    """Each step has its own row of probabilities."""
    for sizes in ((6, 4, 5), (4, 1, 6)):
        problem = _problem(*sizes)
        want = _run(problem)[2]
        student.expect_close(_forward(student, problem)[1]["probs"], want, ROUNDING, about='cache["probs"]')


def test_forward_loss_of_many_steps(student):
    """The loss is the sum of the steps' cross-entropies, not their mean."""
    for sizes in ((6, 4, 5), (3, 7, 8)):
        problem = _problem(*sizes)
        want = sum(_unroll(problem)[0]).item()
        student.expect_close(_forward(student, problem)[0], want, ROUNDING, ROUNDING, about="the loss")


def test_forward_with_large_logits(student):
    """Loss and probabilities are right for logits of 1000 and of -1000, also where the target has no chance."""
    params, inputs, targets, state = _problem(6, 4, 6)
    targets[:3] = 0, 1, 2
    for low, high in ((-1000.0, 1000.0), (-1000.0, -990.0), (990.0, 1000.0)):
        b_y = np.array([low, high, low, (low + high) / 2, high, 0.0])
        _expect_large(student, (params | {"W_y": 0.1 * params["W_y"], "b_y": b_y}, inputs, targets, state))
    # states of all 1 or all -1, so that all logits of a step are near 1000, or all near -1000
    turns = params | {"W_x": 40.0 * np.sign(np.arange(6) - 2.5)[:, None] * np.ones((6, 4))}
    turns["W_y"] = np.tile(np.random.uniform(230, 250, size=6), (4, 1))
    _expect_large(student, (turns, inputs, targets, state))


def test_forward_with_ids_that_repeat(student):
    """The same id may enter again and again, and may be its own target."""
    params, _, _, state = _problem(4, 3, 1)
    ids = np.array([2, 2, 0, 2, 3, 3, 2])
    problem = params, ids, ids, state
    loss, cache = _forward(student, problem)
    want_loss, states, _ = _run(problem)
    student.expect_close(loss, want_loss, ROUNDING, ROUNDING, about="the loss")
    student.expect_close(cache["states"], states, ROUNDING, about='cache["states"]')


def test_forward_leaves_its_arguments_alone(student):
    """Arguments are afterwards what they were; a later call gives the same, and changes nothing in an earlier cache."""
    problem = _problem(6, 4, 5)
    cache = _cache(student, problem, needed_by="forward")
    kept = {name: cache.get(name) for name in ("states", "probs")}
    result, after = student.forward.after(*problem)
    for name, now, before in zip(("params", "inputs", "targets", "state"), after, problem, strict=True):
        student.expect_equal(now, before, about=f"{name} after the call")
    first = student.expect_number(student.expect_parts(result, 2, about="the result, (loss, cache),")[0], "the loss")
    student.forward(*_problem(6, 4, 5))
    for name, array in kept.items():
        student.expect_equal(cache.get(name), array, about=f'"{name}" in the first cache after other calls')
    student.expect_close(_forward(student, problem)[0], first, ROUNDING, ROUNDING, about="the loss of a later call")


# backward


def test_backward_output_layer_of_one_step(student):
    """With one step, the gradients of W_y and b_y come from the probabilities, the target and the state."""
    _expect_backward(student, _from_zero(_problem(6, 4, 1)), ("W_y", "b_y"))


def test_backward_of_one_step(student):
    """With one step and a state of zeros, all gradients are right: that of W_s is zero."""
    _expect_backward(student, _from_zero(_problem(6, 4, 1)))


def test_backward_output_layer_of_many_steps(student):
    """The gradients of W_y and b_y are summed over all steps."""
    _expect_backward(student, _problem(6, 4, 5), ("W_y", "b_y"))


def test_backward_of_two_steps(student):
    """With two steps, what the second one loses flows back through W_s into the first."""
    _expect_backward(student, _from_zero(_problem(6, 4, 2)))


def test_backward_recurrent_weights(student):
    """W_s gets its gradient from every step: the state before, times what flows into the sum under tanh."""
    _expect_backward(student, _problem(6, 4, 5), ("W_s",))


def test_backward_input_weights(student):
    """Each row of W_x gets its gradient from the step at which its id enters; a row that never enters gets zeros."""
    _expect_backward(student, _problem(8, 3, 7), ("W_x",))


def test_backward_bias(student):
    """b_s gets its gradient from every step."""
    _expect_backward(student, _problem(8, 3, 7), ("b_s",))


def test_backward_agrees_with_autograd(student):
    """All five gradients are those that automatic differentiation finds."""
    for sizes in ((6, 4, 6), (3, 1, 2)):
        params, *rest = _problem(*sizes)
        problem = dict(reversed(params.items())), *rest  # they have names, and no order
        losses, _, trained = _unroll(problem)
        got = student.backward(problem[0], _cache(student, problem))
        _expect_gradients(student, got, _autograd(sum(losses), trained))


def test_backward_from_a_given_state(student):
    """The state before the first step gives W_s its share of the gradient, with one step as with many."""
    for sizes in ((6, 4, 1), (6, 4, 2)):
        _expect_backward(student, _problem(*sizes))


def test_backward_with_ids_that_repeat(student):
    """A row of W_x whose id enters several times gets the sum of what all these steps give it."""
    for sizes in ((3, 4, 8), (2, 3, 5), (4, 4, 6)):
        _expect_backward(student, _problem(*sizes))
    params, _, _, state = _problem(5, 4, 1)
    params["W_s"] *= 0  # steps that are the same in all, and count as often as they come
    _expect_backward(student, (params, np.array([1, 3, 3, 3]), np.array([4, 0, 0, 0]), state))


def test_backward_through_many_steps(student):
    """The gradient flows back to the first step, however many there are: nothing is cut off."""
    _expect_backward(student, _remembering(5, 4, 60))


def test_backward_of_large_gradients(student):
    """Large gradients come back as they are: clipping is another function's task."""
    params, inputs, _, state = _problem(5, 4, 20)
    params["W_x"] *= 5  # and some states near 1 or -1, which pass on almost nothing
    params["W_y"] *= 300
    params["b_y"][1:3] = 300.0, -100.0  # what is expected has no chance, at any of the steps
    _expect_backward(student, (params, inputs, np.full(20, 2), state))


def test_backward_twice(student):
    """`params` and the cache are afterwards what they were, so a second call gives the same gradients."""
    problem = _problem(6, 4, 5)
    cache = _cache(student, problem)
    before = {name: cache.get(name) for name in ("states", "probs")}
    _, (params, _) = student.backward.after(problem[0], cache)
    student.expect_equal(params, problem[0], about="params after the call")
    for name, array in before.items():
        student.expect_equal(cache.get(name), array, about=f'cache["{name}"] after the call')
    got = student.backward(problem[0], cache)
    _expect_gradients(student, got, _gradients(problem))


def test_backward_of_two_caches(student):
    """What backward needs is in the cache it is given, not in what forward saw last."""
    problems = _problem(6, 4, 5), _problem(7, 3, 4)
    caches = [_cache(student, problem) for problem in problems]
    for problem, cache in zip(problems, caches, strict=True):
        _expect_gradients(student, student.backward(problem[0], cache), _gradients(problem))
