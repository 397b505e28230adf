"""Cleaning of text that a student wrote."""

import pytest

from autograder.report.text import clean, file_name, flowing, is_file_name


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("a\x1b]8;;https://evil.example\x07link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1b]0;never closed", "a"),
        ("a\x1bPq...\x1b\\b\x1bcc", "abc"),
        ("a\x00b\x07c\x7fd\x9fe", "abcd"),  # \x9f opens a string that never ends
        ("\u202eexe.txt\u2066x\u2069", "exe.txtx"),
        ("\ud800lone\udfff", "lone"),
        ("a\r\nb\rc\u2028d", "a b c d"),
        ("\ufeffa\U000e0041", "a"),
        ("Zoë 李 \u05d0 👩\u200d🎓", "Zoë 李 \u05d0 👩\u200d🎓"),
    ],
)
def test_what_fools_a_reader_is_taken_out(text: str, left: str) -> None:
    assert clean(text, 100) == left
    assert clean(left, 100) == left


def test_length_and_lines_are_bounded_and_the_cut_is_shown() -> None:
    assert clean("abc", 3) == "abc"
    assert clean("a" * 50, 10) == "aaaaaaaa …"
    assert clean("a\n" * 50, 100, lines=2) == "a\na …"
    assert len(clean("\x1b]" * 1_000_000, 100)) == 0


def test_file_names_are_one_part_of_a_path_and_stay_distinct() -> None:
    assert file_name("Ada Lovelace") == "Ada Lovelace"
    names = ["..", ".", "", "a/b", "a\\b", "a_b", "a\x00b", "x" * 300, "y\ud800"]
    made = [file_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(is_file_name(name) and len(name.encode()) <= 200 for name in made)


def test_prose_flows_and_what_was_meant_as_a_line_stays_one():
    full = "A line that is as long as its writer's editor let it be, more or less,"
    assert flowing(f"{full}\ngoes on.\n\nA paragraph\n- one\n{full}\n- two") == (
        f"{full} goes on.\n\nA paragraph\n- one\n{full}\n- two"
    )
    assert flowing("") == ""
