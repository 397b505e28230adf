"""Decisions of readers: kept for good, never overwritten, and what of them counts."""

from dataclasses import replace
from fractions import Fraction
from threading import Barrier, Thread

import pytest

from autograder.gradebook import open_gradebook, reading, writing
from autograder.gradebook.decisions import Conflict, Draft, history, latest, record, undo
from autograder.gradebook.settling import Decision, Settled, State, apply, settle
from autograder.key import Concept
from autograder.results import ItemResult, Result, Status, TestResult

RUBRIC = (Concept(points=2, says="food"), Concept(points=1, says="not the cold"))
OLD, NEW = "a" * 64, "b" * 64
Q1 = "birds.Q1"


@pytest.fixture
def book(tmp_path):
    return open_gradebook(tmp_path / "gradebook.sqlite")


def draft(student="ada", seen=0, given=(1,), answer=OLD, **rest):
    return Draft(student, Q1, answer, seen, given, **rest)


def keep(book, *drafts, reader="ann", agreed=False):
    with writing(book) as connection:
        return record(connection, drafts, RUBRIC, reader, agreed)


def stands(book, item=Q1):
    with reading(book) as connection:
        return {(each.student, "" if each.agreed else each.reader): each for each in latest(connection, item)}


def decision(given=(1,), reader="ann", number=1, **rest):
    known = {
        "number": number,
        "student": "ada",
        "item": Q1,
        "reader": reader,
        "agreed": False,
        "given": given,
        "adjustment": Fraction(0),
        "note": "",
        "finished": True,
        "withdrawn": False,
        "rubric": RUBRIC,
        "answer_sha256": OLD,
        "made_at": "",
    }
    return Decision(**(known | rest))


def test_a_decision_comes_back_as_it_was_made(book):
    keep(book, draft(given=(2, 1), adjustment=Fraction(-1, 3), note="Ä <b>\n"))
    found = stands(book)["ada", "ann"]
    assert (found.given, found.adjustment, found.note, found.rubric) == ((1, 2), Fraction(-1, 3), "Ä <b>\n", RUBRIC)
    assert (found.points, found.share) == (Fraction(8, 3), Fraction(8, 9))
    assert (found.answer_sha256, found.before, found.finished) == (OLD, 0, True)


def test_every_decision_stays_in_the_history_with_what_was_before(book):
    (first,) = keep(book, draft())
    (second,) = keep(book, draft(seen=first, given=(1, 2)))
    keep(book, draft(given=()), reader="bob")
    with reading(book) as connection:
        made = history(connection, Q1, "ada")
    assert [(each.reader, each.given, each.before) for each in made] == [
        ("ann", (1,), 0),
        ("ann", (1, 2), first),
        ("bob", (), 0),
    ]
    assert stands(book)["ada", "ann"].number == second


def test_who_has_not_seen_the_latest_decision_changes_nothing(book):
    keep(book, draft(note="first"))
    with pytest.raises(Conflict) as caught:
        keep(book, draft("bea"), draft("ada", note="second"))
    assert caught.value.student == "ada"
    assert {key: each.note for key, each in stands(book).items()} == {
        ("ada", "ann"): "first"
    }  # bea's is not kept either


def test_two_windows_at_the_same_moment_cannot_both_be_next(book):
    start, kept, lost = Barrier(2), [], []

    def decide(note):
        start.wait()
        try:
            kept.append(keep(book, draft(note=note)))
        except Conflict:
            lost.append(note)

    threads = [Thread(target=decide, args=(note,)) for note in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(kept), len(lost)) == (1, 1)
    assert stands(book)["ada", "ann"].note not in lost


def test_two_readers_of_an_answer_are_kept_apart(book):
    keep(book, draft(given=(1,)))
    keep(book, draft(given=(2,)), reader="bob")
    assert {key: each.given for key, each in stands(book).items()} == {("ada", "ann"): (1,), ("ada", "bob"): (2,)}


def test_undo_goes_back_action_by_action_over_all_its_answers(book):
    first = keep(book, draft("ada"), draft("bea"))
    keep(book, draft("ada", seen=first[0], given=(2,)), draft("bea", seen=first[1], given=(2,)))
    keep(book, draft("ada", given=()), reader="bob")  # another reader's is not touched

    def undone():
        with writing(book) as connection:
            return {each.student: (each.given, each.withdrawn) for each in undo(connection, Q1, "ann")}

    assert undone() == {"ada": ((1,), False), "bea": ((1,), False)}
    assert undone() == {"ada": ((1,), True), "bea": ((1,), True)}
    assert undone() == {}
    now = stands(book)
    keep(book, draft("ada", seen=now["ada", "ann"].number, given=(1, 2)))
    assert undone() == {"ada": ((1,), True)}
    assert stands(book)["ada", "bob"].counts
    with reading(book) as connection:
        assert len(history(connection, Q1, "ada")) == 7


def test_nobody_takes_back_what_another_agreed_on_since(book):
    (mine,) = keep(book, draft(), agreed=True)
    keep(book, draft(seen=mine, given=(2,)), reader="bob", agreed=True)
    with writing(book) as connection, pytest.raises(Conflict):
        undo(connection, Q1, "ann", agreed=True)


@pytest.mark.parametrize(
    ("made", "state", "share"),
    [
        ([], State.UNREAD, None),
        ([decision()], State.SETTLED, Fraction(2, 3)),
        ([decision(given=())], State.SETTLED, Fraction(0)),
        ([decision(finished=False)], State.UNREAD, None),
        ([decision(withdrawn=True)], State.UNREAD, None),
        ([decision(answer_sha256=NEW)], State.STALE, None),
        ([decision(), decision(reader="bob", number=2)], State.SETTLED, Fraction(2, 3)),
        ([decision(), decision((1, 2), "bob", 2)], State.DISPUTED, None),
        ([decision(), decision((1, 2), "bob", 2, answer_sha256=NEW)], State.SETTLED, Fraction(2, 3)),
        (
            [decision(number=3), decision((1, 2), "bob", 2), decision((2,), number=1, agreed=True)],
            State.SETTLED,
            Fraction(1, 3),
        ),
        ([decision(), decision((2,), number=2, agreed=True, withdrawn=True)], State.SETTLED, Fraction(2, 3)),
        ([decision(adjustment=Fraction(7))], State.SETTLED, Fraction(1)),
        ([decision(adjustment=Fraction(-7))], State.SETTLED, Fraction(0)),
    ],
)
def test_what_counts(made, state, share):
    settled = settle(made, OLD)
    assert (settled.state, settled.share) == (state, share)


def test_notes_of_all_who_agree_reach_the_student():
    settled = settle([decision(note="Good."), decision(reader="bob", number=2, note="See d2l.")], OLD)
    assert settled.decision.note == "Good.\n\nSee d2l."


COMPLETE = TestResult("Q1", "There is an answer.", Status.PASSED, Fraction(1, 3), Fraction(1, 3), visible=True)
WAITING = ItemResult(
    Q1, Fraction(1, 3), Fraction(1, 3), False, "core", Status.NEEDS_REVIEW, (COMPLETE,), pending=Fraction(2), prose=True
)
OTHER = ItemResult("birds.Q2", Fraction(1), Fraction(1), False, "core", Status.PASSED)


def test_pending_points_are_earned_once_read():
    result = Result("ada", (WAITING, OTHER), (), (), "", "")
    done = apply(result, {Q1: Settled(State.SETTLED, decision())})
    assert (done.score, done.max_score, done.pending) == (Fraction(8, 3), Fraction(10, 3), 0)
    item = done.items[0]
    assert (item.status, item.read, [test.score for test in item.tests]) == (
        Status.PARTIAL,
        True,
        [Fraction(1, 3), Fraction(4, 3)],
    )
    assert done.items[1] is OTHER
    assert apply(done, {Q1: Settled(State.SETTLED, decision())}) == done  # what is read is not given twice


@pytest.mark.parametrize("state", [State.UNREAD, State.STALE, State.DISPUTED])
def test_what_nobody_decided_goes_on_waiting_and_is_never_0(state):
    result = Result("ada", (WAITING, OTHER), (), (), "", "")
    assert apply(result, {Q1: Settled(state)}) == apply(result, {}) == result


def test_nothing_given_is_0_for_quality_and_completion_stays():
    nothing = replace(decision(), given=())
    done = apply(Result("ada", (WAITING,), (), (), "", ""), {Q1: Settled(State.SETTLED, nothing)})
    assert (done.score, done.max_score, done.items[0].status) == (Fraction(1, 3), Fraction(7, 3), Status.PARTIAL)
