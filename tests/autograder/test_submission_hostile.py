"""Damaged and hostile submissions: nothing is lost of the rest, nothing blocks, nothing fills the memory."""

import io
import os
import random
import socket
import stat
import struct
import subprocess
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.submission import Submission, find_submissions, tree
from autograder.submission.archive import MAX_DIRECTORY
from autograder.submission.tree import MAX_ENTRIES

UNIT = ("attention.py", "gpt.py", "tour.ipynb")
NONE_FOUND = "none of attention.py, gpt.py, tour.ipynb found"
A, G = b"attention = 1\n", b"gpt = 1\n"
GIGABYTE = 1 << 30
DAMAGED = "is not a zip, or a damaged or incomplete one; make the zip again"
LINK = "is a link; hand in the file itself"
DEEP = "nothing found in 20 folders, one inside the other; hand in the files themselves"
NOT_A_FILE = "is a pipe, a socket or a device; hand in a plain file"

Member = tuple[str | zipfile.ZipInfo, bytes]


def put(path: Path, data: bytes = A) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def zipped(*members: Member, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def of_kind(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o644) << 16
    return info


def one(path: Path) -> Submission:
    (submission,) = find_submissions([path], UNIT)
    return submission


def from_zip(tmp_path: Path, data: bytes) -> Submission:
    return one(put(tmp_path / "alice.zip", data))


def directory_changed(data: bytes, offset: int, code: str, *values: int, member: int = 0) -> bytes:
    """The zip with other values in one entry of its directory; the entry itself is as it was."""
    start = -1
    for _ in range(member + 1):
        start = data.index(b"PK\x01\x02", start + 1)
    changed = bytearray(data)
    struct.pack_into(code, changed, start + offset, *values)
    return bytes(changed)


@pytest.fixture(scope="module")
def gigabyte() -> bytes:
    """A zip with `gpt.py` and an attention.py of a gigabyte of zeros, which are never all in memory here either."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("gpt.py", G)
        with archive.open("attention.py", "w") as member:
            for _ in range(GIGABYTE >> 24):
                member.write(bytes(1 << 24))
    return buffer.getvalue()


# --- zips: one that cannot be opened at all


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", DAMAGED),
        (b"not a zip", DAMAGED),
        (b"PK\x03\x04" + bytes(100), DAMAGED),
        (b"\x1f\x8b\x08" + bytes(50), DAMAGED),
        (zipped(("attention.py", A), ("gpt.py", G))[:-10], DAMAGED),
        (zipped(("attention.py", A), ("gpt.py", G))[:60], DAMAGED),
        (b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 9, 9, 5000, 0, 0), DAMAGED),
        (b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, 50, 1 << 31, 0), DAMAGED),
        (directory_changed(zipped(("gpt.py", G)), 6, "<H", 99), DAMAGED),  # of a version to come
    ],
    ids=["empty", "text", "header", "gzip", "cut", "half", "big directory", "far directory", "version"],
)
def test_what_is_no_zip_is_told_and_the_others_go_on(tmp_path: Path, data: bytes, why: str) -> None:
    put(tmp_path / "alice.zip", data)
    put(tmp_path / "bob" / "attention.py")
    alice, bob = find_submissions([tmp_path], UNIT)
    assert (alice.student, alice.problems, alice.readable, alice.gradable) == (
        "alice",
        (f"alice.zip {why}",),
        False,
        False,
    )
    assert (bob.student, bob.problems, bob.gradable) == ("bob", (), True)
    assert one(tmp_path / "alice.zip") == alice


def test_a_damaged_zip_in_a_students_folder_is_told(tmp_path: Path) -> None:
    put(tmp_path / "alice" / "hw.zip", b"nothing")
    put(tmp_path / "bob" / "attention.py")
    alice = find_submissions([tmp_path], UNIT)[0]
    assert (alice.problems, alice.readable) == ((f"hw.zip {DAMAGED}",), False)


def test_an_empty_zip_holds_nothing(tmp_path: Path) -> None:
    found = from_zip(tmp_path, zipped())
    assert (found.problems, found.readable) == ((NONE_FOUND,), True)


def test_an_encrypted_zip_is_told(tmp_path: Path) -> None:
    data = directory_changed(zipped(("attention.py", A)), 8, "<H", 1)
    found = from_zip(tmp_path, data)
    assert found.problems == ("alice.zip is encrypted; make the zip again without a password",)
    assert not found.readable


def test_one_encrypted_file_costs_that_file(tmp_path: Path) -> None:
    data = directory_changed(zipped(("attention.py", A), ("gpt.py", G)), 8, "<H", 1)
    found = from_zip(tmp_path, data)
    assert found.files == {"gpt.py": G}
    assert found.problems == ("attention.py is encrypted; make the zip again without a password",)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.rar", "a.7z", "a.TAR.XZ"])
def test_other_archives_are_told_what_to_do(tmp_path: Path, name: str) -> None:
    why = f"{name} is an archive that is not read here; hand in a .zip or the files"
    put(tmp_path / "bob" / "attention.py")
    found = one(put(tmp_path / name))
    assert (found.student, found.problems, found.readable) == ("a", (why,), False)
    assert find_submissions([tmp_path], UNIT)[0] == found
    put(tmp_path / "carol" / name)
    assert one(tmp_path / "carol").problems == (why, NONE_FOUND)


def test_a_path_of_another_kind_is_told(tmp_path: Path) -> None:
    found = one(put(tmp_path / "notes.txt"))
    assert found.problems == ("notes.txt is not a folder, a .zip, a .py or an .ipynb",)
    assert not found.readable


# --- zips: members


@pytest.mark.parametrize(
    ("offset", "code", "values", "why"),
    [
        (24, "<I", (3,), "is damaged in the zip; make the zip again"),  # smaller than it is
        (24, "<I", (4_000_000_000,), None),  # larger than it is: the true size counts
        (20, "<I", (5,), "is damaged in the zip; make the zip again"),  # packed smaller
        (20, "<I", (4_000_000_000,), None),  # packed larger
        (16, "<I", (0,), "is damaged in the zip; make the zip again"),  # another checksum
        (42, "<I", (30_000,), "is damaged in the zip; make the zip again"),  # lies elsewhere
        (10, "<H", (zipfile.ZIP_STORED,), "is damaged in the zip; make the zip again"),  # not packed
        (10, "<H", (9,), "is packed in an unusual way; make the zip again with the usual settings"),
        (8, "<H", (0x20,), "is damaged in the zip; make the zip again"),  # data that patches other data
        (46, "<12s", (b"gpt.py\0\0\0.py",), "is not the name"),
    ],
    ids=[
        "short",
        "long",
        "packed short",
        "packed long",
        "crc",
        "offset",
        "stored",
        "deflate64",
        "patch",
        "NUL in the name",
    ],
)
def test_a_directory_that_lies_costs_only_what_it_lies_about(
    tmp_path: Path, offset: int, code: str, values: tuple[int, ...], why: str | None
) -> None:
    long = b"# attention\n" * 40
    data = directory_changed(zipped(("attention.py", long), ("gpt.py", G)), offset, code, *values)
    found = from_zip(tmp_path, data)
    assert found.files["gpt.py"] == G
    if why:
        assert "attention.py" not in found.files
        assert why in found.problems[0]
    else:
        assert found.files.get("attention.py", long) == long


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_cannot_be_read_in_small_steps_are_refused(tmp_path: Path, method: int) -> None:
    found = from_zip(tmp_path, zipped(("attention.py", bytes(50 << 20)), method=method))
    expected = "attention.py is packed in an unusual way; make the zip again with the usual settings"
    assert found.problems == (expected, NONE_FOUND)


@pytest.mark.parametrize("claimed", [None, 100], ids=["honest", "lying"])
def test_a_gigabyte_of_zeros_is_not_unpacked(tmp_path: Path, gigabyte: bytes, claimed: int | None) -> None:
    data = gigabyte
    if claimed is not None:
        data = directory_changed(data, 24, "<I", claimed, member=1)
    put(tmp_path / "alice.zip", data)
    began = time.process_time()
    tracemalloc.start()
    found = one(tmp_path / "alice.zip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.files == {"gpt.py": G}
    assert found.problems[0].startswith(
        "attention.py is larger than 1 MB" if claimed is None else "attention.py is damaged"
    )
    assert peak < 8 << 20
    assert time.process_time() - began < 5


def test_a_nested_zip_that_is_too_large_is_not_unpacked(tmp_path: Path) -> None:
    bomb = zipped(("alice.zip", zipped(("x", bytes(65 << 20)), method=zipfile.ZIP_STORED)), ("bob_gpt.py", G))
    alice, bob = find_submissions([put(tmp_path / "class.zip", bomb)], UNIT)
    assert alice.problems == ("alice.zip is larger than 64 MB, which is the most that is taken",)
    assert not alice.readable
    assert bob.gradable


def test_too_many_members_are_told(tmp_path: Path) -> None:
    data = zipped(*((f"{number}.txt", b"") for number in range(MAX_ENTRIES)), ("attention.py", A))
    found = from_zip(tmp_path, data)
    assert found.problems == ("alice.zip holds more than 20000 files; leave out what is not asked for",)
    assert not found.readable


def test_a_huge_directory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    entry = (
        struct.pack("<4sBBHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    )
    directory = entry * (8 * MAX_DIRECTORY // len(entry))
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0)
    put(tmp_path / "alice.zip", directory + end)
    del directory
    tracemalloc.start()
    found = one(tmp_path / "alice.zip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "holds more than 20000 files" in found.problems[0]
    assert peak < 1 << 20


@pytest.mark.parametrize(
    "name",
    ["../gpt.py", "/gpt.py", "a/../../gpt.py", "..\\gpt.py", "C:\\gpt.py", "C:gpt.py", "\\\\host\\gpt.py", "x" * 300],
)
def test_names_that_lead_out_of_the_zip_are_told_and_not_taken(tmp_path: Path, name: str) -> None:
    found = from_zip(tmp_path, zipped(("attention.py", A), (name, b"hostile")))
    assert found.files == {"attention.py": A}
    (problem,) = found.problems
    assert problem.endswith("in the zip is not the name of a file inside it, and is not taken")
    assert len(problem) < 300


def test_names_that_lead_out_of_a_class_are_told_once_and_are_nobodys(tmp_path: Path) -> None:
    members = [(f"../{number}/gpt.py", G) for number in range(500)]
    found = find_submissions([put(tmp_path / "class.zip", zipped(("a/gpt.py", G), ("b/gpt.py", G), *members))], UNIT)
    assert [(each.student, each.gradable) for each in found] == [("a", True), ("b", True), ("class", False)]
    assert len(found[2].problems) == 21
    assert found[2].problems[-1] == "there is more of this kind, not listed here"


def test_backslashes_of_windows_are_folders(tmp_path: Path) -> None:
    found = from_zip(tmp_path, zipped(("hw\\", b""), ("hw\\assignments\\attention.py", A), ("hw\\gpt.py", G)))
    assert (found.files, found.problems) == ({"attention.py": A, "gpt.py": G}, ())


@pytest.mark.parametrize(
    ("kind", "why"),
    [(stat.S_IFLNK, LINK), (stat.S_IFIFO, NOT_A_FILE), (stat.S_IFCHR, NOT_A_FILE), (stat.S_IFSOCK, NOT_A_FILE)],
)
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, kind: int, why: str) -> None:
    found = from_zip(tmp_path, zipped((of_kind("attention.py", kind), b"/etc/passwd"), ("gpt.py", G)))
    assert (found.files, found.problems) == ({"gpt.py": G}, (f"attention.py {why}",))


def test_a_linked_folder_in_a_zip_is_not_followed(tmp_path: Path) -> None:
    data = zipped((of_kind("assignments", stat.S_IFLNK), b"/etc"), ("assignments/attention.py", A), ("gpt.py", G))
    found = from_zip(tmp_path, data)
    assert found.files == {"attention.py": A, "gpt.py": G}  # the folder of that name in the zip itself
    assert found.problems == (f"assignments {LINK}",)


def test_a_name_that_is_twice_in_the_zip_is_told(tmp_path: Path) -> None:
    found = from_zip(tmp_path, zipped(("attention.py", b"old"), ("attention.py", A)))
    assert found.files == {"attention.py": A}
    assert found.problems == ("attention.py is twice in the zip; the later one is taken",)


@pytest.mark.parametrize("order", [1, -1])
def test_a_name_that_is_a_file_and_a_folder_is_told(tmp_path: Path, order: int) -> None:
    members = [("attention.py", A), ("attention.py/attention.py", A)][::order]
    found = from_zip(tmp_path, zipped(*members, ("gpt.py", G)))
    assert found.files["gpt.py"] == G
    assert "attention.py is both a file and a folder in the zip; the earlier one is taken" in found.problems


@pytest.mark.parametrize("name", ["Attention.py", "ATTENTION.PY", "\uff41ttention.py"])
@pytest.mark.parametrize("order", [1, -1])
def test_names_that_collide_are_told_and_the_right_one_wins(tmp_path: Path, name: str, order: int) -> None:
    found = from_zip(tmp_path, zipped(*[("attention.py", A), (name, b"other")][::order]))
    assert found.files == {"attention.py": A}
    assert found.problems == (f"{name} is not taken: another attention.py was found before it; hand in one",)


def test_a_look_alike_is_another_name(tmp_path: Path) -> None:
    assert from_zip(tmp_path, zipped(("\u0430ttention.py", A))).problems == (NONE_FOUND,)  # a Cyrillic a


def test_names_of_macos_zips_are_read_as_utf8(tmp_path: Path) -> None:
    data = zipped(("Zoe/attention.py", A), ("Max/gpt.py", G)).replace(b"Zoe", "Zö".encode())
    found = find_submissions([put(tmp_path / "class.zip", data)], UNIT)
    assert [each.student for each in found] == ["Max", "Zö"]


def test_deep_folders_in_a_zip_are_not_looked_into(tmp_path: Path) -> None:
    found = from_zip(tmp_path, zipped(("d/" * 5000 + "attention.py", A), ("gpt.py", G)))
    assert (found.files, found.problems) == ({"gpt.py": G}, ())
    found = from_zip(tmp_path, zipped(("d/" * 5000 + "attention.py", A)))
    assert (found.files, found.problems) == ({}, (DEEP, NONE_FOUND))
    found = from_zip(tmp_path, zipped(("d/" * 20 + "attention.py", A)))
    assert found.problems == (DEEP, NONE_FOUND)
    assert from_zip(tmp_path, zipped(("d/" * 19 + "attention.py", A))).gradable


def test_folders_in_a_zip_cost_no_memory_however_deep_they_are(tmp_path: Path) -> None:
    path = put(tmp_path / "alice.zip", zipped(*((f"{number}/" + "d/" * 30_000, b"") for number in range(60))))
    tracemalloc.start()
    found = one(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.problems == (NONE_FOUND,)
    assert peak < 32 << 20


def test_whatever_byte_of_a_zip_is_wrong_nothing_but_that_student_is_hurt(tmp_path: Path) -> None:
    good = zipped(("hw/attention.py", A * 50), ("hw/gpt.py", G), ("hw/tour.ipynb", b"{}"))
    dice = random.Random(0)
    for _ in range(600):
        data = bytearray(good[: dice.choice([len(good), dice.randrange(len(good))])])
        for _ in range(dice.randrange(1, 5)):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        for found in find_submissions([put(tmp_path / "alice.zip", bytes(data))], UNIT):
            assert found.gradable or found.problems


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
