"""Two thousand files that somebody might hand in, made from good ones by chance: taken, or told what is wrong."""

import ast
import io
import json
import os
import random
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest

from autograder.student import answers, notebook
from autograder.submission import find_submissions
from autograder.submission.names import shown

UNIT = ("attention.py", "gpt.py", "tour.ipynb")
HERE = Path(__file__).resolve().parent
A = b"def softmax(x):\n    return x\n" * 20
TOUR = (HERE / "tiny_notebooks" / "solutions" / "tour.ipynb").read_bytes()
BIRDS = (HERE / "tiny_answers" / "solutions" / "birds.py").read_bytes()
NUMBERS = (0, 1, 2, 8, 9, 0x7F, 0xFF, 0x800, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFE)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, **options: bool) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, data in members.items():
            with archive.open(name, "w", **options) as member:  # type: ignore[call-overload]  # force_zip64 or nothing
                member.write(data)
        link = zipfile.ZipInfo("hw/link.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


GOOD = {
    "one student": zipped({"attention.py": A, "gpt.py": A}),
    "wrapped": zipped({"hw/assignments/attention.py": A, "hw/tour.ipynb": TOUR, "__MACOSX/hw/._x": b"x"}),
    "stored": zipped({"hw/attention.py": A, "hw/gpt.py": b""}, zipfile.ZIP_STORED),
    "zip64": zipped({"attention.py": A}, force_zip64=True),
    "Canvas": zipped({"doe_1_2_attention.py": A, "doe_1_3_gpt-1.py": A, "roe_LATE_2_4_attention.py": A}),
    "Moodle": zipped({"Jané D_12_assignsubmission_file/attention.py": A, "M_13_assignsubmission_file_/gpt.py": A}),
    "Gradescope": zipped({"x/submission_metadata.yml": b"{}", "x/submission_1/attention.py": A}),
    "zips in a zip": zipped({"ada.zip": zipped({"attention.py": A}), "bob.zip": zipped({"hw/gpt.py": A})}),
}


def mutated(dice: random.Random, data: bytes, other: bytes) -> bytes:
    """One of the ways in which a file can be wrong."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 5))):
        where = dice.randrange(len(changed) + 1)
        match dice.randrange(8):
            case 0:
                changed[where : where + 1] = bytes([dice.randrange(256)])
            case 1:
                del changed[where : where + dice.randrange(1, 40)]
            case 2:
                changed = changed[:where]
            case 3:
                changed[where:where] = other[dice.randrange(len(other)) :][:60]
            case 4:
                changed = changed[:where] + other[dice.randrange(len(other)) :]
            case 5:
                changed[where:where] = changed[: dice.randrange(len(changed) + 1)]
            case _:
                _other_field(dice, changed)
    return bytes(changed)


def _other_field(dice: random.Random, data: bytearray) -> None:
    """Another number or name in a header of the zip, so that it stays one most of the time."""
    heads = [at for mark in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06") for at in _all(data, mark)]
    if not heads:
        return
    start = dice.choice(heads) + dice.randrange(4, 60)
    if dice.random() < 0.3:
        names = (b"../../x", b"/etc/pas", b"a\0b.py", b"C:\\x", b"\xff\xfe\xfd", b"\x1b[31m", "\u202e".encode())
        field = dice.choice(names)
    else:
        field = struct.pack("<I", dice.choice(NUMBERS))[: dice.choice((1, 2, 4))]
    data[start : start + len(field)] = field


def _all(data: bytearray, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


@pytest.mark.parametrize("kind", GOOD)
def test_a_mutated_zip_is_a_submission_or_a_clear_problem(tmp_path: Path, kind: str) -> None:
    """175 of each kind; nothing is written but into the scratch folder, and there only what the unit asks for."""
    dice = random.Random(kind)
    others = list(GOOD.values())
    (tmp_path / "in").mkdir()
    path, scratch = tmp_path / "in" / "alice.zip", tmp_path / "scratch"
    taken = 0
    for _ in range(175):
        path.write_bytes(mutated(dice, GOOD[kind], dice.choice(others)))
        found = find_submissions([path], UNIT)
        assert found
        for each in found:
            assert each.gradable or each.problems
            assert all(shown(problem, 1000) == problem for problem in each.problems)
            assert not {".", "..", ""} & {each.student}
            assert os.sep not in each.student
            assert set(each.files) <= set(UNIT)
            taken += each.gradable
            each.write_to(scratch)
        assert os.listdir(tmp_path / "in") == ["alice.zip"]
    assert {each.name for each in scratch.iterdir()} <= set(UNIT)
    assert sorted(os.listdir(tmp_path)) == ["in", "scratch"]
    assert taken > 10, "some are still good, so that the rest is not refused for one reason"


ODD = (
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "x",
    [],
    {},
    [[]],
    [None],
    {"cells": 1},
    "\ud800",
    "%%bash",
    "!" * 99,
    "'''",
    "\\\n",
)


def other_value(dice: random.Random, value: object) -> object:
    """The notebook with one of its values another."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        return {name: other_value(dice, part) if name == key else part for name, part in value.items()}
    if isinstance(value, list) and value and dice.random() < 0.9:
        index = dice.randrange(len(value))
        return [other_value(dice, part) if at == index else part for at, part in enumerate(value)]
    return dice.choice(ODD)


def test_a_mutated_notebook_is_read_or_is_none(tmp_path: Path) -> None:
    """Four hundred, half of them still JSON."""
    dice = random.Random(1)
    book = json.loads(TOUR)
    read = 0
    for number in range(400):
        data = mutated(dice, TOUR, A)
        if number % 2:
            changed: object = book
            for _ in range(dice.choice((1, 3, 10))):
                changed = other_value(dice, changed)
            data = json.dumps(changed).encode()
        (tmp_path / "tour.ipynb").write_bytes(data)
        (found,) = find_submissions([tmp_path / "tour.ipynb"], UNIT)
        assert found.files["tour.ipynb"] == data
        try:
            cells = notebook.read(data)
        except notebook.NotANotebook:
            continue
        read += 1
        assert isinstance(notebook.combined(cells), ast.Module)
    assert 100 < read < 390


def test_mutated_answers_are_read_as_literals_or_told() -> None:
    """Two hundred and more: whatever is found is plain data, whatever is not is a problem with a line."""
    dice = random.Random(2)
    whole = answers.read(BIRDS).values
    lost = 0
    for _ in range(250):
        data = mutated(dice, BIRDS, A)
        try:
            found = answers.read(data)
        except UnicodeDecodeError:
            continue
        lost += found.values != whole
        assert json.loads(json.dumps(found.values)) == found.values
        assert all(line >= 1 and what for line, what, _ in found.problems)
    assert lost > 50
