"""What a report says of the submission before: only where there is one, and the same however often it is written."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from autograder.report.writing import write_result
from autograder.results import ItemResult, Result, Status
from autograder.spec import Spec, Unit

UNIT = Unit(Path(), Spec(unit="Birds", topics=()))


def result(sha256: str, points: str = "10", **scores: str) -> Result:
    def item(name: str, score: Fraction) -> ItemResult:
        most = Fraction(points)
        status = Status.PASSED if score == most else Status.PARTIAL if score else Status.FAILED
        return ItemResult(f"birds.{name}", score, most, False, "core", status)

    items = tuple(item(name, Fraction(score)) for name, score in scores.items())
    return Result("ada", items, (), (), sha256, "1")


FIRST = result("a", wing="0", beak="2", tail="10", eye="1/3")
SECOND = result("b", wing="10", beak="3", tail="8", eye="1/3")


def written(folder: Path, *results: Result) -> dict[str, str]:
    for each in results:
        write_result(each, UNIT, folder)
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}


def test_the_first_report_speaks_of_no_other(tmp_path):
    pages = written(tmp_path, FIRST)
    assert set(pages) == {"results.json", "report.md", "report.html"}
    assert "last time" not in pages["report.html"] + pages["report.md"]


def test_the_second_says_what_is_different(tmp_path):
    pages = written(tmp_path, FIRST, SECOND)
    for name in ("report.html", "report.md"):
        assert "9 marks more than last time, when it was 12.33." in pages[name]
        assert "eye" not in pages[name].split("last time")[1].split("What to look at next")[0]
    assert (
        "- Now complete: birds.wing\n- Further than before: birds.beak\n- Fewer marks: birds.tail" in pages["report.md"]
    )


def test_a_report_that_is_written_again_says_the_same_again(tmp_path):
    pages = written(tmp_path, FIRST, SECOND)
    assert written(tmp_path, SECOND, SECOND) == pages


def test_it_is_compared_with_the_submission_right_before(tmp_path):
    pages = written(tmp_path, FIRST, SECOND, result("c", wing="10", beak="3", tail="7", eye="1/3"))
    assert "1 mark fewer than last time, when it was 21.33." in pages["report.md"]


@pytest.mark.parametrize(
    "before",
    [
        "",
        "[]",
        "{}",
        json.dumps({"graded": True, "submission_sha256": "a", "score": "x", "items": [{}]}),
        json.dumps({"graded": True, "submission_sha256": "a", "items": None}),
    ],
)
def test_what_cannot_be_read_is_passed_over(tmp_path, before):
    (tmp_path / "results.json").write_text(before)
    assert "last time" not in written(tmp_path, SECOND)["report.html"]


def test_marks_under_other_rules_are_not_compared(tmp_path):
    pages = written(tmp_path, result("a", "5", wing="0", beak="2", tail="5", eye="1/3"), SECOND)
    assert "last time" not in pages["report.html"]


def test_one_that_could_not_be_graded_is_no_time_to_compare_with(tmp_path):
    lost = Result("ada", (), ("nothing was found",), (), "x", "1", graded=False)
    assert "9 marks more than last time" in written(tmp_path, FIRST, lost, SECOND)["report.md"]


def test_what_is_complete_is_folded_away_below_what_is_open(tmp_path):
    page = written(tmp_path, result("a", wing="10", beak="10", tail="3", eye="10"))["report.html"]
    topic = page.partition('<section id="t-birds">')[2]
    assert topic.index("tail") < topic.index("3 items are complete") < topic.index("wing")
    few = written(tmp_path, result("a", wing="10", beak="10", tail="3"))["report.html"]
    assert "items are complete</span></summary>" not in few
