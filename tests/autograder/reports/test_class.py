"""The page of a class and its gradebook."""

import csv
import hashlib
import io
from base64 import b64encode
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from autograder.report.csv_report import cell
from autograder.report.summary import hundredths, marks
from autograder.report.writing import write_class
from autograder.spec import Unit

Make = Callable[..., Any]


def test_the_gradebook_has_a_row_a_student_in_the_order_given(class_folder: Path, sample_items: Make) -> None:
    rows = list(csv.DictReader(io.StringIO((class_folder / "grades.csv").read_text("utf-8"))))
    assert [row["student"] for row in rows] == ["Zoë", "Grace", "'=cmd()", "../x"]
    assert list(rows[0])[-7:] == ["written", "pending", "extra", "late", "total", "max", "status"]
    assert list(rows[0])[:-7] == ["student", *(each.id for each in sample_items())]
    zoe = rows[0]
    assert zoe["attention.softmax"] == "0.33"
    assert zoe["attention.scaled_dot_product_attention"] == "2.62"  # 2.625, half to even
    assert [zoe[key] for key in ("written", "pending", "extra", "late")] == ["0.50", "1.50", "2.00", ""]
    assert [zoe[key] for key in ("total", "max", "status")] == ["10.21", "17.25", "graded"]


def test_not_graded_is_empty_in_the_gradebook_and_never_0(class_folder: Path) -> None:
    row = list(csv.reader((class_folder / "grades.csv").read_text("utf-8").splitlines()))[2]
    assert row[0] == "Grace"
    assert set(row[1:-1]) == {""}
    assert row[-1] == "not graded"


@pytest.mark.parametrize("name", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "\x00=1", "\u202e=1", "\uff1d1"])
def test_no_cell_is_a_formula(name: str) -> None:
    assert cell(name).startswith("'")


def test_the_class_page_links_to_reports_that_have_a_plain_name(class_folder: Path, parsed: Make) -> None:
    page = parsed((class_folder / "class.html").read_text("utf-8"))
    links = dict.fromkeys(each["href"] for tag, each in page.tags if tag == "a" and each["href"][0] != "#")
    assert list(links) == ["./Zo%C3%AB/report.html", "./Grace/report.html", "./%3Dcmd%28%29/report.html"]


def test_the_class_page_counts_who_has_each_item(class_folder: Path, words: Make) -> None:
    text = words((class_folder / "class.html").read_text("utf-8"))
    assert "3 of 4 submissions graded" in text
    assert "attention.softmax 0 3 0 0 0" in text
    assert "gpt.sample 0 0 0 3 0" in text
    assert "synthesis.E1 0 0 0 0 3" in text
    assert "Grace not graded" in text


def test_the_class_page_may_run_its_own_script_alone(class_folder: Path) -> None:
    source = (class_folder / "class.html").read_text("utf-8")
    script = source.partition("<script>")[2].partition("</script>")[0]
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; " in source
    assert source.count("<script") == 1
    assert "evil.example/i>" not in source


def test_an_empty_class_has_pages_too(unit: Unit, tmp_path: Path, words: Make) -> None:
    write_class([], unit, tmp_path)
    assert "0 of 0 submissions graded" in words((tmp_path / "class.html").read_text())
    assert (tmp_path / "grades.csv").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("value", "two", "short"),
    [
        ("1/8", "0.12", "0.12"),
        ("3/8", "0.38", "0.38"),
        ("10", "10.00", "10"),
        ("1/3", "0.33", "0.33"),
        ("0", "0.00", "0"),
    ],
)
def test_marks_are_rounded_half_to_even_from_the_fraction(value: str, two: str, short: str) -> None:
    assert hundredths(Fraction(value)) == two
    assert marks(Fraction(value)) == short
