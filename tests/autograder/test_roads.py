"""Every road gives the same marks; a hostile submission gains nothing on any. The whole class is in tests/roads."""

import importlib.util
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest

from . import roads
from .roads import autograder, gradescope_run, otter_run, otter_total, own_marks, zipped
from .words import SOLUTION

HERE = Path(__file__).parent
PARTIAL = SOLUTION.replace("+ 1", "+ 2")
LATE_YML = "late:\n  deadline: 2026-12-01T10:00:00-08:00\n  per_day: 1/3\n"
needs_otter = pytest.mark.skipif(
    importlib.util.find_spec("otter") is None, reason="otter-grader is not installed: pip install -e '.[otter]'"
)


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    """The tiny unit, with an item that is hidden, and rules on lateness."""
    root = Path(shutil.copytree(HERE / "tiny_unit", tmp_path_factory.mktemp("roads") / "unit"))
    text = (root / "grading.yml").read_text().replace("points: 2.5\n", "points: 2.5\n        visibility: hidden\n")
    (root / "grading.yml").write_text(text + LATE_YML)
    return root


@pytest.fixture(scope="module")
def gradescope_zip(unit, tmp_path_factory):
    out = tmp_path_factory.mktemp("gradescope") / "autograder.zip"
    assert autograder("release", "gradescope", "--out", out, cwd=unit).returncode == 0
    return out


@pytest.fixture(scope="module")
def otter_zip(unit, tmp_path_factory):
    out = tmp_path_factory.mktemp("otter") / "autograder.zip"
    done = autograder("release", "otter", "--out", out, cwd=unit)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def partial(unit, tmp_path_factory):
    """A submission in part right, and what `autograder grade` gives for it."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "ada").mkdir()
    (folder / "ada" / "words.py").write_text(PARTIAL)
    row, result = own_marks(unit, folder, tmp_path_factory.mktemp("own"))["ada"]
    assert row["total"] == "2.83"
    return folder / "ada", result


@needs_otter
def test_otter_gives_our_marks_and_says_what_is_wrong(otter_zip, partial, tmp_path):
    folder, ours = partial
    done, results = otter_run(otter_zip, zipped(folder, tmp_path / "ada.zip"), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert otter_total(results) == pytest.approx(ours["score"], abs=1e-4)
    tests = {test["name"]: test for test in results["tests"]}
    for item in ours["items"]:
        assert tests[item["id"]]["score"] == pytest.approx(item["score"], abs=1e-4)
        assert tests[item["id"]]["max_score"] == item["max_score"]
    assert "Oak and oak are the same word." in tests["words.count_words"]["output"]
    assert "not the right number" in tests["Public Tests"]["output"]
    assert "words.most_common" not in tests["Public Tests"]["output"].replace("words.most_common results: All", "")


class Payload:
    """Unpickled, it leaves a file: proof that somebody ran it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def hostile(tmp_path):
    """A zip with a stub and everything that would run in otter's kernel or in its parent; each leaves a file there."""
    proofs = tmp_path / "proofs"
    proofs.mkdir()

    def leaves(name):
        return f"open({str(proofs / name)!r}, 'w').close()\n"

    cells = [{"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": []}]
    cells[0]["source"] = leaves("driver")
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    forged = {"tests": [{"name": "words.count_words", "score": 10, "max_score": 10}], "score": 10}
    path = tmp_path / "eve.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("otter/__init__.py", "ipykernel_launcher/__init__.py", "ipykernel_launcher/__main__.py"):
            archive.writestr(name, leaves(name.replace("/", "_")))
        for name in ("otter.py", "runpy.py", "json.py", "sitecustomize.py", "autograder/__init__.py", "conftest.py"):
            archive.writestr(name, leaves(name.replace("/", "_")))
        archive.writestr("tests/words.py", leaves("tests"))
        archive.writestr("driver.ipynb", json.dumps(book))
        archive.writestr(".OTTER_LOG", pickle.dumps(Payload(proofs / "log")))
        archive.writestr("results.pkl", pickle.dumps(Payload(proofs / "results")))
        archive.writestr("results.json", json.dumps(forged))
        archive.writestr("questions.json", json.dumps([]))
        archive.writestr("assignments/words.py", (HERE / "tiny_unit/assignments/words.py").read_text() + FORGER)
    return path, proofs


# In the worker: whatever can be patched or written from there.
FORGER = """
import json, sys
try:
    for place in ("/autograder/results/results.json", "../../results/results.json", "../results.json", "results.json"):
        open(place, "w").write(json.dumps({"score": 10, "tests": []}))
except OSError:
    pass
try:
    import otter.test_files.abstract_test as theirs
    theirs.TestFile.score = 10
except BaseException:
    pass
"""


@needs_otter
def test_nothing_of_a_hostile_zip_runs_in_otter_and_it_gains_nothing(otter_zip, hostile, tmp_path):
    path, proofs = hostile
    done, results = otter_run(otter_zip, path, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert list(proofs.iterdir()) == []
    assert otter_total(results) == 0
    assert {test["name"] for test in results["tests"]} == {"Public Tests", "words.count_words", "words.most_common"}


@needs_otter
def test_what_cannot_be_graded_is_no_zero(otter_zip, tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "essay.txt").write_text("I forgot.")
    done, results = otter_run(otter_zip, zipped(tmp_path / "ada", tmp_path / "ada.zip"), tmp_path / "out")
    assert done.returncode != 0
    assert "none of words.py found" in done.stderr + done.stdout
    assert results is None


@pytest.mark.parametrize(("created_at", "share"), [("2026-12-01T10:00:00-08:00", 1), ("2026-12-02T18:00:01Z", 1 / 3)])
def test_gradescope_gives_our_marks_and_knows_lateness(gradescope_zip, partial, tmp_path, created_at, share):
    folder, ours = partial
    done, results = gradescope_run(gradescope_zip, folder, tmp_path, created_at)
    assert done.returncode == 0, done.stderr
    assert results["score"] == pytest.approx(ours["score"] * share, abs=1e-5)
    tests = {test["name"]: test for test in results["tests"]}
    assert [tests[item["id"]]["score"] for item in ours["items"]] == [
        pytest.approx(i["score"], abs=1e-5) for i in ours["items"]
    ]
    assert tests["words.count_words"]["visibility"] == "visible"
    assert tests["words.most_common"]["visibility"] == "hidden"
    assert "not the right number" in tests["words.count_words"]["output"]
    assert ("are taken off" in results["output"]) == (share < 1)


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda root: (root / "source/unit/grading.yml").write_text("unit: [\n"), "The grader failed."),
        (lambda root: (root / "submission_metadata.json").write_text(""), "The grader failed."),
        (lambda root: shutil.rmtree(root / "source/engine"), "The grader did not finish."),
        (lambda root: (root / "submission/words.py").unlink(), "This is not a 0."),
    ],
)
def test_gradescope_always_gets_a_valid_file_and_never_a_zero(
    gradescope_zip, partial, tmp_path, monkeypatch, break_it, told
):
    real = roads.run

    def broken_first(*command, cwd, **variables):
        break_it(Path(cwd))
        return real(*command, cwd=cwd, **variables, PYTHONSAFEPATH="1")

    monkeypatch.setattr(roads, "run", broken_first)
    done, results = gradescope_run(gradescope_zip, partial[0], tmp_path)
    assert done.returncode == 0
    assert told in results["output"]
    assert "score" not in results
    assert all("score" not in test for test in results["tests"])


def test_a_hostile_file_gains_nothing_on_gradescope(gradescope_zip, tmp_path):
    (tmp_path / "eve").mkdir()
    stub = (HERE / "tiny_unit/assignments/words.py").read_text()
    (tmp_path / "eve" / "words.py").write_text(stub + FORGER.replace("/autograder", str(tmp_path / "root")))
    (tmp_path / "eve" / "results.json").write_text('{"score": 10}')
    root = tmp_path / "root"
    root.mkdir()
    _, results = gradescope_run(gradescope_zip, tmp_path / "eve", root)
    assert results["score"] == 0
    assert len(results["tests"]) == 2
