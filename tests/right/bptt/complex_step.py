"""Right, by a trick of complex numbers: f'(x) is Im f(x + i h) / h, without any difference, for h as small as 1e-30.

No derivative is written down anywhere; each number of each parameter costs a run.
"""

import numpy as np

TINY = 1e-30


def _run(params, inputs, state):
    """(states, logits), of complex numbers if one of the parameters or the state is."""
    states = [np.asarray(state)]
    logits = []
    for token in inputs:
        states.append(np.tanh(states[-1] @ params["W_s"] + params["W_x"][token] + params["b_s"]))
        logits.append(states[-1] @ params["W_y"] + params["b_y"])
    return states, logits


def _cross_entropy(logits, target):
    top = logits.real.max()
    return np.log(np.exp(logits - top).sum()) + top - logits[target]


def forward(params, inputs, targets, state):
    states, logits = _run(params, inputs, state)
    loss = sum(_cross_entropy(row, target) for row, target in zip(logits, targets, strict=True))
    scaled = np.exp(np.array(logits) - np.max(logits, axis=1, keepdims=True))
    cache = {"probs": scaled / scaled.sum(1)[:, None], "states": np.array(states, dtype=float)}
    return loss, cache | {"question": (np.copy(inputs), np.copy(targets))}


def _complex_gradients(params, inputs, targets, state, skip=0):
    """Gradients of the losses of all but the first `skip` steps."""
    gradients = {}
    for name in params:
        gradients[name] = np.zeros_like(params[name])
        for place in np.ndindex(params[name].shape):
            changed = params[name].astype(complex)
            changed[place] += TINY * 1j
            logits = _run({**params, name: changed}, inputs, state)[1]
            losses = [_cross_entropy(row, target) for row, target in zip(logits, targets, strict=True)]
            gradients[name][place] = np.imag(sum(losses[skip:])) / TINY
    return gradients


def backward(params, cache):
    return _complex_gradients(params, *cache["question"], cache["states"][0])


def state_gradient_norms(params, cache):
    inputs, targets = cache["question"]
    states = cache["states"]
    norms = np.zeros(len(inputs))
    for t in range(1, len(states)):
        slopes = []
        for i in range(states.shape[1]):
            changed = states[t].astype(complex)
            changed[i] += TINY * 1j
            last = _run(params, inputs[t:], changed)[0][-1]
            slopes.append(_cross_entropy(last @ params["W_y"] + params["b_y"], targets[-1]).imag / TINY)
        norms[t - 1] = np.linalg.norm(slopes)
    return norms


def truncated_bptt(params, inputs, targets, state, k1, k2):
    if k1 < 1 or k2 < 1:
        raise ValueError("k1, k2: at least 1")
    states = np.array(_run(params, inputs, state)[0])
    passes = []
    for begin in range(0, len(inputs), k1):
        end = min(begin + k1, len(inputs))
        first = max(0, end - k2)
        part = slice(first, end)
        passes += [_complex_gradients(params, inputs[part], targets[part], states[first], max(0, begin - first))]
    return passes


def clip_gradients(gradients, max_norm):
    if max_norm <= 0:
        raise ValueError("max_norm")
    total = 0.0
    for gradient in gradients.values():
        total = np.hypot(total, np.linalg.norm(gradient))
    if total > max_norm:
        gradients = {name: np.multiply(gradient, np.divide(max_norm, total)) for name, gradient in gradients.items()}
    return gradients, total


def numerical_gradient(function, array, epsilon=1e-5):
    work = np.array(array)
    slopes = np.zeros_like(work)
    for place, value in np.ndenumerate(array):
        for sign in (+1, -1):
            work[place] = value + sign * epsilon
            slopes[place] += sign * function(work) / (2 * epsilon)
        work[place] = value
    return slopes
