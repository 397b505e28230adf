"""Backpropagation through time, by hand: the gradients of a recurrent language model, in NumPy, without autograd.

The handout is `bptt.md`. Sources: Werbos, "Backpropagation through time: what it does and how to do it" (1990); on
truncation Williams and Peng (1990) and Sutskever's thesis (2013), section 2.8.6. torch may not be called here, since
what its autograd does is what you write.

Letters in shapes: T steps, V vocabulary, H hidden size. All numbers are float64. `params` is a dict of five arrays,

    W_x (V, H)    W_s (H, H)    W_y (H, V)    b_s (H,)    b_y (V,)

Inputs are one-hot, so what enters is a row of W_x. For t = 1 .. T (handout, "The mathematics, once"):

    s_t = tanh(W_x[inputs[t]] + s_{t-1} W_s + b_s)        logits_t = s_t W_y + b_y        probs_t = softmax(logits_t)

Python counts from 0: what enters at step 1 is `inputs[0]`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ids = NDArray[np.int64]
Params = dict[str, Array]  # gradients too: they have the same names and shapes
Cache = dict[str, Any]


def forward(params: Params, inputs: Ids, targets: Ids, state: Array) -> tuple[float, Cache]:
    """loss = sum over t of -log probs_t[targets[t]], in nats   (handout, exercise 1)

    inputs (T,), targets (T,): ids; state (H,): s_0, what the model remembers before the first step.
    Returns the loss (a sum, not a mean) and a cache: `cache["states"]` (T + 1, H) holds s_0 .. s_T, `cache["probs"]`
    (T, V) the probabilities. What else is in the cache is up to you: it is all that `backward` and
    `state_gradient_norms` learn of this call. The loss is finite for logits between -1000 and 1000.
    """
    # BEGIN SOLUTION: the states, one after the other; logits, probabilities and losses; and what backward will need
    states = np.empty((len(inputs) + 1, len(state)))
    states[0] = state
    for t, token in enumerate(inputs):
        states[t + 1] = np.tanh(params["W_x"][token] + states[t] @ params["W_s"] + params["b_s"])
    logits = states[1:] @ params["W_y"] + params["b_y"]
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)  # finite where a probability is 0
    probs = np.exp(log_probs)
    steps = np.arange(len(targets))
    loss = -log_probs[steps, targets].sum()
    d_logits = probs.copy()
    d_logits[steps, targets] -= 1  # d loss / d logits_t = probs_t - one-hot of the target
    return float(loss), {"states": states, "probs": probs, "inputs": inputs, "d_logits": d_logits}
    # END SOLUTION


def numerical_gradient(function: Callable[[Array], float], array: Array, epsilon: float = 1e-5) -> Array:
    """Entry i: (function(array + epsilon e_i) - function(array - epsilon e_i)) / (2 epsilon)   (handout, exercise 2)

    function: is called with an array of the shape of `array` and returns a float; array: any shape; e_i is 1 at entry i
    and 0 elsewhere. Returns an array of the shape of `array`, which is afterwards exactly as it was: adding and
    subtracting epsilon would leave a rounding error in it.
    """
    # BEGIN SOLUTION: one entry at a time: a little more, a little less
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        more, less = array.copy(), array.copy()
        more[index] += epsilon
        less[index] -= epsilon
        gradient[index] = (function(more) - function(less)) / (2 * epsilon)
    return gradient
    # END SOLUTION


def backward(params: Params, cache: Cache) -> Params:
    """Gradients of the loss for all parameters, by full backpropagation through time   (handout, exercise 3)

    cache: what `forward` returned. Returns a dict with the names and shapes of `params`. Neither argument is changed,
    so a second call gives the same.
    """
    # BEGIN SOLUTION: from the last step to the first; what reaches s_t comes from its own logits and from s_{t+1}
    states, inputs, d_logits = cache["states"], cache["inputs"], cache["d_logits"]
    gradients = {name: np.zeros_like(array) for name, array in params.items()}
    from_later = np.zeros(states.shape[1])
    for t in reversed(range(len(inputs))):
        before, state = states[t], states[t + 1]
        d_state = d_logits[t] @ params["W_y"].T + from_later
        d_sum = d_state * (1 - state**2)  # the derivative of tanh, told by its result
        gradients["W_y"] += np.outer(state, d_logits[t])
        gradients["b_y"] += d_logits[t]
        gradients["W_x"][inputs[t]] += d_sum
        gradients["W_s"] += np.outer(before, d_sum)
        gradients["b_s"] += d_sum
        from_later = d_sum @ params["W_s"].T
    return gradients
    # END SOLUTION


def state_gradient_norms(params: Params, cache: Cache) -> Array:
    """norms[t - 1] = || d loss_T / d s_t ||, for t = 1 .. T   (handout, exercise 4)

    cache: what `forward` returned. Returns (T,): the L2 norms of the gradients of the *last* step's loss alone. They
    show how much of what the last step has to say reaches each earlier one.
    """
    # BEGIN SOLUTION: begin at the last state and go back; a step back is a tanh' and a matrix
    states = cache["states"]
    d_state = params["W_y"] @ cache["d_logits"][-1]
    norms = [np.linalg.norm(d_state)]
    for t in range(len(states) - 1, 1, -1):
        d_state = params["W_s"] @ (d_state * (1 - states[t] ** 2))
        norms.append(np.linalg.norm(d_state))
    return np.array(norms[::-1])
    # END SOLUTION


def truncated_bptt(params: Params, inputs: Ids, targets: Ids, state: Array, k1: int, k2: int) -> list[Params]:
    """Every k1 steps, a backward pass over the last k2 steps   (Sutskever 2013, section 2.8.6; handout, exercise 5)

    inputs, targets, state: as in `forward`, which gives the states, once for all passes. Returns a list of gradient
    dicts, one for each pass, in order: a pass runs after every k1 steps, and once more at the end for what is left.
    With k1 >= T there is one pass.

    A pass at step t goes back over its window, the steps t - k2 + 1 .. t, cut at the first step. It counts the losses
    of those steps of the window that no earlier pass has counted (this is Williams and Peng's BPTT(h; h') with h = k2,
    h' = k1); with k1 > k2 the losses before the window are never counted. The state that enters the window is a
    constant, but one that the window's first step multiplies by W_s. The parameters stay the same between passes.
    ValueError if k1 or k2 is less than 1.
    """
    # BEGIN SOLUTION: when does a pass run? for each: where does its window begin, and which losses are still to count?
    for name, steps in (("k1", k1), ("k2", k2)):
        if steps < 1:
            raise ValueError(f"{name} must be at least 1, got {steps}")
    _, cache = forward(params, inputs, targets, state)
    length, counted, passes = len(inputs), 0, []
    for end in [*range(k1, length, k1), length]:
        start = max(0, end - k2)
        d_logits = cache["d_logits"][start:end].copy()
        d_logits[: max(0, counted - start)] = 0  # an earlier pass has counted these losses
        window = {"states": cache["states"][start : end + 1], "inputs": inputs[start:end], "d_logits": d_logits}
        passes.append(backward(params, window))
        counted = end
    return passes
    # END SOLUTION


def clip_gradients(gradients: Params, max_norm: float) -> tuple[Params, float]:
    """Scale all gradients by max_norm / norm if norm > max_norm   (Pascanu et al. 2013; handout, exercise 6)

    gradients: as `backward` gives them; norm: the L2 norm of all their numbers together. Returns a new dict and the
    norm before. Gradients whose norm is not greater than max_norm come back unchanged. The scale is exactly
    max_norm / norm: torch adds 1e-6 to the norm, here nothing is added. ValueError if max_norm is not greater than 0.
    """
    # BEGIN SOLUTION: one norm for all arrays together, and one factor for all of them
    if max_norm <= 0:
        raise ValueError(f"max_norm must be greater than 0, got {max_norm}")
    norm = float(np.sqrt(sum(np.sum(gradient**2) for gradient in gradients.values())))
    scale = max_norm / norm if norm > max_norm else 1.0
    return {name: gradient * scale for name, gradient in gradients.items()}, norm
    # END SOLUTION
