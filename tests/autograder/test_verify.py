"""`autograder verify` on the tiny unit: it passes, and a hidden test that is weakened on purpose makes it fail."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.spec import load
from autograder.verify import Verdict, cases, prove
from autograder.verify.names import Names
from autograder.verify.transplant import transplanted

from .words import CASE_COUNTS, TIES_BY_PLACE

BANK = (
    CASE_COUNTS
    + TIES_BY_PLACE
    + """\
- id: counts_to_one
  item: words.count_words
  edits: [{replace: "counts.get(word, 0) + 1", by: "1"}]
  says: Each word is counted once.
  hint: How often does a word stand there that stands there twice?
- id: blank_is_a_word
  item: words.count_words
  edits: [{replace: "text.lower().split()", by: "text.lower().split(' ')"}]
  says: What stands between two spaces is a word, though it is empty.
  hint: Which words are in a text of two spaces?
- id: the_rarest
  item: words.most_common
  edits: [{replace: "(-counts[word], word)", by: "(counts[word], word)"}]
  says: The rarest word is given.
  hint: Which way does min look?
- id: no_error
  item: words.most_common
  edits: [{replace: "    if not counts:\\n        raise ValueError(\\"text has no word\\")\\n", by: ""}]
  says: An empty text is not refused.
  hint: What is the most common of no words?
"""
)
RIGHT = """\
def count_words(text):
    words = text.casefold().split()
    return {word: words.count(word) for word in words}


def most_common(text):
    words = sorted(text.casefold().split())
    if not words:
        raise ValueError("text")
    return max(words, key=words.count)
"""
EXPLAINED = """\
- item: words.most_common
  because: The words of a dict are all different, so that no two keys of the ordering are equal but for their sign.
  mutants:
"""
TESTS, MISTAKES = Path("tests", "hidden", "test_words.py"), Path("tests", "mistakes", "words.yml")
SURVIVORS = Path("tests", "mutants", "words.yml")


@pytest.fixture
def unit(tiny_unit):
    (tiny_unit / MISTAKES).parent.mkdir()
    (tiny_unit / MISTAKES).write_text(BANK)
    (tiny_unit / "tests" / "right" / "words").mkdir(parents=True)
    (tiny_unit / "tests" / "right" / "words" / "other.py").write_text(RIGHT)
    (tiny_unit / SURVIVORS).parent.mkdir()
    return tiny_unit


def change(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_sound_unit_passes_and_what_catches_what_is_written_down(autograder, unit):
    done = autograder("verify", "--seeds", 2, "--matrix", cwd=unit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything is as it must be." in done.stdout
    rows = list(csv.DictReader((unit / "build" / "verify" / "matrix.csv").read_text().splitlines()))
    caught = {(row["test"], row["mistake"]) for row in rows if row["caught"] == "1"}
    assert ("test_most_common_breaks_ties_by_alphabet", "ties_by_place") in caught
    assert ("test_most_common_of_nothing", "ties_by_place") not in caught
    assert ("test_count_is_blind_to_case", "case_counts") in caught
    assert len(rows) == 3 * 3 + 3 * 3  # tests times mistakes, item by item
    assert "  test_most_common_breaks_ties_by_alphabet" in done.stdout
    page = (unit / "build" / "verify" / "matrix.html").read_text()
    assert "ties_by_place" in page
    assert 'class="idle"' not in page

    again = autograder("verify", "--seeds", 2, "--changed", cwd=unit)
    assert again.returncode == 0
    assert again.stdout == "Proved before, and unchanged: Words\n"


def test_a_test_that_catches_less_than_it_did_makes_it_fail(autograder, unit):
    """Also where all mistakes are still caught by others: a loosened tolerance, say."""
    done = autograder("verify", "--seeds", 1, "--record", cwd=unit)
    assert done.returncode == 0, done.stdout + done.stderr
    written = unit / "tests" / "mistakes" / "words.caught.csv"
    assert "test_most_common_of_three,1," in written.read_text()
    change(written, "test_most_common_of_three,1,", "test_most_common_of_three,4,")
    done = autograder("verify", "--seeds", 1, cwd=unit)
    assert done.returncode == 1
    assert "words: test_most_common_of_three catches 1 mistakes; it caught 4" in done.stdout


def test_a_test_that_changes_what_it_has_sent_is_refused(autograder, unit):
    """Asked again, it would ask something else, and what a mistake answers would not be what it answered."""
    claim = '    """A text without words has no counts."""\n'
    spoilt = '    sent = [""]\n    student.prop("kept", sent)\n    sent.append("oak")\n'
    change(unit / TESTS, claim, claim + spoilt)
    (unit / "tests" / "props").mkdir(exist_ok=True)
    (unit / "tests" / "props" / "words.py").write_text("def kept(value):\n    return value\n")
    done = autograder("verify", "--seeds", 1, "--record", cwd=unit)
    assert done.returncode != 0
    assert "test_count_of_nothing changes in place what it has sent before" in done.stdout + done.stderr


WEAKENED = {
    "a degenerate fixture": (
        'f"{_word().upper()} {_word()}"',
        'f"{_word()} {_word()}"',
        "mistake words/case_counts: full marks on words.count_words: Upper case",
    ),
    "a loosened comparison": (
        'student.most_common(" ".join(words)), words[-1], about="the word")',
        'student.most_common(" ".join(words)) in words, True)',
        "mistake words/ties_by_place: full marks on words.most_common: Of words",
    ),
    "a test that catches nothing": (
        '        student.most_common("")',
        '        raise student.most_common.error if hasattr(student.most_common, "error") else ValueError("text")',
        "tests catch nothing",
    ),
    "a test that asks too much": (
        'student.expect_equal(student.count_words("  "), {}, about="the counts")',
        'student.expect_equal(list(student.count_words("b a")), ["a", "b"], about="the order")',
        "right/words/other: words.count_words lost marks",
    ),
}


@pytest.mark.parametrize("how", WEAKENED)
def test_a_hidden_test_weakened_on_purpose_makes_it_fail(autograder, unit, how):
    old, new, says = WEAKENED[how]
    change(unit / TESTS, old, new)
    done = autograder("verify", "--seeds", 1, cwd=unit)
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stdout


def test_less_may_be_demanded(autograder, unit):
    change(unit / TESTS, 'f"{_word().upper()} {_word()}"', 'f"{_word()} {_word()}"')
    change(unit / "grading.yml", "limits:\n", "verify: {caught: 5/6, idle_tests: 1}\nlimits:\n")
    done = autograder("verify", "--seeds", 1, cwd=unit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "case_counts: full marks" in done.stdout  # told all the same


def test_mutants_are_killed_or_explained(autograder, unit):
    change(unit / TESTS, " * random.randint(2, 5)", "")  # so that nothing is counted twice
    (unit / MISTAKES).write_text("[]")
    (unit / SURVIVORS).write_text(
        EXPLAINED + "    - {line: 'counts = count_words(text)', becomes: 'counts = text'}\n"
        "    - {line: 'counts = None', becomes: 'counts = 1'}\n"
    )
    done = autograder("verify", "--seeds", 1, "--mutants", cwd=unit)
    assert done.returncode == 1, done.stdout + done.stderr
    survivor = "counts[word] = counts.get(word, 0) + 1  ->  counts[word] = 1"
    assert f"mutant words.count_words: {survivor}\n    survives" in done.stdout
    assert "counts = text\n    is explained in tests/mutants, and killed" in done.stdout
    assert "counts = 1\n    is explained in tests/mutants, and there is no such mutant" in done.stdout

    before = done.stdout.count("    survives")
    (unit / SURVIVORS).write_text(
        EXPLAINED.replace("most_common", "count_words")
        + "    - {line: 'counts[word] = counts.get(word, 0) + 1', becomes: 'counts[word] = 1'}\n"
    )
    done = autograder("verify", "--seeds", 1, "--mutants", cwd=unit)
    assert survivor not in done.stdout
    assert done.stdout.count("    survives") == before - 1


def test_an_explanation_must_say_something(autograder, unit):
    (unit / SURVIVORS).write_text("- {item: words.count_words, because: so, mutants: []}")
    done = autograder("verify", "--seeds", 1, "--mutants", cwd=unit)
    assert done.returncode == 2
    assert "words.yml" in done.stderr


def test_in_a_hurry_one_test_that_catches_a_mistake_is_enough(unit):
    change(unit / MISTAKES, 'by: "1"}', 'by: "0"}')  # which two tests catch
    loaded = load(unit)
    every = list(cases(loaded))
    whole = prove(loaded, every, [b"hurry"], jobs=1)
    assert whole.wrong == ()
    caught_by = {verdict.case.name: verdict.failed for verdict in whole.verdicts if verdict.case.mistake}
    assert len(caught_by["mistake words/counts_to_one"]) > 1
    hurried = prove(loaded, every, [b"hurry"], hurry=True, jobs=1)
    assert hurried.wrong == ()
    for verdict in hurried.verdicts:
        if verdict.case.mistake:
            assert len(verdict.failed) == 1
            assert verdict.failed <= caught_by[verdict.case.name]


def test_a_mistake_must_be_caught_with_every_seed(unit):
    """And a solution get full marks with every one; all of it in one worker, where each seed draws its own."""
    loaded = load(unit)
    seeds = [f"seed-{number}".encode() for number in range(3)]
    assert prove(loaded, list(cases(loaded)), seeds, jobs=1).wrong == ()
    asleep = "    if random.random() < 0.5:\n        return\n"
    claim = '    """Oak and oak are the same word."""\n'
    change(unit / TESTS, claim, claim + asleep)
    about = [case for case in cases(load(unit)) if case.name in ("mistake words/case_counts", "solutions")]
    one_by_one = [prove(load(unit), about, [seed], jobs=1).wrong for seed in seeds]
    assert {bool(wrong) for wrong in one_by_one} == {False, True}  # it depends on the seed
    assert any("case_counts: full marks" in line for line in prove(load(unit), about, seeds, jobs=1).wrong)
    caught = [seed for seed, wrong in zip(seeds, one_by_one, strict=True) if not wrong]
    assert prove(load(unit), about, caught, jobs=1).wrong == ()


def test_common_mistakes_are_named_in_other_right_modules_too(autograder, unit):
    done = autograder("verify", "--seeds", 1, "--names", cwd=unit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Common mistakes put into other right modules: 1 of 1 named" in done.stdout
    with (unit / "build" / "verify" / "names.csv").open(encoding="utf-8", newline="") as file:
        names = {row["case"]: row for row in csv.DictReader(file)}
    assert names["mistake words/case_counts"]["name"] == "right"
    assert names["mistake words/case_counts"]["called"].startswith("Upper case and lower case")
    assert "Called by a wrong name: 0" in done.stdout


BOTH = """\
- id: loud_and_once
  item: words.count_words
  edits:
    - {replace: "text.lower().split()", by: "text.split()"}
    - {replace: "counts.get(word, 0) + 1", by: "1"}
  says: Upper case and lower case are counted apart, and each word once.
  hint: What becomes of Oak and oak?
"""


def test_a_wrong_name_makes_it_fail(autograder, unit):
    bank = unit / MISTAKES
    change(bank, "  common: true\n", "  common: true\n" + BOTH)  # what two of the others are together
    change(bank, "one that stands first is given.\n", "one that stands first is given.\n  common: true\n")
    right = unit / "tests" / "right" / "words" / "other.py"
    change(right, "max(words, key=words.count)", "min(words, key=lambda word: (-words.count(word), word))")
    done = autograder("verify", "--seeds", 1, "--names", cwd=unit)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "words.count_words with case_counts and counts_to_one: called 'Upper case and lower case" in done.stdout
    assert "1 names are wrong; grading.yml allows 0" in done.stdout


def test_too_few_names_make_it_fail(unit):
    loaded = load(unit)
    mistaken = next(case for case in cases(loaded) if case.mistake and case.mistake.common)
    unnamed = Verdict(mistaken, (), True, frozenset(["test_count_is_blind_to_case"]))
    named = replace(unnamed, diagnosis=f"{mistaken.mistake.says} {mistaken.mistake.hint}")
    assert list(Names((), (named,) * 4 + (unnamed,), ()).missed(loaded)) == []
    (line,) = Names((), (named,) * 3 + (unnamed,), ()).missed(loaded)
    assert line == "3 of 4 common mistakes are named; grading.yml demands 80%"
    other = replace(unnamed, diagnosis="Each word is counted once.")
    assert list(Names((other,), (named,), ()).missed(loaded)) == ["1 names are wrong; grading.yml allows 0"]


def test_a_definition_is_transplanted_with_what_it_needs():
    source = "import math\nfrom os import path\n\nLIMIT = 3\nOTHER = 4\n\n\n@wrapped\ndef f(x):\n    return x + LIMIT\n"
    into = "LIMIT = 9\n\n\ndef f(x):\n    return 1\n\n\ndef g():\n    return 2\n"
    changed = transplanted(source, "f", into)
    assert changed is not None
    assert "@wrapped\ndef f(x):\n    return x + LIMIT\n" in changed
    assert "LIMIT = 3" in changed
    assert "OTHER" not in changed
    assert "import math" in changed
    assert changed.endswith("def g():\n    return 2\n")
    assert transplanted(source, "f", "def g():\n    return 2\n") is None
