"""Students' names as folders' names: safe everywhere, unique, and still the name that a person knows."""

import unicodedata
from pathlib import Path

import pytest

from autograder.submission import find_submissions
from autograder.submission.names import folded, safe_name, shown, unique_names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Jane Doe", "Jane Doe"),
        ("Zoë Müller-Ðórs", "Zoë Müller-Ðórs"),
        (unicodedata.normalize("NFD", "Zoë"), "Zoë"),
        ("张伟", "张伟"),
        ("عمر", "عمر"),
        ("O'Neil_12", "O'Neil_12"),
        ("🎓 ana", "🎓 ana"),
        ("../x", "_x"),
        ("..", "student"),
        ("", "student"),
        ("\x00\x1b[31m", "__[31m"),
        ("a/b\\c:d", "a_b_c_d"),
        ('<img src="x">|?*', "_img src=_x_____"),
        ("abc\u202egnp.exe", "abc_gnp.exe"),
        ("a\u200bb\u2066c\ufeff", "a_b_c_"),
        ("  many \t\n spaces\u2028 ", "many spaces"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("--help", "help"),
        ("ends. . .", "ends"),
        ("CON", "_CON"),
        ("con.tar", "_con.tar"),
        ("Aux .x", "_Aux .x"),
        ("COM1", "_COM1"),
        ("lpt²", "_lpt²"),
        ("console", "console"),
        ("class.html", "_class.html"),
        ("seed.secret", "_seed.secret"),
        ("gradebook.sqlite-wal", "_gradebook.sqlite-wal"),
        ("class", "class"),
        ("Grades.CSV", "_Grades.CSV"),
        ("Instructor", "_Instructor"),
        ("ｉnstructor", "_ｉnstructor"),  # a full-width i
        ("bad\udce4bytes", "bad_bytes"),
        ("x" * 300, "x" * 80),
        ("🎓" * 300, "🎓" * 50),
        ("x" * 79 + ". y", "x" * 79),
    ],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    "names",
    [
        ["alice", "Alice", "ALICE"],
        ["alice", "alice", "alice-2", "alice"],
        ["alice-2", "alice", "alice", "alice-2"],
        ["Straße", "STRASSE", "strasse"],
        [unicodedata.normalize("NFD", "Zoë"), "Zoë", "zoë"],
        ["x" * 300, "x" * 80, "x" * 81, "X" * 90],
        ["🎓" * 60, "🎓" * 70],
        ["..", "../..", "\u202e", "student", "/"],
        ["CON", "con", "_con", "_CON"],
        ["a" * 79 + ".", "a" * 79],
        ["same"] * 3000,
    ],
    ids=lambda names: names[0][:8].encode("unicode_escape").decode(),
)
def test_names_are_unique_on_every_file_system(names: list[str]) -> None:
    unique = unique_names(names)
    assert len({folded(name) for name in unique}) == len(names)
    for name in unique:
        assert 1 <= len(name) <= 80
        assert len(name.encode()) <= 200
        assert safe_name(name) == name


def test_the_first_keeps_the_name() -> None:
    assert unique_names(["alice", "Alice", "bob"]) == ["alice", "Alice-2", "bob"]
    assert unique_names(["alice", "alice", "alice-2"]) == ["alice", "alice-3", "alice-2"]


def test_shown_text_is_one_clean_bounded_line() -> None:
    assert shown("a\x1b[2J\n\u202eb") == "a\ufffd[2J\ufffd\ufffdb"
    assert len(shown("x" * 5000)) == 200


def test_every_name_makes_a_folder(tmp_path: Path) -> None:
    odd = [
        "CON",
        "a\u202eb",
        "x" * 250,
        "🎓" * 60,
        "ends. ",
        "-rf",
        "=cmd()",
        "Alice",
        "alice",
        "a\nb",
        "bad\udce4",
        "a\\b",
    ]
    for name in odd:
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "attention.py").write_text("x = 1\n")
    found = find_submissions([tmp_path / "class"], ["attention.py"])
    assert len(found) == len(odd)
    assert all(each.gradable for each in found)
    assert {each.problems for each in found if "lice" not in each.student and "a_b" not in each.student} == {()}
    out = tmp_path / "out"
    for each in found:
        each.write_to(out / each.student)
    assert len(list(out.iterdir())) == len(odd)
    assert all(path.parent == out for path in (out / each.student for each in found))
