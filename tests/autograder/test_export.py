"""The totals of a class in Canvas's and Moodle's own tables."""

import csv
import io

import pytest

from autograder.course.export import PLATFORMS, export
from autograder.errors import UsageError

GRADES = (
    "student,t.a,written,pending,extra,late,total,max,status\n"
    "doejane_1234,3.00,0.00,0.00,0.00,,3.00,5.00,graded\n"
    "Élodie Moreau_77-2,4.25,0.00,1.50,0.00,0.50,4.25,5.00,graded\n"
    "kurt,1.00,0.00,0.00,0.00,,1.00,5.00,graded\n"
    "georg,,,,,,,,not graded\n"
)
CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Unit 4 (991),Other (992)\r\n"
    "    Points Possible,,,,,5.0,10.0\r\n"
    '"Doe, Jane",1234,s01,jane@example.org,A,,9\r\n'
    '"Moreau, Élodie",77,s02,elodie@example.org,A,1.0,\r\n'
    '"Gödel, Kurt",88,s03,kurt@example.org,B,,7\r\n'
    '"Cantor, Georg",99,s04,georg@example.org,B,2.0,\r\n'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade,Feedback comments\n"
    'Participant 1234,Jane Doe,jane@example.org,"Submitted, late",,5.00,"=1+1, ""so"""\n'
    "Participant 77,Élodie Moreau,elodie@example.org,Submitted,,5.00,\n"
    "Participant 88,Kurt Gödel,kurt@example.org,Submitted,,5.00,\n"
)


@pytest.fixture
def grades(tmp_path):
    (tmp_path / "grades.csv").write_text(GRADES, encoding="utf-8")
    return tmp_path


def filled(grades, platform, text, column=None):
    path = grades / "table.csv"
    path.write_bytes(text.encode())
    return export(PLATFORMS[platform], path, grades, column)


def test_canvas_keeps_its_table_and_gets_the_marks(grades):
    done = filled(grades, "canvas", CANVAS, "Unit 4")
    want = CANVAS.replace("A,,9", "A,3.00,9").replace("A,1.0,", "A,4.25,").replace("B,,7", "B,1.00,7")
    assert done.text == want
    assert (done.filled, done.unknown, done.pending) == (3, (), 1)


def test_moodle_keeps_its_table_and_gets_the_marks(grades):
    done = filled(grades, "moodle", MOODLE)
    rows = list(csv.DictReader(io.StringIO(done.text)))
    assert [row["Grade"] for row in rows] == ["3.00", "4.25", "1.00"]
    before = csv.DictReader(io.StringIO(MOODLE))
    for row, old in zip(rows, before, strict=True):
        assert row | {"Grade": ""} == old | {"Grade": ""}


def test_who_is_in_no_row_is_told(grades):
    done = filled(grades, "moodle", "".join(MOODLE.splitlines(keepends=True)[:3]))
    assert done.unknown == ("kurt",)


@pytest.mark.parametrize(
    ("platform", "text", "column", "told"),
    [
        ("canvas", CANVAS, None, "--column: say which column"),
        ("canvas", CANVAS, "Unit 5", "no column 'Unit 5'"),
        ("canvas", MOODLE, "Grade", "has no column 'ID'"),
        ("moodle", MOODLE + "Participant 89,x,kurt@example.net,,,,\n", None, "kurt may be any of lines 4, 5"),
        ("moodle", MOODLE.replace("Participant 88", "Participant 1234"), None, "may be any of lines 2, 4"),
    ],
)
def test_what_is_not_clear_is_refused(grades, platform, text, column, told):
    with pytest.raises(UsageError) as error:
        filled(grades, platform, text, column)
    assert told in str(error.value)


def test_totals_that_wait_for_a_reader_are_not_filled_in_unasked(grades, tmp_path):
    from click.testing import CliRunner

    from autograder.cli import main

    table, out = tmp_path / "table.csv", tmp_path / "import.csv"
    table.write_text(CANVAS, encoding="utf-8", newline="")
    asked = ["export", "canvas", str(table), "--grades", str(grades), "--out", str(out), "--column", "Unit 4"]
    refused = CliRunner().invoke(main, asked)
    assert refused.exit_code == 2
    assert "1 of 3 totals are not final" in refused.stderr
    assert not out.exists()
    given = CliRunner().invoke(main, [*asked, "--provisional"])
    assert given.exit_code == 0
    assert "PROVISIONAL" in given.stderr
    assert "4.25" in out.read_text(encoding="utf-8-sig")
