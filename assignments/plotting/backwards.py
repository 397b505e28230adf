"""Two plots on backpropagation through time: gradients that vanish and explode, and what a short window misses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from plotting.common import BLUE, GREEN, GREY, ORANGE, student

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = NDArray[np.float64]

LEARNED = 0.03  # nats: enough to stop


@dataclass(frozen=True)
class Norms:
    """For each recurrent scale, the norms (seeds, T) of the gradient of the last loss for s_1 .. s_T."""

    of: dict[float, Numbers]


def measure_gradients(scales: Sequence[float] = (0.5, 1.0, 2.0), seeds: int = 10, length: int = 40) -> Norms:
    """`state_gradient_norms` of models whose W_s is a rotation times `scale`; inputs are small."""
    bptt = student("bptt")
    vocab, hidden = 10, 32
    of = {}
    for scale in scales:
        rows = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            params = {
                "W_x": 0.1 * rng.normal(size=(vocab, hidden)),
                "W_s": scale * np.linalg.qr(rng.normal(size=(hidden, hidden))).Q,
                "W_y": rng.normal(size=(hidden, vocab)),
                "b_s": np.zeros(hidden),
                "b_y": np.zeros(vocab),
            }
            ids = rng.integers(vocab, size=length + 1)
            _, cache = bptt.forward(params, ids[:-1], ids[1:], np.zeros(hidden))
            rows.append(bptt.state_gradient_norms(params, cache))
        of[scale] = np.array(rows)
    return Norms(of)


def draw_gradients(norms: Norms) -> "Figure":
    """Norms through time, on a logarithmic axis; dashed: what the scale alone would do."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for (scale, rows), colour, marker in zip(norms.of.items(), (BLUE, GREEN, ORANGE, GREY), "osD^", strict=False):
        steps = np.arange(1, rows.shape[1] + 1)
        middle = np.exp(np.log(rows).mean(axis=0))
        for row in rows:
            axes.plot(steps, row, color=colour, linewidth=0.6, alpha=0.35)
        axes.plot(steps, middle, color=colour, linewidth=2.4, marker=marker, markevery=4, label=f"scale {scale:g}")
        if scale != 1:
            alone = middle[-1] * scale ** (steps[-1] - steps)
            axes.plot(steps, alone, color=colour, linewidth=1.2, linestyle="--")
    axes.plot([], [], color=GREY, linestyle="--", label="the scale alone, without tanh")
    axes.set_yscale("log")
    axes.set_xlabel("step t (the loss is at the last one; read from right to left)")
    axes.set_ylabel("norm of d(last loss) / d(state at t)")
    axes.set_title(
        "The gradient on its way back: each step multiplies it by W_s and by tanh'.\n"
        "Half the length vanishes; double the length explodes, until tanh is saturated."
    )
    axes.legend(loc="best")
    return figure


@dataclass(frozen=True)
class Remembered:
    """Loss at the question, in nats: a row for each delay, a column for each window."""

    delays: tuple[int, ...]
    windows: tuple[int, ...]
    symbols: int
    losses: Numbers


def measure_remember(
    delays: Sequence[int] = (1, 2, 3, 4, 5, 6), windows: Sequence[int] = (1, 2, 3, 4, 5, 6, 7, 8), texts: int = 3000
) -> Remembered:
    """Train on texts of `delay` random symbols and a question mark, at which the *first* symbol must be said again."""
    losses = [[_loss_after_training(delay, window, texts) for window in windows] for delay in delays]
    return Remembered(tuple(delays), tuple(windows), 4, np.array(losses))


def _loss_after_training(delay: int, window: int, texts: int, symbols: int = 4) -> float:
    """One truncated pass a text, over the last `window` steps, clipped. It ends early where all is learned."""
    bptt = student("bptt")
    rng = np.random.default_rng(0)
    hidden, ask, blank = 24, symbols, symbols + 1
    params = {
        "W_x": 0.5 * rng.normal(size=(symbols + 2, hidden)),
        "W_s": 0.6 * rng.normal(size=(hidden, hidden)) / np.sqrt(hidden),
        "W_y": 0.1 * rng.normal(size=(hidden, symbols + 2)),
        "b_s": np.zeros(hidden),
        "b_y": np.zeros(symbols + 2),
    }
    losses: list[float] = []
    for _ in range(texts):
        text = rng.integers(symbols, size=delay)
        inputs, targets = np.append(text, ask), np.append(np.full(delay, blank), text[0])
        start = np.zeros(hidden)
        probs = bptt.forward(params, inputs, targets, start)[1]["probs"]
        losses.append(-np.log(probs[-1, text[0]]))
        if len(losses) >= 200 and max(losses[-200:]) < LEARNED:
            break
        (gradients,) = bptt.truncated_bptt(params, inputs, targets, start, k1=delay + 1, k2=window)
        gradients, _ = bptt.clip_gradients(gradients, 1.0)
        params = {name: params[name] - 0.1 * gradients[name] for name in params}
    return float(np.mean(losses[-200:]))


def draw_remember(remembered: Remembered) -> "Figure":
    """A table of losses, with a step line where the window reaches the first symbol."""
    from matplotlib import pyplot as plt

    guess = np.log(remembered.symbols)
    rows, columns = remembered.losses.shape
    figure, axes = plt.subplots(figsize=(8, 5.4), layout="constrained")
    image = axes.imshow(remembered.losses, cmap="cividis_r", vmin=0, vmax=guess, aspect="auto", origin="lower")
    for row in range(rows):
        for column in range(columns):
            loss = remembered.losses[row, column]
            colour = "white" if loss > 0.55 * guess else "black"
            axes.text(column, row, f"{loss:.2f}", ha="center", va="center", color=colour)
    corner = []
    for row, delay in enumerate(remembered.delays):
        reach = sum(window < delay + 1 for window in remembered.windows) - 0.5
        corner += [(reach, row - 0.5), (reach, row + 0.5)]
    axes.plot(*zip(*corner, strict=True), color=ORANGE, linewidth=4, solid_joinstyle="miter")
    axes.set_xticks(range(columns), [str(window) for window in remembered.windows])
    axes.set_yticks(range(rows), [str(delay) for delay in remembered.delays])
    axes.set_xlabel("window of the backward pass, k2, in steps")
    axes.set_ylabel("delay: steps from the question back to the symbol")
    axes.grid(visible=False)
    axes.set_title(
        "Can it learn to remember? Right of the line the window reaches the symbol.\n"
        f"Left of it no gradient does: mostly a blind guess, ln {remembered.symbols} = {guess:.2f}, unless the state\n"
        "happens to keep a trace of the symbol that the last steps can read."
    )
    figure.colorbar(image, ax=axes, label="loss at the question, in nats, after training")
    return figure
