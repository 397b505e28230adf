"""The notebooks: valid, empty, in step with their students' versions; and they run, offline, from top to bottom."""

import ast
import importlib.util
import re
import shutil
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from autograder.release.notebooks import make_notebook_stub
from autograder.spec import load
from autograder.student.notebook import LEFT_OUT, read

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ("hf_tutorial", "lm_starter_code")
QUICK = {"num_steps": 5, "measured": 2}  # in place of what their cells of parameters say


def master(name):
    return nbformat.read(ROOT / "solutions" / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def students(name):
    return nbformat.read(ROOT / "assignments" / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def checked(name):
    """The items of a notebook that have public tests."""
    return [item for item in load(ROOT).spec.topic(name).items if item.public]


def code_cells(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A student's assignments/, with data/ beside it. Nothing is looked up online."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("data", "grading.yml", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "assignments").mkdir()
    (tmp_path / "assignments" / "tests").symlink_to(ROOT / "assignments" / "tests")
    for name in NAMES:  # grader.check wants the file, and reads no cell of it
        shutil.copy(ROOT / "assignments" / f"{name}.ipynb", tmp_path / "assignments")
    return tmp_path / "assignments"


def run(book, folder):
    """Run it with few steps of training; the texts that its cells printed, by cell."""
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += "".join(f"\n{name} = {value}" for name, value in QUICK.items() if name in cell.source)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return printed(book)


def printed(book):
    return {
        cell.id: "".join(output.get("text", "") for output in cell.outputs if output.get("name") == "stdout")
        for cell in code_cells(book)
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", [master, students])
def test_a_notebook_is_valid_and_empty(name, version):
    book = version(name)
    nbformat.validate(book)
    assert (book.nbformat, book.nbformat_minor) == (4, 5)
    assert book.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in book.cells]
    assert len(set(ids)) == len(ids)
    for cell in code_cells(book):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_the_students_version_follows_from_the_master(name):
    solution = (ROOT / "solutions" / f"{name}.ipynb").read_text(encoding="utf-8")
    made = (ROOT / "assignments" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert made == make_notebook_stub(solution), "run: make stubs"
    assert "SOLUTION" not in made
    assert made.count('"# TODO') + made.count('"    # TODO') == solution.count("BEGIN SOLUTION") > 5


@pytest.mark.parametrize("name", NAMES)
def test_cells_that_are_left_out_say_so_twice(name):
    """By the tag, and by the comment that survives where tags are lost."""
    for cell in code_cells(master(name)):
        for tag in LEFT_OUT:
            comment = cell.source.startswith(f"# {tag}: not run when graded")
            assert comment == (tag in cell.metadata.get("tags", [])), cell.id
    left_out = [cell.number for cell in read((ROOT / "solutions" / f"{name}.ipynb").read_bytes()) if not cell.run]
    assert len(left_out) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_a_solved_notebook_runs_top_to_bottom(name, folder):
    shutil.copy(ROOT / "solutions" / "finetuning.py", folder)
    book = master(name)
    told = run(book, folder)
    assert len(told) == len(code_cells(book))
    for item in checked(name):
        (output,) = next(cell for cell in code_cells(book) if cell.source == f'grader.check("{item.id}")').outputs
        assert output.data["text/plain"] == f"{item.id} results: All test cases passed!"
    assert told.get("tools", "").count("yours") == (5 if name == "lm_starter_code" else 0)


def test_part_two_needs_no_module_of_the_students_own(folder):
    book = master("lm_starter_code")
    book.cells = [cell for cell in book.cells if "grader" not in cell.source]
    told = run(book, folder)
    assert told["tools"].count("given") == 5


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_notebook_says_where_to_begin(name, folder):
    """Run from the top it goes as far as the first function that is a TODO, and says its name in one line.

    Without otter-grader: the cells with grader.check then say what to do.
    """
    book = students(name)
    grader = next(cell for cell in book.cells if cell.id == "grader")
    grader.source = f"import sys\nsys.modules['otter'] = None\n{grader.source}"
    with pytest.raises(CellExecutionError):
        run(book, folder)
    told = list(filter(None, printed(book).values()))
    assert "is not written yet. Fill in its TODO" in told[-1]
    assert not any(output.output_type == "error" for cell in code_cells(book) for output in cell.outputs)
    assert told[-2] == f"There is no otter-grader here. Save, and in a terminal: autograder check {name}\n"


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_is_followed_by_its_check(name):
    cells = code_cells(master(name))
    for item in checked(name):
        places = [number for number, cell in enumerate(cells) if cell.source == f'grader.check("{item.id}")']
        assert len(places) == 1, item.id
        before = cells[places[0] - 1].source
        assert re.search(rf"^(def )?{item.name}\b", before, re.MULTILINE), item.id
        assert "# BEGIN SOLUTION" in before
    assert sum("grader.check(" in cell.source for cell in cells) == len(checked(name))


def test_the_files_that_grader_check_runs_are_those_of_the_rules():
    made = {path.name for path in (ROOT / "assignments" / "tests").glob("*.py")}
    assert made == {f"{item.id}.py" for name in NAMES for item in checked(name)}


@pytest.mark.parametrize("name", NAMES)
def test_code_of_the_master_is_python_without_magics(name):
    for cell in code_cells(master(name)):
        ast.parse(cell.source)


# What the hidden suites take for granted of the bundled checkpoints.


def suite(name):
    """The module of a hidden suite, for the constants in it."""
    spec = importlib.util.spec_from_file_location(f"hidden_{name}", ROOT / "tests" / "hidden" / f"test_{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_classifier_tells_the_texts_of_most_positive_apart():
    """By far more than the rounding that batches of other sizes bring; else a right answer could lose marks."""
    from transformers import pipeline

    hidden = suite("hf_tutorial")
    classifier = pipeline("text-classification", model=str(ROOT / "data" / "sentiment"))
    texts = [hidden.WORSE, hidden.BAD, hidden.LESS_GOOD, hidden.GOOD]
    found = [{each["label"]: each["score"] for each in classifier(text, top_k=None)}["POSITIVE"] for text in texts]
    assert all(more - less > 0.02 for less, more in pairwise(found)), found
    assert found[1] < 0.5 < found[2]


def test_the_perplexities_of_fine_tune_stand_in_the_notebook():
    """The untrained model is worth what the suite says, and the table tells students the suite's own thresholds."""
    from transformers import GPT2LMHeadModel

    hidden = suite("lm_starter_code")
    model = GPT2LMHeadModel.from_pretrained(ROOT / "data" / "tiny-gpt2").eval()
    assert sum(parameter.numel() for parameter in model.parameters()) <= 300_000
    assert hidden._perplexity(model, hidden._held_out()) == pytest.approx(hidden.UNTRAINED, rel=1e-3)
    told = next(cell.source for cell in master("lm_starter_code").cells if cell.id == "tuning")
    thresholds = [float(number) for number in re.findall(r"^\| at most (\d+)", told, re.MULTILINE)]
    assert thresholds == [hidden.HALF, hidden.BAND]
    assert f"num_steps={hidden.STEPS})" in told
    assert f"first {hidden.DOCUMENTS} documents" in told
    assert f"| {hidden.UNTRAINED:.0f} |" in told
