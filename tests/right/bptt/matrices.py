"""Right, with whole matrices: one-hot inputs, and all states' gradients at once from one linear system.

d loss / d s = g + J^T (d loss / d s), where J has the Jacobians of the steps below its diagonal, so a solve does what
others do by going back in time. Results are views in other orders of memory, and numbers are arrays without dimensions.
"""

import types

import numpy as np


def _one_hot(ids, size):
    return np.eye(size)[np.asarray(ids)]


def _log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def forward(params, inputs, targets, state):
    vocab = params["b_y"].shape[0]
    x, y = _one_hot(inputs, vocab), _one_hot(targets, vocab)
    entering = np.einsum("tv,vh->th", x, params["W_x"]) + params["b_s"]
    states = [np.array(state)]
    for row in entering:
        states.append(np.tanh(np.einsum("i,ij->j", states[-1], params["W_s"]) + row))
    states = np.stack(states)
    logs = _log_softmax(np.einsum("ti,iv->tv", states[1:], params["W_y"]) + params["b_y"])
    loss = -np.einsum("tv,tv->", y, np.where(y > 0, logs, 0.0))
    return np.asarray(loss), {"states": states, "probs": np.exp(logs), "x": x, "y": y}


def _state_gradients(params, states, direct):
    """d loss / d s_t for all t, from what the losses give each state directly."""
    length, size = direct.shape
    system = np.eye(length * size).reshape(length, size, length, size)
    slopes = 1 - states[1:] ** 2
    for t in range(1, length):
        system[t - 1, :, t, :] -= params["W_s"] * slopes[t]
    return np.linalg.solve(system.reshape(length * size, -1), direct.ravel()).reshape(length, size)


def _gradients(params, states, errors, x):
    into_sum = _state_gradients(params, states, errors @ params["W_y"].T) * (1 - states[1:] ** 2)
    return {
        "b_y": np.einsum("tv->v", errors),
        "b_s": np.einsum("th->h", into_sum),
        "W_y": np.einsum("tv,th->vh", errors, states[1:]).T,
        "W_s": (into_sum.T @ states[:-1]).T,
        "W_x": (into_sum.T @ x).T,
    }


def backward(params, cache):
    return types.MappingProxyType(_gradients(params, cache["states"], cache["probs"] - cache["y"], cache["x"]))


def state_gradient_norms(params, cache):
    direct = (cache["probs"] - cache["y"]) @ params["W_y"].T
    direct[:-1] = 0
    return np.sqrt((_state_gradients(params, cache["states"], direct) ** 2).sum(axis=1))


def truncated_bptt(params, inputs, targets, state, k1, k2):
    if min(k1, k2) < 1:
        raise ValueError(f"expected k1 >= 1 and k2 >= 1, got {k1} and {k2}")
    _, cache = forward(params, inputs, targets, state)
    length = len(inputs)
    number = -(-length // k1)
    errors, result = cache["probs"] - cache["y"], []
    for n in range(number):
        last = min(length, (n + 1) * k1)
        first = max(0, last - k2)
        fresh = np.arange(first, last) >= n * k1
        result.append(
            _gradients(
                params, cache["states"][first : last + 1], errors[first:last] * fresh[:, None], cache["x"][first:last]
            )
        )
    return result


def clip_gradients(gradients, max_norm):
    if max_norm <= 0:
        raise ValueError("clip_gradients: max_norm <= 0")
    norm = np.linalg.norm(np.concatenate([gradient.ravel() for gradient in gradients.values()]))
    return {name: gradient * (max_norm / np.maximum(norm, max_norm)) for name, gradient in gradients.items()}, norm


def numerical_gradient(function, array, epsilon=1e-5):
    steps = np.eye(array.size).reshape(array.size, *array.shape) * epsilon
    slopes = [(function(array + step) - function(array - step)) / (epsilon + epsilon) for step in steps]
    return np.reshape(slopes, array.shape)
