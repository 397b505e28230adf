"""`diff` compares the marks that reports show: with what readers had given then, and have given by now."""

from datetime import UTC, datetime, timedelta

from autograder.course.compare import compare
from autograder.gradebook import decisions as kept
from autograder.gradebook import load_answers, runs, writing
from autograder.gradebook.decisions import Draft, record
from autograder.key import load_key

Q1 = "birds.Q1"
TEXTS = {name: {"Q1": f"They find no food in winter, says {name}."} for name in ("ada", "bob", "cyd")}


def read(course, student, given, monkeypatch, later):
    """A reader gives these parts of the rubric to the answer of the newest run, so many seconds from now."""

    class Then(datetime):
        @classmethod
        def now(cls, tz=None):  # noqa: ARG003
            return datetime.now(UTC) + timedelta(seconds=later)

    run = runs(course.engine)[-1]
    digest = next(answer.sha256 for answer in load_answers(course.engine, run, student) if answer.item == Q1)
    rubric = load_key(course.unit, course.unit.spec.topic("birds"))["Q1"].rubric
    with monkeypatch.context() as patched, writing(course.engine) as connection:
        patched.setattr(kept, "datetime", Then)
        seen = [each.number for each in kept.latest(connection, Q1, student)]
        draft = Draft(student, Q1, digest, max(seen, default=0), given)
        record(connection, [draft], rubric, "ann")


def differences(course):
    earlier, later = runs(course.engine)[-2:]
    return {change.student: (change.gain, change.reason) for change in compare(course.engine, earlier, later).changes}


def test_a_decision_made_between_two_runs_is_a_readers_mark(course, monkeypatch):
    there = course(TEXTS)
    read(there, "ada", (1,), monkeypatch, later=-3600)  # before the first run ended: both have it
    read(there, "bob", (1,), monkeypatch, later=3600)
    there.hand_in(TEXTS)
    found = differences(there)
    assert set(found) == {"bob"}
    assert found["bob"][0] > 0
    assert found["bob"][1] == "a reader's mark"


def test_a_mark_that_is_lost_with_its_answer_is_told(course, monkeypatch):
    there = course(TEXTS)
    read(there, "ada", (1,), monkeypatch, later=-3600)
    there.hand_in(TEXTS | {"ada": {"Q1": "Something else altogether, at some length."}})
    gain, reason = differences(there)["ada"]
    assert gain < 0
    assert reason == "a reader's mark counts no more"


def test_a_decision_that_changes_is_a_difference_and_one_that_stands_is_none(course, monkeypatch):
    there = course(TEXTS)
    read(there, "ada", (1,), monkeypatch, later=-3600)
    read(there, "cyd", (1,), monkeypatch, later=-3600)
    read(there, "ada", (), monkeypatch, later=3600)
    there.hand_in(TEXTS)
    found = differences(there)
    assert set(found) == {"ada"}
    assert found["ada"][0] < 0
