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


def measure_embeddings(steps: int = 3000, seed: int = 0, size: int = 32) -> Words:
    """Train a scorer on the pastiche, and read three tables."""
    embeddings = student("embeddings")
    text = re.findall(r"[a-z]+(?:'[a-z]+)?|[.,;:?!]", pastiche("train").lower())
    vocab = embeddings.build_vocab(text, min_count=5)
    windows = embeddings.ngrams(embeddings.encode(text, vocab))
    torch.manual_seed(seed)
    model = embeddings.NgramScorer(len(vocab), size, 64)
    torch.nn.init.normal_(model.embedding.weight, std=0.1)  # small, so that what is learned outweighs the beginning
    before = model.embedding.weight.detach().clone()
    control = 0.1 * torch.randn(before.shape)
    losses = _train(embeddings, model, windows, len(vocab), steps)
    tables = {"before training": before, "after training": model.embedding.weight.detach(), "random vectors": control}
    return Words(*(_read(embeddings, name, vocab, table) for name, table in tables.items()), losses)


def _train(embeddings, model: torch.nn.Module, windows: Tensor, vocab_size: int, steps: int) -> list[float]:
    """The loop of the handout: a window shall score higher than its broken twin."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    losses = []
    for _ in range(steps):
        batch = windows[torch.randint(len(windows), (256,))]
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

    differences = torch.nn.functional.normalize(people[:, 1] - people[:, 0], dim=-1)
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
    nearest_words = embeddings.most_similar("king", vocab, vectors, k=6)
    return Vectors(name, flattened.numpy(), parallel, right / count, right_of_all / count, is_c / count, nearest_words)


def draw_embeddings(words: Words) -> "Figure":
    """Two maps with arrows, and below them what the arrows are worth."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 9.2), layout="constrained", gridspec_kw={"height_ratios": (3, 2)})
    figure.suptitle(
        "Trained only to tell text from broken text, the arrows from men to women turn the same way", fontsize=13
    )
    for place, vectors in zip(axes[0], (words.before, words.after), strict=True):
        _draw_map(place, vectors)
    tables = (words.before, words.random, words.after)
    _draw_bars(axes[1, 0], tables)
    _draw_nearest(axes[1, 1], tables)
    return figure


def _draw_map(axes: "Axes", vectors: Vectors) -> None:
    for pair, (man, woman) in zip(PAIRS, vectors.map, strict=False):
        axes.annotate(
            "", xy=woman, xytext=man, arrowprops={"arrowstyle": "-|>", "color": GREY, "shrinkA": 4, "shrinkB": 4}
        )
        for word, (x, y), colour, marker in zip(pair, (man, woman), (BLUE, ORANGE), "os", strict=True):
            axes.plot(x, y, marker, color=colour, markersize=6)
            axes.annotate(word, (x, y), xytext=(5, 4), textcoords="offset points", color=colour, fontsize=10)
    axes.margins(x=0.18, y=0.1)
    axes.set_title(f"{vectors.name}: parallel to {vectors.parallel:.2f} (mean cosine of two arrows)")
    axes.set_xlabel("first principal direction")
    axes.set_ylabel("second")


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
    axes.set_title("a : b as c : ?  Leaving a, b, c out does much of the work")
    axes.legend(loc="upper left", fontsize=9.5)
    axes.grid(visible=False, axis="x")


def _draw_nearest(axes: "Axes", tables: Sequence[Vectors]) -> None:
    axes.axis("off")
    axes.set_title("nearest to king")
    for column, table in enumerate(tables):
        axes.text(column / 3, 0.92, table.name, weight="bold", transform=axes.transAxes)
        for row, word in enumerate(table.nearest):
            axes.text(column / 3, 0.78 - 0.13 * row, word, transform=axes.transAxes)
