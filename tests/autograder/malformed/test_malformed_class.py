"""A class of files that are not what they should be: each is told what is wrong, and loses no more than that.

Three units are graded: modules, notebooks and written answers. Every malformed submission must end graded or told as
not graded, with words that name its file; a right neighbour keeps full marks.
"""

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ..handed_in import zipped
from ..words import SOLUTION

HERE = Path(__file__).resolve().parent.parent
UNITS = {"words": "tiny_unit", "tour": "tiny_notebooks", "birds": "tiny_answers"}

TOUR = (HERE / "tiny_notebooks" / "solutions" / "tour.ipynb").read_text()
BIRDS = (HERE / "tiny_answers" / "solutions" / "birds.py").read_text()


def changed(**cell: object) -> bytes:
    """The notebook, its first code cell changed."""
    book = json.loads(TOUR)
    next(each for each in book["cells"] if each["cell_type"] == "code").update(cell)
    return json.dumps(book).encode()


def deep_json(depth: int) -> bytes:
    return b'{"cells": ' + b"[" * depth + b"]" * depth + b"}"


CODE = SOLUTION.encode()
# By name: the bytes of words.py (or what makes them), the marks, and words of what is told.
MODULES: dict[str, tuple[bytes, float, str]] = {
    "empty": (b"", 0, "words.py is empty"),
    "blank": (b"\n \t\n", 0, "words.py is empty"),
    "comments": (b"# nothing yet\n", 0, ""),
    "prose": (b"Dear Sir or Madam, I could not do it.\n", 0, "words.py cannot be imported"),
    "half": (CODE[: len(CODE) // 2] + b"(", 0, "words.py cannot be imported"),
    "tabs-and-blanks": (b"def f():\n\tx = 1\n        y = 2\n" + CODE, 0, "words.py cannot be imported"),
    "python-2": (CODE + b"print 'done'\n", 0, "words.py cannot be imported"),
    "a-merge-conflict": (b"<<<<<<< HEAD\n" + CODE + b"=======\n>>>>>>> main\n", 0, "words.py cannot be imported"),
    "zero-bytes": (CODE + b"\0", 0, "NUL bytes"),
    "utf-16": (SOLUTION.encode("utf-16"), 0, "UTF-16"),
    "latin-1": (b"# caf\xe9\n" + CODE, 3.5, "UTF-8"),
    "latin-1-that-says-so": (b"# coding: latin-1\n# caf\xe9\n" + CODE, 3.5, "iso8859-1"),
    "an-unknown-encoding": (b"# coding: klingon\n" + CODE, 0, "UTF-8"),
    "a-byte-order-mark": (b"\xef\xbb\xbf" + CODE, 3.5, "byte order mark"),
    "two-byte-order-marks": (b"\xef\xbb\xbf" * 2 + CODE, 0, "words.py cannot be imported"),
    "windows-line-ends": (CODE.replace(b"\n", b"\r\n"), 3.5, ""),
    "old-mac-line-ends": (CODE.replace(b"\n", b"\r"), 3.5, ""),
    "form-feeds": (b"\x0c\n" + CODE, 3.5, ""),
    "one-long-line": (CODE + b"x = '" + b"a" * 500_000 + b"'\n", 3.5, ""),
    "deep-brackets": (CODE + b"x = " + b"(" * 5000 + b")" * 5000 + b"\n", 0, "words.py cannot be imported"),
    "deep-signs": (CODE + b"x = " + b"-" * 200_000 + b"1\n", 0, "words.py cannot be"),
    "deep-additions": (CODE + b"x = " + b"1+" * 200_000 + b"1\n", 0, "words.py cannot be"),
    "deep-attributes": (CODE + b"def f():\n    return x" + b".x" * 200_000 + b"\n", 0, "words.py cannot be"),
    "two-thousand-functions": (CODE + b"def f(): 0\n" * 2000, 3.5, ""),
    "a-picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), 0, "words.py"),
    "a-program": (b"\x7fELF\x02\x01\x01" + bytes(300), 0, "words.py"),
    "a-compiled-module": (b"\xa7\r\r\n" + bytes(60), 0, "words.py"),
    "a-word-document": (zipped(("word/document.xml", b"<w/>")), 0, "words.py"),
    "a-notebook-called-py": (TOUR.encode(), 0, "words.py"),
    "too-large": (CODE + b"#" * (1 << 20), 0, "larger than 1 MB"),
    "another-name": (b"def countwords(text): return {}\n", 0, ""),
    "a-class-instead": (b"class count_words:\n    pass\nclass most_common:\n    pass\n", 0, ""),
    "a-number-instead": (b"count_words = most_common = 3\n", 0, ""),
    "other-arguments": (b"def count_words(): return {}\ndef most_common(a, b, c): return a\n", 0, ""),
    "imports-what-is-not-there": (b"import no_such_library\n" + CODE, 0, "words.py cannot be imported"),
    "imports-itself": (b"import words\nfrom words import count_words\n" + CODE, 0, "words.py cannot be imported"),
    "an-async-function": (CODE.replace(b"def count_words", b"async def count_words"), 2.5, ""),
    "surrogates": (b"x = '\xed\xa0\x80'\n" + CODE, 0, "UTF-8"),
    "bidi": ("# \u202e evil\n".encode() + CODE, 3.5, ""),
}
NOT_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no-zip.zip": (lambda path: path.write_bytes(b"this is no zip"), "is not a zip"),
    "no-bytes.zip": (lambda path: path.write_bytes(b""), "is not a zip"),
    "cut.zip": (lambda path: path.write_bytes(zipped(("words.py", CODE))[:-30]), "is not a zip"),
    "nothing-in-it.zip": (lambda path: path.write_bytes(zipped()), "none of words.py found"),
    "other-things.zip": (lambda path: path.write_bytes(zipped(("essay.pdf", b"%PDF"))), "none of words.py found"),
    "an-outer.zip": (
        lambda path: path.write_bytes(zipped(("a.zip", zipped(("b.zip", zipped(("words.py", CODE))))))),
        "b.zip is not looked into",
    ),
    "outside.zip": (lambda path: path.write_bytes(zipped(("../words.py", CODE))), "is not the name of a file inside"),
    "packed.tar.gz": (lambda path: path.write_bytes(b"\x1f\x8b\x08"), "hand in a .zip"),
    "packed.rar": (lambda path: path.write_bytes(b"Rar!"), "hand in a .zip"),
    "an-empty-folder": (lambda path: path.mkdir(), "none of words.py found"),
    "a-folder-in-its-place": (lambda path: (path / "words.py" / "x").mkdir(parents=True), "words.py"),
    "a-pipe": (lambda path: (path.mkdir(), os.mkfifo(path / "words.py")), "words.py is a pipe"),
    "a-link": (lambda path: (path.mkdir(), (path / "words.py").symlink_to("/etc/passwd")), "words.py is a link"),
    "a-loop": (lambda path: path.symlink_to(path), "is a link"),
    "another-file": (lambda path: (path.mkdir(), (path / "word.py").write_bytes(CODE)), "none of words.py found"),
}
NOTEBOOKS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "tour.ipynb is empty"),
    "no-json": (b"{", "is not JSON"),
    "a-list": (b"[]", "not a notebook"),
    "a-number": (b"1e999", "not a notebook"),
    "no-cells": (b'{"nbformat": 4}', "no list of cells"),
    "cells-that-are-none": (b'{"cells": [1, null, "x", [], {}, {"cell_type": "code"}]}', ""),
    "cells-of-another-kind": (b'{"cells": {"0": {}}}', "no list of cells"),
    "deep": (deep_json(100_000), "nested too deep"),
    "utf-16": (TOUR.encode("utf-16"), "UTF-16"),
    "latin-1": (TOUR.replace("poem", "po\u00e9me").encode("latin-1"), "UTF-8"),
    "a-source-that-is-none": (changed(source={"a": 1}), ""),
    "a-source-of-halves": (changed(source=["print('\ud83d", "\ude00')"]), ""),
    "a-cell-without-an-end": (changed(source="x = '''"), ""),
    "a-cell-of-bash": (changed(source="%%bash\nrm -rf /"), ""),
    "a-cell-of-magic": (changed(source="%%writefile words.py\nraise SystemExit"), ""),
    "huge-outputs": (changed(outputs=[{"data": {"text/html": "<script>" + "x" * (1 << 20)}}]), ""),
    "many-cells": (json.dumps({"cells": [{"cell_type": "code", "source": "1"}] * 5001}).encode(), "5000 code cells"),
    "a-python-file": (CODE, "is not JSON"),
    "a-web-page": (b"<!doctype html><title>Not found</title>", "is not JSON"),
}
ANSWERS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "birds.py is empty"),
    "prose": (b"Birds fly south since it is cold.\n", "birds.py, line 1"),
    "an-open-quote": (BIRDS.replace('Q2 = "The tail."', 'Q2 = "The tail.').encode(), "birds.py, line 11"),
    "latin-1": (BIRDS.replace("tail", "t\u00e4il").encode("latin-1"), "UTF-8"),
    "code": (b"import os\nos.system('true')\n" + BIRDS.encode(), "nothing in this file is run"),
    "a-power": (BIRDS.replace("601.5", "9 ** 9 ** 9 ** 9").encode(), "too large"),
    "deep": (BIRDS.replace("601.5", "(" * 3000 + "1" + ")" * 3000).encode(), "birds.py"),
    "a-long-number": (BIRDS.replace("601.5", "9" * 100_000).encode(), "birds.py"),
    "names-twice": (BIRDS.encode() * 2, "stands twice"),
    "zero-bytes": (BIRDS.encode() + b"\0", "NUL"),
    "formulas": (BIRDS.replace("The tail.", "=cmd|' /C calc'!A0 @SUM(1+1) and more words").encode(), ""),
}


class Graded:
    """One unit's malformed class, graded by the command."""

    def __init__(self, run: Callable[..., subprocess.CompletedProcess[str]], folder: Path, unit: str) -> None:
        self.out = folder / "out"
        self.done = run("grade", folder / "class", "--class", "--out", self.out, "--jobs", 3, cwd=HERE / UNITS[unit])
        paths = self.out.glob("*/results.json")
        self.results = {path.parent.name: json.loads(path.read_text()) for path in paths}
        self.rows = {row["student"]: row for row in csv.DictReader(io.StringIO((self.out / "grades.csv").read_text()))}

    def told(self, student: str) -> str:
        """Everything that the report of a student says."""
        result = self.results[student]
        return "\n".join(
            [*result["problems"], *(test["message"] for item in result["items"] for test in item["tests"])]
        )


def hand_in(folder: Path, files: dict[str, bytes], name: str) -> None:
    for student, data in files.items():
        (folder / "class" / student).mkdir(parents=True)
        (folder / "class" / student / name).write_bytes(data)


@pytest.fixture(scope="module")
def modules(autograder: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory) -> Graded:
    folder = tmp_path_factory.mktemp("modules")
    hand_in(folder, {name: data for name, (data, *_) in MODULES.items()} | {"neighbour": CODE}, "words.py")
    for name, (make, _) in NOT_FILES.items():
        make(folder / "class" / name)
    return Graded(autograder, folder, "words")


@pytest.fixture(scope="module")
def notebooks(autograder: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory) -> Graded:
    folder = tmp_path_factory.mktemp("notebooks")
    files = {name: data for name, (data, _) in NOTEBOOKS.items()} | {"neighbour": TOUR.encode()}
    hand_in(folder, files, "tour.ipynb")
    return Graded(autograder, folder, "tour")


@pytest.fixture(scope="module")
def answers(autograder: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory) -> Graded:
    folder = tmp_path_factory.mktemp("answers")
    files = {name: data for name, (data, _) in ANSWERS.items()} | {"neighbour": BIRDS.encode()}
    hand_in(folder, files, "birds.py")
    return Graded(autograder, folder, "birds")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_told_what_is_wrong_with_it(modules: Graded, name: str) -> None:
    _, marks, words = MODULES[name]
    result = modules.results[name]
    assert result["graded"] is (name != "too-large")
    assert result["score"] == marks
    assert words in modules.told(name)
    assert modules.told(name) or marks


@pytest.mark.parametrize("name", NOT_FILES)
def test_what_holds_no_file_is_told_and_not_graded(modules: Graded, name: str) -> None:
    student = name.removesuffix(".zip").removesuffix(".tar.gz").removesuffix(".rar")
    names = [each for each in modules.results if each == student or each.startswith(f"{student}-")]
    told = "\n".join(modules.told(each) for each in names)
    assert NOT_FILES[name][1] in told
    for each in names:
        if student != "packed" or "hand in a .zip" in modules.told(each):
            assert not modules.results[each]["graded"]
            assert (modules.rows[each]["status"], modules.rows[each]["total"]) == ("not graded", "")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_told_what_is_wrong_with_it(notebooks: Graded, name: str) -> None:
    result = notebooks.results[name]
    assert result["graded"]
    assert NOTEBOOKS[name][1] in notebooks.told(name)
    assert result["score"] < 4 or not NOTEBOOKS[name][1]


@pytest.mark.parametrize("name", ANSWERS)
def test_written_answers_are_told_what_is_wrong_with_them(answers: Graded, name: str) -> None:
    result = answers.results[name]
    assert result["graded"]
    assert ANSWERS[name][1] in answers.told(name)


@pytest.mark.parametrize(("unit", "marks"), [("modules", 3.5), ("notebooks", 4), ("answers", 4)])
def test_a_right_neighbour_keeps_full_marks(request: pytest.FixtureRequest, unit: str, marks: float) -> None:
    graded: Graded = request.getfixturevalue(unit)
    assert graded.results["neighbour"]["score"] == marks
    assert graded.results["neighbour"]["problems"] == []
    assert "Traceback" not in graded.done.stderr
    assert graded.done.returncode == (1 if unit == "modules" else 0), graded.done.stderr
    assert graded.rows.keys() == graded.results.keys()
