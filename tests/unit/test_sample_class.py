"""The sample class of `make grade`: every form, everything that a grader meets, and the marks they must get."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.spec import load

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def rows(tmp_path_factory, autograder):
    folder = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, str(ROOT / "tests" / "sample_class.py"), str(folder / "class")], check=True)
    done = autograder("grade", folder / "class", "--out", folder / "out", cwd=ROOT)
    assert done.returncode == 1, done.stderr  # one of them cannot be graded
    return {row["student"]: row for row in csv.DictReader(io.StringIO((folder / "out" / "grades.csv").read_text()))}


LOSES_ONLY = {  # student: the items of attention on which marks are lost
    "ada": [],
    "grace": [],
    "alan": [],
    "carl": ["scaled_dot_product_attention"],
    "leonhard": ["softmax"],
    "blaise": ["split_heads"],
    "pierre": ["scaled_dot_product_attention"],
    "henri": ["causal_mask"],
    "kurt": ["merge_heads"],
    "shortcut": ["softmax"],
    "quitter": ["softmax"],
    "sofia": ["scaled_dot_product_attention", "merge_heads", "MultiHeadAttention"],
}
FULL = {
    "softmax": "2.00",
    "causal_mask": "1.00",
    "scaled_dot_product_attention": "4.50",
    "split_heads": "1.50",
    "merge_heads": "1.00",
    "MultiHeadAttention": "4.00",
}


@pytest.mark.parametrize("student", LOSES_ONLY)
def test_one_error_costs_one_item(rows, student):
    lost = [name for name, points in FULL.items() if rows[student][f"attention.{name}"] != points]
    assert lost == LOSES_ONLY[student]


@pytest.mark.parametrize("student", ["emmy", "liar", "patcher", "david"])
def test_empty_stubs_cheats_and_syntax_errors_score_nothing(rows, student):
    assert all(rows[student][f"attention.{name}"] == "0.00" for name in FULL)


def test_a_zip_that_is_none_is_not_graded(rows):
    assert (rows["georg"]["status"], rows["georg"]["total"]) == ("not graded", "")


def lost_of(row, topic):
    """The items of a topic on which less than the points of grading.yml were earned."""
    items = load(ROOT).spec.topic(topic).items
    expected = {item.id: item.points - (item.quality or 0) for item in items}
    return [id for id, points in expected.items() if abs(float(row[id]) - points) > 0.006]


def test_the_whole_unit_solved_gets_everything_but_what_a_reader_gives(rows):
    ada = rows["ada"]
    assert (ada["total"], ada["max"], ada["pending"], ada["extra"]) == ("104.00", "96.00", "4.00", "8.00")


def test_written_answers_lose_what_is_wrong_or_open(rows):
    assert lost_of(rows["ida"], "synthesis") == [
        "synthesis.E1_CHECK",
        "synthesis.R4",
        "synthesis.B2",
        "synthesis.T8_CHECK",
    ]


def test_one_mistake_in_a_later_topic_costs_one_item(rows):
    assert lost_of(rows["mileva"], "finetuning") == ["finetuning.make_labels"]
    assert lost_of(rows["mileva"], "hf_tutorial") == []


def test_a_notebook_as_after_an_evening_s_work_keeps_its_marks(rows):
    assert lost_of(rows["hans"], "lm_starter_code") == []


def test_the_class_is_whole(rows):
    assert len(rows) == len(LOSES_ONLY) + 8
