"""Right, with an object for each step, recursion for time, and truncated passes as differences of full ones.

Gradients are linear in the losses: what a pass counts is its whole window less the part that is counted already.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np


@dataclass
class Step:
    token: int
    target: int
    before: np.ndarray
    after: np.ndarray
    log_probs: np.ndarray

    @classmethod
    def run(cls, params, token, target, before):
        after = np.tanh(before @ params["W_s"] + params["W_x"][token] + params["b_s"])
        logits = params["b_y"] + after @ params["W_y"]
        top = logits.max()
        return cls(token, target, before, after, logits - top - np.log(np.sum(np.exp(logits - top))))

    @property
    def error(self):
        error = np.exp(self.log_probs)
        error[self.target] -= 1
        return error

    def back(self, params, flow, gradients):
        """Add this step's share to the gradients; what flows on to the step before."""
        error = self.error
        inner = (flow + params["W_y"] @ error) * (1 - np.square(self.after))
        gradients["W_y"] += self.after.reshape(-1, 1) * error.reshape(1, -1)
        gradients["b_y"] += error
        gradients["W_s"] += self.before.reshape(-1, 1) @ inner.reshape(1, -1)
        gradients["b_s"] += inner
        np.add.at(gradients["W_x"], self.token, inner)
        return params["W_s"] @ inner


def _run(params, pairs, state):
    if not pairs:
        return []
    (token, target), *rest = pairs
    step = Step.run(params, token, target, state)
    return [step, *_run(params, rest, step.after)]


def _back(params, steps):
    """Full gradients of these steps' losses."""
    gradients = OrderedDict((name, np.zeros(params[name].shape)) for name in sorted(params))

    def flow_into(t):
        flow = flow_into(t + 1) if t + 1 < len(steps) else np.zeros(len(params["b_s"]))
        return steps[t].back(params, flow, gradients)

    if steps:
        flow_into(0)
    return gradients


def forward(params, inputs, targets, state):
    steps = _run(params, list(zip(inputs.tolist(), targets.tolist(), strict=True)), np.array(state))
    loss = np.float64(-sum(step.log_probs[step.target] for step in steps))
    states = np.vstack([state, *(step.after for step in steps)])
    return loss, {"states": states, "probs": np.exp([step.log_probs for step in steps]), "steps": steps}


def backward(params, cache):
    return _back(params, cache["steps"])


def state_gradient_norms(params, cache):
    *_, last = cache["steps"]
    flows = [params["W_y"] @ last.error]
    for step in cache["steps"][:0:-1]:
        flows.append(params["W_s"].dot(flows[-1] - flows[-1] * step.after**2))
    return np.linalg.norm(flows, axis=1)[::-1]


def truncated_bptt(params, inputs, targets, state, k1, k2):
    for name, value in zip(("k1", "k2"), (k1, k2), strict=True):
        if value < 1:
            raise ValueError(f"{name}={value}")
    steps = forward(params, inputs, targets, state)[1]["steps"]
    ends = sorted({min(end, len(steps)) for end in range(k1, len(steps) + k1, k1)})
    passes = []
    for end in ends:
        window = slice(max(end - k2, 0), end)
        old = slice(window.start, max((other for other in ends if other < end), default=0))
        whole, part = _back(params, steps[window]), _back(params, steps[old])
        passes.append({name: whole[name] - part[name] for name in params})
    return passes


def clip_gradients(gradients, max_norm):
    if max_norm > 0:
        norm = np.linalg.norm([np.linalg.norm(gradient) for gradient in gradients.values()])
        scale = 1.0 if norm == 0 else min(1.0, max_norm / norm)
        return OrderedDict((name, scale * gradient) for name, gradient in gradients.items()), norm
    raise ValueError(f"{max_norm=} is not positive")


def numerical_gradient(function, array, epsilon=1e-5):
    def slope(*place):
        bump = np.zeros(array.shape)
        bump[place] = epsilon
        return (function(array + bump) - function(array - bump)) / 2 / epsilon

    return np.array([slope(*place) for place in np.ndindex(*array.shape)]).reshape(array.shape)
