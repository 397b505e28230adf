"""What a worker leaves on disk: counted from outside, and gone afterwards whatever it is."""

import os
import subprocess
import sys

import pytest

from autograder.machine.removal import remove
from autograder.target.quota import Quota

MB = 1 << 20


def nested(folder, depth):
    """A folder in a folder in a folder..., `depth` of them: no path is long enough to name the last."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 20, dir_fd=descriptor)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def as_somebody(code):
    """Run code where root's rights do not hide that a folder cannot be entered."""
    drop = "import contextlib, os\nwith contextlib.suppress(PermissionError): os.setgid(54321); os.setuid(54321)\n"
    done = subprocess.run([sys.executable, "-c", code.format(drop=drop)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_tree_deeper_than_recursion_and_than_a_path(tmp_path):
    (tmp_path / "scratch").mkdir()
    nested(tmp_path / "scratch", 4000)
    remove(tmp_path / "scratch")
    assert not list(tmp_path.iterdir())


def test_odd_names_pipes_and_links_that_lead_outside(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    scratch = tmp_path / "scratch"
    (scratch / "0" / "1").mkdir(parents=True)  # the names that folders are moved to
    (scratch / "1").mkdir()
    (scratch / "0" / "0").write_text("a file")
    for name in (b"\xff\xfe", b" ", b"\n", "é".encode()):
        os.mkdir(os.fsencode(scratch) + b"/" + name)
        (scratch / os.fsdecode(name) / "x").write_text("x")
    os.mkfifo(scratch / "pipe")
    (scratch / "link").symlink_to(outside)
    (scratch / "0" / "link").symlink_to(outside / "kept.txt")
    remove(scratch)
    assert not scratch.exists()
    assert (outside / "kept.txt").read_text() == "kept"


def test_folders_that_nobody_may_enter():
    as_somebody(
        """
import tempfile, pathlib
from autograder.machine.removal import remove
{drop}
top = pathlib.Path(tempfile.mkdtemp())
(top / "a" / "b").mkdir(parents=True)
(top / "a" / "b" / "file").write_text("x")
for folder in (top / "a" / "b", top / "a", top):
    folder.chmod(0)
remove(top)
assert not top.exists()
"""
    )


def test_bytes_in_all_count_and_not_those_of_each_file(tmp_path):
    for number in range(8):
        (tmp_path / str(number)).write_bytes(b"x" * MB)
    assert not Quota(str(tmp_path), 10, 100).passed(os.getpid())
    assert Quota(str(tmp_path), 7, 100).passed(os.getpid())


def test_entries_count_however_empty(tmp_path):
    for number in range(50):
        (tmp_path / str(number)).touch()
    assert not Quota(str(tmp_path), 10, 50).passed(os.getpid())
    assert Quota(str(tmp_path), 10, 49).passed(os.getpid())


def test_links_are_not_followed(tmp_path):
    (tmp_path / "large").write_bytes(b"x" * 4 * MB)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "data").symlink_to(tmp_path)
    assert not Quota(str(tmp_path / "scratch"), 2, 5).passed(os.getpid())


def test_a_tree_too_deep_to_name_passes_the_quota(tmp_path):
    nested(tmp_path, 400)
    assert Quota(str(tmp_path), 10, 10_000).passed(os.getpid())
    remove(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="what is deleted and open is seen in /proc")
def test_files_that_are_deleted_and_still_open_count(tmp_path):
    quota = Quota(str(tmp_path), 2, 100)
    with open(tmp_path / "gone", "wb") as file:
        file.write(b"x" * 4 * MB)
        file.flush()
        os.unlink(tmp_path / "gone")
        assert quota.passed(os.getpid())
    assert not quota.passed(os.getpid())


RIGHT = """
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts
"""
FILLS = {
    "many megabytes": "for i in range(500): open(f'{i}', 'wb').write(b'x' * (1 << 20)); time.sleep(0.01)",
    "many files": "for i in range(100_000): open(f'{i}', 'w'); i % 50 or time.sleep(0.01)",
    "deleted files": "held = []\n    for i in range(60): held.append(deleted(i)); time.sleep(0.01)",
    "a deep tree": "for i in range(10_000): os.mkdir('deep'); os.chdir('deep'); i % 50 or time.sleep(0.01)",
    "nothing": "pass",
}
HEAD = """
import os, time

def deleted(name):
    file = open(f'{name}', 'wb', 0)
    os.unlink(f'{name}')
    file.write(b'x' * (4 << 20))
    return file

"""


@pytest.fixture
def grade_words(tiny_unit, tmp_path, autograder, read_results):
    """Grade submissions, by name, whose count_words does something else first; with other limits."""

    def run(submissions, **limits):
        rules = (tiny_unit / "grading.yml").read_text()
        lines = "".join(f"  {name}: {value}\n" for name, value in {"cpu_seconds": 20, **limits}.items())
        (tiny_unit / "grading.yml").write_text(rules.replace("  cpu_seconds: 0.5\n", lines))
        for name, first in submissions.items():
            (tmp_path / "class" / name).mkdir(parents=True)
            source = f"{HEAD}def count_words(text):\n    {first}{RIGHT}"
            (tmp_path / "class" / name / "words.py").write_text(source)
        done = autograder("grade", tmp_path / "class", "--class", "--out", tmp_path / "out", cwd=tiny_unit)
        assert done.returncode == 0, done.stderr
        return {name: result["items"][0] for name, result in read_results(tmp_path / "out").items()}

    return run


def messages(item):
    return {test["message"] for test in item["tests"]}


def test_who_fills_the_disk_is_stopped_and_nobody_else(grade_words):
    found = grade_words(FILLS, scratch_mb=16, scratch_files=200)
    assert found.pop("nothing")["score"] == 1
    for name, item in found.items():
        assert item["score"] == 0, name
        assert any("its files took more than 16 MB" in message for message in messages(item)), name


def test_a_submission_that_only_waits_ends_with_its_own_deadline(grade_words):
    """Each of its tests would have 200 seconds."""
    item = grade_words({"waits": "time.sleep(600)"}, submission_seconds=3)["waits"]
    assert item["status"] == "timeout"
    assert all("has used up the 3 seconds" in message for message in messages(item))
