"""What naming a mistake may cost: nothing where all passes, and never more than what is written down allows.

And what the same file tells beside the costs: which tests draw at random, so that how they end has to do.
"""

from contextlib import closing

import pytest

from autograder.grading.costs import costs_of, path_of
from autograder.grading.diagnosis import Diagnoser
from autograder.grading.outcome import Outcome
from autograder.grading.recording import Exchange, Record
from autograder.results import Status
from autograder.spec import load
from autograder.target.inprocess import InProcessTarget

from .words import CASE_COUNTS

BANK = f"""\
{CASE_COUNTS}\
- id: counts_to_one
  item: words.count_words
  edits: [{{replace: "counts.get(word, 0) + 1", by: "1"}}]
  says: Each word is counted once.
  hint: How often does a word stand there that stands there twice?
  common: true
- id: gives_nothing
  item: words.count_words
  edits: [{{replace: "    return counts\\n", by: "    pass\\n"}}]
  says: It gives nothing back.
  hint: None.
- id: no_dictionary
  item: words.count_words
  edits: [{{replace: "    counts = {{}}", by: "    counts = []"}}]
  says: Words are no places in a list.
  hint: None.
"""
FAILED, PASSED = "test_count_is_blind_to_case", "test_count_of_two_words"


def asked(*texts):
    """What a test asked of code that counts upper and lower case apart."""
    rest = {"op": "call", "target": "count_words", "kwargs": {}, "keep": None, "after": False, "seed": None}
    answers = {text: {word: text.split().count(word) for word in text.split()} for text in texts}
    return Record(1, [Exchange(rest | {"args": [text]}, answer) for text, answer in answers.items()])


RECORDS = {FAILED: asked("elm elm", "Oak oak"), PASSED: asked("a b a", "c d c")}


@pytest.fixture
def unit_with_bank(tiny_unit):
    (tiny_unit / "tests" / "mistakes").mkdir()
    (tiny_unit / "tests" / "mistakes" / "words.yml").write_text(BANK)
    unit = load(tiny_unit)
    return unit, unit.spec.topic("words")


@pytest.fixture
def name(unit_with_bank, monkeypatch):
    """Names the mistake where tests cost this much to ask again; and counts what is asked."""
    unit, topic = unit_with_bank
    calls = []
    request = InProcessTarget.request

    def counted(self, asked, *rest):
        calls.extend([asked] if asked["op"] == "call" else [])
        return request(self, asked, *rest)

    monkeypatch.setattr(InProcessTarget, "request", counted)

    def named(costs, failed=FAILED):
        write(unit, topic, {test: (cost, "no") for test, cost in costs.items()})
        calls.clear()
        outcomes = {test: Outcome(Status.FAILED if test == failed else Status.PASSED) for test in RECORDS}
        return named_in(unit, topic, outcomes, RECORDS, None), len(calls)

    yield named
    costs_of.cache_clear()


def write(unit, topic, costs):
    rows = [f"{test},1,{cost},{draws}\n" for test, (cost, draws) in costs.items()]
    path_of(unit, topic).write_text("".join(("test,caught,milliseconds,draws\n", *rows)))
    costs_of.cache_clear()


def named_in(unit, topic, outcomes, records, rerun):
    with closing(Diagnoser(unit, rerun)) as diagnoser:
        mistake = diagnoser.name(topic, unit.spec.item("words.count_words"), outcomes, records)
    return mistake.id if mistake else None


def test_where_nothing_failed_nothing_is_asked(name):
    assert name({FAILED: 1, PASSED: 1}, failed=None) == (None, 0)


@pytest.mark.parametrize(
    "costs",
    [{}, {FAILED: 1, PASSED: 1000}, {FAILED: 400, PASSED: 600}, {FAILED: 600}, {FAILED: 4000, PASSED: 1800}],
)
def test_within_what_the_failed_test_costs_or_two_seconds_a_mistake_is_named(name, costs):
    assert name(costs)[0] == "case_counts"


@pytest.mark.parametrize(
    ("costs", "requests"),
    [
        ({FAILED: 1, PASSED: 4000}, 2),  # what fails, and nothing is left for what passes
        ({FAILED: 1000, PASSED: 2000}, 4),  # both, and nothing is left for the other mistake
        ({FAILED: 1000, PASSED: 1200}, 5),  # nor to see that the solution does not do the same
    ],
)
def test_where_that_does_not_do_nothing_is_named_after_the_same_request_each_time(name, costs, requests):
    assert name(costs) == (None, requests)
    assert name(costs) == (None, requests)


DRAWN = "test_count_draws"
OTHER_DRAWS = Record(1, [Exchange(RECORDS[FAILED].exchanges[0].request, {"elm": 0.37})])


@pytest.mark.parametrize(
    ("draws", "failed", "ends", "named"),
    [
        ("yes", {FAILED, DRAWN}, Outcome(Status.FAILED, "Too few."), "case_counts"),
        ("yes", {FAILED}, Outcome(Status.PASSED), "case_counts"),
        ("yes", {FAILED, DRAWN}, Outcome(Status.FAILED, "Too many."), None),
        ("yes", {FAILED, DRAWN}, Outcome(Status.PASSED), None),
        ("yes", {FAILED}, Outcome(Status.FAILED, "Too few."), None),
        ("yes", {DRAWN}, Outcome(Status.FAILED, "Too few."), None),  # nothing speaks for it but that
        ("no", {FAILED, DRAWN}, Outcome(Status.FAILED, "Too few."), None),  # other answers are another mistake
        ("no", {FAILED}, Outcome(Status.PASSED), "case_counts"),
    ],
)
def test_where_the_code_draws_a_test_that_ends_alike_will_do(unit_with_bank, draws, failed, ends, named):
    unit, topic = unit_with_bank
    write(unit, topic, {FAILED: (1, "no"), PASSED: (1, "no"), DRAWN: (1, draws)})
    records = {test: (RECORDS | {DRAWN: OTHER_DRAWS})[test] for test in (PASSED, DRAWN, *failed)}
    outcomes = {
        test: Outcome(Status.FAILED, "Too few.") if test in failed else Outcome(Status.PASSED) for test in records
    }

    def rerun(topic, item, test, target, seed):
        assert (topic, item.name, seed) == ("words", "count_words", 1)
        return ends if test == DRAWN else Outcome(Status.FAILED)

    assert named_in(unit, topic, outcomes, records, rerun) == named
    costs_of.cache_clear()


def test_a_mistake_that_never_ends_is_run_once_only(unit_with_bank, monkeypatch):
    monkeypatch.setattr("autograder.grading.diagnosis._CPU_SECONDS", 0.05)
    unit, topic = unit_with_bank
    write(unit, topic, {FAILED: (1, "no"), DRAWN: (1, "yes")})
    outcomes = {FAILED: Outcome(Status.FAILED), DRAWN: Outcome(Status.PASSED)}
    ran = []

    def rerun(*_):
        ran.append(1)
        while True:
            pass

    records = {FAILED: RECORDS[FAILED], DRAWN: OTHER_DRAWS}
    with closing(Diagnoser(unit, rerun)) as diagnoser:
        item = unit.spec.item("words.count_words")
        assert [diagnoser.name(topic, item, outcomes, records) for _ in range(2)] == [None, None]
    assert len(ran) == 1
    costs_of.cache_clear()


def test_a_rerun_is_paid_for(unit_with_bank):
    unit, topic = unit_with_bank
    write(unit, topic, {FAILED: (1, "no"), PASSED: (1, "no"), DRAWN: (800, "yes")})
    outcomes = {FAILED: Outcome(Status.FAILED), PASSED: Outcome(Status.PASSED), DRAWN: Outcome(Status.PASSED)}
    assert named_in(unit, topic, outcomes, RECORDS | {DRAWN: OTHER_DRAWS}, lambda *_: pytest.fail("was run")) is None
    costs_of.cache_clear()


def test_what_draws_is_run_only_for_what_nothing_else_rules_out(unit_with_bank):
    unit, topic = unit_with_bank
    write(unit, topic, {FAILED: (2, "no"), DRAWN: (1, "yes")})
    (request, _) = (exchange.request for exchange in RECORDS[FAILED].exchanges)
    records = {FAILED: Record(1, [Exchange(request, {"elm": 9})]), DRAWN: OTHER_DRAWS}
    outcomes = dict.fromkeys(records, Outcome(Status.FAILED))
    assert named_in(unit, topic, outcomes, records, lambda *_: pytest.fail("was run")) is None
    costs_of.cache_clear()


@pytest.mark.parametrize(
    ("text", "named"), [("'list' object has no attribute 'get'", "no_dictionary"), ("unhashable type: 'list'", None)]
)
def test_an_error_speaks_for_a_mistake_in_the_same_words_only(unit_with_bank, text, named):
    unit, topic = unit_with_bank
    (request,) = (exchange.request for exchange in asked("elm elm").exchanges)
    records = {FAILED: Record(1, [Exchange(request, error="AttributeError", text=text)])}
    assert named_in(unit, topic, {FAILED: Outcome(Status.FAILED)}, records, None) == named


def test_nothing_speaks_for_no_mistake(unit_with_bank):
    unit, topic = unit_with_bank
    records = {FAILED: Record(1, [Exchange(exchange.request) for exchange in asked("elm elm").exchanges])}
    assert named_in(unit, topic, {FAILED: Outcome(Status.FAILED)}, records, None) is None
