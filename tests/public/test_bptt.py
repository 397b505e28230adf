"""What `autograder check bptt` runs: small numbers that you can check by hand. The marks come from other tests."""

import math

import numpy as np

LN3 = math.log(3)
NAMES = ("W_x", "W_s", "W_y", "b_s", "b_y")


def _by_hand():
    """V = 2, H = 1. Id 0 makes a state of 1/2 from nothing, and W_s and id 1 make 1/2 from 1/2."""
    return {
        "W_x": np.array([[LN3 / 2], [0.0]]),
        "W_s": np.array([[LN3]]),
        "W_y": np.array([[2 * LN3, 0.0]]),
        "b_s": np.zeros(1),
        "b_y": np.zeros(2),
    }


def _zeros(vocab, hidden):
    return {name: np.zeros(shape) for name, shape in zip(NAMES, _shapes(vocab, hidden), strict=True)}


def _shapes(vocab, hidden):
    return (vocab, hidden), (hidden, hidden), (hidden, vocab), (hidden,), (vocab,)


def _random(vocab, hidden, length):
    params = {name: np.random.randn(*shape) for name, shape in zip(NAMES, _shapes(vocab, hidden), strict=True)}
    ids = np.random.randint(vocab, size=length + 1)
    return params, ids[:-1], ids[1:], 0.5 * np.random.randn(hidden)


def _forward(student, *problem):
    loss, cache = student.expect_parts(student.forward(*problem), 2, about="the result, (loss, cache),")
    student.expect(isinstance(cache, dict), "The cache is no dict.")
    for name in ("states", "probs"):
        student.expect(name in cache, f'The cache has no "{name}".')
    return loss, cache


def _cache(student, *problem, needed_by="backward"):
    try:
        result = student.forward.keep(1)(*problem)
    except NotImplementedError:
        _expect_written(student[needed_by], problem[0])
        raise
    return student.expect_parts(result, 2, about="the result of forward, (loss, cache),")[1]


def _expect_written(function, params):
    """Where forward is missing: an exercise that is not written itself says so first."""
    try:
        function(params, {})
    except NotImplementedError:
        raise
    except Exception:
        return


def _clip(student, gradients, max_norm):
    return student.expect_parts(student.clip_gradients(gradients, max_norm), 2, about="the result, (clipped, norm),")


def _expect_gradients(student, got, want):
    student.expect(isinstance(got, dict), "The gradients are no dict.")
    for name in NAMES:
        student.expect(name in got, f"There is no gradient of {name}.")
        student.expect_close(got[name], want[name], atol=1e-9, about=f"the gradient of {name}")


def test_forward_with_weights_of_zero(student):
    """A model of zeros has states of 0 and finds all of 4 ids equally likely: each of 3 steps costs ln 4."""
    loss, cache = _forward(student, _zeros(4, 2), np.array([1, 0, 2]), np.array([0, 2, 3]), np.zeros(2))
    student.expect_close(cache["states"], np.zeros((4, 2)), atol=1e-9, about='cache["states"]')
    student.expect_close(cache["probs"], np.full((3, 4), 0.25), atol=1e-9, about='cache["probs"]')
    student.expect_close(loss, 3 * math.log(4), atol=1e-9, about="the loss")


def test_forward_of_one_step(student):
    """tanh(ln 3 / 2) = 1/2, and logits of (ln 3, 0) are probabilities of (3/4, 1/4)."""
    loss, cache = _forward(student, _by_hand(), np.array([0]), np.array([1]), np.zeros(1))
    student.expect_close(cache["states"], np.array([[0.0], [0.5]]), atol=1e-9, about='cache["states"]')
    student.expect_close(cache["probs"], np.array([[0.75, 0.25]]), atol=1e-9, about='cache["probs"]')
    student.expect_close(loss, math.log(4), atol=1e-9, about="the loss")


def test_forward_carries_the_state(student):
    """Here 1/2 times W_s gives a state of 1/2 again, step after step."""
    ids = np.array([0, 1, 1])
    loss, cache = _forward(student, _by_hand(), ids, np.array([0, 0, 1]), np.zeros(1))
    student.expect_close(cache["states"], np.array([[0.0], [0.5], [0.5], [0.5]]), atol=1e-9, about='cache["states"]')
    student.expect_close(loss, 2 * math.log(4 / 3) + math.log(4), atol=1e-9, about="the loss")


def test_numerical_gradient_of_a_vector(student):
    """The sum of squares of (1, -2, 3) has the gradient (2, -4, 6)."""
    got = student.numerical_gradient(student.prop("function", "sum_of_squares"), np.array([1.0, -2.0, 3.0]))
    student.expect_close(got, np.array([2.0, -4.0, 6.0]), atol=1e-7)


def test_numerical_gradient_of_a_product(student):
    """The product of all entries of [[1, 2], [3, 4]] has the gradient [[24, 12], [8, 6]]."""
    got = student.numerical_gradient(student.prop("function", "product"), np.array([[1.0, 2.0], [3.0, 4.0]]))
    student.expect_close(got, np.array([[24.0, 12.0], [8.0, 6.0]]), atol=1e-7)


def test_backward_of_one_step_by_hand(student):
    """Probabilities (3/4, 1/4), target 0: the logits get (-1/4, 1/4); go on from there with pencil and paper."""
    problem = _by_hand(), np.array([0]), np.array([0]), np.zeros(1)
    got = student.backward(problem[0], _cache(student, *problem))
    want = {
        "b_y": np.array([-0.25, 0.25]),
        "W_y": np.array([[-0.125, 0.125]]),
        "b_s": np.array([-0.375 * LN3]),
        "W_x": np.array([[-0.375 * LN3], [0.0]]),
        "W_s": np.zeros((1, 1)),
    }
    _expect_gradients(student, got, want)


def test_backward_with_weights_of_zero(student):
    """A model of zeros learns through b_y alone: of each id, how often it was expected minus how often it came."""
    problem = _zeros(4, 2), np.array([1, 0, 2, 0]), np.array([0, 2, 0, 0]), np.zeros(2)
    got = student.backward(problem[0], _cache(student, *problem))
    _expect_gradients(student, got, _zeros(4, 2) | {"b_y": np.array([1.0 - 3, 1.0, 1.0 - 1, 1.0])})


def test_backward_agrees_with_your_loss(student):
    """If a parameter changes a little, the loss of your forward changes as your gradient says."""
    params, *rest = _random(3, 2, 4)
    got = student.backward(params, _cache(student, params, *rest))
    student.expect(isinstance(got, dict), "The gradients are no dict.")
    for name in NAMES:
        student.expect(name in got, f"There is no gradient of {name}.")
        gradient = student.expect_array(got[name], params[name].shape, about=f"the gradient of {name}")
        direction = np.random.randn(*params[name].shape)
        losses = [_forward(student, params | {name: params[name] + h * direction}, *rest)[0] for h in (1e-5, -1e-5)]
        more, less = (student.expect_number(loss, about="the loss") for loss in losses)
        slope = float((gradient * direction).sum())
        student.expect_close(slope, (more - less) / 2e-5, atol=1e-6, about=f"the gradient of {name}")


def test_state_gradient_norms_of_one_step_by_hand(student):
    """Logits that get (-1/4, 1/4) give the state -1/4 times 2 ln 3: the norm is ln 3 / 2."""
    problem = _by_hand(), np.array([0]), np.array([0]), np.zeros(1)
    got = student.state_gradient_norms(problem[0], _cache(student, *problem, needed_by="state_gradient_norms"))
    student.expect_close(got, np.array([LN3 / 2]), atol=1e-9)


def test_state_gradient_norms_by_hand(student):
    """Each step back multiplies by tanh' = 3/4 and by W_s = ln 3."""
    problem = _by_hand(), np.array([0, 1, 1]), np.array([1, 1, 0]), np.zeros(1)
    got = student.state_gradient_norms(problem[0], _cache(student, *problem, needed_by="state_gradient_norms"))
    factor = 0.75 * LN3
    student.expect_close(got, LN3 / 2 * np.array([factor**2, factor, 1.0]), atol=1e-9)


def test_truncated_bptt_passes_of_the_picture(student):
    """T = 10, k1 = 2, k2 = 4 makes five passes; k1 = 3 makes four, the last for what is left."""
    problem = _random(4, 3, 10)
    for k1, count in ((2, 5), (3, 4)):
        passes = student.expect_parts(student.truncated_bptt(*problem, k1, 4), count, about="the list of passes")
        for gradients in passes:
            student.expect(isinstance(gradients, dict) and set(NAMES) <= gradients.keys(), "A gradient is missing.")


def test_truncated_bptt_in_one_pass_is_your_backward(student):
    """With k1 = k2 = T the one pass is what your backward gives."""
    problem = _random(4, 3, 5)
    (got,) = student.expect_parts(student.truncated_bptt(*problem, 5, 5), 1, about="the list of passes")
    want = student.backward(problem[0], _cache(student, *problem))
    student.expect(isinstance(want, dict) and set(NAMES) <= want.keys(), "backward gives no dict of all gradients.")
    for name in NAMES:
        student.expect_array(want[name], problem[0][name].shape, about=f"the gradient of {name}")
    _expect_gradients(student, got, want)


def test_truncated_bptt_by_hand(student):
    """k1 = k2 = 1: each of two steps is on its own, and the second begins with the state that the first has reached."""
    problem = _by_hand(), np.array([0, 1]), np.array([0, 0]), np.zeros(1)
    first, second = student.expect_parts(student.truncated_bptt(*problem, 1, 1), 2, about="the list of passes")
    alike = {
        "b_y": np.array([-0.25, 0.25]),
        "W_y": np.array([[-0.125, 0.125]]),
        "b_s": np.array([-0.375 * LN3]),
    }
    down = -0.375 * LN3
    _expect_gradients(student, first, alike | {"W_x": np.array([[down], [0.0]]), "W_s": np.zeros((1, 1))})
    _expect_gradients(student, second, alike | {"W_x": np.array([[0.0], [down]]), "W_s": np.array([[down / 2]])})


def test_truncated_bptt_with_k1_of_zero(student):
    """A pass after every 0 steps makes no sense: a ValueError that names k1."""
    with student.expect_raises(ValueError, naming=("k1",)):
        student.truncated_bptt(*_random(4, 3, 5), 0, 2)


def test_clip_gradients_three_four_five(student):
    """A 3 in one array and a 4 in another make a norm of 5; a limit of 1 leaves 0.6 and 0.8."""
    gradients = _zeros(2, 2)
    gradients["W_s"][0, 1], gradients["b_y"][1] = 3.0, -4.0
    want = _zeros(2, 2)
    want["W_s"][0, 1], want["b_y"][1] = 0.6, -0.8
    clipped, norm = _clip(student, gradients, 1.0)
    student.expect_close(norm, 5.0, atol=1e-9, about="the norm before")
    _expect_gradients(student, clipped, want)


def test_clip_gradients_within_the_limit(student):
    """The same gradients pass a limit of 6 unchanged."""
    gradients = _zeros(2, 2)
    gradients["W_s"][0, 1], gradients["b_y"][1] = 3.0, -4.0
    clipped, norm = _clip(student, gradients, 6.0)
    student.expect_close(norm, 5.0, atol=1e-9, about="the norm before")
    _expect_gradients(student, clipped, gradients)


def test_clip_gradients_to_zero(student):
    """A limit of 0 would throw everything away: a ValueError that names max_norm."""
    with student.expect_raises(ValueError, naming=("max_norm",)):
        student.clip_gradients(_zeros(2, 2), 0.0)
