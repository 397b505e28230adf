"""Notebooks on their way through the whole engine: stubs, intake, grading, checking, and the bank of mistakes."""

import json
import shutil
import zipfile
from pathlib import Path

import nbformat
import pytest

from autograder.errors import GraderError, UsageError
from autograder.mistakes import Edit, Mistake, mistakes_of, right_modules_of
from autograder.release.notebooks import make_notebook_stub
from autograder.spec import load

UNIT = Path(__file__).with_name("tiny_notebooks")
SOLVED = json.loads((UNIT / "solutions" / "tour.ipynb").read_text(encoding="utf-8"))


def changed(*edits, **more):
    """The solved notebook with texts of its code cells replaced, as bytes."""
    mistake = Mistake(id="m", item="i", edits=tuple(Edit(replace=a, by=b) for a, b in edits), says="", hint="")
    book = json.loads(mistake.applied_to(json.dumps(SOLVED), "notebook"))
    return json.dumps(book | more).encode()


def with_outputs():
    book = json.loads(json.dumps(SOLVED))
    html = "<img src=x onerror=alert(1)>" + "A" * (15 << 20)
    book["cells"][2]["outputs"] = [{"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}]
    return json.dumps(book).encode()


QUIT = "__import__('os')._exit(0)\n"
CLASS = {
    "right": changed(),
    "outputs": with_outputs(),
    "another-kernel": changed(metadata={"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}),
    "wrong": changed(("longest = max(", "longest = min("), (".upper()", ".title()")),
    "one-cell-fails": changed(("longest = max(", "longest = nobody.knows(")),
    "one-cell-is-no-python": changed().replace(b"def shout(words):", b"def shout(words:"),
    "first-cell-fails": changed(("random.seed(4)", "random.seed(4)\n1 / 0")),
    "endless": changed(("longest = max(", "while True: pass\nlongest = max(")),
    "exits": changed(("longest = max(", "exit()\nlongest = max(")),
    "quits": changed(("longest = max(", "import os\nos._exit(0)\nlongest = max(")),
    "segfault": changed(("longest = max(", "import ctypes\nctypes.string_at(0)\nlongest = max(")),
    "killed": changed(("longest = max(", "import os\nos.kill(os.getpid(), 9)\nlongest = max(")),
    "quits-twice": changed(*((text, f"{QUIT}{text}") for text in ("longest = None", "counts = None"))),
    "quits-in-all": changed(
        *((text, f"{QUIT}{text}") for text in ("random.seed(4)", "def shout(", "counts = None", "draw ="))
    ),
    "shortcut": changed(
        ('" ".join(words)', "textwrap.shorten(' '.join(words), 99)"), ("import random\n", "import random, textwrap\n")
    ),
    "no-notebook": b"print('hello')",
    "no-cells": b"{}",
    "stub": (UNIT / "assignments" / "tour.ipynb").read_bytes(),
}  # fmt: skip


@pytest.fixture(scope="module")
def graded(autograder, read_results, tmp_path_factory):
    folder, out = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("out")
    for name, data in CLASS.items():
        (folder / name).mkdir()
        (folder / name / "tour.ipynb").write_bytes(data)
    with zipfile.ZipFile(folder / "zipped.zip", "w") as archive:
        archive.writestr("zipped-main/assignments/tour.ipynb", CLASS["right"])
    (folder / "lone_tour-2.ipynb").write_bytes(CLASS["right"])
    (folder / "doejane_LATE_1234_56789_tour-1.ipynb").write_bytes(CLASS["right"])
    done = autograder("grade", folder, "--class", "--out", out, "--jobs", 2, cwd=UNIT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return read_results(out)


def items(result):
    return {item["id"].split(".")[1]: item for item in result["items"]}


def statuses(result):
    return {name: item["status"] for name, item in items(result).items()}


ALL = ("longest", "shout", "first_line", "counts")


@pytest.mark.parametrize("name", ["right", "outputs", "another-kernel", "zipped", "lone", "doejane_1234"])
def test_full_marks(graded, name):
    assert graded[name]["score"] == graded[name]["max_score"] == 4
    assert graded[name]["problems"] == []


def test_what_is_wrong_is_wrong_and_named(graded):
    found = items(graded["wrong"])
    assert statuses(graded["wrong"]) == {
        "longest": "failed",
        "shout": "failed",
        "first_line": "passed",
        "counts": "passed",
    }
    assert found["longest"]["tests"][0]["diagnosis"].startswith("This is the shortest word.")
    assert found["shout"]["tests"][0]["diagnosis"] is None


@pytest.mark.parametrize(
    ("name", "item", "message"),
    [
        ("one-cell-fails", "longest", "tour.ipynb: `longest` is still None (cell 2 failed with NameError)."),
        ("one-cell-is-no-python", "shout", "tour.ipynb has no shout (cell 3 failed with SyntaxError)."),
        ("endless", "longest", "tour.ipynb: `longest` is still None (cell 2 failed with TimeoutError)."),
        ("exits", "longest", "tour.ipynb: `longest` is still None (cell 2 failed with SystemExit)."),
        ("quits", "longest", "tour.ipynb has no longest (cell 2 ended the Python process)."),
        ("segfault", "longest", "tour.ipynb has no longest (cell 2 ended the Python process)."),
        ("killed", "longest", "tour.ipynb has no longest (cell 2 ended the Python process)."),
    ],
)
def test_a_cell_that_fails_costs_what_it_should_have_made(graded, name, item, message):
    found = items(graded[name])
    also = {"counts"} if "ended" in message else set()  # it needs the text that the cell read
    assert {key for key, each in found.items() if each["status"] != "passed"} == {item} | also
    assert found[item]["status"] == "not attempted"
    assert found[item]["tests"][0]["message"] == message


def test_what_a_cell_did_before_it_failed_stays(graded):
    assert graded["first-cell-fails"]["score"] == 4


def test_cells_that_end_the_process_are_told_and_the_others_go_on_without_them(graded):
    end = "ended the Python process (as `os._exit` does), so everything was run without it."
    assert graded["quits"]["problems"] == [f"tour.ipynb: cell 2 {end}"]
    assert graded["quits-twice"]["problems"] == [f"tour.ipynb: cell {number} {end}" for number in (2, 6)]
    assert statuses(graded["quits-twice"])["shout"] == "passed"


def test_a_notebook_with_too_many_such_cells_is_told_and_harms_no_other(graded):
    assert graded["quits-in-all"]["score"] == 0
    assert set(statuses(graded["quits-in-all"]).values()) == {"crashed"}
    assert "cannot be read" in graded["quits-in-all"]["problems"][-1]


def test_a_shortcut_names_cell_and_line(graded):
    assert {key for key, status in statuses(graded["shortcut"]).items() if status != "passed"} == {"shout"}
    (test,) = items(graded["shortcut"])["shout"]["tests"]
    assert test["message"].startswith("tour.ipynb, cell 3, line 4, calls textwrap.shorten")


@pytest.mark.parametrize("name", ["no-notebook", "no-cells"])
def test_what_is_no_notebook_is_told(graded, name):
    assert graded[name]["score"] == 0
    assert graded[name]["problems"][0].startswith("tour.ipynb cannot be read.")


def test_a_stub_is_not_attempted(graded):
    assert graded["stub"]["score"] == 0
    assert statuses(graded["stub"]) == dict.fromkeys(ALL, "not attempted")


# a topic that the rules do not ask for


def test_a_topic_below_that_is_not_asked_for_needs_a_stand_in(tmp_path):
    root = Path(shutil.copytree(UNIT, tmp_path / "unit"))
    load(root)
    words = root / "tests" / "stand_ins" / "words.py"
    words.rename(root / "words.py")
    with pytest.raises(UsageError, match=r"item tour.counts: builds_on.0: no item or topic 'words'"):
        load(root)


def test_a_variant_that_leaves_out_what_others_build_on_needs_a_stand_in(tmp_path):
    root = Path(shutil.copytree(UNIT, tmp_path / "unit"))
    rules = (root / "grading.yml").read_text()
    words = "  - name: words\n    title: W\n    items:\n      - {id: words.f, points: 1, tests: {test_f: 1}}\n"
    (root / "grading.yml").write_text(rules.replace("topics:\n", f"topics:\n{words}"))
    for kind, text in (("hidden", "def test_f(student):\n    pass\n"), ("public", "")):
        (root / "tests" / kind / "test_words.py").write_text(text)
    (root / "short.yml").write_text("based_on: grading.yml\ntopics: [tour]\n")
    assert load(root, "short.yml").spec.importable == ("tour", "words")
    (root / "tests" / "stand_ins" / "words.py").unlink()
    with pytest.raises(UsageError, match=r"short.yml:2: topics: leaves out words, which others build on"):
        load(root, "short.yml")


def test_the_bank_and_the_right_ones_are_notebooks():
    unit = load(UNIT)
    (topic,) = unit.spec.topics
    assert topic.file == "tour.ipynb"
    assert [mistake.id for mistake in mistakes_of(unit, topic)] == ["shortest", "whisper"]
    assert [path.name for path in right_modules_of(unit, topic).values()] == ["other.ipynb"]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (("no such text", ""), "stands 0 times"),
        (("random", "x"), "stands 4 times"),
        (("Read a poem", "x"), "stands 0 times"),
        (("longest = max(", "longest = (max("), "is not Python"),
    ],
)
def test_an_edit_that_does_not_fit_a_notebook_is_told(edit, says):
    with pytest.raises(UsageError, match=says):
        changed(edit)


def test_proving(autograder, tmp_path):
    unit = shutil.copytree(UNIT, tmp_path / "unit")  # it writes to build/
    done = autograder("verify", "--seeds", "1", cwd=unit)
    assert done.returncode == 0, done.stdout
    assert "5 cases" in done.stdout


# at a student's desk


@pytest.fixture
def desk(tmp_path):
    root = Path(shutil.copytree(UNIT, tmp_path / "unit"))
    shutil.rmtree(root / "solutions")
    shutil.rmtree(root / "tests" / "hidden")
    return root


def test_checking_a_stub(autograder, desk):
    done = autograder("check", "tour.ipynb", cwd=desk)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("not written yet") == 2
    assert "failed" not in done.stdout


def test_checking_shows_once_which_cells_failed(autograder, desk):
    (desk / "assignments" / "tour.ipynb").write_bytes(
        changed(("longest = max(", "longest = nobody.knows("), ('return " ".join(words)', "return words[7]"))
    )
    done = autograder("check", cwd=desk)
    assert done.returncode == 1
    assert done.stdout.count("cell 2 failed, line 4: longest = nobody.knows(text.split(), key=len)") == 1
    assert "NameError: name 'nobody' is not defined" in done.stdout
    assert "tour.ipynb, cell 3, line 4 in shout" in done.stdout
    (desk / "assignments" / "tour.ipynb").write_bytes(CLASS["right"])
    assert "2 of 2 checks hold." in autograder("check", "tour", cwd=desk).stdout


def test_checking_goes_on_without_a_cell_that_ends_the_process(autograder, desk):
    (desk / "assignments" / "tour.ipynb").write_bytes(CLASS["quits"])
    done = autograder("check", cwd=desk)
    assert done.stdout.count("cell 2 ended the whole Python process") == 1
    assert "1 of 2 checks hold." in done.stdout


# stubs


def solved(*cells, **metadata):
    book = nbformat.v4.new_notebook(cells=list(cells), metadata=metadata)
    for number, cell in enumerate(book.cells):
        cell.id = f"id-{number}"
    return nbformat.writes(book)


def code(source, **rest):
    return nbformat.v4.new_code_cell(source, **rest)


def stub_sources(*cells):
    return [cell.source for cell in nbformat.reads(make_notebook_stub(solved(*cells)), as_version=4).cells]


def test_stubs_do_not_drift(autograder, tmp_path):
    root = Path(shutil.copytree(UNIT, tmp_path / "unit"))
    assert autograder("release", "stubs", "--check", cwd=root).returncode == 0
    stub = root / "assignments" / "tour.ipynb"
    before = stub.read_text(encoding="utf-8")
    stub.write_text(before.replace("Read a poem", "Read"), encoding="utf-8")
    assert autograder("release", "stubs", "--check", cwd=root).returncode == 1
    assert autograder("release", "stubs", cwd=root).returncode == 0
    assert stub.read_text(encoding="utf-8") == before
    assert before.endswith("\n}\n")
    assert "SOLUTION" not in before
    assert "tail" not in before
    nbformat.validate(nbformat.reads(before, as_version=4))


def test_regions_at_the_top_level_in_functions_and_in_methods():
    top = "x = None\n# BEGIN SOLUTION: one\nx = 1\n# END SOLUTION"
    inner = "@staticmethod\ndef f():\n    y = 2\n    # BEGIN SOLUTION\n    return y\n    # END SOLUTION\n\nf()"
    method = "%x\nclass A:\n    def f(self):\n        # BEGIN SOLUTION: this\n        pass\n        # END SOLUTION"
    nested = "if True:\n    z = None\n    # BEGIN SOLUTION\n    z = 3\n    # END SOLUTION"
    assert stub_sources(code(top), code(inner), code(method), code(nested)) == [
        "x = None\n# TODO: one",
        "@staticmethod\ndef f():\n    y = 2\n    # TODO\n    raise NotImplementedError\n\nf()",
        "%x\nclass A:\n    def f(self):\n        # TODO: this\n        raise NotImplementedError",
        "if True:\n    z = None\n    # TODO",
    ]


def test_outputs_and_metadata_are_dropped_but_tags_and_the_kernel():
    output = nbformat.v4.new_output("stream", text="the answer is 42")
    cell = code("# BEGIN SOLUTION\nx = 1\n# END SOLUTION", outputs=[output], execution_count=7)
    cell.metadata = nbformat.from_dict({"tags": ["training"], "collapsed": True, "vscode": {}})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python", "env": "/home/me"}
    text = make_notebook_stub(
        solved(cell, kernelspec=kernel, language_info={"name": "python", "version": "3.11"}, me="x")
    )
    stub = json.loads(text)
    assert stub["cells"][0] == {
        "cell_type": "code",
        "execution_count": None,
        "id": "id-0",
        "metadata": {"tags": ["training"]},
        "outputs": [],
        "source": ["# TODO"],
    }
    del kernel["env"]
    assert stub["metadata"] == {"kernelspec": kernel, "language_info": {"name": "python"}}
    assert "42" not in text


REGION = "# BEGIN SOLUTION\nx = 1\n# END SOLUTION"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (solved(code("x = 1")), "no region"),
        (solved(code(REGION.replace("# END SOLUTION", ""))), r"cell 1 of all:1: # BEGIN SOLUTION without an end"),
        (solved(code(REGION), code("# END SOLUTION")), r"cell 2 of all:1: # END SOLUTION without a beginning"),
        (
            solved(code(f"if x:\n    {REGION}".replace("\n", "\n    ", 2))),
            "cell 1 of all: its stub would not be Python",
        ),
        (solved(code(f"def f(:\n{REGION}")), "cell 1 of all: line 1 is not Python"),
        (solved(code("x = 1  # BEGIN SOLUTION")), "cell 1 of all: a marker of a solution is left over"),
        (solved(nbformat.v4.new_markdown_cell("<!-- BEGIN SOLUTION -->")), "a marker of a solution is left over"),
        (
            solved(code(REGION)).replace('"nbformat_minor": 5', '"nbformat_minor": 4'),
            "must be a notebook of format 4.5",
        ),
        (solved(code(REGION)).replace('"id": "id-0",', ""), "every cell with its id"),
        ("x = 1", "is not a notebook"),
    ],
)
def test_a_master_that_makes_no_stub_is_told(text, says):
    with pytest.raises(GraderError, match=says) as error:
        make_notebook_stub(text, "solutions/x.ipynb")
    assert str(error.value).startswith("solutions/x.ipynb")


def test_a_solution_that_fails_is_the_graders_fault(autograder, tmp_path):
    root = Path(shutil.copytree(UNIT, tmp_path / "unit"))
    (root / "solutions" / "tour.ipynb").write_bytes(changed(("longest = max(", "longest = nobody.knows(")))
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "tour.ipynb").write_bytes(CLASS["right"])
    done = autograder("grade", tmp_path / "ada", "--one", "--out", tmp_path / "out", cwd=root)
    assert done.returncode == 1
    assert "cell 2 of the solution fails: NameError" in " ".join(done.stderr.split())
