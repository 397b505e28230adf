"""`check` names a misconception by its fingerprint, where there is no solution and no bank; and nothing else."""

import json
import shutil

import pytest

from autograder.grading.fingerprints import _rounded

from .words import CASE_COUNTS, TINY_UNIT

RIGHT = (
    "def count_words(text):\n    words = text.lower().split()\n    return {word: words.count(word) for word in words}\n"
)
OTHERWISE = "def count_words(text):\n    words = text.split()\n    return {word: words.count(word) for word in words}\n"
BANK = (
    CASE_COUNTS
    + """\
- id: one_too_many
  item: words.count_words
  edits: [{replace: "counts.get(word, 0) + 1", by: "counts.get(word, 1) + 1"}]
  says: Every count is too large by one.
  hint: How many are there before the first?
- id: twice_one
  item: words.count_words
  edits: [{replace: "    return counts\\n", by: "    return {word: count + 1 for word, count in counts.items()}\\n"}]
  says: Every count is one too large.
  hint: What is there before the first?
- id: never_seen
  item: words.count_words
  edits: [{replace: "text.lower().split()", by: "text.lower().split(' ')"}]
  says: What stands between two spaces is a word.
  hint: Which words are in a text of spaces?
- id: endless
  item: words.count_words
  edits: [{replace: "    counts = {}\\n", by: "    counts = {}\\n    while True: pass\\n"}]
  says: It never ends.
  hint: Does it?
"""
)
TEST = '''

def test_count_of_a_sentence(student):
    """Each word of a sentence is counted."""
    student.expect_equal(student.count_words("Oak oak elm ash Ash ash"), {"oak": 2, "elm": 1, "ash": 3})
'''
SUBMISSIONS = {
    "the same mistake, said otherwise": (OTHERWISE, "Upper case and lower case are counted apart. What becomes of Oak"),
    "right": (RIGHT, None),
    "empty results": ("def count_words(text):\n    return {}\n", None),
    "half written": ("def count_words(text):\n    raise NotImplementedError\n", None),
    "an error": ("def count_words(text):\n    return text.count()\n", None),
    "two mistakes": (OTHERWISE.replace("words.count(word)", "words.count(word) + 1"), None),
    "two that public tests cannot tell apart": (RIGHT.replace("words.count(word)", "words.count(word) + 1"), None),
    "what no public test sees": (RIGHT.replace("split()", "split(' ')"), None),
    "chance": (
        "import os\n\n\ndef count_words(text):\n    return {w: os.urandom(1)[0] + 9 for w in text.split()}\n",
        None,
    ),
}


@pytest.fixture(scope="module")
def handed_out(autograder, tmp_path_factory):
    """What a student gets: no solutions, no bank, no hidden tests."""
    unit = shutil.copytree(TINY_UNIT, tmp_path_factory.mktemp("fingerprints") / "unit")
    (unit / "tests" / "mistakes").mkdir()
    (unit / "tests" / "mistakes" / "words.yml").write_text(BANK)
    public = unit / "tests" / "public" / "test_words.py"
    public.write_text(public.read_text() + TEST)
    rules = unit / "grading.yml"
    rules.write_text(
        rules.read_text().replace("[test_count_of_one_word]", "[test_count_of_one_word, test_count_of_a_sentence]")
    )
    done = autograder("release", "fingerprints", cwd=unit)
    assert done.returncode == 0, done.stderr
    assert autograder("release", "fingerprints", "--check", cwd=unit).returncode == 0
    for folder in ("solutions", "tests/mistakes", "tests/hidden"):
        shutil.rmtree(unit / folder)
    return unit


@pytest.mark.parametrize("which", SUBMISSIONS)
def test_a_mistake_is_named_when_public_tests_see_exactly_it(autograder, handed_out, which):
    source, says = SUBMISSIONS[which]
    (handed_out / "assignments" / "words.py").write_text(source)
    told = " ".join(autograder("check", "words", cwd=handed_out).stdout.split())
    sentences = [line.partition("says: ")[2] for line in BANK.splitlines() if "says: " in line]
    assert [sentence for sentence in sentences if sentence in told] == ([says[:44]] if says else [])
    assert says is None or says in told


def test_what_is_handed_out_can_be_read_by_nobody(handed_out):
    text = (handed_out / "tests" / "public" / "fingerprints.json").read_text()
    table = json.loads(text)
    assert list(table) == ["words.count_words"]
    assert len(table["words.count_words"]) == 1
    assert "counted" not in text
    assert b"counted" not in bytes.fromhex(table["words.count_words"][0][1])


def test_rounding_leaves_one_of_two_grids_as_it_was():
    for number in (0.5, 1 / 3, 0.0305, 17.25, -2.0, 1e-3):
        near = [number * (1 + noise) for noise in (-1e-6, 0, 1e-6)]
        assert any(len({_rounded([each, 1.0], offset) for each in near}) == 1 for offset in (0.0, 0.37))
    assert _rounded([0.5], 0.0) != _rounded([0.51], 0.0)
