"""What the plots share: your modules, the texts, colours, and errors that say what to do."""

import importlib
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

ASSIGNMENTS = Path(__file__).resolve().parent.parent
DATA = ASSIGNMENTS.parent / "data"

# Okabe and Ito's colours: told apart by colour-blind eyes, and of different darkness in print.
BLUE, ORANGE, GREEN, SKY, GREY = "#0072B2", "#D55E00", "#009E73", "#56B4E9", "#666666"

STYLE = {
    "figure.dpi": 110,
    "font.size": 11,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "axes.axisbelow": True,
    "legend.frameon": False,
}


class NotYet(Exception):
    """The plot cannot be drawn, for a reason that you can do something about."""


def student(topic: str) -> ModuleType:
    """The module `topic`, yours unless `--from` names another folder."""
    try:
        return importlib.import_module(topic)
    except ModuleNotFoundError as error:
        if error.name != topic:
            raise
        raise NotYet(f"There is no {topic}.py here. Name the folder that holds it: --from FOLDER.") from None


def pastiche(part: str) -> str:
    """The project's own early-modern English: `part` is train or validation."""
    return folder("pastiche").joinpath(f"{part}.txt").read_text(encoding="utf-8")


def folder(name: str) -> Path:
    """A folder of `data/`, which stands beside `assignments/`."""
    path = DATA / name
    if not path.is_dir():
        raise NotYet(f"There is no folder data/{name}. It belongs beside assignments/, as in the unit's repository.")
    return path


@contextmanager
def told() -> Iterator[None]:
    """Turn a `NotImplementedError` of a stub into a sentence that names the exercise."""
    try:
        yield
    except NotImplementedError as error:
        frame = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][-1]
        path, name = Path(frame.f_code.co_filename), frame.f_code.co_qualname
        if not (ASSIGNMENTS / f"{path.stem}.md").is_file():  # of a library, not of a stub
            raise
        raise NotYet(_missing(sys.modules.get(path.stem), path, name)) from None


def _missing(module: ModuleType | None, path: Path, name: str) -> str:
    """Which exercise to do: its number stands in the docstring, of the class where it is a method."""
    what: Any = module
    docstrings = []
    for part in name.split("."):
        what = getattr(what, part, None)
        docstrings.append(getattr(what, "__doc__", None) or "")
    number = re.search(r"exercise (\d+)", " ".join(docstrings))
    name = name.removesuffix(".__init__").removesuffix(".forward")
    where = f"exercise {number[1]} of {path.stem}.md" if number else f"an exercise of {path.stem}.md"
    return f"This plot needs `{name}` of {path.name}, which is not written yet. It is {where}: do that first."


def checkpoint() -> tuple[Any, Any]:
    """The small GPT-2 of data/english-gpt2, and its tokenizer."""
    path = folder("english-gpt2")
    if not (path / "model.safetensors").is_file():
        raise NotYet("data/english-gpt2 holds no model.safetensors: take it from the unit's repository.")
    from transformers import GPT2LMHeadModel, GPT2Tokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return GPT2LMHeadModel.from_pretrained(path).eval(), GPT2Tokenizer.from_pretrained(path)


def grammar_nats(text: str) -> float:
    """-log p(text) in nats under the pastiche's own grammar (data/pastiche/score.py)."""
    place = str(folder("pastiche"))
    sys.path.insert(0, place)
    try:
        score = importlib.import_module("score")
    finally:
        sys.path.remove(place)
    return sum(score.document_nats(document) for document in score.documents(text))
