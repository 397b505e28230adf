"""A sample that holds every status and hostile text, and what reads the pages that are made of it.

The builders are fixtures of their own names, so that every file of this folder has them.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from autograder.report.writing import write_class, write_result
from autograder.results import ItemResult, Result, Status, TestResult, item_status
from autograder.spec import Item, Spec, Topic, Unit

Make = Callable[..., Any]

HOSTILE = (
    '<script>alert("x")</script> <img src=https://evil.example/i> @torvalds #12 [a](https://evil.example) | `b` '
    "\u202etxt.exe \x1b[31mred\x1b]0;title\x07 \ud800\x00"
)
FILE_DOES_NOT_IMPORT = (
    "gpt.py does not import: SyntaxError: '(' was never closed (line 41)\n    return self.norm(self.blocks(x"
)


def check(
    name: str, status: Status = Status.PASSED, points: str = "1", *, score: str | None = None, **more: object
) -> TestResult:
    """One test; `score` is needed only where it is in part."""
    max_score = Fraction(points)
    earned = Fraction(score) if score else max_score * (status is Status.PASSED)
    slug = "test_" + re.sub(r"\W+", "_", name.lower())
    details: dict[str, object] = {"visible": True, "seconds": 0.0123, **more}
    return TestResult(slug, name, status, earned, max_score, **details)  # type: ignore[arg-type]  # by keyword, above


def item(item_id: str, *tests: TestResult, extra: bool = False, **more: object) -> ItemResult:
    details: dict[str, object] = {"level": "core", "status": item_status(tests), **more}
    score = sum((test.score for test in tests), Fraction(0))
    max_score = sum((test.max_score for test in tests), Fraction(0))
    return ItemResult(item_id, score, max_score, extra, tests=tests, **details)  # type: ignore[arg-type]  # by keyword


def written(number: str, status: Status = Status.NEEDS_REVIEW) -> ItemResult:
    """A written answer: half a mark for an answer at all, 1.5 when somebody has read it."""
    if status is Status.NOT_ATTEMPTED:
        return item(f"synthesis.{number}", check("The question is answered.", Status.NOT_ATTEMPTED, "1/2"))
    answered = check("The question is answered, which earns its completion marks.", points="1/2")
    return item(f"synthesis.{number}", answered, status=status, pending=Fraction(3, 2))


def sample_items() -> tuple[ItemResult, ...]:
    failed, partial, timeout = Status.FAILED, Status.PARTIAL, Status.TIMEOUT
    crashed, idle = Status.CRASHED, Status.NOT_ATTEMPTED
    return (
        written("E1"),
        item("synthesis.E1_CHECK", check("The usual length of a word embedding, as a number.", points="1/2")),
        written("E2", idle),
        item(
            "rnn.initial_state",
            check("A fresh state is zeros of shape (batch_size, hidden_dim).", points="3/4"),
        ),
        item(
            "rnn.rnn_step",
            check("One step is tanh(x W_x + state W_s + b_s)."),
            check("The state that comes in is left as it was.", points="1/2"),
            check("Gradients reach every weight.", points="1/2"),
        ),
        item(
            "rnn.sample",
            check("Greedy sampling takes the most probable token."),
            check(
                "Sampling stops after end_token is drawn.",
                timeout,
                message="This took longer than 5 seconds of computing time and was stopped.",
            ),
        ),
        item(
            "attention.softmax",
            check("Each row sums to 1.", points="1/4"),
            check("Large scores stay finite.", failed, "1/4", message="softmax gives nan for scores of 10000."),
            check(
                "A row that is all -inf gives zeros.",
                failed,
                "1/3",
                message="the first row: expected finite numbers, got nan at [0, 0]",
                diagnosis="This is what comes out when the largest score is not taken off before exp.",
            ),
            check("SECRET-NAME-1", failed, "1/12", visible=False, message="SECRET-MESSAGE", diagnosis="SECRET-CAUSE"),
            check("SECRET-NAME-2", points="1/12", visible=False),
        ),
        item("attention.causal_mask", check("A query may attend to itself and to what came before.", points="1/2")),
        item(
            "attention.scaled_dot_product_attention",
            check("The output has the shape (..., T, d_v), also where d_k and d_v differ.", points="1/2"),
            check("The weights are those of the equation.", points="1"),
            check("Changing a later token does not change an earlier output.", points="1"),
            check(
                "A query that may attend to nothing gets zeros.",
                partial,
                "1/2",
                score="1/8",
                message="The output is right, the weights are not: they hold nan.",
                note="expected weights [[0., 0.]] and got [[nan, nan]]",
            ),
            replaced=("softmax",),
        ),
        item(
            "attention.MultiHeadAttention",
            check("Heads see their own columns only.", crashed, message="Your code ended the process (signal 11)."),
            check("D % h != 0 is a ValueError.", crashed, "1/2", message="Not run, since the process had ended."),
            replaced=("softmax", "split_heads"),
            level="further",
        ),
        item(
            "gpt.LayerNorm",
            check("Every row has mean 0 and variance 1.", failed, message=FILE_DOES_NOT_IMPORT),
            check("epsilon stands inside the root.", failed, "1/2", message=FILE_DOES_NOT_IMPORT),
            check("weight starts as ones, bias as zeros.", failed, "1/2", message=FILE_DOES_NOT_IMPORT),
        ),
        item(
            "gpt.greedy_decode",
            check("Each new token is the most probable one.", failed, message=f"{HOSTILE}\n{'long ' * 900}{'x' * 400}"),
        ),
        item("gpt.sample", check("Temperature 0 is greedy.", idle), check("One seed gives one text.", idle)),
        item(
            "gpt.generate_with_cache",
            check("The ids are those of greedy decoding.", points="2"),
            check("No position is computed twice.", failed, "1", message="position 3 was computed 4 times"),
            extra=True,
        ),
    )


TITLES = {
    "synthesis": "Written answers",
    "rnn": "Recurrent networks",
    "attention": "Attention",
    "gpt": "GPT, from the pieces",
}


@pytest.fixture
def unit() -> Unit:
    topics = []
    for name, title in TITLES.items():
        own = [i for i in sample_items() if i.topic == name]
        items = tuple(Item(id=i.id, points=i.max_score, extra=i.extra, tests={"test_a": 1}) for i in own)
        topics.append(Topic(name=name, title=title, items=items))
    return Unit(Path(), Spec(unit="Language modelling", topics=tuple(topics)))


def result(student: str = "Ada Lovelace", **changes: object) -> Result:
    made = Result(
        student=student,
        items=sample_items(),
        problems=("embeddings.py is missing from what you handed in.", f"A file was left out: {HOSTILE}"),
        isolation=("another user", "Landlock", "seccomp"),
        submission_sha256=hashlib.sha256(b"hello").hexdigest(),
        grader_version="1.4.0",
        extra_cap=Fraction(105),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # by keyword


def not_graded(student: str) -> Result:
    return result(student, items=(), graded=False, problems=("none of attention.py, gpt.py, rnn.py found",))


@pytest.fixture
def pages(unit: Unit, tmp_path: Path) -> dict[str, str]:
    """The three files of the sample student, by name."""
    write_result(result(), unit, tmp_path / "new" / "Ada Lovelace")
    return {path.name: path.read_text("utf-8") for path in (tmp_path / "new" / "Ada Lovelace").iterdir()}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " " if tag in ("td", "th", "li") else ""

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def words(page: str) -> str:
    return " ".join(Page(page).text.split())


@pytest.fixture(name="check")
def _check() -> Make:
    return check


@pytest.fixture(name="item")
def _item() -> Make:
    return item


@pytest.fixture(name="written")
def _written() -> Make:
    return written


@pytest.fixture(name="sample_items")
def _sample_items() -> Make:
    return sample_items


@pytest.fixture(name="result")
def _result() -> Make:
    return result


@pytest.fixture(name="not_graded")
def _not_graded() -> Make:
    return not_graded


@pytest.fixture(name="parsed")
def _parsed() -> Make:
    return Page


@pytest.fixture(name="words")
def _words() -> Make:
    return words


# grades.csv and class.html


@pytest.fixture
def class_folder(unit: Unit, tmp_path: Path) -> Path:
    write_class([result("Zoë"), not_graded("Grace"), result("=cmd()"), result("../x")], unit, tmp_path / "grades")
    return tmp_path / "grades"
