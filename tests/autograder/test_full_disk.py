"""A disk that is really full, and one that is really read-only: told clearly, and nothing of the gradebook is lost."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
export AUTOGRADER_SECRET=tests
say() {{ echo "== $1"; echo "== $1" >&2; }}
grade() {{ say "$1"; shift; {python} -m autograder grade {students} --out {out} "$@"; echo "status $?"; }}
whole() {{ {python} -c 'import sqlite3; book = sqlite3.connect("file:{out}/gradebook.sqlite?immutable=1", uri=True)
print("gradebook", book.execute("PRAGMA integrity_check").fetchone()[0],
      book.execute("SELECT count(*) FROM runs WHERE ended IS NOT NULL").fetchone()[0])'; }}
mount -t tmpfs -o size=2m none {out} || exit 9
grade first
cat /dev/zero > {out}/filler 2> /dev/null
grade full --force
whole
rm {out}/filler
grade freed
mount -o remount,ro {out}
grade read-only
whole
"""


def _can_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.usefixtures("isolation")
def test_a_full_disk_and_a_read_only_folder_are_told_and_the_gradebook_stays_whole(tiny_unit: Path, tmp_path: Path):
    out, students = tmp_path / "out", tmp_path / "class"
    out.mkdir()
    if not _can_mount(out):
        pytest.skip("a disk of its own can be mounted by root alone")
    for name in ("ada", "bob"):
        (students / name).mkdir(parents=True)
        shutil.copy(tiny_unit / "solutions" / "words.py", students / name)
    script = SCRIPT.format(python=shlex.quote(sys.executable), students=students, out=out)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], cwd=tiny_unit, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    errors = {part.split("\n")[0]: part for part in done.stderr.split("== ") if part}
    printed = {part.split("\n")[0]: part.split() for part in done.stdout.split("== ") if part}
    assert "Traceback" not in done.stderr
    assert printed["first"][-1] == "0", said
    assert printed["full"][1:] == ["status", "2", "gradebook", "ok", "1"], said
    assert "gradebook.sqlite: the disk is full." in errors["full"]
    assert printed["freed"][-1] == "0", said
    assert printed["read-only"][1:] == ["status", "2", "gradebook", "ok", "2"], said
    assert "Read-only file system" in errors["read-only"]
