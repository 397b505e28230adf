"""Right, with lists of Python floats and the math module: NumPy only at the border."""

import math

import numpy as np

H_NAMES = ["W_x", "W_s", "W_y", "b_s", "b_y"]


def _plain(params):
    return {name: np.asarray(array).tolist() for name, array in params.items()}


def _step(p, token, state):
    """(new state, logarithms of the probabilities)"""
    new = []
    for j in range(len(state)):
        total = p["b_s"][j] + p["W_x"][token][j]
        total += math.fsum(state[i] * p["W_s"][i][j] for i in range(len(state)))
        new.append(math.tanh(total))
    logits = [math.fsum([bias] + [new[i] * p["W_y"][i][v] for i in range(len(new))]) for v, bias in enumerate(p["b_y"])]
    top = max(logits)
    rest = top + math.log(math.fsum(math.exp(logit - top) for logit in logits))
    return new, [logit - rest for logit in logits]


def forward(params, inputs, targets, state):
    p = _plain(params)
    states, logs = [[float(number) for number in state]], []
    for token in inputs:
        new, log = _step(p, int(token), states[-1])
        states.append(new)
        logs.append(log)
    loss = -math.fsum(log[int(target)] for log, target in zip(logs, targets, strict=True))
    probs = [[math.exp(entry) for entry in log] for log in logs]
    ids = ([int(i) for i in inputs], [int(i) for i in targets])
    return loss, {"states": np.array(states), "probs": np.array(probs), "ids": ids}


def numerical_gradient(function, array, epsilon=1e-5):
    shape, numbers = array.shape, array.flatten().tolist()
    slopes = []
    for place, number in enumerate(numbers):
        values = []
        for sign in (1, -1):
            changed = list(numbers)
            changed[place] = number + sign * epsilon
            values.append(function(np.array(changed).reshape(shape)))
        slopes.append((values[0] - values[1]) / epsilon / 2)
    return np.array(slopes).reshape(shape)


def _pass(params, states, probs, inputs, targets, counts):
    """One backward pass in which step t counts counts[t] times."""
    p = _plain(params)
    grads = {name: [[0.0] * len(row) for row in p[name]] for name in ("W_x", "W_s", "W_y")}
    grads |= {name: [0.0] * len(p[name]) for name in ("b_s", "b_y")}
    size, vocab = len(p["b_s"]), len(p["b_y"])
    later = [0.0] * size
    for t in range(len(inputs) - 1, -1, -1):
        error = [counts[t] * (probs[t][v] - (v == targets[t])) for v in range(vocab)]
        down = []
        for i in range(size):
            total = later[i]
            for v in range(vocab):
                total += error[v] * p["W_y"][i][v]
                grads["W_y"][i][v] += states[t + 1][i] * error[v]
            down.append(total * (1 - states[t + 1][i]) * (1 + states[t + 1][i]))
        for v in range(vocab):
            grads["b_y"][v] += error[v]
        for j in range(size):
            grads["b_s"][j] += down[j]
            grads["W_x"][inputs[t]][j] += down[j]
            for i in range(size):
                grads["W_s"][i][j] += states[t][i] * down[j]
        later = [sum(down[j] * p["W_s"][i][j] for j in range(size)) for i in range(size)]
    return {name: np.array(grads[name]) for name in H_NAMES}


def backward(params, cache):
    inputs, targets = cache["ids"]
    return _pass(params, cache["states"].tolist(), cache["probs"].tolist(), inputs, targets, [1] * len(inputs))


def state_gradient_norms(params, cache):
    p, states, probs = _plain(params), cache["states"].tolist(), cache["probs"].tolist()
    target, size = cache["ids"][1][-1], len(p["b_s"])
    error = [prob - (v == target) for v, prob in enumerate(probs[-1])]
    flow = [sum(error[v] * p["W_y"][i][v] for v in range(len(error))) for i in range(size)]
    norms = [math.hypot(*flow)]
    for t in range(len(probs) - 1, 0, -1):
        flow = [sum(flow[j] * (1 - states[t + 1][j] ** 2) * p["W_s"][i][j] for j in range(size)) for i in range(size)]
        norms.insert(0, math.hypot(*flow))
    return np.array(norms)


def truncated_bptt(params, inputs, targets, state, k1, k2):
    if k1 < 1:
        raise ValueError("k1 < 1")
    if k2 < 1:
        raise ValueError("k2 < 1")
    p = _plain(params)
    states, probs = [[float(number) for number in state]], []
    inputs, targets = [int(i) for i in inputs], [int(i) for i in targets]
    done, passes = set(), []
    for t in range(1, len(inputs) + 1):
        new, logs = _step(p, inputs[t - 1], states[-1])
        states.append(new)
        probs.append([math.exp(log) for log in logs])
        if t % k1 == 0 or t == len(inputs):
            window = [step for step in range(t - k2 + 1, t + 1) if step >= 1]
            low = window[0] - 1
            counts = [0 if step in done else 1 for step in window]
            passes.append(_pass(params, states[low:], probs[low:], inputs[low:t], targets[low:t], counts))
            done.update(window)
    return passes


def clip_gradients(gradients, max_norm):
    if not max_norm > 0:
        raise ValueError("max_norm should be positive")
    norm = math.sqrt(math.fsum(number * number for array in gradients.values() for number in array.flat))
    if norm <= max_norm:
        return gradients, norm
    return {name: array * max_norm / norm for name, array in gradients.items()}, norm
