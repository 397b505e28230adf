"""Right, without ever going back: sensitivities of the state to every parameter are carried forward in time.

This is real-time recurrent learning (Williams and Zipser 1989). It costs more and gives the same gradients.
"""

from functools import reduce

import numpy as np


class Sensitivities:
    """d state / d W_x, W_s, b_s, each with the state's dimension last."""

    def __init__(self, vocab, size):
        self.W_x = np.zeros((vocab, size, size))
        self.W_s = np.zeros((size, size, size))
        self.b_s = np.zeros((size, size))

    def advance(self, weights, token, before, after):
        slope = 1.0 - after * after
        unit = np.eye(len(after))
        self.W_x = self.W_x @ weights
        self.W_x[token] += unit
        self.W_s = self.W_s @ weights + before[:, None, None] * unit
        self.b_s = self.b_s @ weights + unit
        for name in ("W_x", "W_s", "b_s"):
            setattr(self, name, getattr(self, name) * slope)


class Cache(dict):
    """A dict that knows what went in."""

    inputs: tuple
    targets: tuple


def _softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


def forward(params, inputs, targets, state):
    length, (size, vocab) = len(inputs), params["W_y"].shape
    cache = Cache(states=np.zeros((length + 1, size)), probs=np.zeros((length, vocab)))
    cache["states"][0, :] = state
    total = np.float64(0)
    for t in range(length):
        cache["states"][t + 1] = np.tanh(
            params["b_s"] + params["W_x"][inputs[t]] + np.dot(cache["states"][t], params["W_s"])
        )
        logits = np.dot(cache["states"][t + 1], params["W_y"]) + params["b_y"]
        cache["probs"][t] = _softmax(logits)
        total += np.logaddexp.reduce(logits) - logits[targets[t]]
    cache.inputs, cache.targets = tuple(inputs), tuple(targets)
    return total, cache


def _window(params, cache, first, last, counted):
    """Gradients of the losses of the steps counted .. last - 1, from sensitivities that begin at step `first`."""
    total = {name: np.zeros(array.shape) for name, array in params.items()}
    known = Sensitivities(*params["W_x"].shape)
    for t in range(first, last):
        before, after = cache["states"][t], cache["states"][t + 1]
        known.advance(params["W_s"], cache.inputs[t], before, after)
        if t < counted:
            continue
        error = cache["probs"][t].copy()
        error[cache.targets[t]] -= 1
        at_state = params["W_y"].dot(error)
        total["b_y"] += error
        total["W_y"] += after[:, np.newaxis] * error
        for name in ("W_x", "W_s", "b_s"):
            total[name] += getattr(known, name) @ at_state
    return total


def backward(params, cache):
    return _window(params, cache, 0, len(cache.inputs), 0)


def state_gradient_norms(params, cache):
    states, length = cache["states"], len(cache.inputs)
    error = cache["probs"][-1] - (np.arange(len(params["b_y"])) == cache.targets[-1])
    norms = []
    for t in range(1, length + 1):
        jacobians = [(1 - after**2)[:, None] * params["W_s"].T for after in states[t + 1 :]]
        through = reduce(lambda product, jacobian: jacobian @ product, jacobians, np.eye(states.shape[1]))
        norms.append(np.sqrt(np.sum((error @ params["W_y"].T @ through) ** 2)))
    return np.asarray(norms, dtype=np.float64)


def truncated_bptt(params, inputs, targets, state, k1, k2):
    for name, value in {"k1": k1, "k2": k2}.items():
        if value <= 0:
            raise ValueError(f"{name} must be a positive number of steps")
    cache = forward(params, inputs, targets, state)[1]
    passes, since, t = [], 0, 0
    while t < len(inputs):
        t = min(t + k1, len(inputs))
        passes.append(_window(params, cache, max(t - k2, 0), t, since))
        since = t
    return passes


def clip_gradients(gradients, max_norm):
    if max_norm <= 0.0:
        raise ValueError("need max_norm > 0")
    norm = sum(np.vdot(gradient, gradient) for gradient in gradients.values()) ** 0.5
    clipped = {name: np.copy(gradient) for name, gradient in gradients.items()}
    if norm > max_norm:
        for name in clipped:
            clipped[name] *= max_norm / norm
    return clipped, np.array(norm)


def numerical_gradient(function, array, epsilon=1e-5):
    gradient = np.empty(array.shape)
    walk = np.nditer(array, flags=["multi_index"])
    for number in walk:
        kept, place = float(number), walk.multi_index
        array[place] = kept + epsilon
        above = function(array)
        array[place] = kept - epsilon
        below = function(array)
        array[place] = kept
        gradient[place] = (above - below) / (2.0 * epsilon)
    return gradient
