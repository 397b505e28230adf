"""Fine-tuning, step by step: perplexity on text that the model has trained on and on text that it has not."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from plotting.common import BLUE, GREY, ORANGE, checkpoint, grammar_nats, pastiche, student

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLOCK = 64  # tokens


@dataclass(frozen=True)
class Tuning:
    """Perplexities at some steps, and that of the grammar which wrote the validation text.

    The model does not predict the first token of a block and sees no further back than its block; the grammar is scored
    on whole documents. On blocks of 64 tokens this is a small advantage of the grammar.
    """

    steps: list[int]
    train: list[float]
    validation: list[float]
    grammar: float
    before: str
    after: str


def measure_perplexity(steps: int = 120, every: int = 15, documents: int = 24, rate: float = 5e-4) -> Tuning:
    """Fine-tune the small GPT-2 on the pastiche with your `train`, and look up every few steps.

    Each stretch of `every` steps is one call of `train`: AdamW begins anew there, and the data come in a new order.
    """
    finetuning = student("finetuning")
    model, tokenizer = checkpoint()
    torch.manual_seed(0)  # for dropout
    train, validation = (_documents(part) for part in ("train", "validation"))
    blocks = _blocks(finetuning, tokenizer, train)
    seen = finetuning.make_dataloader(_blocks(finetuning, tokenizer, train[:documents]), 16)
    unseen = finetuning.make_dataloader(_blocks(finetuning, tokenizer, validation[:documents]), 16)
    text = "\n\n".join(validation[:documents]) + "\n"
    grammar = math.exp(grammar_nats(text) / len(tokenizer(text)["input_ids"]))

    at, on_train, on_validation = [], [], []
    prompt = "The king"
    before = finetuning.generate_text(model, tokenizer, prompt, 40)
    for step in range(0, steps + 1, every):
        if step:
            finetuning.train(model, finetuning.make_dataloader(blocks, 8, shuffle=True, seed=step), every, rate)
        at.append(step)
        on_train.append(finetuning.perplexity(model, seen))
        on_validation.append(finetuning.perplexity(model, unseen))
    after = finetuning.generate_text(model, tokenizer, prompt, 40)
    return Tuning(at, on_train, on_validation, grammar, before, after)


def _documents(part: str) -> list[str]:
    return pastiche(part).strip("\n").split("\n\n")


def _blocks(finetuning: Any, tokenizer: Any, documents: list[str]) -> dict[str, list[list[int]]]:
    """The documents, a blank line after each, as your `group_texts` cuts them."""
    examples = tokenizer([document + "\n\n" for document in documents])
    blocks: dict[str, list[list[int]]] = finetuning.group_texts(dict(examples), BLOCK)
    return blocks


def draw_perplexity(tuning: Tuning) -> "Figure":
    """Two falling lines, and the floor that the grammar sets."""
    from matplotlib import pyplot as plt

    figure, (axes, words) = plt.subplots(
        2, 1, figsize=(8.5, 6.8), layout="constrained", gridspec_kw={"height_ratios": (5, 1.6)}
    )
    axes.plot(tuning.steps, tuning.train, color=BLUE, marker="o", linewidth=2, label="text it trains on")
    axes.plot(
        tuning.steps, tuning.validation, color=ORANGE, marker="s", linewidth=2, linestyle="--", label="validation text"
    )
    axes.axhline(tuning.grammar, color=GREY, linestyle=":", linewidth=2)
    label = f"the grammar that wrote the validation text: {tuning.grammar:.1f}; no model does better in expectation"
    axes.annotate(label, (tuning.steps[-1], tuning.grammar), xytext=(0, 5), textcoords="offset points", ha="right")
    for line, above, right in ((tuning.validation, 8, 8), (tuning.train, -16, -8)):
        for number in (0, -1):
            axes.annotate(
                f"{line[number]:.1f}",
                (tuning.steps[number], line[number]),
                xytext=(right if number == 0 else 0, above),
                textcoords="offset points",
                ha="left" if number == 0 and right > 0 else "right",
            )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(left=-0.1 * tuning.steps[-1])
    axes.set_ylim(tuning.grammar / 1.5, max(tuning.validation + tuning.train) * 1.6)
    axes.set_xlabel("steps of fine-tuning (8 blocks of 64 tokens each)")
    axes.set_ylabel("perplexity per token")
    axes.set_title("Fine-tuning: most is gained in the first steps; watch whether the two lines part")
    axes.legend()
    words.axis("off")
    words.set_title("What it writes, greedily, before and after")
    for row, (name, text) in enumerate((("before", tuning.before), ("after", tuning.after))):
        line = text.replace("\n", " / ")
        words.text(0, 0.95 - 0.5 * row, name, weight="bold", va="top", transform=words.transAxes)
        cut = "\n".join(line[start : start + 88] for start in range(0, len(line), 88))
        words.text(0.09, 0.95 - 0.5 * row, cut, va="top", family="monospace", size=8.5, transform=words.transAxes)
    return figure
