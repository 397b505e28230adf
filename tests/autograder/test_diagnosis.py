"""A report names the mistake that explains everything, and is silent otherwise."""

import pytest
import torch

from autograder.grading.likeness import alike

from .words import CASE_COUNTS, SOLUTION, TIES_BY_PLACE, TINY_UNIT

BANK = (
    CASE_COUNTS
    + TIES_BY_PLACE
    + """\
- id: case_counts_in_a_list
  item: words.count_words
  edits: [{replace: "text.lower().split()", by: "list(text.split())"}]
  says: In a list, upper case and lower case are counted apart.
  hint: None.
  common: true
  kind_of: case_counts
- id: never_ends
  item: words.count_words
  edits: [{replace: "    counts = {}\\n", by: "    counts = {}\\n    while 'x' not in text: pass\\n"}]
  says: It never ends.
  hint: Does it?
- id: ties_by_place_again
  item: words.most_common
  edits: [{replace: "lambda word: (-counts[word], word)", by: "lambda word: (-counts[word], 0)"}]
  says: The same, said in another way.
  hint: None.
- id: no_check
  item: words.most_common
  edits: [{replace: "    if not counts:\\n        raise ValueError(\\"text has no word\\")\\n", by: ""}]
  says: An empty text is not refused.
  hint: None.
"""
)


def counting(body):
    """The module with another count_words."""
    return f"def count_words(text):\n{body}\n\n\ndef most_common" + SOLUTION.partition("def most_common")[2]


CHECK = '    if not counts:\n        raise ValueError("text has no word")\n'
WRITTEN_OTHERWISE = "    words = text.split(' ')\n    return {w: words.count(w) for w in words if w.strip()}"
SUBMISSIONS = {
    "otherwise": (counting(WRITTEN_OTHERWISE), "words.count_words", "Upper case and lower case are counted apart."),
    "zeros": (counting("    return {}"), "words.count_words", None),
    "chance": (counting("    import random\n    return {random.random(): 1}"), "words.count_words", None),
    "two": (counting("    return {w: 7 for w in text.split()}"), "words.count_words", None),
    "error": (counting("    return text.count()"), "words.count_words", None),
    "nothing": (counting("    return None"), "words.count_words", None),
    "endless": (counting("    while True: pass"), "words.count_words", None),
    "several": (SOLUTION.replace("(-counts[word], word)", "-counts[word]"), "words.most_common", None),
    "unchecked": (SOLUTION.replace(CHECK, "    counts = dict(counts)\n"), "words.most_common", "An empty text is not"),
    "unclear": (SOLUTION.replace("text has no word", "no word"), "words.most_common", None),
    "right": (SOLUTION, "words.count_words", None),
}


@pytest.fixture(scope="module")
def diagnoses(autograder, read_results, tmp_path_factory):
    import shutil

    unit = tmp_path_factory.mktemp("diagnosis") / "unit"
    shutil.copytree(TINY_UNIT, unit)
    (unit / "tests" / "mistakes").mkdir()
    (unit / "tests" / "mistakes" / "words.yml").write_text(BANK)
    for student, (source, _, _) in SUBMISSIONS.items():
        (unit / "subs" / student).mkdir(parents=True)
        (unit / "subs" / student / "words.py").write_text(source)
    done = autograder("grade", "subs", "--class", "--out", "out", cwd=unit)
    assert done.returncode == 0, done.stderr
    return {
        (student, item["id"]): {test["diagnosis"] for test in item["tests"]} - {None}
        for student, result in read_results(unit / "out").items()
        for item in result["items"]
    }


@pytest.mark.parametrize("student", SUBMISSIONS)
def test_a_mistake_is_named_when_it_explains_everything_and_only_then(diagnoses, student):
    _, item, says = SUBMISSIONS[student]
    told = diagnoses[student, item]
    if says is None:
        assert told == set()
    else:
        assert len(told) == 1
        assert told.pop().startswith(says)


def test_nothing_is_named_in_an_item_that_is_right(diagnoses):
    assert not any(told for (student, item), told in diagnoses.items() if item != SUBMISSIONS[student][1])
    assert not any(told for (student, _), told in diagnoses.items() if student == "right")


NAN = float("nan")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1.00005, True),
        (1.0, 1.01, False),
        (NAN, NAN, True),
        (NAN, 0.0, False),
        (1, 1.0, True),
        (10**400, 1.0, False),
        (True, 1.0, False),
        ([1, "a"], [1, "a"], True),
        ([1], (1,), False),
        ({"a": 1}, {"b": 1}, False),
        (torch.ones(2), torch.ones(2) * 1.00001, True),
        (torch.ones(2), torch.ones(1, 2), False),
        (torch.ones(2), torch.ones(2, dtype=torch.float64), False),
        (torch.tensor([1.0, NAN]), torch.tensor([1.0, NAN]), True),
        (torch.tensor([1.0, -torch.inf]), torch.tensor([1.0, torch.inf]), False),
        (torch.tensor([1e-9, 1.0]), torch.tensor([2e-9, 1.0]), True),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), False),
        ([torch.tensor([9.0]), torch.tensor([1e-7])], [torch.tensor([9.0]), torch.tensor([-3e-6])], True),  # rounding
        ([torch.tensor([9.0]), torch.tensor([1e-3])], [torch.tensor([9.0]), torch.tensor([-3e-3])], False),
        (torch.tensor([1e-5]), torch.tensor([3e-5]), False),
        (torch.tensor(1.0), 1.0, False),
        (None, None, True),
    ],
)
def test_likeness(one, other, same):
    assert alike(one, other, 1e-4) is same
