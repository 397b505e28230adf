"""What naming a mistake may cost: nothing where all passes, and never more than what is written down allows."""

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
"""
FAILED, PASSED = "test_count_is_blind_to_case", "test_count_of_two_words"


def asked(*texts):
    """What a test asked of code that counts upper and lower case apart."""
    rest = {"op": "call", "target": "count_words", "kwargs": {}, "keep": None, "after": False, "seed": None}
    answers = {text: {word: text.split().count(word) for word in text.split()} for text in texts}
    return Record(1, [Exchange(rest | {"args": [text]}, answer) for text, answer in answers.items()])


RECORDS = {FAILED: asked("elm elm", "Oak oak"), PASSED: asked("a b a", "c d c")}


@pytest.fixture
def name(tiny_unit, monkeypatch):
    """Names the mistake where tests cost this much to ask again; and counts what is asked."""
    (tiny_unit / "tests" / "mistakes").mkdir()
    (tiny_unit / "tests" / "mistakes" / "words.yml").write_text(BANK)
    unit = load(tiny_unit)
    topic = unit.spec.topic("words")
    calls = []
    request = InProcessTarget.request

    def counted(self, asked, *rest):
        calls.extend([asked] if asked["op"] == "call" else [])
        return request(self, asked, *rest)

    monkeypatch.setattr(InProcessTarget, "request", counted)

    def named(costs, failed=FAILED):
        rows = [f"{test},1,{cost}\n" for test, cost in costs.items()]
        path_of(unit, topic).write_text("".join(("test,caught,milliseconds\n", *rows)))
        costs_of.cache_clear()
        calls.clear()
        outcomes = {test: Outcome(Status.FAILED if test == failed else Status.PASSED) for test in RECORDS}
        with closing(Diagnoser(unit)) as diagnoser:
            mistake = diagnoser.name(topic, unit.spec.item("words.count_words"), outcomes, RECORDS)
        return mistake.id if mistake else None, len(calls)

    yield named
    costs_of.cache_clear()


def test_where_nothing_failed_nothing_is_asked(name):
    assert name({FAILED: 1, PASSED: 1}, failed=None) == (None, 0)


@pytest.mark.parametrize(
    "costs",
    [{}, {FAILED: 1, PASSED: 500}, {FAILED: 200, PASSED: 300}, {FAILED: 300}, {FAILED: 2000, PASSED: 900}],
)
def test_within_what_the_failed_test_costs_or_a_second_a_mistake_is_named(name, costs):
    assert name(costs)[0] == "case_counts"


@pytest.mark.parametrize(
    ("costs", "requests"),
    [
        ({FAILED: 1, PASSED: 2000}, 2),  # what fails, and nothing is left for what passes
        ({FAILED: 500, PASSED: 1000}, 4),  # both, and nothing is left for the other mistake
        ({FAILED: 500, PASSED: 600}, 5),  # nor to see that the solution does not do the same
    ],
)
def test_where_that_does_not_do_nothing_is_named_after_the_same_request_each_time(name, costs, requests):
    assert name(costs) == (None, requests)
    assert name(costs) == (None, requests)
