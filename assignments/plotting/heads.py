"""Where a head looks: one whose weights are set by hand, and one that a trained GPT-2 has found for itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from plotting.common import DATA, checkpoint, student

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS = ["the", "queen", "wears", "her", "golden", "crown"]
TEXT = "The people of the United States want peace in the world"


@dataclass(frozen=True)
class Map:
    """Weights (T, T), a row for each query, of a head with a title."""

    title: str
    labels: list[str]
    weights: Tensor


def measure_attention() -> list[Map]:
    """Two heads by hand, a cautious one and a certain one; and, where data/english-gpt2 is there, a trained one."""
    maps = [
        Map("by hand, small numbers:\na preference", WORDS, head_by_hand(len(WORDS), 2.0)),
        Map("by hand, large numbers:\nthe word before, or itself at the start", WORDS, head_by_hand(len(WORDS), 20.0)),
    ]
    trained = _trained_head() if (DATA / "english-gpt2" / "model.safetensors").is_file() else None
    return [*maps, trained] if trained else maps


@torch.no_grad()
def head_by_hand(length: int, strength: float) -> Tensor:
    """Weights (T, T) of a causal head that copies its predecessor. Position t is the t-th unit vector.

    The key says "I am t"; the query of t asks for t - 1: the identity, moved by one. `strength` is the size of a score
    before it is divided by sqrt(d).
    """
    attention = student("attention")
    layer = attention.MultiHeadAttention(length, 1)
    identity = torch.eye(length)
    for linear, matrix in (
        (layer.query, strength * identity.roll(-1, dims=0)),  # a Linear stores (out, in): row t - 1 is fed by t
        (layer.key, identity),
        (layer.value, identity),
        (layer.output, identity),
    ):
        linear.weight.copy_(matrix)
        linear.bias.zero_()
    x = identity[None]
    # Values and output are the identity, so the layer's output *is* its weights.
    return layer(x, attention.causal_mask(length))[0]


@torch.no_grad()
def _trained_head() -> Map:
    """Of all heads of the small GPT-2, the one that looks most at the word before; weights from your functions."""
    attention = student("attention")
    model, tokenizer = checkpoint()
    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    states = model(ids, output_hidden_states=True).hidden_states
    mask = attention.causal_mask(ids.shape[1])
    best, found = -1.0, None
    for number, (block, x) in enumerate(zip(model.transformer.h, states, strict=False), 1):
        parts = block.attn.c_attn(block.ln_1(x)).chunk(3, dim=-1)
        query, key, value = (attention.split_heads(part, model.config.n_head) for part in parts)
        _, weights = attention.scaled_dot_product_attention(query, key, value, mask)
        for head, of_head in enumerate(weights[0], 1):
            before = of_head.diagonal(-1).mean().item()
            if before > best:
                best, found = before, (number, head, of_head)
    number, head, of_head = found
    labels = [tokenizer.decode([token]).strip() for token in ids[0].tolist()]
    return Map(f"found by training, the one most like it:\nsmall GPT-2, block {number}, head {head}", labels, of_head)


def draw_attention(maps: list[Map]) -> "Figure":
    """The maps beside each other: a row for each word that looks, darker where it looks more."""
    from matplotlib import pyplot as plt

    figure, all_axes = plt.subplots(1, len(maps), figsize=(4.6 * len(maps), 4.9), layout="constrained", squeeze=False)
    figure.suptitle("Each row shares out one whole. Nothing above the diagonal: nobody looks ahead", fontsize=13)
    for axes, one in zip(all_axes[0], maps, strict=True):
        image = axes.imshow(one.weights, cmap="Blues", vmin=0, vmax=1)
        for row, line in enumerate(one.weights.tolist()):
            for column, weight in enumerate(line[: row + 1]):
                if weight >= 0.1:
                    colour = "white" if weight > 0.55 else "black"
                    size = 9 if len(line) < 9 else 7
                    axes.text(column, row, f"{weight:.1f}", ha="center", va="center", color=colour, fontsize=size)
        places, size = range(len(one.labels)), 11 if len(one.labels) < 9 else 9
        axes.set_xticks(places, one.labels, rotation=60, ha="right", rotation_mode="anchor", fontsize=size)
        axes.set_yticks(places, one.labels, fontsize=size)
        axes.set_title(one.title)
        axes.set_xlabel("... at this word (key)")
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
    all_axes[0, 0].set_ylabel("this word looks (query) ...")
    figure.colorbar(image, ax=all_axes[0].tolist(), label="weight", shrink=0.8)
    return figure
