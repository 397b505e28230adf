"""Learning curves: your two language models from their first step on, and a GPT-2 that is fine-tuned."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plotting.common import BLUE, GREY, ORANGE, pastiche, student

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Curves:
    """Losses of each step, in nats a character, by the model's name; and a sample of what each writes in the end."""

    symbols: int
    losses: dict[str, list[float]]
    samples: dict[str, str]


def measure_loss(steps: int = 300, seed: int = 0) -> Curves:
    """Train both models on the pastiche, character by character, on the same batches."""
    rnn, gpt = student("rnn"), student("gpt")
    text = pastiche("train")
    symbols = sorted(set(text))
    index = {symbol: number for number, symbol in enumerate(symbols)}
    ids = torch.tensor([index[symbol] for symbol in text])
    prompt = [index[symbol] for symbol in "The "]
    losses, samples = {}, {}

    torch.manual_seed(seed)
    recurrent = rnn.RNNLanguageModel(len(symbols), 32, 128)
    losses["RNN"] = _train(recurrent, lambda batch: recurrent(batch)[0], rnn, ids, steps, 0.005, seed)
    written = rnn.sample(recurrent, prompt, 160, generator=torch.Generator().manual_seed(seed))
    samples["RNN"] = "".join(symbols[number] for number in written)

    transformer = gpt.GPT(gpt.GPTConfig(len(symbols), context_length=64, d_model=64, num_layers=2, num_heads=4))
    losses["GPT"] = _train(transformer, transformer, rnn, ids, steps, 0.001, seed)
    written = gpt.sample(transformer, torch.tensor([prompt]), 160, generator=torch.Generator().manual_seed(seed))
    samples["GPT"] = "".join(symbols[number] for number in written[0].tolist())
    return Curves(len(symbols), losses, samples)


def _train(
    model: nn.Module, logits_of: Callable[[Tensor], Tensor], rnn, ids: Tensor, steps: int, rate: float, seed: int
) -> list[float]:
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        starts = torch.randint(len(ids) - 64, (16,), generator=generator)
        batch = torch.stack([ids[start : start + 64] for start in starts.tolist()])
        loss = rnn.next_token_loss(logits_of(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def draw_loss(curves: Curves) -> "Figure":
    """Two curves from ln V downwards, and what the models write after it."""
    from matplotlib import pyplot as plt

    figure, (axes, words) = plt.subplots(
        2, 1, figsize=(8.5, 7), layout="constrained", gridspec_kw={"height_ratios": (5, 2)}
    )
    start = math.log(curves.symbols)
    axes.axhline(start, color=GREY, linestyle="--", linewidth=1.2)
    right = max(len(losses) for losses in curves.losses.values())
    axes.text(right, start + 0.04, f"ln {curves.symbols} = {start:.2f}: knows nothing", ha="right", color=GREY)
    for (name, losses), colour, marker in zip(curves.losses.items(), (BLUE, ORANGE), "os", strict=True):
        every = max(1, len(losses) // 8)
        axes.plot(losses, color=colour, marker=marker, markevery=every, label=f"{name}: ends at {losses[-1]:.2f}")
    axes.set_xlabel("step (16 pieces of 64 characters each)")
    axes.set_ylabel("loss on the step's batch, nats a character")
    axes.set_ylim(bottom=0)
    axes.set_title("A fresh model begins at the logarithm of the number of symbols, and falls from there")
    axes.legend()

    words.axis("off")
    words.set_title('What they write, temperature 1, after the prompt "The "')
    for row, (name, sample) in enumerate(curves.samples.items()):
        lines = "\n".join(_wrapped(sample.replace("\n", " / "), 95))
        words.text(0, 0.95 - 0.52 * row, name, weight="bold", va="top", transform=words.transAxes)
        words.text(
            0.07, 0.95 - 0.52 * row, lines, va="top", family="monospace", fontsize=8.5, transform=words.transAxes
        )
    return figure


def _wrapped(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]
