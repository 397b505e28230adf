"""Pictures of what you have written, drawn with your own functions.

    python plots.py attention                    # one plot; `python plots.py --list` tells what there is
    python plots.py all --from ../solutions      # with the functions of another folder

Run it in the folder of your files. Each plot is saved as plots/NAME.png, and shown where there is a screen. From a
notebook beside your files: `import plots`, then `plots.attention_map()`.
"""

import argparse
import importlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plotting.common import STYLE, NotYet, told

HERE = Path(__file__).resolve().parent


def word_map(**options: Any) -> None:
    """Words in two dimensions before and after training, with arrows from men to women."""
    _plot("embeddings", options)


def gradient_norms(**options: Any) -> None:
    """How gradients vanish and explode on their way back through time."""
    _plot("gradients", options)


def remember(**options: Any) -> None:
    """What truncated backpropagation can learn, by delay and window."""
    _plot("remember", options)


def attention_map(**options: Any) -> None:
    """Where a head looks that is set by hand, and one that was trained."""
    _plot("attention", options)


def loss_curves(**options: Any) -> None:
    """The losses of your RNN and your GPT from the first step on, and what they write."""
    _plot("loss", options)


def perplexities(**options: Any) -> None:
    """Perplexity of a small GPT-2 while your functions fine-tune it."""
    _plot("perplexity", options)


@dataclass(frozen=True)
class Plot:
    """One plot: which file of yours it needs, about how long it takes, and what makes it small for a quick look."""

    needs: str
    shows: str
    seconds: int
    module: str
    quick: dict[str, Any]


PLOTS = {
    "embeddings": Plot("embeddings.py", "the map of words, before and after", 45, "words", {"steps": 20}),
    "gradients": Plot("bptt.py", "gradients that vanish and explode", 5, "backwards", {"seeds": 2}),
    "remember": Plot(
        "bptt.py",
        "what a short window cannot learn",
        40,
        "backwards",
        {"delays": (1, 2), "windows": (1, 3), "texts": 20},
    ),
    "attention": Plot("attention.py", "where a head looks", 10, "heads", {}),
    "loss": Plot("rnn.py, gpt.py", "two models learn, and write", 35, "training", {"steps": 3}),
    "perplexity": Plot(
        "finetuning.py",
        "fine-tuning, on what it has seen and what not",
        60,
        "tuning",
        {"steps": 2, "every": 1, "documents": 2},
    ),
}


def _plot(name: str, options: dict[str, Any], out: Path = HERE / "plots") -> None:
    """Measure, draw, save, show. NotYet where something is missing."""
    try:
        from matplotlib import pyplot as plt
    except ModuleNotFoundError:
        raise NotYet("Plots need matplotlib: python -m pip install matplotlib") from None
    module = importlib.import_module(f"plotting.{PLOTS[name].module}")
    with told():
        numbers = getattr(module, f"measure_{name}")(**options)
    with plt.rc_context(STYLE):
        figure = getattr(module, f"draw_{name}")(numbers)
        out.mkdir(parents=True, exist_ok=True)
        figure.savefig(out / f"{name}.png", dpi=150)
    print(f"saved: {out / f'{name}.png'}")
    if plt.get_backend().lower() != "agg":
        plt.show()
    plt.close(figure)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Pictures of what you have written, drawn with your own functions.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which plots; `all` for all of them")
    parser.add_argument("--list", action="store_true", help="tell which plots there are, and draw nothing")
    parser.add_argument(
        "--from", dest="source", type=Path, default=HERE, help="where the functions are; if left out, here"
    )
    parser.add_argument("--out", type=Path, default=HERE / "plots", help="where the pictures go; if left out, plots/")
    parser.add_argument("--quick", action="store_true", help="a few steps only, to see that it works")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in (*PLOTS, "all")]
    if arguments.list or not arguments.names or unknown:
        for name in unknown:
            print(f"There is no plot {name!r}.")
        print(
            "\n".join(
                f"{name:11} {plot.shows:45} {plot.needs:15} about {plot.seconds} s" for name, plot in PLOTS.items()
            )
        )
        return 2 if unknown else 0

    if not arguments.source.is_dir():
        print(f"There is no folder {arguments.source}.")
        return 2
    sys.path.insert(0, str(arguments.source.resolve()))
    import torch

    torch.set_num_threads(1)  # matrices this small are not worth sharing out
    failed = 0
    for name in PLOTS if "all" in arguments.names else arguments.names:
        began = time.perf_counter()
        print(f"{name}: about {PLOTS[name].seconds} s on one core", flush=True)
        try:
            _plot(name, PLOTS[name].quick if arguments.quick else {}, arguments.out)
        except NotYet as error:
            print(f"  {error}")
            failed += 1
        else:
            print(f"  {time.perf_counter() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
