"""Whatever a student writes into whatever they control, every rendering of it is text and nothing else.

Each payload goes into every field at once; the page is then compared with the one that harmless words make: the same
elements with the same attributes, the same keys, the same cells. So nothing of the page came from the payload.
"""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from autograder.course.grade import _remark, _table
from autograder.desk.answers import AnswersCheck
from autograder.desk.check import _Check
from autograder.grading.outcome import Outcome
from autograder.report import csv_report, json_report, markdown, notes
from autograder.report import html as html_report
from autograder.report.seen import Seen
from autograder.report.text import clean
from autograder.results import ItemResult, Result, Status, TestResult
from autograder.spec import Item, Spec, Topic, Unit
from autograder.target.failures import Frame, StudentError

PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "out of an attribute": "\"'><svg/onload=alert(1)>",
    "out of the title": "</title></style></textarea></script><script>alert(1)</script>",
    "out of a comment": "--><!-- <![CDATA[ ]]> <?php ?>",
    "a template": "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7}",
    "entities": "&lt;script&gt; &#60;b&#62; &amp;amp;",
    "a link": "[click](javascript:alert(1)) ![x](https://evil.example/i.png) <https://evil.example>",
    "a reference": "[a]: https://evil.example 'b'",
    "a footnote": "[^1]: x [^1]",
    "emphasis": "**bold** _it_ __u__ ~~gone~~ `code` ``x`` $m$",
    "a heading": "# heading",
    "an underlined heading": "===",
    "a rule": "---",
    "a list": "- one",
    "a numbered list": "1. one",
    "a numbered list with a bracket": "7) one",
    "a task": "- [x] done",
    "a quotation": "> quoted",
    "a fence": "```",
    "another fence": "~~~ x",
    "a table": "| a | b |",
    "a table's second line": "|---|---|",
    "a block of code": "        code",
    "a backslash at the end": "x\\",
    "backslashes": "\\<b\\> \\[x\\](y) \\\\`z\\\\`",
    "an unclosed emphasis": "**",
    "a block of HTML": "<div>\n\n# heading\n\n</div>",
    "a paragraph more": "one\n\n# two\n\n- three",
    "a formula": "=cmd|' /C calc'!A0",
    "a plus": "+1+1",
    "a minus": "-2+3",
    "an at": "@SUM(1,1)",
    "a formula behind a tab": "\t=1+1",
    "a formula behind a quote": '"=1+1",=2',
    "a formula of full width": "\uff1d1+1",
    "a row more": 'x"\r\n=1,2,3\r\n"',
    "colours": "\x1b[31mred\x1b[0m \x9b1m",
    "a title of the window": "\x1b]0;owned\x07 \x9d0;owned\x9c",
    "a link of the terminal": "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "a cleared screen": "\x1b[2J\x1b[H\x1bc",
    "rich's markup": "[red]x[/red] [link=https://evil.example]y[/link] [/]",
    "bidi": "abc\u202egpj.exe \u2066x\u2069 \u200fy",
    "control characters": "\x00\x07\x08\x0b\x0c\x7f\x85",
    "half a character": "\ud83d x \udfff",
    "line ends of JavaScript": "a\u2028b\u2029c",
    "invisible tags": "a\U000e0041b\ufeff",
    "JSON": '", "score": 100, "x": "',
    "very long": "x" * 50_000,
    "many lines": "y\n" * 5000,
}
UNWANTED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\u2028\u2029\ufeff]")
HARMLESS = "harmless"

NAMES = ("words.count", "words.extra")


@pytest.fixture(scope="module")
def unit() -> Unit:
    items = tuple(Item(id=name, points=Fraction(1), tests={"test_a": 1}) for name in NAMES)
    return Unit(Path(), Spec(unit="Words", topics=(Topic(name="words", title="Words", items=items),)))


def check(text: str, status: Status) -> TestResult:
    score = Fraction(status is Status.PASSED)
    return TestResult(text, text, status, score, Fraction(1), visible=True, message=text, diagnosis=text, note=text)


def result(text: str, graded: bool = True) -> Result:
    """A result whose every text is `text`."""
    statuses = [status for status in Status if status is not Status.NEEDS_REVIEW]
    items = tuple(
        ItemResult(
            name,
            Fraction(1),
            Fraction(len(statuses)),
            name == "words.extra",
            "core",
            Status.PARTIAL,
            tuple(check(text, status) for status in statuses),
        )
        for name in NAMES
    )
    return Result(
        text, items, (text, text), (text,), "0f" * 32, text, graded=graded, extra_cap=Fraction(9), unit="Words"
    )


class Elements(HTMLParser):
    """What a browser would make of a page: elements with attributes, comments, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[object] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.elements.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.elements.append(("instruction", data))

    def handle_data(self, data: str) -> None:
        self.text += data


def lines_of(text: str) -> str:
    """Harmless words in as many lines as a message with this text has, so that only markup can differ."""
    return "\n".join(HARMLESS if row.strip() else "" for row in clean(text, 1200, lines=16).split("\n")) or HARMLESS


def without_breaks(elements: list[object]) -> list[object]:
    return [each for each in elements if each not in (("br", []), "/br")]


payloads = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)


@payloads
@pytest.mark.parametrize("graded", [True, False])
def test_html_has_no_element_of_a_students(unit: Unit, payload: str, graded: bool) -> None:
    ours = Elements(html_report.render(result(HARMLESS, graded), unit))
    page = html_report.render(result(payload, graded), unit)
    found = Elements(page)
    if clean(payload, 100):
        assert found.elements == ours.elements
    assert not UNWANTED.search(page)
    beginning = clean(payload, 400, lines=5)[:300]
    assert beginning in found.text, "it is told all the same"


@payloads
def test_the_class_page_has_no_element_of_a_students(unit: Unit, payload: str) -> None:
    def elements(text: str) -> list[object]:
        page = Elements(html_report.render_class(Seen.of([result(text), result(text, graded=False)]), unit))
        return [each for each in page.elements if not (isinstance(each, tuple) and each[0] == "a") and each != "/a"]

    if clean(payload, 100):
        assert elements(payload) == elements(HARMLESS)
    links = Elements(html_report.render_class(Seen.of([result(payload)]), unit))
    for element in links.elements:
        if isinstance(element, tuple) and element[0] == "a":
            ((name, target),) = element[1]
            assert name == "href"
            assert re.fullmatch(r"(\./)?[\w.%~/#-]+", target)


@payloads
@pytest.mark.parametrize("graded", [True, False])
def test_markdown_has_no_markup_of_a_students(unit: Unit, payload: str, graded: bool) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    def elements(text: str) -> Elements:
        return Elements(reader.render(markdown.render(replace(result(text, graded), student=text), unit)))

    said = elements(payload)
    if clean(payload, 100):
        assert without_breaks(said.elements) == without_breaks(elements(lines_of(payload)).elements)
    assert not UNWANTED.search(said.text)


@payloads
def test_json_has_the_same_keys(unit: Unit, payload: str) -> None:
    def form(value: object) -> object:
        if isinstance(value, dict):
            return {key: form(part) for key, part in value.items()}
        return [form(part) for part in value] if isinstance(value, list) else type(value)

    text = json_report.render(result(payload), unit)
    text.encode()
    assert form(json.loads(text)) == form(json.loads(json_report.render(result(HARMLESS), unit)))
    assert not UNWANTED.search(text)


@payloads
def test_the_gradebook_has_the_same_cells_and_no_formula(unit: Unit, payload: str) -> None:
    text = csv_report.render([result(payload), result(payload, graded=False), result(HARMLESS)], unit)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in rows] == [len(rows[0])] * 4
    for row in rows:
        for cell in row:
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
            assert not UNWANTED.search(cell)


@payloads
def test_the_instructors_notes_are_plain_text(payload: str) -> None:
    text = notes.render(result(payload))
    text.encode()
    assert not UNWANTED.search(text)
    if clean(payload, 100):
        ours = [line for line in text.split("\n") if line and not line.startswith("    ")]
        assert len(ours) == sum(len(item.tests) for item in result(payload).items)


# -- terminals


def shown(show: Callable[[Console], object]) -> str:
    """What a terminal without colours gets: nothing in it is an escape sequence of ours."""
    buffer = io.StringIO()
    show(Console(file=buffer, width=100, force_terminal=True, no_color=True, highlight=False, color_system=None))
    return re.sub(r"\x1b\[\d*(;\d+)*m", "", buffer.getvalue()) if buffer.getvalue().count("\x1b") else buffer.getvalue()


@payloads
def test_the_closing_table_is_plain_text(payload: str) -> None:
    results = [result(payload), result(payload, graded=False)]
    text = shown(lambda console: _table(results, console))
    assert not UNWANTED.search(text)
    assert not UNWANTED.search(_remark(results[1]))
    assert "\x1b" not in text


@payloads
def test_check_shows_plain_text(unit: Unit, payload: str) -> None:
    frame = Frame(payload, 3, payload, payload, ((payload, payload),))
    error = StudentError("ValueError", payload, payload, (frame,))
    outcome = Outcome(Status.FAILED, payload, error=error)

    def show(console: Console) -> None:
        topic = unit.spec.topics[0]
        _Check(unit, topic, Path(), None, console, None)._show_outcome("A claim.", outcome, payload)  # type: ignore[arg-type]
        answers = AnswersCheck(unit, topic, Path(), console, None)  # type: ignore[arg-type]  # nothing is launched
        answers._complain(payload)
        answers._show({"count": outcome, "extra": outcome})

    text = shown(show)
    assert not UNWANTED.search(text)
    assert text.count("A claim.") == 1
