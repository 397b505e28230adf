"""Damaged and hostile folders and files: nothing is lost of the rest, nothing blocks, nothing fills the memory."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.submission import find_submissions, tree

from .handed_in import DEEP, LINK, NONE_FOUND, NOT_A_FILE, UNIT, A, G, from_zip, one, put, zipped

# --- folders


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no such files")
@pytest.mark.parametrize("kind", ["fifo", "socket", "link", "dangling", "linked folder"])
def test_what_is_no_plain_file_is_refused_and_never_blocks(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = put(tmp_path / "hidden" / "attention.py", b"the solution")
    put(tmp_path / "alice" / "gpt.py", G)
    monkeypatch.chdir(tmp_path / "alice")  # a socket's path must be short
    name = "attention.py"
    if kind == "fifo":
        os.mkfifo(name)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
    elif kind == "link":
        os.symlink(hidden, name)
    elif kind == "dangling":
        os.symlink("nowhere", name)
    else:
        name = "assignments"
        os.symlink(hidden.parent, name)
    why = NOT_A_FILE if kind in ("fifo", "socket") else LINK
    found = one(tmp_path / "alice")
    assert (found.files, found.problems) == ({"gpt.py": G}, (f"{name} {why}",))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no such files")
def test_what_becomes_a_link_or_a_pipe_after_it_was_listed_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(put(tmp_path / "hidden"))
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "gone"):
        with pytest.raises(tree.UnreadableError):
            tree.DiskFolder(tmp_path).read(name, 100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no such files")
def test_links_and_pipes_among_a_class_are_students_that_cannot_be_graded(tmp_path: Path) -> None:
    put(tmp_path / "hidden" / "attention.py", b"the solution")
    put(tmp_path / "class" / "bob" / "attention.py")
    put(tmp_path / "class" / "erin_gpt.py", G)
    (tmp_path / "class" / "mallory").symlink_to(tmp_path / "hidden")
    (tmp_path / "class" / "erin_attention.py").symlink_to(tmp_path / "hidden" / "attention.py")
    (tmp_path / "class" / "trent.zip").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "class" / "oscar_attention.py")
    expected = {
        "bob": (True, True, ()),
        "erin": (True, True, (f"erin_attention.py {LINK}",)),
        "mallory": (False, False, (f"mallory {LINK}",)),
        "oscar": (False, False, (f"oscar_attention.py {NOT_A_FILE}",)),
        "trent": (False, False, (f"trent.zip {LINK}",)),
    }
    for paths in ([tmp_path / "class"], sorted((tmp_path / "class").iterdir())):
        found = find_submissions(paths, UNIT)
        assert {each.student: (each.gradable, each.readable, each.problems) for each in found} == expected


def test_a_folder_in_a_files_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "alice" / "attention.py").mkdir(parents=True)
    put(tmp_path / "alice" / "gpt.py", G)
    found = one(tmp_path / "alice")
    assert (found.files, found.problems) == ({"gpt.py": G}, ("attention.py is a folder; hand in the file itself",))


@pytest.mark.skipif(os.mkdir not in os.supports_dir_fd, reason="this platform makes no such folders")
def test_5000_nested_folders_are_not_walked(tmp_path: Path) -> None:
    (tmp_path / "alice").mkdir()
    at = os.open(tmp_path / "alice", os.O_RDONLY)
    for _ in range(5000):
        os.mkdir("d", dir_fd=at)
        above, at = at, os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(above)
    os.close(at)
    try:
        alone = one(tmp_path / "alice")
        put(tmp_path / "alice" / "attention.py")
        beside = one(tmp_path / "alice")
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "alice"], check=True)  # shutil.rmtree does not come so deep
    assert alone.problems == (DEEP, NONE_FOUND)
    assert (beside.files, beside.problems) == ({"attention.py": A}, ())


def test_too_many_files_in_one_folder_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_ENTRIES", 50)  # 20,000 would take seconds to make
    put(tmp_path / "alice" / "attention.py")
    for number in range(50):
        (tmp_path / "alice" / str(number)).touch()
    found = one(tmp_path / "alice")
    assert found.problems == ("alice holds more than 50 files; leave out what is not asked for",)
    assert not found.readable


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    put(tmp_path / "alice" / "attention.py").chmod(0)
    put(tmp_path / "alice" / "gpt.py", G)
    found = one(tmp_path / "alice")
    assert found.problems == ("attention.py cannot be read (Permission denied); hand it in again",)


# --- files


LARGE = "larger than {} MB, which is the most that is taken"


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("attention.py", b"", "attention.py is empty"),
        ("attention.py", b" \n\n", "attention.py is empty"),
        ("attention.py", "# é\n".encode("latin-1"), "attention.py is not UTF-8 text; save it as UTF-8"),
        ("attention.py", "# coding: latin-1\n# é\n".encode("latin-1"), "is iso8859-1 text, as it says itself"),
        ("attention.py", b"# coding: latin-1\n# e\n", None),
        ("attention.py", "# -*- coding: cp1252 -*-\n# “é”\n".encode("cp1252"), "is cp1252 text, as it says itself"),
        ("attention.py", b"#!/usr/bin/env python\n# vim: set fileencoding=gb18030 :\n# \xc4\xe3\n", "is gb18030 text"),
        ("attention.py", b"# coding: utf-8\n# \xe9\n", "attention.py is not UTF-8 text; save it as UTF-8"),
        ("attention.py", b"# coding: nonsense\n", "attention.py is not UTF-8 text; save it as UTF-8"),
        ("attention.py", b"# coding: punycode\n" + b"a-" * 1000, "attention.py is not UTF-8 text; save it as UTF-8"),
        ("attention.py", b"# coding: zlib_codec\n", "attention.py is not UTF-8 text; save it as UTF-8"),
        ("attention.py", b"# coding: rot13\n", "attention.py is not UTF-8 text; save it as UTF-8"),
        ("attention.py", "# é\n".encode("utf-8-sig"), "byte order mark (BOM)"),
        ("attention.py", "# é\n".encode("utf-16"), "attention.py is not UTF-8 text, but UTF-16; save it as UTF-8"),
        ("attention.py", b"x = 1\0\n", "attention.py is not text: it holds NUL bytes; save it as UTF-8"),
        ("attention.py", b"#" * (1 << 20), None),
        ("attention.py", b"#" * ((1 << 20) + 1), LARGE.format(1)),
        ("tour.ipynb", b"{}" + b" " * (20 << 20), LARGE.format(20)),
        ("tour.ipynb", b'{"a": "\xe9"}', "tour.ipynb is not UTF-8 text; save it as UTF-8"),
        ("tour.ipynb", '{"a": "é"}'.encode(), None),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_file_is_taken_as_it_is_and_what_is_wrong_is_told(
    tmp_path: Path, name: str, data: bytes, problem: str | None, packed: bool
) -> None:
    if packed:
        found = from_zip(tmp_path, zipped((f"hw/{name}", data), ("hw/gpt.py", G)))
    else:
        put(tmp_path / "alice" / "hw" / name, data)
        put(tmp_path / "alice" / "hw" / "gpt.py", G)
        found = one(tmp_path / "alice")
    assert found.files["gpt.py"] == G
    if problem and "larger" in problem:
        assert name not in found.files
    else:
        assert found.files[name] == data
    assert [problem in told for told in found.problems] == [True] if problem else found.problems == ()


def test_all_files_together_are_bounded(tmp_path: Path) -> None:
    notebooks = [f"{number}.ipynb" for number in range(4)]
    for name in notebooks:
        put(tmp_path / "alice" / name, b"1" * (20 << 20))
    (found,) = find_submissions([tmp_path / "alice"], notebooks)
    assert list(found.files) == notebooks[:3]
    assert found.problems == ("3.ipynb is not taken: the files are larger than 64 MB together",)


@pytest.mark.parametrize(
    "make",
    [
        lambda alice: put(alice / "hw.zip", b"nothing"),
        lambda alice: put(alice / "attention.py", b"\xff"),
        lambda alice: (alice / "attention.py").symlink_to("/etc/passwd"),
        lambda alice: put(alice / "\x1b[31m\u202e.rar"),
        lambda alice: put(alice / "attention.py", bytes(2 << 20)),
    ],
)
def test_no_message_names_a_place_on_this_machine_or_carries_control_characters(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    (tmp_path / "alice").mkdir()
    make(tmp_path / "alice")
    for form in ("auto", "one", "class"):
        for found in find_submissions([tmp_path / "alice"], UNIT, form):  # type: ignore[arg-type]  # mypy widens
            assert found.problems
            for problem in found.problems:
                assert str(tmp_path) not in problem
                assert "/etc" not in problem
                assert problem.isprintable() or "\ufffd" in problem
