"""The map of words: what the vectors of an n-gram scorer look like before and after training."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plotting.common import BLUE, GREEN, GREY, ORANGE, pastiche, student

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAIRS = (
    ("king", "queen"),
    ("prince", "princess"),
    ("duke", "duchess"),
    ("lord", "lady"),
    ("husband", "wife"),
    ("father", "mother"),
    ("son", "daughter"),
    ("man", "woman"),
    ("boy", "girl"),
    ("monk", "nun"),
)


@dataclass(frozen=True)
class Vectors:
    """What is read off one table of vectors."""

    name: str
    map: NDArray[np.float64]  # (pairs, 2, 2): pair, man or woman, x and y
    arrows: NDArray[np.float64]  # (pairs, 2): from man to woman, in the arrows' own two principal directions
    parallel: float  # mean cosine between the difference vectors of two pairs
    right: float  # share of the analogies that come out when a, b and c are left out
    right_of_all: float  # the same when they are allowed
    is_c: float  # how often the nearest is then c itself
    nearest: list[str]  # to king


@dataclass(frozen=True)
class Words:
    """Before training, after it, and a table of random vectors as control."""

    before: Vectors
    after: Vectors
    random: Vectors
    losses: list[float]


def measure_embeddings(steps: int = 5000, seed: int = 0, size: int = 20) -> Words:
    """Train a scorer on the pastiche, and read three tables."""
    embeddings = student("embeddings")
    text = re.findall(r"[a-z]+(?:'[a-z]+)?|[.,;:?!]", pastiche("train").lower())
    vocab = embeddings.build_vocab(text, min_count=60)
    windows = embeddings.ngrams(embeddings.encode(text, vocab))
    torch.manual_seed(seed)
    model = embeddings.NgramScorer(len(vocab), size, 2 * size)
    torch.nn.init.normal_(model.embedding.weight, std=0.1)  # small, so that what is learned outweighs the beginning
    before = model.embedding.weight.detach().clone()
    control = 0.1 * torch.randn(before.shape)
    losses = _train(embeddings, model, windows, len(vocab), steps)
    tables = {"before training": before, "after training": model.embedding.weight.detach(), "random vectors": control}
    return Words(*(_read(embeddings, name, vocab, table) for name, table in tables.items()), losses)


def _train(embeddings, model: torch.nn.Module, windows: Tensor, vocab_size: int, steps: int) -> list[float]:
    """The loop of the handout, with large batches and a learning rate that falls to 0: a map needs quiet to settle."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - step / steps)
        batch = windows[torch.randint(len(windows), (1024,))]
        loss = embeddings.ranking_loss(model(batch), model(embeddings.corrupt(batch, vocab_size, None)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _read(embeddings, name: str, vocab: dict[str, int], vectors: Tensor) -> Vectors:
    pairs = [pair for pair in PAIRS if set(pair) <= vocab.keys()]
    people = torch.stack([vectors[[vocab[word] for word in pair]] for pair in pairs]).double()  # (pairs, 2, E)
    flat = people.flatten(0, 1)
    _, _, axes = torch.linalg.svd(flat - flat.mean(dim=0), full_matrices=False)
    flattened = (people - flat.mean(dim=0)) @ axes[:2].T

    differences = people[:, 1] - people[:, 0]
    _, _, axes = torch.linalg.svd(differences, full_matrices=False)  # not centred: the origin is where they begin
    arrows = differences @ axes[:2].T
    arrows = arrows * torch.where(arrows.mean(dim=0) < 0, -1.0, 1.0)
    differences = torch.nn.functional.normalize(differences, dim=-1)
    between = ~torch.eye(len(pairs), dtype=torch.bool)
    parallel = (differences @ differences.T)[between].mean().item()

    questions = [(*one, *other) for one in pairs for other in pairs if one != other]
    questions += [(b, a, d, c) for a, b, c, d in questions]
    words = list(vocab)
    right = right_of_all = is_c = 0
    for a, b, c, d in questions:
        target = vectors[vocab[b]] - vectors[vocab[a]] + vectors[vocab[c]]
        nearest = words[int(embeddings.cosine_similarity(target, vectors).argmax())]
        right += embeddings.analogy(a, b, c, vocab, vectors) == d
        right_of_all += nearest == d
        is_c += nearest == c
    count = len(questions)
    return Vectors(
        name=name,
        map=flattened.numpy(),
        arrows=arrows.numpy(),
        parallel=parallel,
        right=right / count,
        right_of_all=right_of_all / count,
        is_c=is_c / count,
        nearest=embeddings.most_similar("king", vocab, vectors, k=6),
    )


def draw_embeddings(words: Words) -> "Figure":
    """Two maps, the arrows by themselves, and below them what the arrows are worth."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        3, 2, figsize=(11, 12.5), layout="constrained", gridspec_kw={"height_ratios": (5, 3, 3.4)}
    )
    figure.suptitle(
        "Trained only to tell text from broken text: ranks find their places,\n"
        "and the step from a man to a woman becomes one direction",
        fontsize=13,
    )
    for column, vectors in enumerate((words.before, words.after)):
        _draw_map(axes[0, column], vectors)
        _draw_arrows(axes[1, column], vectors)
    tables = (words.before, words.random, words.after)
    _draw_bars(axes[2, 0], tables)
    _draw_nearest(axes[2, 1], tables)
    return figure


def _draw_map(axes: "Axes", vectors: Vectors) -> None:
    for pair, (man, woman) in zip(PAIRS, vectors.map, strict=False):
        _arrow(axes, man, woman)
        for word, (x, y), colour, marker, below in zip(pair, (man, woman), (BLUE, ORANGE), "os", (4, -12), strict=True):
            axes.plot(x, y, marker, color=colour, markersize=6)
            axes.annotate(word, (x, y), xytext=(5, below), textcoords="offset points", color=colour, fontsize=10)
    axes.margins(x=0.16, y=0.1)
    axes.set_title(f"{vectors.name}: the map (circle: man, square: woman)")
    axes.set_xlabel("first principal direction of these words")
    axes.set_ylabel("second")


def _draw_arrows(axes: "Axes", vectors: Vectors) -> None:
    for (_, woman), arrow in zip(PAIRS, vectors.arrows, strict=False):
        _arrow(axes, (0, 0), arrow)
        axes.plot(*arrow, alpha=0)  # an arrow alone does not widen the axes
        axes.annotate(woman, arrow, xytext=(4, -3), textcoords="offset points", color=ORANGE, fontsize=9)
    axes.plot(0, 0, "o", color=BLUE, markersize=7)
    axes.margins(x=0.2, y=0.12)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(f"{vectors.name}: all arrows from one point\nmean cosine of two of them {vectors.parallel:.2f}")
    axes.set_xlabel("first principal direction of the arrows")
    axes.set_ylabel("second")


def _arrow(axes: "Axes", start: Sequence[float], end: Sequence[float]) -> None:
    style = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 4, "shrinkB": 4}
    axes.annotate("", xy=tuple(end), xytext=tuple(start), arrowprops=style)


def _draw_bars(axes: "Axes", tables: Sequence[Vectors]) -> None:
    bars = (
        ("right, when a, b, c are left out", [table.right for table in tables], BLUE, ""),
        ("right, when they are allowed", [table.right_of_all for table in tables], GREEN, "//"),
        ("the answer is then c itself", [table.is_c for table in tables], ORANGE, ".."),
    )
    places = np.arange(len(tables))
    for number, (label, heights, colour, hatch) in enumerate(bars):
        at = places + 0.27 * (number - 1)
        drawn = axes.bar(at, heights, 0.25, label=label, color=colour, hatch=hatch, edgecolor="white")
        axes.bar_label(drawn, [f"{height:.0%}" for height in heights], fontsize=9)
    axes.set_xticks(places, [table.name for table in tables])
    axes.set_ylim(0, 1.55)
    axes.set_yticks((0, 0.5, 1), ("0%", "50%", "100%"))
    axes.set_title("a : b as c : ?   One bar alone says little")
    axes.legend(loc="upper left", fontsize=9.5)
    axes.grid(visible=False, axis="x")


def _draw_nearest(axes: "Axes", tables: Sequence[Vectors]) -> None:
    axes.axis("off")
    axes.set_title("nearest to king")
    for column, table in enumerate(tables):
        axes.text(column / 3, 0.92, table.name, weight="bold", transform=axes.transAxes)
        for row, word in enumerate(table.nearest):
            axes.text(column / 3, 0.78 - 0.13 * row, word, transform=axes.transAxes)
