"""Gradients by differences, their norms through time, and clipped."""

import math

import numpy as np
import torch

from .shared import (
    NAMES,
    RELATIVE,
    ROUNDING,
    _cache,
    _errors,
    _expect_gradients,
    _from_zero,
    _problem,
    _remembering,
    _run,
    _unroll,
)


def _expect_norms(student, problem):
    """The norms, each to a relative accuracy."""
    got = student.state_gradient_norms(problem[0], _cache(student, problem, "state_gradient_norms"))
    want = _norms(problem)
    student.expect_close(got, want, atol=0.0, rtol=RELATIVE)


def _norms(problem):
    """By backpropagation from the last step's loss."""
    params = problem[0]
    _, states, probs = _run(problem)
    flow = params["W_y"] @ _errors(problem, probs)[-1]
    norms = [np.linalg.norm(flow)]
    for state in states[:1:-1]:
        flow = params["W_s"] @ (flow * (1 - state**2))
        norms.append(np.linalg.norm(flow))
    return np.array(norms[::-1])


# numerical_gradient


def test_numerical_gradient_of_squares(student):
    """The gradient of a sum of squares is twice the array."""
    for size in (5, 30):
        x = np.random.randn(size)
        got = student.numerical_gradient(student.prop("function", "sum_of_squares"), x)
        student.expect_close(got, 2 * x, atol=1e-8)  # 1e-10 of rounding, times 1 / epsilon and a sum of size 10


def test_numerical_gradient_of_a_function_that_mixes_entries(student):
    """Only one entry is changed at a time, and the others are as they were."""
    x = np.random.randn(4)
    for name, step in (("product", {"epsilon": 0.5}), ("log_sum_exp", {})):
        leaf = torch.tensor(x, requires_grad=True)
        value = leaf.prod() if name == "product" else leaf.logsumexp(0)
        want = torch.autograd.grad(value, leaf)[0].numpy()
        got = student.numerical_gradient(student.prop("function", name), x, **step)
        # a product is linear in each entry, so that any step gives it; else third derivatives times epsilon^2
        student.expect_close(got, want, atol=1e-7)


def test_numerical_gradient_of_a_matrix(student):
    """The array may have any shape, even (): the function gets it in that shape, and the gradient has it too."""
    got = student.numerical_gradient(student.prop("function", "sum_of_squares"), np.array(0.7))
    student.expect_close(got, 1.4, atol=1e-8)
    for shape in ((2, 3), (3, 1, 2), (1,)):
        x, weights = np.random.randn(*shape), np.random.randn(*shape)
        got = student.numerical_gradient(student.prop("weighted_sines", weights), x)
        student.expect_close(got, weights * np.cos(x), atol=1e-8)


def test_numerical_gradient_takes_central_differences(student):
    """The differences are central: as far up as down, and divided by the whole distance."""
    x = np.random.randn(2, 3)
    # the mean slope between x - 1/2 and x + 1/2
    got = student.numerical_gradient(student.prop("function", "sum_of_cubes"), x, 0.5)
    student.expect_close(got, (x + 0.5) ** 3 - (x - 0.5) ** 3, atol=1e-9)
    got = student.numerical_gradient(student.prop("function", "sum_of_sines"), x, 0.5)
    student.expect_close(got, np.sin(x + 0.5) - np.sin(x - 0.5), atol=1e-9)


def test_numerical_gradient_with_another_epsilon(student):
    """`epsilon` is the step, whatever its size and that of the entries."""
    x = np.random.randn(4) + np.array([0.0, 10.0, -10.0, 0.1])
    cubes = student.prop("function", "sum_of_cubes")
    for epsilon in (0.01, 2.0):
        got = student.numerical_gradient(cubes, x, epsilon=epsilon)
        # cubes of 1000 have an error of 1e-13, and 0.01 is divided by
        student.expect_close(got, 3 * x**2 + epsilon**2, atol=1e-8)


def test_numerical_gradient_steps_by_one_hundred_thousandth(student):
    """Without `epsilon`, the step is 1e-5."""
    got = student.numerical_gradient(student.prop("function", "sum_of_cubes"), np.zeros(3))
    student.expect_close(got, np.full(3, 1e-10), atol=1e-14, rtol=1e-6)  # of cubes at 0: the square of the step


def test_numerical_gradient_leaves_the_array_as_it_was(student):
    """Afterwards every entry of the array is exactly what it was, also where a step swallows all of its digits."""
    x = np.random.randn(3, 4) * np.array([1.0, 0.001, 1000.0, 0.3])
    for step in ({"epsilon": 1e20}, {}):
        _, (_, after) = student.numerical_gradient.after(student.prop("function", "sum_of_squares"), x, **step)
        student.expect_equal(after, x, about="the array after the call")


def test_numerical_gradient_of_an_array_that_is_not_contiguous(student):
    """A transposed view is an array like any other."""
    x, weights = np.random.randn(3, 2), np.random.randn(2, 3)
    view = student.prop("transposed", x)
    got, (_, after) = student.numerical_gradient.after(student.prop("weighted_sines", weights), view)
    student.expect_close(got, weights * np.cos(x.T), atol=1e-8)
    student.expect_equal(after, x.T, about="the array after the call")


# state_gradient_norms


def test_state_gradient_norms_of_one_step(student):
    """With one step there is one norm: that of the gradient which the loss gives the state through W_y."""
    _expect_norms(student, _from_zero(_problem(6, 4, 1)))


def test_state_gradient_norms_of_the_last_step(student):
    """There is one norm a step, and the last is that of the last step."""
    problem = _problem(6, 4, 5)
    got = student.state_gradient_norms(problem[0], _cache(student, problem, "state_gradient_norms"))
    want = _norms(problem)
    got = student.expect_array(got, shape=(5,))
    student.expect_close(got[-1:], want[-1:], atol=0.0, rtol=RELATIVE, about="the last norm, as an array of one,")


def test_state_gradient_norms_of_two_steps(student):
    """One step back, the gradient goes through tanh and through W_s."""
    _expect_norms(student, _problem(6, 4, 2))


def test_state_gradient_norms_of_many_steps(student):
    """The gradient goes back step by step to the first state, and the norms stand in the order of time."""
    for problem in (_problem(3, 7, 9), _problem(4, 1, 3), _problem(5, 5, 4), _remembering(5, 4, 60)):
        _expect_norms(student, problem)


def test_state_gradient_norms_agree_with_autograd(student):
    """Only the last step's loss counts, not those of the steps before it."""
    problem = _problem(6, 4, 7)
    losses, states, _ = _unroll(problem)
    want = np.array([gradient.norm().item() for gradient in torch.autograd.grad(losses[-1], states)])
    got = student.state_gradient_norms(problem[0], _cache(student, problem, "state_gradient_norms"))
    student.expect_close(got, want, atol=0.0, rtol=RELATIVE)


def test_state_gradient_norms_that_vanish_and_explode(student):
    """Norms may become as small as 1e-20 or grow from step to step, and are told as they are."""
    _expect_norms(student, _problem(5, 4, 12, scale=0.01))
    params, inputs, targets, state = _remembering(5, 4, 12)
    params |= {"W_x": 1e-9 * params["W_x"], "W_s": 3 * params["W_s"]}  # states stay where tanh is a straight line
    _expect_norms(student, (params, inputs, targets, 1e-9 * state))


def test_state_gradient_norms_without_recurrence(student):
    """Where W_s is zero, every norm but the last is exactly zero."""
    params, *rest = _problem(6, 4, 5)
    problem = (params | {"W_s": np.zeros((4, 4))}, *rest)
    got = student.expect_array(
        student.state_gradient_norms(problem[0], _cache(student, problem, "state_gradient_norms")), shape=(5,)
    )
    student.expect_equal(got[:4], np.zeros(4), about="the norms before the last")
    _expect_norms(student, problem)


def test_state_gradient_norms_twice(student):
    """The cache is afterwards what it was: a second call gives the same norms, and backward the same gradients."""
    problem = _problem(6, 4, 5)
    params, cache = problem[0], _cache(student, problem, "state_gradient_norms")
    want = _norms(problem)
    states = cache.get("states")
    for _ in range(2):
        student.expect_close(student.state_gradient_norms(params, cache), want, atol=0.0, rtol=RELATIVE)
        student.expect_equal(cache.get("states"), states, about='cache["states"] after the call')
    gradients = _backward_if_it_works(student, params, _cache(student, problem))
    if gradients is not None:
        again = _backward_if_it_works(student, params, cache)
        student.expect(again is not None, "backward fails on a cache that state_gradient_norms has seen.")
        _expect_gradients(student, again, gradients, about=" from a cache that state_gradient_norms has seen")


def _backward_if_it_works(student, params, cache):
    """The student's gradients, or None: a backward that fails or is missing has tests of its own."""
    try:
        gradients = student.backward(params, cache)
        return {name: student.expect_array(gradients[name], params[name].shape) for name in NAMES}
    except Exception:
        return None


# clip_gradients


def _gradients():
    """Random gradients for parameters of V = 5 and H = 3, and their norm, which is about 7."""
    gradients = {name: np.random.randn(*array.shape) for name, array in _problem(5, 3, 1)[0].items()}
    return gradients, math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients.values()))


def _clip(student, gradients, max_norm):
    """(clipped, norm) of the student."""
    return student.expect_parts(student.clip_gradients(gradients, max_norm), 2, about="the result, (clipped, norm),")


def test_clip_gradients_of_one_array(student):
    """Where a single array is not zero, it is scaled to the norm allowed, however small it is."""
    gradients = {name: 0 * gradient for name, gradient in _gradients()[0].items()}
    gradients["W_s"] = 1e-6 * np.random.randn(3, 3)
    norm = float(np.linalg.norm(gradients["W_s"]))
    clipped, _ = _clip(student, gradients, norm / 4)
    _expect_gradients(student, clipped, {name: gradient / 4 for name, gradient in gradients.items()})


def test_clip_gradients_gives_the_norm_before(student):
    """The second part of the result is the norm before clipping, of all numbers together."""
    gradients, norm = _gradients()
    for max_norm in (0.5, 2 * norm):
        student.expect_close(_clip(student, gradients, max_norm)[1], norm, ROUNDING, ROUNDING, about="the norm before")


def test_clip_gradients_scales_all_alike(student):
    """One factor for all arrays, exactly max_norm / norm: the direction stays, and the norm becomes max_norm."""
    gradients, norm = _gradients()
    for max_norm in (0.03, 0.999 * norm):
        clipped, _ = _clip(student, gradients, max_norm)
        want = {name: gradient * (max_norm / norm) for name, gradient in gradients.items()}
        _expect_gradients(student, clipped, want)


def test_clip_gradients_that_are_large(student):
    """The scale is right however large the gradients are."""
    gradients, norm = _gradients()
    gradients = {name: 1e6 * gradient for name, gradient in gradients.items()}
    clipped, before = _clip(student, gradients, 5)
    student.expect_close(before, 1e6 * norm, 0.0, ROUNDING, about="the norm before")
    _expect_gradients(student, clipped, {name: gradient * (5e-6 / norm) for name, gradient in gradients.items()})


def test_clip_gradients_not_over_the_limit(student):
    """Gradients whose norm is not over max_norm come back unchanged, bit by bit."""
    gradients, norm = _gradients()
    exact = {name: 0 * gradient for name, gradient in gradients.items()}
    exact["W_x"][2, 1], exact["b_y"][3] = -3.0, 4.0
    small = {name: 1e-9 * gradient for name, gradient in gradients.items()}
    for given, max_norm in ((gradients, 1.2 * norm), (gradients, 1.001 * norm), (small, 1.0), (exact, 5.0)):
        clipped, _ = _clip(student, given, max_norm)
        student.expect(isinstance(clipped, dict), "The clipped gradients are no dict.")
        for name in NAMES:
            student.expect(name in clipped, f"The dict of gradients has no {name}.")
            student.expect_equal(clipped[name], given[name], about=f"the gradient of {name}")


def test_clip_gradients_of_zeros(student):
    """Gradients of zeros stay zeros, with a norm of 0."""
    gradients = {name: 0 * gradient for name, gradient in _gradients()[0].items()}
    clipped, norm = _clip(student, gradients, 1.0)
    student.expect_equal(norm, 0.0, about="the norm before")
    _expect_gradients(student, clipped, gradients)


def test_clip_gradients_leaves_its_argument_alone(student):
    """The gradients handed in are afterwards what they were: the clipped ones are others."""
    gradients, norm = _gradients()
    _, (after, _) = student.clip_gradients.after(gradients, norm / 3)
    student.expect_equal(after, gradients, about="the gradients after the call")


def test_clip_gradients_to_nothing(student):
    """A max_norm of 0 or less is a ValueError that names it."""
    gradients = _gradients()[0]
    for given in (gradients, {name: 0 * gradient for name, gradient in gradients.items()}):
        for max_norm in (0.0, -1.0):
            with student.expect_raises(ValueError, naming=("max_norm",)):
                student.clip_gradients(given, max_norm)
