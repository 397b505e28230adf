"""The instrument for `bptt`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Comparisons are with the solution on the same numbers, and for each exercise also with torch's autograd or mathematics.
All is float64. Over 1000 seeds the right modules in tests/right differed from the solution by 1e-13 in gradients and by
3e-13 in norms, relatively; tolerances are far above that. ROUNDING is below the 1e-10 by which differences of losses
miss the gradient: who returns those has written no backward pass.
"""

import math

import numpy as np
import torch

ROUNDING = 1e-11  # absolute and relative: of sums of products of size one to a hundred
RELATIVE = 1e-9  # of norms, which may be 1e-20 or 1e5: products of up to twelve matrices
NAMES = ("W_x", "W_s", "W_y", "b_s", "b_y")


def _problem(vocab, hidden, length, scale=1.0):
    """Random (params, inputs, targets, state): no id enters twice unless length > vocab. `scale` is that of W_s."""
    params = {
        "W_x": 0.8 * np.random.randn(vocab, hidden),
        "W_s": scale * np.random.randn(hidden, hidden) / math.sqrt(hidden),
        "W_y": np.random.randn(hidden, vocab),
        "b_s": 0.5 * np.random.randn(hidden),
        "b_y": np.random.randn(vocab),
    }
    ids = np.random.permutation(vocab)
    inputs = ids[:length] if length <= vocab else np.random.randint(vocab, size=length)
    targets = ids[-1:] if length == 1 else np.random.randint(vocab, size=length)
    return params, inputs, targets, np.random.uniform(-0.9, 0.9, size=hidden)


def _from_zero(problem):
    """The same problem with a state of zeros."""
    return *problem[:3], np.zeros_like(problem[3])


def _remembering(vocab, hidden, length):
    """A problem in which gradients hardly vanish: small inputs, an orthogonal W_s."""
    params, inputs, targets, state = _problem(vocab, hidden, length)
    turn = np.linalg.qr(np.random.randn(hidden, hidden)).Q
    return params | {"W_x": 0.05 * params["W_x"], "W_s": turn, "b_s": 0 * params["b_s"]}, inputs, targets, 0.1 * state


def _forward(student, problem):
    """(loss, cache) of the student's forward, the cache as data."""
    loss, cache = student.expect_parts(student.forward(*problem), 2, about="the result, (loss, cache),")
    student.expect(isinstance(cache, dict), "The cache is no dict.")
    for name in ("states", "probs"):
        student.expect(name in cache, f'The cache has no "{name}".')
    return loss, cache


def _expect_large(student, reference, problem):
    """Loss and probabilities where logits are about 1000, and so have an error of 1e-13 from the start."""
    loss, cache = _forward(student, problem)
    want_loss, want = _forward(reference, problem)
    student.expect_close(loss, want_loss, atol=1e-9, about="the loss")
    student.expect_close(cache["probs"], want["probs"], atol=1e-9, about='cache["probs"]')


def _cache(student, problem, needed_by="backward"):
    """The cache that the student's forward makes, which stays with the student."""
    try:
        result = student.forward.keep(1)(*problem)
    except NotImplementedError:
        _expect_written(student[needed_by], problem[0])
        raise
    cache = student.expect_parts(result, 2, about="the result of forward, (loss, cache),")[1]
    return student.expect_handle(cache, about="the cache of forward")


def _expect_written(function, params):
    """Where forward is missing: an exercise that is not written itself says so first."""
    try:
        function(params, {})
    except NotImplementedError:
        raise
    except Exception:
        return


def _expect_gradients(student, got, want, names=NAMES, about=""):
    """A dict with these gradients."""
    student.expect(isinstance(got, dict), f"The gradients{about} are no dict.")
    for name in names:
        student.expect(name in got, f"The dict of gradients{about} has no {name}.")
        student.expect_close(got[name], want[name], ROUNDING, ROUNDING, about=f"the gradient of {name}{about}")


def _expect_backward(student, reference, problem, names=NAMES):
    """backward after forward gives the solution's gradients."""
    got = student.backward(problem[0], _cache(student, problem))
    _expect_gradients(student, got, reference.backward(problem[0], _cache(reference, problem)), names)


def _expect_passes(student, reference, problem, k1, k2):
    """As many passes as the solution has, with its gradients."""
    want = reference.truncated_bptt(*problem, k1, k2)
    passes = student.expect_parts(student.truncated_bptt(*problem, k1, k2), len(want), about="the list of passes")
    for number, (mine, theirs) in enumerate(zip(passes, want, strict=True), 1):
        _expect_gradients(student, mine, theirs, about=f" of pass {number}")


def _expect_norms(student, reference, problem):
    """The solution's norms, each to a relative accuracy."""
    got = student.state_gradient_norms(problem[0], _cache(student, problem, "state_gradient_norms"))
    want = reference.state_gradient_norms(problem[0], _cache(reference, problem))
    student.expect_close(got, want, atol=0.0, rtol=RELATIVE)


def _unroll(problem, first=1, last=None, state=None):
    """torch's own graph of the steps first .. last: (losses, states s_first .., parameters)."""
    params, inputs, targets, start = problem
    trained = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
    states, losses = [torch.tensor(start) if state is None else state], []
    for token, target in list(zip(inputs.tolist(), targets.tolist(), strict=True))[first - 1 : last]:
        states.append(torch.tanh(trained["W_x"][token] + states[-1] @ trained["W_s"] + trained["b_s"]))
        losses.append(-torch.log_softmax(states[-1] @ trained["W_y"] + trained["b_y"], dim=0)[target])
    return losses, states[1:], trained


def _autograd(loss, trained):
    """The gradients of a loss as a dict of arrays."""
    found = torch.autograd.grad(loss, list(trained.values()))
    return {name: gradient.numpy() for name, gradient in zip(trained, found, strict=True)}


# forward


def test_forward_loss_of_one_step(student, reference):
    """With one step and a state of zeros, the loss is the cross-entropy of the target, in nats."""
    problem = _from_zero(_problem(6, 4, 1))
    loss, _ = _forward(student, problem)
    student.expect_close(loss, _forward(reference, problem)[0], ROUNDING, ROUNDING, about="the loss")


def test_forward_states_of_one_step(student, reference):
    """`cache["states"]` holds the given state, then the tanh of what comes in from the input and from that state."""
    problem = _problem(6, 4, 1)
    _, cache = _forward(student, problem)
    student.expect_close(cache["states"], _forward(reference, problem)[1]["states"], ROUNDING, about='cache["states"]')


def test_forward_probs_of_one_step(student, reference):
    """`cache["probs"]` is the softmax of the logits, a row of V numbers for the one step."""
    problem = _problem(6, 4, 1)
    _, cache = _forward(student, problem)
    student.expect_close(cache["probs"], _forward(reference, problem)[1]["probs"], ROUNDING, about='cache["probs"]')


def test_forward_states_of_many_steps(student, reference):
    """Each state is made from its own input and from the state before it; there are T + 1 of them."""
    for sizes in ((6, 4, 5), (3, 7, 8), (4, 1, 6)):
        problem = _problem(*sizes)
        want = _forward(reference, problem)[1]["states"]
        student.expect_close(_forward(student, problem)[1]["states"], want, ROUNDING, about='cache["states"]')


def test_forward_probs_of_many_steps(student, reference):
    """Each step has its own row of probabilities."""
    for sizes in ((6, 4, 5), (3, 7, 8), (4, 1, 6)):
        problem = _problem(*sizes)
        want = _forward(reference, problem)[1]["probs"]
        student.expect_close(_forward(student, problem)[1]["probs"], want, ROUNDING, about='cache["probs"]')


def test_forward_loss_of_many_steps(student):
    """The loss is the sum of the steps' cross-entropies, not their mean."""
    for sizes in ((6, 4, 5), (3, 7, 8), (4, 1, 6)):
        problem = _problem(*sizes)
        want = sum(_unroll(problem)[0]).item()
        student.expect_close(_forward(student, problem)[0], want, ROUNDING, ROUNDING, about="the loss")


def test_forward_with_large_logits(student, reference):
    """Loss and probabilities are right for logits of 1000 and of -1000, also where the target has no chance."""
    params, inputs, targets, state = _problem(6, 4, 6)
    targets[:3] = 0, 1, 2
    for low, high in ((-1000.0, 1000.0), (-1000.0, -990.0), (990.0, 1000.0)):
        b_y = np.array([low, high, low, (low + high) / 2, high, 0.0])
        _expect_large(student, reference, (params | {"W_y": 0.1 * params["W_y"], "b_y": b_y}, inputs, targets, state))
    # states of all 1 or all -1, so that all logits of a step are near 1000, or all near -1000
    turns = params | {"W_x": 40.0 * np.sign(np.arange(6) - 2.5)[:, None] * np.ones((6, 4))}
    turns["W_y"] = np.tile(np.random.uniform(230, 250, size=6), (4, 1))
    _expect_large(student, reference, (turns, inputs, targets, state))


def test_forward_with_ids_that_repeat(student, reference):
    """The same id may enter again and again, and may be its own target."""
    params, _, _, state = _problem(4, 3, 1)
    ids = np.array([2, 2, 0, 2, 3, 3, 2])
    problem = params, ids, ids, state
    loss, cache = _forward(student, problem)
    want_loss, want = _forward(reference, problem)
    student.expect_close(loss, want_loss, ROUNDING, ROUNDING, about="the loss")
    student.expect_close(cache["states"], want["states"], ROUNDING, about='cache["states"]')


def test_forward_leaves_its_arguments_alone(student):
    """Parameters, inputs, targets and state are afterwards what they were, and a second call gives the same."""
    problem = _problem(6, 4, 5)
    result, after = student.forward.after(*problem)
    for name, now, before in zip(("params", "inputs", "targets", "state"), after, problem, strict=True):
        student.expect_equal(now, before, about=f"{name} after the call")
    first = student.expect_number(student.expect_parts(result, 2, about="the result, (loss, cache),")[0], "the loss")
    student.forward(*_problem(6, 4, 5))
    student.expect_close(_forward(student, problem)[0], first, ROUNDING, ROUNDING, about="the loss of a later call")


# numerical_gradient


def test_numerical_gradient_of_squares(student):
    """The gradient of a sum of squares is twice the array."""
    x = np.random.randn(5)
    got = student.numerical_gradient(student.prop("function", "sum_of_squares"), x)
    student.expect_close(got, 2 * x, atol=1e-8)  # 1e-10 of rounding, times 1 / epsilon and a sum of size 10


def test_numerical_gradient_of_a_function_that_mixes_entries(student):
    """Only one entry is changed at a time, and the others are as they were."""
    x = np.random.randn(4)
    for name in ("product", "log_sum_exp"):
        leaf = torch.tensor(x, requires_grad=True)
        value = leaf.prod() if name == "product" else leaf.logsumexp(0)
        want = torch.autograd.grad(value, leaf)[0].numpy()
        got = student.numerical_gradient(student.prop("function", name), x)
        student.expect_close(got, want, atol=1e-7)  # third derivatives of size 10 times epsilon^2


def test_numerical_gradient_of_a_matrix(student):
    """The array may have any shape: the function gets it in that shape, and the gradient has it too."""
    for shape in ((2, 3), (3, 1, 2), (1,), (4, 4)):
        x, weights = np.random.randn(*shape), np.random.randn(*shape)
        got = student.numerical_gradient(student.prop("weighted_sines", weights), x)
        student.expect_close(got, weights * np.cos(x), atol=1e-8)


def test_numerical_gradient_takes_central_differences(student, reference):
    """The differences are central: as far up as down, and divided by the whole distance."""
    x = np.random.randn(2, 3)
    for name in ("sum_of_cubes", "sum_of_sines"):
        got = student.numerical_gradient(student.prop("function", name), x, 0.5)
        want = reference.numerical_gradient(reference.prop("function", name), x, 0.5)
        student.expect_close(got, want, atol=1e-9)


def test_numerical_gradient_with_another_epsilon(student, reference):
    """`epsilon` is the step, whatever its size and that of the entries."""
    x = np.random.randn(4) + np.array([0.0, 10.0, -10.0, 0.1])
    for epsilon in (0.1, 0.01, 2.0):
        got = student.numerical_gradient(student.prop("function", "sum_of_cubes"), x, epsilon=epsilon)
        want = reference.numerical_gradient(reference.prop("function", "sum_of_cubes"), x, epsilon=epsilon)
        student.expect_close(got, want, atol=1e-8)  # cubes of 1000 have an error of 1e-13, and 0.01 is divided by


def test_numerical_gradient_steps_by_one_hundred_thousandth(student):
    """Without `epsilon`, the step is 1e-5."""
    got = student.numerical_gradient(student.prop("function", "sum_of_cubes"), np.zeros(3))
    student.expect_close(got, np.full(3, 1e-10), atol=1e-14, rtol=1e-6)  # of cubes at 0: the square of the step


def test_numerical_gradient_leaves_the_array_as_it_was(student):
    """Afterwards every entry of the array is exactly what it was."""
    x = np.random.randn(3, 4) * np.array([1.0, 0.001, 1000.0, 0.3])
    _, (_, after) = student.numerical_gradient.after(student.prop("function", "sum_of_squares"), x)
    student.expect_equal(after, x, about="the array after the call")


def test_numerical_gradient_of_an_array_that_is_not_contiguous(student):
    """A transposed view is an array like any other."""
    x, weights = np.random.randn(3, 2), np.random.randn(2, 3)
    view = student.prop("transposed", x)
    got, (_, after) = student.numerical_gradient.after(student.prop("weighted_sines", weights), view)
    student.expect_close(got, weights * np.cos(x.T), atol=1e-8)
    student.expect_equal(after, x.T, about="the array after the call")


# backward


def test_backward_output_layer_of_one_step(student, reference):
    """With one step, the gradients of W_y and b_y come from the probabilities, the target and the state."""
    _expect_backward(student, reference, _from_zero(_problem(6, 4, 1)), ("W_y", "b_y"))


def test_backward_of_one_step(student, reference):
    """With one step and a state of zeros, all gradients are right: that of W_s is zero."""
    _expect_backward(student, reference, _from_zero(_problem(6, 4, 1)))


def test_backward_output_layer_of_many_steps(student, reference):
    """The gradients of W_y and b_y are summed over all steps."""
    _expect_backward(student, reference, _problem(6, 4, 5), ("W_y", "b_y"))


def test_backward_of_two_steps(student, reference):
    """With two steps, what the second one loses flows back through W_s into the first."""
    _expect_backward(student, reference, _from_zero(_problem(6, 4, 2)))


def test_backward_recurrent_weights(student, reference):
    """W_s gets its gradient from every step: the state before, times what flows into the sum under tanh."""
    for sizes in ((6, 4, 5), (8, 3, 7)):
        _expect_backward(student, reference, _problem(*sizes), ("W_s",))


def test_backward_input_weights(student, reference):
    """Each row of W_x gets its gradient from the step at which its id enters; a row that never enters gets zeros."""
    for sizes in ((6, 4, 5), (8, 3, 7)):
        _expect_backward(student, reference, _problem(*sizes), ("W_x",))


def test_backward_bias(student, reference):
    """b_s gets its gradient from every step."""
    for sizes in ((6, 4, 5), (8, 3, 7)):
        _expect_backward(student, reference, _problem(*sizes), ("b_s",))


def test_backward_agrees_with_autograd(student):
    """All five gradients are those that automatic differentiation finds."""
    for sizes in ((6, 4, 6), (5, 5, 5), (3, 1, 2)):
        problem = _problem(*sizes)
        losses, _, trained = _unroll(problem)
        got = student.backward(problem[0], _cache(student, problem))
        _expect_gradients(student, got, _autograd(sum(losses), trained))


def test_backward_from_a_given_state(student, reference):
    """The state before the first step gives W_s its share of the gradient, with one step as with many."""
    for sizes in ((6, 4, 1), (6, 4, 2)):
        _expect_backward(student, reference, _problem(*sizes))


def test_backward_with_ids_that_repeat(student, reference):
    """A row of W_x whose id enters several times gets the sum of what all these steps give it."""
    _expect_backward(student, reference, _problem(3, 4, 8))
    _expect_backward(student, reference, _problem(2, 3, 5))


def test_backward_through_many_steps(student, reference):
    """The gradient flows back to the first step, however many there are: nothing is cut off."""
    _expect_backward(student, reference, _remembering(5, 4, 60))


def test_backward_of_large_gradients(student, reference):
    """Large gradients come back as they are: clipping is another function's task."""
    params, inputs, _, state = _problem(5, 4, 20)
    params["W_y"] *= 30
    params["b_y"][1:3] = 300.0, -100.0  # what is expected has no chance, at any of the steps
    _expect_backward(student, reference, (params, inputs, np.full(20, 2), state))


def test_backward_twice(student, reference):
    """`params` and the cache are afterwards what they were, so a second call gives the same gradients."""
    problem = _problem(6, 4, 5)
    cache = _cache(student, problem)
    before = {name: cache.get(name) for name in ("states", "probs")}
    _, (params, _) = student.backward.after(problem[0], cache)
    student.expect_equal(params, problem[0], about="params after the call")
    for name, array in before.items():
        student.expect_equal(cache.get(name), array, about=f'cache["{name}"] after the call')
    got = student.backward(problem[0], cache)
    _expect_gradients(student, got, reference.backward(problem[0], _cache(reference, problem)))


def test_backward_of_two_caches(student, reference):
    """What backward needs is in the cache it is given, not in what forward saw last."""
    problems = _problem(6, 4, 5), _problem(7, 3, 4)
    caches = [_cache(student, problem) for problem in problems]
    for problem, cache in zip(problems, caches, strict=True):
        want = reference.backward(problem[0], _cache(reference, problem))
        _expect_gradients(student, student.backward(problem[0], cache), want)


# state_gradient_norms


def test_state_gradient_norms_of_one_step(student, reference):
    """With one step there is one norm: that of the gradient which the loss gives the state through W_y."""
    _expect_norms(student, reference, _from_zero(_problem(6, 4, 1)))


def test_state_gradient_norms_of_the_last_step(student, reference):
    """There is one norm a step, and the last is that of the last step."""
    problem = _problem(6, 4, 5)
    got = student.state_gradient_norms(problem[0], _cache(student, problem, "state_gradient_norms"))
    want = reference.state_gradient_norms(problem[0], _cache(reference, problem))
    got = student.expect_array(got, shape=(5,))
    student.expect_close(got[-1:], want[-1:], atol=0.0, rtol=RELATIVE, about="the last norm, as an array of one,")


def test_state_gradient_norms_of_two_steps(student, reference):
    """One step back, the gradient goes through tanh and through W_s."""
    for _ in range(2):
        _expect_norms(student, reference, _problem(6, 4, 2))


def test_state_gradient_norms_of_many_steps(student, reference):
    """The gradient goes back step by step to the first state, and the norms stand in the order of time."""
    for sizes in ((6, 4, 5), (3, 7, 9), (4, 1, 3)):
        _expect_norms(student, reference, _problem(*sizes))


def test_state_gradient_norms_agree_with_autograd(student):
    """Only the last step's loss counts, not those of the steps before it."""
    for sizes in ((6, 4, 7), (3, 5, 4)):
        problem = _problem(*sizes)
        losses, states, _ = _unroll(problem)
        want = np.array([gradient.norm().item() for gradient in torch.autograd.grad(losses[-1], states)])
        got = student.state_gradient_norms(problem[0], _cache(student, problem, "state_gradient_norms"))
        student.expect_close(got, want, atol=0.0, rtol=RELATIVE)


def test_state_gradient_norms_that_vanish_and_explode(student, reference):
    """Norms may become as small as 1e-20 or grow from step to step, and are told as they are."""
    _expect_norms(student, reference, _problem(5, 4, 12, scale=0.01))
    params, inputs, targets, state = _remembering(5, 4, 12)
    params |= {"W_x": 1e-9 * params["W_x"], "W_s": 3 * params["W_s"]}  # states stay where tanh is a straight line
    _expect_norms(student, reference, (params, inputs, targets, 1e-9 * state))


def test_state_gradient_norms_without_recurrence(student, reference):
    """Where W_s is zero, every norm but the last is exactly zero."""
    params, *rest = _problem(6, 4, 5)
    problem = (params | {"W_s": np.zeros((4, 4))}, *rest)
    got = student.expect_array(
        student.state_gradient_norms(problem[0], _cache(student, problem, "state_gradient_norms")), shape=(5,)
    )
    student.expect_equal(got[:4], np.zeros(4), about="the norms before the last")
    _expect_norms(student, reference, problem)


def test_state_gradient_norms_twice(student, reference):
    """The cache is afterwards what it was: a second call gives the same norms, and backward the same gradients."""
    problem = _problem(6, 4, 5)
    params, cache = problem[0], _cache(student, problem, "state_gradient_norms")
    want = reference.state_gradient_norms(params, _cache(reference, problem))
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


# truncated_bptt


def test_truncated_bptt_of_one_step(student, reference):
    """Of a single step there is one pass, with all of its gradients: W_s has its own from the given state."""
    _expect_passes(student, reference, _problem(6, 4, 1), 1, 1)


def test_truncated_bptt_in_one_pass(student):
    """With k1 = k2 = T there is one pass, and it is full BPTT."""
    problem = _problem(6, 4, 5)
    losses, _, trained = _unroll(problem)
    (got,) = student.expect_parts(student.truncated_bptt(*problem, k1=5, k2=5), 1, about="the list of passes")
    _expect_gradients(student, got, _autograd(sum(losses), trained))


def test_truncated_bptt_number_of_passes(student):
    """A pass runs after every k1 steps, and each is a dict with a gradient for each parameter, of its shape."""
    problem = _problem(6, 4, 6)
    for k1, count in ((2, 3), (3, 2), (1, 6)):
        passes = student.expect_parts(student.truncated_bptt(*problem, k1, k1), count, about="the list of passes")
        for gradients in passes:
            student.expect(isinstance(gradients, dict), "A pass is no dict.")
            for name in NAMES:
                student.expect(name in gradients, f"A pass has no gradient of {name}.")
                student.expect_array(gradients[name], problem[0][name].shape, about=f"the gradient of {name}")


def test_truncated_bptt_with_windows_side_by_side(student, reference):
    """With k1 = k2 each window begins where the one before ended, with the state that was reached there."""
    for length, k in ((6, 3), (8, 2), (9, 3)):
        _expect_passes(student, reference, _problem(9, 4, length), k, k)


def test_truncated_bptt_with_windows_that_overlap(student, reference):
    """With k2 > k1 a pass goes back into steps whose losses are counted already, and does not count them again."""
    for length, k1, k2 in ((6, 2, 4), (8, 2, 3), (9, 3, 5), (4, 1, 2)):
        _expect_passes(student, reference, _problem(9, 4, length), k1, k2)


def test_truncated_bptt_with_windows_over_everything(student):
    """With k2 >= T the sum of all passes is full BPTT, whatever k1 is."""
    problem = _problem(8, 4, 6)
    losses, _, trained = _unroll(problem)
    want = _autograd(sum(losses), trained)
    for k1, k2, count in ((2, 6, 3), (1, 6, 6), (4, 9, 2), (5, 7, 2)):
        passes = student.expect_parts(student.truncated_bptt(*problem, k1, k2), count, about="the list of passes")
        for gradients in passes:
            zeros = {name: np.zeros_like(array) for name, array in problem[0].items()}
            student.expect(isinstance(gradients, dict) and zeros.keys() <= gradients.keys(), "A gradient is missing.")
            for name, array in zeros.items():
                student.expect_array(gradients[name], array.shape, about=f"the gradient of {name}")
        total = {name: sum(gradients[name] for gradients in passes) for name in NAMES}
        _expect_gradients(student, total, want, about=" in the sum of all passes")


def test_truncated_bptt_with_gaps_between_windows(student, reference):
    """With k1 > k2 the steps between two windows carry the state on, and their losses are never counted."""
    for length, k1, k2 in ((6, 3, 2), (8, 4, 1), (9, 3, 1)):
        _expect_passes(student, reference, _problem(9, 4, length), k1, k2)


def test_truncated_bptt_with_a_remainder(student, reference):
    """Where k1 does not divide T, one more pass runs at the end, over the last k2 steps, for the losses left there."""
    for length, k1, k2 in ((7, 3, 3), (7, 2, 4), (8, 3, 2), (5, 4, 3), (7, 4, 1), (5, 3, 5)):
        _expect_passes(student, reference, _problem(8, 4, length), k1, k2)


def test_truncated_bptt_agrees_with_autograd(student):
    """Each pass is what automatic differentiation finds when the window's first state is a constant."""
    for length, k1, k2 in ((10, 2, 4), (10, 4, 3), (7, 3, 5)):
        problem = _problem(10, 4, length)
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


def test_truncated_bptt_after_every_step(student, reference):
    """With k1 = 1 every step has a pass, which counts one loss; with k2 = 1 too, W_s still gets a gradient."""
    for k2 in (1, 3):
        _expect_passes(student, reference, _problem(6, 4, 12), 1, k2)


def test_truncated_bptt_with_fewer_steps_than_k1(student, reference):
    """With k1 >= T there is one pass, at the end, over the last k2 steps."""
    for length, k1, k2 in ((5, 7, 2), (5, 5, 3), (4, 9, 9), (1, 3, 2), (5, 6, 1)):
        _expect_passes(student, reference, _problem(6, 4, length), k1, k2)


def test_truncated_bptt_with_many_steps(student, reference):
    """Ids may repeat, gradients may be large, and memory may be long: each pass is still exact."""
    params, inputs, targets, state = _remembering(3, 4, 30)
    params["W_y"] *= 20
    for k1, k2 in ((7, 19), (11, 4)):
        _expect_passes(student, reference, (params, inputs, targets, state), k1, k2)


def test_truncated_bptt_leaves_its_arguments_alone(student):
    """Parameters, inputs, targets and state are afterwards what they were."""
    problem = _problem(6, 4, 5)
    _, after = student.truncated_bptt.after(*problem, 2, 3)
    for name, now, before in zip(("params", "inputs", "targets", "state"), after, problem, strict=False):
        student.expect_equal(now, before, about=f"{name} after the call")


def test_truncated_bptt_with_no_steps_to_run(student):
    """k1 or k2 of less than 1 is a ValueError that names it."""
    problem = _problem(6, 4, 5)
    for k1, k2, name in ((0, 2, "k1"), (2, 0, "k2"), (-1, 2, "k1"), (2, -3, "k2")):
        with student.expect_raises(ValueError, naming=(name,)):
            student.truncated_bptt(*problem, k1, k2)


# clip_gradients


def _gradients():
    """Random gradients for parameters of V = 5 and H = 3, and their norm, which is about 7."""
    gradients = {name: np.random.randn(*array.shape) for name, array in _problem(5, 3, 1)[0].items()}
    return gradients, math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients.values()))


def _clip(student, gradients, max_norm):
    """(clipped, norm) of the student."""
    return student.expect_parts(student.clip_gradients(gradients, max_norm), 2, about="the result, (clipped, norm),")


def test_clip_gradients_of_one_array(student):
    """Where a single array is not zero, it is scaled to the norm allowed."""
    gradients = {name: 0 * gradient for name, gradient in _gradients()[0].items()}
    gradients["W_s"] = np.random.randn(3, 3)
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
    for max_norm in (1.0, 0.03, 0.999 * norm):
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
    for given, max_norm in ((gradients, 1.001 * norm), (gradients, 100.0), (exact, 5.0)):
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
    for max_norm in (0.0, -1.0):
        with student.expect_raises(ValueError, naming=("max_norm",)):
            student.clip_gradients(_gradients()[0], max_norm)
