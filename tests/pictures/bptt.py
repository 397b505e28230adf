"""What a report shows of a student's backpropagation. The models are fixed and public: no hidden test uses them."""

import numpy as np

from autograder.pictures import lines

SCALES = (0.5, 1.0, 2.0)
STEPS, VOCABULARY, HIDDEN = 40, 10, 16


def gradient_norms(student):
    """How gradients vanish and explode: the norms through time, of models whose W_s is a rotation times a scale."""
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(HIDDEN, HIDDEN))).Q
    params = {
        "W_x": 0.1 * rng.normal(size=(VOCABULARY, HIDDEN)),
        "W_y": rng.normal(size=(HIDDEN, VOCABULARY)),
        "b_s": np.zeros(HIDDEN),
        "b_y": np.zeros(VOCABULARY),
    }
    ids = rng.integers(VOCABULARY, size=STEPS + 1)
    norms = {}
    for scale in SCALES:
        of_scale = params | {"W_s": scale * rotation}
        result = student.forward.keep(1)(of_scale, ids[:-1], ids[1:], np.zeros(HIDDEN))
        _, cache = student.expect_parts(result, 2)
        norms[f"scale {scale:g}"] = student.state_gradient_norms(of_scale, cache)
    return lines(
        title="Your gradients on their way back through time",
        says="What your function gives for three example models that no check uses. The loss is at the last step, so "
        "read from right to left: a step back multiplies the gradient by W_s, here a rotation times the scale, and by "
        "the slope of tanh.",
        across="step",
        up="norm of the gradient for the state",
        values=norms,
        steps=STEPS,
        logarithmic=True,
    )
