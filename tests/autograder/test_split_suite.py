"""A topic's tests may stand in several files: test_TOPIC.py, and test_*.py in a folder TOPIC beside it."""

import re
from pathlib import Path

import pytest

from autograder.cluster.bundle import bundle_of, unpacked
from autograder.errors import UsageError
from autograder.gradebook.keys import Keys
from autograder.release.container import payload
from autograder.release.leaks import leaks
from autograder.spec import load
from autograder.submission import Submission
from autograder.verify.changed import hash_of

SHARED = "hidden/words/shared.py"
FILES = ("hidden/test_words.py", "hidden/words/test_empty.py", "hidden/words/test_ties.py")


@pytest.fixture
def split(tiny_unit: Path) -> Path:
    """The tiny unit with its hidden tests in three files, and what they share in a fourth."""
    whole = tiny_unit / "tests" / "hidden" / "test_words.py"
    opening, word, *tests = re.split(r"\n\n\n(?=def )", whole.read_text().rstrip())
    parts = {FILES[0]: ["two_words", "blind", "of_three"], FILES[1]: ["of_nothing"], FILES[2]: ["ties"]}
    (tiny_unit / "tests" / SHARED).parent.mkdir()
    (tiny_unit / "tests" / SHARED).write_text(f"{opening}\n\n\n{word}\n")
    for name, words in parts.items():
        above = "from .words.shared import _word" if name == FILES[0] else "from .shared import _word"
        own = [test for test in tests if re.search("|".join(words), test.partition("(")[0])]
        (tiny_unit / "tests" / name).write_text("\n\n\n".join(["import random\n\n" + above, *own]) + "\n")
    return tiny_unit


def test_marks_are_the_same_however_a_suite_is_split(autograder, tiny_unit, request, tmp_path, read_results):
    handed = tmp_path / "class"
    solution = (tiny_unit / "solutions" / "words.py").read_text()
    for name, text in (("right", solution), ("wrong", solution.replace("+ 1", "+ 2")), ("stub", "")):
        (handed / name).mkdir(parents=True)
        (handed / name / "words.py").write_text(text)
    assert autograder("grade", handed, "--out", tmp_path / "whole", cwd=tiny_unit).returncode == 0
    unit = request.getfixturevalue("split")
    done = autograder("grade", handed, "--out", tmp_path / "split", cwd=unit)
    assert done.returncode == 0, done.stderr
    assert read_results(tmp_path / "split") == read_results(tmp_path / "whole")
    assert read_results(tmp_path / "split")["right"]["score"] == 3.5


def test_the_files_of_a_suite_come_in_one_order(split):
    found = load(split).suite("hidden", "words")
    assert [str(path.relative_to(split / "tests")) for path in found] == list(FILES)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            FILES[1],
            "def test_most_common_of_three(student):\n    pass\n",
            r"tests/hidden/words/test_empty.py:\d+: a test named test_most_common_of_three stands in "
            r"tests/hidden/test_words.py already",
        ),
        (
            FILES[2],
            "def test_most_common_breaks_ties_by_alphabet(student):\n    pass\n",
            r"tests/hidden/words/test_ties.py:\d+: a test named .* stands in tests/hidden/words/test_ties.py already",
        ),
        (
            FILES[2],
            "def test_more(student):\n    pass\n",
            r"test_more of tests/hidden/words/test_ties.py belongs to no",
        ),
        (FILES[2], "def test_more(:\n", r"tests/hidden/words/test_ties.py:\d+: "),
    ],
    ids=["in two files", "in one file", "of no item", "no Python"],
)
def test_a_test_that_stands_twice_or_for_nothing_is_told(split, name, text, told):
    with (split / "tests" / name).open("a") as file:
        file.write(text)
    with pytest.raises(UsageError, match=rf"grading.yml:9: topic words: name: {told}"):
        load(split)


def test_a_test_that_is_in_no_file_is_told(split):
    (split / "tests" / FILES[2]).unlink()
    told = r"neither tests/hidden/test_words.py nor tests/hidden/words/ has a test test_most_common_breaks_ties"
    with pytest.raises(UsageError, match=told):
        load(split)


def of_another_topic(unit: Path) -> Path:
    """The same with a second topic, whose tests nothing else should be graded again for."""
    rules = "\n  - {name: more, title: More, items: [{id: more.more, points: 1, tests: {test_more: 1}}]}\n"
    with (unit / "grading.yml").open("a") as file:
        file.write(rules)
    for name, text in (
        ("solutions/more.py", ""),
        ("tests/public/test_more.py", ""),
        ("tests/hidden/test_more.py", "def test_more(student):\n    pass\n"),
    ):
        (unit / name).write_text(text)
    return unit


@pytest.mark.parametrize("name", [SHARED, *FILES])
def test_each_file_counts_for_its_own_topic_alone(split, name):
    """Also one that is called as another topic is: the folder's name decides."""
    root = of_another_topic(split)
    (root / "tests/hidden/words/test_more.py").write_text("")

    def hashes() -> dict[str, tuple[str, str]]:
        unit = load(root)
        keys = Keys(unit, b"s").keys(Submission("ada", Path("ada"), {}))
        return {topic.name: (keys[topic.name].hash, hash_of(unit, topic, "")) for topic in unit.spec.topics}

    before = hashes()
    for path in (root / "tests" / name, root / "tests/hidden/words/test_more.py"):
        with path.open("a") as file:
            file.write("# changed\n")
        after = hashes()
        assert after["more"] == before["more"]
        assert all(new != old for new, old in zip(after["words"], before["words"], strict=True))
        before = after


def test_a_bundle_has_all_files(split, tmp_path):
    unit = unpacked(bundle_of(load(split), "grading.yml"), tmp_path / "there")
    assert all(path.is_file() for path in unit.suite("hidden", "words"))
    assert (unit.root / "tests" / SHARED).is_file()


def test_what_is_packed_for_other_graders_has_all_files(split, tmp_path):
    entries = payload(load(split), tmp_path / "grades")
    assert {f"unit/tests/{name}" for name in (*FILES, SHARED)} <= entries.keys()


@pytest.mark.parametrize("name", FILES)
def test_none_of_the_files_can_be_handed_out(split, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.py").write_text((split / "tests" / name).read_text())
    assert any("mine.py" in found for found in leaks(load(split), tmp_path / "out"))


def test_fixtures_of_pytests_own_are_set_up(tiny_unit, autograder, tmp_path, read_results):
    """Whatever a test asks for beside the code under test, and what a module sets up for all of its tests."""
    path = tiny_unit / "tests" / FILES[0]
    path.write_text(
        "import pytest\n\nready = []\n\n\n"
        "@pytest.fixture(autouse=True)\ndef _ready():\n    ready.append(1)\n    yield\n    ready.clear()\n\n\n"
        + path.read_text().replace("(student):\n", "(student, request):\n    assert ready and request\n", 2)
    )
    handed = tmp_path / "one"
    handed.mkdir()
    (handed / "words.py").write_bytes((tiny_unit / "solutions" / "words.py").read_bytes())
    done = autograder("grade", handed, "--out", tmp_path / "out", cwd=tiny_unit)
    assert done.returncode == 0, done.stderr
    assert [each["score"] for each in read_results(tmp_path / "out").values()] == [3.5]
