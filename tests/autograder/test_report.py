"""The reports of a student and of a class, from one sample that holds every status and hostile text."""

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from autograder.report import write_class, write_notes, write_result
from autograder.report.csv_report import cell
from autograder.report.markdown import escape
from autograder.report.summary import hundredths, marks, next_steps
from autograder.results import ItemResult, Result, Status, TestResult, item_status
from autograder.spec import Item, Spec, Topic, Unit

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


def test_a_student_gets_three_files_and_no_other(pages: dict[str, str]) -> None:
    assert set(pages) == {"results.json", "report.md", "report.html"}


def test_the_same_result_gives_the_same_bytes(pages: dict[str, str], unit: Unit, tmp_path: Path) -> None:
    write_result(result(), unit, tmp_path / "again")
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "again").iterdir()} == pages


def test_a_write_that_fails_leaves_the_old_report(unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_result(result("Before"), unit, tmp_path)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", fail)
        with pytest.raises(OSError, match="disk full"):
            write_result(result("After"), unit, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["student"] == "Before"
    assert len(list(tmp_path.iterdir())) == 3


def test_importing_the_reports_does_not_import_jinja2() -> None:
    code = "import sys, autograder.report; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# results.json


def test_json_holds_the_exact_numbers(pages: dict[str, str]) -> None:
    data = json.loads(pages["results.json"])
    assert data["score"] == 245 / 24
    assert data["max_score"] == 17.25
    assert data["pending"] == 1.5
    softmax = next(each for each in data["items"] if each["id"] == "attention.softmax")
    assert softmax["score"] == 1 / 3
    assert softmax["status"] == "partial"
    assert softmax["tests"][2]["diagnosis"].startswith("This is what comes out")


def test_json_has_the_keys_of_the_contract(pages: dict[str, str]) -> None:
    data = json.loads(pages["results.json"])
    top = {"student", "score", "max_score", "pending", "items", "problems", "isolation", "submission_sha256"}
    assert set(data) == top | {"grader_version", "unit", "graded", "late"}
    each = {"id", "score", "max_score", "extra", "pending", "status", "tests", "level", "replaced"}
    assert set(data["items"][0]) == each
    test = {"name", "status", "score", "max_score", "visible", "message", "diagnosis", "seconds"}
    assert set(data["items"][0]["tests"][0]) == test


@pytest.mark.parametrize("name", ["results.json", "report.md", "report.html"])
def test_nothing_of_an_invisible_test_or_a_note_reaches_a_student(pages: dict[str, str], name: str) -> None:
    assert "SECRET" not in pages[name]
    assert "secret" not in pages[name]  # the test's function
    assert "expected weights" not in pages[name]


@pytest.mark.parametrize("name", ["results.json", "report.md", "report.html"])
def test_no_report_holds_characters_that_fool_a_reader(pages: dict[str, str], name: str) -> None:
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", pages[name])
    assert "[31m" not in pages[name]
    assert len(pages[name]) < 80_000


# report.html


def test_the_page_asks_the_network_for_nothing_and_runs_nothing(pages: dict[str, str]) -> None:
    page = Page(pages["report.html"])
    assert {"script", "img", "link", "iframe", "object", "form", "base"}.isdisjoint(tag for tag, _ in page.tags)
    links = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("href", "src")]
    assert links
    assert all(link is not None and link.startswith("#") for link in links)
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert not re.search(r"url\(|@import", pages["report.html"])
    policy = next(each["content"] for _, each in page.tags if each.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_the_page_is_in_order(pages: dict[str, str]) -> None:
    page = Page(pages["report.html"])
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert ("html", {"lang": "en"}) in page.tags
    ids = [each["id"] for _, each in page.tags if "id" in each]
    assert len(ids) == len(set(ids))


def test_the_page_says_the_result(pages: dict[str, str]) -> None:
    text = words(pages["report.html"])
    for said in (
        "10.21 of 17.25 marks so far",
        "4 of 13 items are complete, 6 are on the way, 2 are not started and 1 waits for a reader.",
        "A reader has 1.5 marks still to give",
        "2 further checks: 1 holds",
        "The marks were earned with working versions of softmax in place of yours: fix that one first.",
        "This was tried with working versions of softmax and split_heads in place of yours: fix those first.",
        "This is what comes out when the largest score is not taken off before exp.",
        "Sampling stops after end_token is drawn. took too long",
        "2cf24dba5fb0, grader 1.4.0",
        "another user, Landlock, seccomp",
        '<script>alert("x")</script>',  # as text
    ):
        assert said in text


def test_the_page_has_no_jargon(pages: dict[str, str]) -> None:
    for name in ("report.html", "report.md"):
        assert not re.search("hidden test|pytest|fixture|assert", re.sub("visually-hidden", "", pages[name]))


def test_a_reason_that_claims_share_is_said_once(pages: dict[str, str]) -> None:
    assert words(pages["report.html"]).count("gpt.py does not import") == 1


def test_a_submission_that_was_not_graded_is_told_why_and_shows_no_marks(unit: Unit, tmp_path: Path) -> None:
    write_result(not_graded("Grace"), unit, tmp_path)
    for text in (words((tmp_path / "report.html").read_text()), (tmp_path / "report.md").read_text()):
        assert "This is not a 0" in text or "this is not a 0" in text
        assert "none of attention.py, gpt.py, rnn.py found" in text
        assert "hand them in again" in text
        assert "of 0" not in text
        assert "ran on its own" not in text
    assert json.loads((tmp_path / "results.json").read_text())["graded"] is False


def test_colours_have_the_contrast_of_wcag_aa() -> None:
    style = (files("autograder.report") / "templates" / "style.css.j2").read_text("utf-8")
    palettes = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)]
    assert len(palettes) == 3  # light, dark, print

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for palette in palettes:
        for ground in ("paper", "raised"):
            for ink in ("ink", "quiet", "link", "good", "part", "bad", "wait", "idle"):
                dark, light = sorted(luminance(palette[name]) for name in (ground, ink))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, ink)


# What to look at next


def test_next_is_what_others_stand_on_then_what_is_nearly_done(unit: Unit) -> None:
    steps = [step.item.result.id for step in next_steps(result(), unit)]
    assert steps == ["attention.softmax", "attention.scaled_dot_product_attention", "rnn.sample"]


def test_a_step_shows_the_first_claim_that_fails_and_its_message(unit: Unit) -> None:
    first = next_steps(result(), unit)[0]
    assert (first.claim, first.message) == ("Large scores stay finite.", "softmax gives nan for scores of 10000.")


def test_what_waits_for_a_reader_is_no_step(unit: Unit) -> None:
    items = (written("E1"), item("rnn.rnn_step", check("One step.")))
    assert next_steps(result(items=items), unit) == ()


def test_a_step_whose_failing_tests_are_all_invisible_names_none(unit: Unit, tmp_path: Path) -> None:
    items = (item("rnn.sample", check("SECRET", Status.FAILED, visible=False, message="SECRET")),)
    write_result(result(items=items), unit, tmp_path)
    assert "1 further check: 0 hold" in words((tmp_path / "report.html").read_text())
    assert "SECRET" not in "".join(path.read_text() for path in tmp_path.iterdir())


# report.md


@pytest.mark.parametrize(
    "text",
    [
        "<b>",
        "[a](b)",
        "![a](b)",
        "`a`",
        "*a*",
        "_a_",
        "~~a~~",
        "$x$",
        "a | b",
        "&lt;",
        "# a",
        "- a",
        "+ a",
        "> a",
        "===",
    ],
)
def test_markdown_escapes_what_would_be_markup(text: str) -> None:
    escaped = escape(text)
    assert escaped.replace("\\", "") == text
    assert not re.search(r"(?<!\\)[<\[\]`*_~$|&]|^[-+#>=]", escaped)


@pytest.mark.parametrize("text", ["@user", "a@b.com", "#12", "x/y#12", "GH-3", "https://a.b", "www.a.b"])
def test_markdown_breaks_what_github_looks_for_in_finished_text(text: str) -> None:
    escaped = escape(text)
    assert escaped.replace("\u2060", "").removeprefix("\\") == text
    assert not re.search(r"@\w|#\d|GH-\d|://|www\.", escaped)


def test_markdown_keeps_all_lines_of_a_message_in_its_list_item(pages: dict[str, str]) -> None:
    lines = pages["report.md"].splitlines()
    at = next(i for i, line in enumerate(lines) if "gpt.py does not import" in line)
    assert lines[at].endswith("\\")
    assert lines[at + 1] == "      return self.norm(self.blocks(x"


def test_markdown_says_the_result(pages: dict[str, str]) -> None:
    assert pages["report.md"].startswith("# Language modelling: Ada Lovelace\n")
    assert "**10.21 of 17.25 marks so far**" in pages["report.md"]
    assert "<script" not in pages["report.md"].replace("\\<", "")


# grades.csv and class.html


@pytest.fixture
def class_folder(unit: Unit, tmp_path: Path) -> Path:
    write_class([result("Zoë"), not_graded("Grace"), result("=cmd()"), result("../x")], unit, tmp_path / "grades")
    return tmp_path / "grades"


def test_the_gradebook_has_a_row_a_student_in_the_order_given(class_folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((class_folder / "grades.csv").read_text("utf-8"))))
    assert [row["student"] for row in rows] == ["Zoë", "Grace", "'=cmd()", "../x"]
    assert list(rows[0])[-7:] == ["written", "pending", "extra", "late", "total", "max", "status"]
    assert list(rows[0])[:-7] == ["student", *(each.id for each in sample_items())]
    zoe = rows[0]
    assert zoe["attention.softmax"] == "0.33"
    assert zoe["attention.scaled_dot_product_attention"] == "2.62"  # 2.625, half to even
    assert [zoe[key] for key in ("written", "pending", "extra", "late")] == ["0.50", "1.50", "2.00", ""]
    assert [zoe[key] for key in ("total", "max", "status")] == ["10.21", "17.25", "graded"]


def test_not_graded_is_empty_in_the_gradebook_and_never_0(class_folder: Path) -> None:
    row = list(csv.reader((class_folder / "grades.csv").read_text("utf-8").splitlines()))[2]
    assert row[0] == "Grace"
    assert set(row[1:-1]) == {""}
    assert row[-1] == "not graded"


@pytest.mark.parametrize("name", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "\x00=1", "\u202e=1", "\uff1d1"])
def test_no_cell_is_a_formula(name: str) -> None:
    assert cell(name).startswith("'")


def test_the_class_page_links_to_reports_that_have_a_plain_name(class_folder: Path) -> None:
    page = Page((class_folder / "class.html").read_text("utf-8"))
    links = dict.fromkeys(each["href"] for tag, each in page.tags if tag == "a" and each["href"][0] != "#")
    assert list(links) == ["./Zo%C3%AB/report.html", "./Grace/report.html", "./%3Dcmd%28%29/report.html"]


def test_the_class_page_counts_who_has_each_item(class_folder: Path) -> None:
    text = words((class_folder / "class.html").read_text("utf-8"))
    assert "3 of 4 submissions graded" in text
    assert "attention.softmax 0 3 0 0 0" in text
    assert "gpt.sample 0 0 0 3 0" in text
    assert "synthesis.E1 0 0 0 0 3" in text
    assert "Grace not graded" in text


def test_the_class_page_may_run_its_own_script_alone(class_folder: Path) -> None:
    source = (class_folder / "class.html").read_text("utf-8")
    script = source.partition("<script>")[2].partition("</script>")[0]
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; " in source
    assert source.count("<script") == 1
    assert "evil.example/i>" not in source


def test_an_empty_class_has_pages_too(unit: Unit, tmp_path: Path) -> None:
    write_class([], unit, tmp_path)
    assert "0 of 0 submissions graded" in words((tmp_path / "class.html").read_text())
    assert (tmp_path / "grades.csv").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("value", "two", "short"),
    [
        ("1/8", "0.12", "0.12"),
        ("3/8", "0.38", "0.38"),
        ("10", "10.00", "10"),
        ("1/3", "0.33", "0.33"),
        ("0", "0.00", "0"),
    ],
)
def test_marks_are_rounded_half_to_even_from_the_fraction(value: str, two: str, short: str) -> None:
    assert hundredths(Fraction(value)) == two
    assert marks(Fraction(value)) == short


# Notes


def test_notes_go_to_the_instructor_alone(tmp_path: Path) -> None:
    write_notes(result(), tmp_path)
    text = (tmp_path / "instructor" / "Ada Lovelace.txt").read_text()
    assert "attention.scaled_dot_product_attention  test_a_query_that_may_attend_to_nothing_gets_zeros_" in text
    assert "    expected weights [[0., 0.]]" in text


def test_no_notes_no_file_and_an_old_one_goes(tmp_path: Path) -> None:
    write_notes(result(items=()), tmp_path)
    assert not (tmp_path / "instructor").exists()
    write_notes(result(), tmp_path)
    write_notes(result(items=()), tmp_path)
    assert list((tmp_path / "instructor").iterdir()) == []


def test_notes_stay_in_their_folder_whatever_the_student_is_called(tmp_path: Path) -> None:
    for name in ("../../x", "..", "a/b", "", "\x00"):
        write_notes(result(name), tmp_path / "out")
    assert len(list((tmp_path / "out" / "instructor").iterdir())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
