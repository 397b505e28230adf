"""A student's page and results.json, from one sample that holds every status and hostile text."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from autograder.report.summary import next_steps
from autograder.report.writing import write_result
from autograder.results import Status
from autograder.spec import Unit

Make = Callable[..., Any]


def test_a_student_gets_three_files_and_no_other(pages: dict[str, str]) -> None:
    assert set(pages) == {"results.json", "report.md", "report.html"}


def test_the_same_result_gives_the_same_bytes(pages: dict[str, str], unit: Unit, tmp_path: Path, result: Make) -> None:
    write_result(result(), unit, tmp_path / "again")
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "again").iterdir()} == pages


def test_a_write_that_fails_leaves_the_old_report(
    unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: Make
) -> None:
    write_result(result("Before"), unit, tmp_path)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", fail)
        with pytest.raises(OSError, match="disk full"):
            write_result(result("After"), unit, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["student"] == "Before"
    assert len(list(tmp_path.iterdir())) == 3


def test_importing_the_reports_does_not_import_jinja2(check: Make) -> None:
    code = "import sys, autograder.report; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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


def test_the_page_asks_the_network_for_nothing_and_runs_nothing(pages: dict[str, str], parsed: Make) -> None:
    page = parsed(pages["report.html"])
    assert {"script", "img", "link", "iframe", "object", "form", "base"}.isdisjoint(tag for tag, _ in page.tags)
    links = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("href", "src")]
    assert links
    assert all(link is not None and link.startswith("#") for link in links)
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert not re.search(r"url\(|@import", pages["report.html"])
    policy = next(each["content"] for _, each in page.tags if each.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_the_page_is_in_order(pages: dict[str, str], parsed: Make) -> None:
    page = parsed(pages["report.html"])
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert ("html", {"lang": "en"}) in page.tags
    ids = [each["id"] for _, each in page.tags if "id" in each]
    assert len(ids) == len(set(ids))


def test_the_page_says_the_result(pages: dict[str, str], words: Make) -> None:
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


def test_a_reason_that_claims_share_is_said_once(pages: dict[str, str], words: Make) -> None:
    assert words(pages["report.html"]).count("gpt.py does not import") == 1


def test_a_submission_that_was_not_graded_is_told_why_and_shows_no_marks(
    unit: Unit, tmp_path: Path, not_graded: Make, words: Make
) -> None:
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


def test_next_is_what_others_stand_on_then_what_is_nearly_done(unit: Unit, item: Make, result: Make) -> None:
    steps = [step.item.result.id for step in next_steps(result(), unit)]
    assert steps == ["attention.softmax", "attention.scaled_dot_product_attention", "rnn.sample"]


def test_a_step_shows_the_first_claim_that_fails_and_its_message(unit: Unit, result: Make) -> None:
    first = next_steps(result(), unit)[0]
    assert (first.claim, first.message) == ("Large scores stay finite.", "softmax gives nan for scores of 10000.")


def test_what_waits_for_a_reader_is_no_step(unit: Unit, check: Make, item: Make, written: Make, result: Make) -> None:
    items = (written("E1"), item("rnn.rnn_step", check("One step.")))
    assert next_steps(result(items=items), unit) == ()


def test_a_step_whose_failing_tests_are_all_invisible_names_none(
    unit: Unit, tmp_path: Path, check: Make, item: Make, result: Make, words: Make
) -> None:
    items = (item("rnn.sample", check("SECRET", Status.FAILED, visible=False, message="SECRET")),)
    write_result(result(items=items), unit, tmp_path)
    assert "1 further check: 0 hold" in words((tmp_path / "report.html").read_text())
    assert "SECRET" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_what_is_not_started_is_folded_away_and_its_reason_said_once(
    unit: Unit, tmp_path: Path, check: Make, item: Make, result: Make, words: Make
) -> None:
    idle = Status.NOT_ATTEMPTED
    items = tuple(
        item(f"rnn.part{number}", check("It holds.", idle, message="rnn.py was not handed in.")) for number in range(4)
    )
    lacking = ("rnn.py was not handed in.", "gpt.py was not handed in.", "a.txt is none of the files.")
    write_result(result(items=items, problems=lacking), unit, tmp_path)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "All 4 items are not started · rnn.py was not handed in." in words(page)
    assert "a.txt is none of the files. 2 files were not handed in: rnn.py and gpt.py." in words(page)
    assert '<details class="folded not-attempted">' in page
    assert words(page).count("part0 in Recurrent networks") == 1  # one next step, and not one for each of them
    assert "part1 in Recurrent networks" not in words(page)
    markdown = (tmp_path / "report.md").read_text("utf-8")
    assert "All 4 items are not started: part0, part1, part2, part3" in markdown


def test_a_file_that_cannot_be_imported_is_one_step_and_one_line(
    unit: Unit, tmp_path: Path, check: Make, item: Make, result: Make, words: Make
) -> None:
    message = "rnn.py cannot be imported. SyntaxError at rnn.py, line 3."
    items = tuple(item(f"rnn.part{n}", check("It holds.", Status.FAILED, message=message)) for n in range(4))
    write_result(result(items=items, problems=()), unit, tmp_path)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert f"None of the 4 items could be checked · {message}" in words(page)
    assert words(page).count("in Recurrent networks") == 1
    write_result(result(items=(*items[1:], item("rnn.part0", check("It holds.")))), unit, tmp_path)
    assert "could be checked" not in (tmp_path / "report.html").read_text("utf-8")


def test_a_misconception_is_said_once_an_item_and_few_of_many_claims_stand_open(
    unit: Unit, tmp_path: Path, check: Make, item: Make, result: Make, words: Make
) -> None:
    cause = "The scores are not divided."
    failed = [check(f"Claim {n}.", Status.FAILED, message=f"Row {n} is not right.", diagnosis=cause) for n in range(6)]
    write_result(result(items=(item("attention.softmax", *failed),)), unit, tmp_path)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert words(page).count(cause) == 2  # as a next step, and with its item
    assert "<summary>3 more that do not hold yet</summary>" in page
    assert (tmp_path / "report.md").read_text("utf-8").count(cause.rstrip(".")) == 2
