"""Damaged and hostile zips: nothing is lost of the rest, nothing blocks, nothing fills the memory."""

import io
import random
import stat
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from autograder.submission import find_submissions
from autograder.submission.archive import MAX_DIRECTORY
from autograder.submission.tree import MAX_ENTRIES

from .handed_in import DEEP, LINK, NONE_FOUND, NOT_A_FILE, UNIT, A, G, from_zip, one, put, zipped

GIGABYTE = 1 << 30
DAMAGED = "is not a zip, or a damaged or incomplete one; make the zip again"


def of_kind(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o644) << 16
    return info


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


# --- one that cannot be opened at all


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


# --- members


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
