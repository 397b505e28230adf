"""What the class page finds in a class: items that do not separate, misconceptions, what ended badly, what waits."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from autograder.report import item_analysis, plots
from autograder.report.class_view import ClassView, class_view
from autograder.report.item_analysis import figures
from autograder.report.seen import Seen
from autograder.report.writing import write_class
from autograder.results import ItemResult, Result, Status, TestResult, item_status
from autograder.spec import Spec, Unit

UNIT = Unit(Path(), Spec(unit="Birds", topics=()))


def check(status: Status, seconds: float = 0.01, **more: object) -> TestResult:
    score = Fraction(status is Status.PASSED)
    return TestResult(
        "test_it", more.pop("name", "It holds."), status, score, Fraction(1), True, seconds=seconds, **more
    )


def item(name: str, *tests: TestResult, pending: Fraction = Fraction(0)) -> ItemResult:
    score = sum((test.score for test in tests), Fraction(0))
    status = Status.NEEDS_REVIEW if pending else item_status(tests)
    return ItemResult(f"birds.{name}", score, Fraction(len(tests)), False, "core", status, tests, pending=pending)


def student(name: str, *items: ItemResult, **more: object) -> Result:
    return Result(name, items, (), ("Landlock",), "", "1", **more)


def class_of(size: int) -> list[Result]:
    """The first half is strong. `good` separates, `bad` does the opposite, `easy` everybody has, `read` waits."""
    results = []
    for number in range(size):
        strong = number < size // 2
        passed, failed = check(Status.PASSED), check(Status.FAILED)
        own = [
            item("good", passed if strong else failed),
            item("other", *[passed if strong else failed] * 3),
            item("bad", failed if strong else passed),
            item("easy", passed),
            item("read", passed, pending=Fraction(3, 2)),
        ]
        results.append(student(f"s{number:02d}", *own))
    return results


def view(results: list[Result]) -> ClassView:
    return class_view(Seen.of(results), UNIT)


def test_an_item_has_its_difficulty_and_its_discrimination():
    found = figures(class_of(20))
    assert found["birds.good"].p == 0.5
    assert found["birds.good"].r == pytest.approx(1.0)
    assert found["birds.bad"].r == pytest.approx(-1.0)
    assert found["birds.bad"].remark.startswith("negative")


def test_an_item_is_not_compared_with_itself():
    """With itself in the total, an item that has nothing to do with the others would seem to separate."""
    results = [
        student(f"s{n}", item("coin", check(Status.PASSED if n % 2 else Status.FAILED)), item("other", check(other)))
        for n, other in enumerate([Status.PASSED, Status.PASSED, Status.FAILED, Status.FAILED] * 3)
    ]
    assert figures(results)["birds.coin"].r == pytest.approx(0.0)


def test_what_cannot_be_computed_is_not_shown():
    found = figures(class_of(20))
    assert (found["birds.easy"].p, found["birds.easy"].r) == (1.0, None)  # all the same
    assert (found["birds.read"].p, found["birds.read"].r) == (None, None)  # nobody has read it
    assert figures(class_of(9))["birds.good"].r is None
    assert "at least 10" in item_analysis.caution(9)
    assert "by chance" in item_analysis.caution(20)
    assert item_analysis.caution(200) == ""


def test_a_misconception_counts_students_not_tests():
    wrong = check(Status.FAILED, diagnosis="The beak is taken for the tail.")
    once, twice = student("ada", item("beak", wrong)), student("bo", item("beak", wrong, wrong))
    rare = student("cy", item("wing", check(Status.FAILED, diagnosis="Counted twice.")))
    found = view([rare, once, twice]).misconceptions
    assert [(each.says, [who.name for who in each.students]) for each in found] == [
        ("The beak is taken for the tail.", ["ada", "bo"]),
        ("Counted twice.", ["cy"]),
    ]


def test_the_instructor_is_told_the_names_of_tests_that_students_do_not_see():
    hidden = TestResult("t", "A secret claim.", Status.TIMEOUT, Fraction(0), Fraction(1), False, diagnosis="A cause.")
    found = view([student("ada", item("beak", hidden))])
    assert found.ended[0].claims == ("A secret claim.",)
    assert found.misconceptions[0].says == "A cause."


def test_what_was_stopped_and_what_crashed_are_told_apart():
    tests = check(Status.TIMEOUT, name="One."), check(Status.TIMEOUT, name="Two."), check(Status.CRASHED, name="Three.")
    found = view([student("ada", item("beak", *tests)), student("bo", item("beak", tests[0]))]).ended
    assert [(each.status, each.claims, len(each.students)) for each in found] == [
        (Status.TIMEOUT, ("One.", "Two."), 2),
        (Status.CRASHED, ("Three.",), 1),
    ]


def test_the_slowest_tests_are_those_that_came_to_an_end():
    quick, slow = check(Status.PASSED, 0.2, name="Slow."), check(Status.FAILED, 3.5, name="Slow.")
    others = check(Status.TIMEOUT, 9.0, name="Stopped."), check(Status.PASSED, 0.001, name="Quick.")
    found = view([student("ada", item("beak", quick, *others)), student("bo", item("beak", slow, *others))]).slow
    assert [(each.claim, each.longest, each.who.name) for each in found] == [("Slow.", 3.5, "bo")]
    assert found[0].typical == pytest.approx(1.85)


def test_what_waits_is_counted_in_answers_and_in_marks():
    found = view(class_of(12))
    assert [(each.item, each.students, each.points) for each in found.waiting] == [("birds.read", 12, Fraction(3, 2))]
    assert found.pending == 18


def test_a_problem_is_told_once_with_all_who_have_it():
    missing = "wing.py is missing"
    results = [student("ada"), student("bo"), student("cy", graded=False)]
    told = [Result(each.student, (), (missing,), (), "", "1", graded=each.graded) for each in results[:2]]
    lost = Result("cy", (), ("nothing was found",), (), "", "1", graded=False)
    found = view([*told, lost]).problems
    assert [(each.says, [who.name for who in each.students]) for each in found] == [
        ("nothing was found", ["cy"]),  # first: these have no marks at all
        (missing, ["ada", "bo"]),
    ]


def test_plots_stand_in_the_page_and_bring_nothing_with_them(tmp_path: Path):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    write_class(class_of(20), UNIT, tmp_path)
    page = (tmp_path / "class.html").read_text("utf-8")
    drawn = re.findall(r"<svg[^>]*viewBox.*?</svg>", page, re.DOTALL)
    assert len(drawn) == 2
    for svg in drawn:
        assert not re.search(r"<style|<script|<metadata|https?://(?!www\.w3\.org/)|font-family", svg)
        assert not re.search(r"#[0-9a-f]{6}\b", svg)  # the page's own colours alone
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page))
    assert referred <= set(ids)


def test_a_plot_says_in_words_what_it_shows():
    drawn = plots.marks([5, 15, 15, 100], 100)
    if drawn is None:
        pytest.skip("plots need matplotlib")
    assert "0 to 10: 1, 10 to 20: 2, 90 to 100: 1" in drawn.says


def test_without_matplotlib_the_page_is_there_without_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    write_class(class_of(12), UNIT, tmp_path)
    page = (tmp_path / "class.html").read_text("utf-8")
    assert "<figure>" not in page
    assert "The class at a glance" in page
