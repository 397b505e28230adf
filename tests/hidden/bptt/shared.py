"""What the tests of `bptt` share.

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


def _run(problem):
    """(loss, states, probs) by the equations of the docstring."""
    params, inputs, targets, start = problem
    states = [start]
    for token in inputs:
        states.append(np.tanh(params["W_x"][token] + states[-1] @ params["W_s"] + params["b_s"]))
    logits = np.array(states[1:]) @ params["W_y"] + params["b_y"]
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return -log_probs[np.arange(len(targets)), targets].sum(), np.array(states), np.exp(log_probs)


def _errors(problem, probs):
    """The gradient of the loss for the logits, (T, V)."""
    return probs - np.eye(probs.shape[1])[problem[2]]


def _gradients(problem, first=1, last=None, counted=0):
    """Those of the losses after step `counted`, by backpropagation through the steps first .. last (or all).

    Other tests compare with torch's autograd, which takes three times as long.
    """
    params, inputs = problem[:2]
    last = last or len(inputs)
    _, states, probs = _run(problem)
    errors = _errors(problem, probs)
    errors[:counted] = 0.0
    sums, flow = np.zeros(states.shape), 0.0
    for t in range(last, first - 1, -1):
        sums[t] = (params["W_y"] @ errors[t - 1] + flow) * (1 - states[t] ** 2)
        flow = params["W_s"] @ sums[t]
    errors, sums, inputs = errors[first - 1 : last], sums[first : last + 1], inputs[first - 1 : last]
    return {
        "W_x": np.eye(len(params["b_y"]))[inputs].T @ sums,
        "W_s": states[first - 1 : last].T @ sums,
        "W_y": states[first : last + 1].T @ errors,
        "b_s": sums.sum(axis=0),
        "b_y": errors.sum(axis=0),
    }


def _from_zero(problem):
    """The same problem with a state of zeros."""
    return *problem[:3], np.zeros_like(problem[3])


def _remembering(vocab, hidden, length):
    """A problem in which gradients hardly vanish: small inputs, an orthogonal W_s."""
    params, inputs, targets, state = _problem(vocab, hidden, length)
    turn = np.linalg.qr(np.random.randn(hidden, hidden)).Q
    return params | {"W_x": 0.05 * params["W_x"], "W_s": turn, "b_s": 0 * params["b_s"]}, inputs, targets, 0.1 * state


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
