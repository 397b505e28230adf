"""The zips that programs and platforms make, what lies beside a student's files, and classes with broken ones."""

import gc
import io
import os
import pickle
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from autograder.submission import find_submissions, tree
from autograder.submission.store import Store

from .handed_in import UNIT, A, G, one


def put(root: Path, **members: bytes) -> Path:
    for name, data in members.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zipped(members: dict[str, bytes], **options: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            with archive.open(name, "w", **options) as member:  # type: ignore[call-overload]  # force_zip64 or nothing
                member.write(data)
    return buffer.getvalue()


class Pipe(io.RawIOBase):
    """What a zip is written to by a program that cannot go back: sizes follow the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def streamed(members: dict[str, bytes]) -> bytes:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]  # it writes, no more
        for name, data in members.items():
            archive.writestr(name, data)
    return bytes(pipe.data)


KINDS = {
    "plain": zipped({"attention.py": A}),
    "zip64": zipped({"attention.py": A}, force_zip64=True),
    "streamed": streamed({"attention.py": A}),
    "behind a program": b"MZ" + bytes(3000) + zipped({"attention.py": A}),
    "with a comment": zipped({"attention.py": A})[:-2] + struct.pack("<H", 5) + b"hello",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_zip_is_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "alice.zip").write_bytes(KINDS[kind])
    found = one(tmp_path / "alice.zip")
    assert (found.files, found.problems) == ({"attention.py": A}, ())


def test_entries_that_overlap_cost_no_more_than_the_files_asked_for(tmp_path: Path) -> None:
    """A quine or an overlapped bomb: two thousand entries of the directory, all of one piece of data."""
    data = zipped({"attention.py": bytes(900_000)})
    start = data.index(b"PK\x01\x02")
    entry, end = data[start : data.index(b"PK\x05\x06")], data[data.index(b"PK\x05\x06") :]
    entries = [entry, *(entry.replace(b"attention.py", b"%012d" % number) for number in range(2_000))]
    end = bytearray(end)
    struct.pack_into("<HHI", end, 8, len(entries), len(entries), sum(map(len, entries)))
    (tmp_path / "alice.zip").write_bytes(data[:start] + b"".join(entries) + end)
    tracemalloc.start()
    found = one(tmp_path / "alice.zip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if found.files:
        assert len(found.files["attention.py"]) == 900_000
    else:  # later versions of Python notice it
        assert found.problems[0] == "attention.py is damaged in the zip; make the zip again"
    assert peak < 32 << 20


def test_a_member_without_a_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "alice.zip").write_bytes(zipped({"attention.py": A, "": G, "/": b"", "./": b""}))
    assert one(tmp_path / "alice.zip").files == {"attention.py": A}


def test_a_bomb_in_a_bomb_is_not_looked_into(tmp_path: Path) -> None:
    layer = zipped({"x": bytes(20 << 20)})
    for _ in range(5):
        layer = zipped({f"{number}.zip": layer for number in range(10)})
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "mallory.zip").write_bytes(layer)
    put(tmp_path / "class" / "bob", **{"attention.py": A})
    tracemalloc.start()
    bob, mallory = find_submissions([tmp_path / "class"], UNIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert bob.gradable
    assert not mallory.gradable
    assert mallory.problems
    assert peak < 16 << 20


def test_folders_that_only_paths_name_are_counted(tmp_path: Path) -> None:
    members = {f"{number}/" + "d/" * 18 + "x": b"" for number in range(2000)}
    (tmp_path / "alice.zip").write_bytes(zipped(members))
    found = one(tmp_path / "alice.zip")
    assert found.problems == ("alice.zip holds more than 20000 files; leave out what is not asked for",)


def test_names_that_are_nearly_a_students_are_sorted_out_at_once(tmp_path: Path) -> None:
    """3,000 files of students and 3,000 that might be anyone's: not each compared with each."""
    members = {f"y{number}_gpt.py": G for number in range(3000)} | {f"x{number}_q.py": b"" for number in range(3000)}
    (tmp_path / "class.zip").write_bytes(zipped(members))
    found = find_submissions([tmp_path / "class.zip"], UNIT)
    assert sum(each.gradable for each in found) == 3000


# --- what lies beside the files


NEVER = (
    *("conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", "sitecustomize.py", "usercustomize.py"),
    *("torch.py", "json.py", "numpy/__init__.py", "words.pth", "test_attention.py", ".env", "Makefile", "setup.py"),
    *("__pycache__/attention.cpython-311.pyc", "attention.pyc", "attention.so", "attention/__init__.py"),
    *("attention.cpython-311-x86_64-linux-gnu.so", "grading.yml", "tests/hidden/test_attention.py", "autograder.py"),
)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_nothing_but_the_units_files_comes_near_an_interpreter(tmp_path: Path, packed: bool) -> None:
    members = {**dict.fromkeys(NEVER, b"raise SystemExit('run')\n"), "attention.py": A}
    path = tmp_path / "alice.zip"
    if packed:
        path.write_bytes(zipped(members))
    else:
        path = put(tmp_path / "alice", **members)
    found = one(path)
    found.write_to(tmp_path / "scratch")
    assert [each.name for each in (tmp_path / "scratch").iterdir()] == ["attention.py"]


@pytest.mark.skipif(
    not hasattr(os, "mknod") or not hasattr(os, "geteuid") or os.geteuid(), reason="only root makes one"
)
def test_a_device_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "alice", **{"gpt.py": G})
    try:
        os.mknod(tmp_path / "alice" / "attention.py", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")
    found = one(tmp_path / "alice")
    assert found.files == {"gpt.py": G}
    assert found.problems == ("attention.py is a pipe, a socket or a device; hand in a plain file",)


def test_a_folder_that_cannot_be_read_costs_nothing_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "MAX_ENTRIES", 50)
    (tmp_path / "class" / "alice").mkdir(parents=True)
    (tmp_path / "class" / "alice" / "hw.zip").write_bytes(zipped({"attention.py": A}))
    put(tmp_path / "class" / "alice", **{f"cache/{number}": b"" for number in range(60)})
    put(tmp_path / "class" / "bob", **{"attention.py": A})
    alice, bob = find_submissions([tmp_path / "class"], UNIT)
    assert bob.gradable
    assert alice.readable
    assert "hw.zip is not looked into; hand in one zip, or the files themselves" in alice.problems


# --- classes


def test_a_class_of_sixty_zips_loses_the_two_that_are_broken(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"s{number:02}.zip").write_bytes(zipped({"hw/attention.py": b"x = %d\n" % number}))
    (tmp_path / "s17.zip").write_bytes((tmp_path / "s17.zip").read_bytes()[:50])
    (tmp_path / "s41.zip").write_bytes(b"")
    found = find_submissions([tmp_path], UNIT)
    assert [each.student for each in found if not each.gradable] == ["s17", "s41"]
    assert [each.files["attention.py"] for each in found if each.gradable] == [
        b"x = %d\n" % number for number in range(60) if number not in (17, 41)
    ]


CLASSES = {
    "Canvas": (
        {
            "doejane_1234_5678_attention.py": A,
            "doejane_LATE_1234_5679_gpt-2.py": G,
            "roe_99_5680_hw.zip": zipped({"attention.py": A}),
        },
        {"doejane_1234": ["attention.py", "gpt.py"], "roe_99": ["attention.py"]},
    ),
    "Moodle": (
        {
            "Jane Doe_123_assignsubmission_file/attention.py": A,
            "Max Roe_124_assignsubmission_file_/hw.zip": zipped({"hw/gpt.py": G}),
            "Max Roe_124_assignsubmission_onlinetext_/onlinetext.html": b"<p>done</p>",
        },
        {"Jane Doe_123": ["attention.py"], "Max Roe_124": ["gpt.py"]},
    ),
    "Gradescope": (
        {
            "assignment_1_export/submission_metadata.yml": b"submission_7: {}\n",
            "assignment_1_export/submission_7/attention.py": A,
            "assignment_1_export/submission_8/assignments/gpt.py": G,
        },
        {"submission_7": ["attention.py"], "submission_8": ["gpt.py"]},
    ),
    "GitHub": (
        {
            "class-main/hw-jane/assignments/attention.py": A,
            "class-main/hw-jane/.github/workflows/check.yml": b"",
            "class-main/hw-max/assignments/gpt.py": G,
            "class-main/hw-max/tests/public/test_gpt.py": b"",
        },
        {"hw-jane": ["attention.py"], "hw-max": ["gpt.py"]},
    ),
}


@pytest.mark.parametrize("platform", CLASSES)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_platforms_export_is_taken_as_it_comes(tmp_path: Path, platform: str, packed: bool) -> None:
    members, expected = CLASSES[platform]
    path = tmp_path / "export.zip"
    if packed:
        path.write_bytes(zipped(members))
    else:
        path = put(tmp_path / "export", **members)
    found = find_submissions([path], UNIT)
    assert {each.student: list(each.files) for each in found} == expected
    assert [each.problems for each in found] == [()] * len(found)


def test_two_submissions_of_one_name_are_told(tmp_path: Path) -> None:
    """Mallory's zip looks like a class and holds a folder called bob: nobody mistakes it for Bob's unwarned."""
    (tmp_path / "mallory.zip").write_bytes(zipped({"bob/attention.py": b"1", "x/gpt.py": G}))
    (tmp_path / "bob.zip").write_bytes(zipped({"attention.py": A}))
    found = find_submissions([tmp_path / "mallory.zip", tmp_path / "bob.zip"], UNIT)
    assert [(each.student, each.problems) for each in found] == [
        ("bob", ("2 submissions have the name bob; this one is here as bob",)),
        ("bob-2", ("2 submissions have the name bob; this one is here as bob-2",)),
        ("x", ()),
    ]


# --- the store


def test_what_waits_to_be_graded_is_not_in_memory(tmp_path: Path) -> None:
    for number in range(40):
        put(tmp_path / str(number), **{"tour.ipynb": b"%d" % number + b" " * (1 << 20)})
    tracemalloc.start()
    found = find_submissions([tmp_path], UNIT)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 8 << 20
    assert sorted(int(each.files["tour.ipynb"]) for each in found) == list(range(40))


def test_what_is_graded_is_what_was_read_at_the_door(tmp_path: Path) -> None:
    found = one(put(tmp_path / "alice", **{"attention.py": A}))
    sha256 = found.sha256
    (tmp_path / "alice" / "attention.py").write_bytes(b"changed since")
    assert found.files["attention.py"] == A
    assert found.sha256 == sha256


def test_a_submission_that_is_sent_elsewhere_takes_its_files_along(tmp_path: Path) -> None:
    found = one(put(tmp_path / "alice", **{"attention.py": A, "gpt.py": b""}))
    copy = pickle.loads(pickle.dumps(found))
    assert copy == found
    assert type(copy.files) is dict


def test_the_store_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = Store().put({"a": b"1", "b": b""})  # the store lives as long as what is in it
    gc.collect()
    assert (dict(kept), list(tmp_path.iterdir())) == ({"a": b"1", "b": b""}, [])
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 1
    del kept
    gc.collect()
    assert not os.path.isdir("/proc/self/fd") or len(os.listdir("/proc/self/fd")) == descriptors - 1
