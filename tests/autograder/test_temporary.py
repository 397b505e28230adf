"""What is temporary goes with its command; what a command that was killed has left goes with the next."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from autograder.machine import removal
from autograder.machine.removal import remove
from autograder.machine.temporary import remove_left_over, temporary_root

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")

HOLD = """
import os, sys, tempfile
from pathlib import Path
from autograder.machine.temporary import temporary_root
with temporary_root({where!r}) as root:
    folder = Path(tempfile.mkdtemp())
    (folder / "left.txt").write_text("left")
    {before}
    print(root, flush=True)
    sys.stdin.read(1)
    os.kill(os.getpid(), 9)
"""


class Holder:
    """A process with a temporary root in `where`, until it is told to be killed."""

    def __init__(self, where, before="pass"):
        code = HOLD.format(where=str(where), before=before)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.root = Path(self.process.stdout.readline().strip())

    def be_killed(self):
        self.process.communicate("x")
        assert self.process.returncode == -signal.SIGKILL


def test_everything_temporary_is_in_it_and_goes_with_it(tmp_path):
    before = tempfile.gettempdir()
    with temporary_root(str(tmp_path)) as root:
        folder = Path(tempfile.mkdtemp())
        assert folder.parent == root
        assert root.parent == tmp_path
    assert not list(tmp_path.iterdir())
    assert tempfile.gettempdir() == before


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(tmp_path):
    killed, alive = Holder(tmp_path), Holder(tmp_path)
    killed.be_killed()
    assert killed.root.exists()
    assert remove_left_over(str(tmp_path)) == [killed.root]
    assert list(alive.root.glob("*/left.txt"))
    alive.be_killed()
    with temporary_root(str(tmp_path)) as root:  # whoever comes next
        assert list(tmp_path.iterdir()) == [root]


def test_a_fork_that_lives_keeps_it_in_use(tmp_path):
    """The one that waits on the pipe outlives the process that made the folder."""
    ours, theirs = os.pipe()
    os.set_inheritable(ours, True)
    fork = f"if os.fork() == 0: os.close(0); os.read({ours}, 1); os._exit(0)"
    code = HOLD.format(where=str(tmp_path), before=fork)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[ours]
    )
    root = Path(process.stdout.readline().strip())
    process.stdin.write("x")
    process.stdin.close()
    process.wait()
    assert remove_left_over(str(tmp_path)) == []
    os.write(theirs, b"x")
    assert process.stdout.read() == ""  # its last holder has ended
    process.stdout.close()
    os.close(ours)
    os.close(theirs)
    assert remove_left_over(str(tmp_path)) == [root]


def test_one_that_was_killed_before_it_had_a_lock(tmp_path):
    (tmp_path / "autograder-run-early").mkdir()
    assert remove_left_over(str(tmp_path)) == [tmp_path / "autograder-run-early"]


def test_two_commands_that_find_the_same(tmp_path, monkeypatch, capfd):
    """Who is slower finds it gone, and has nothing to tell."""
    (tmp_path / "autograder-run-left").mkdir()

    def slower(root):
        remove(root)
        remove(root)

    monkeypatch.setattr("autograder.machine.temporary.remove", slower)
    assert not remove_left_over(str(tmp_path))
    assert not list(tmp_path.iterdir())
    assert not capfd.readouterr().err


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can make another user's folder")
def test_another_users_stays(tmp_path):
    (tmp_path / "autograder-run-theirs").mkdir()
    os.chown(tmp_path / "autograder-run-theirs", 54321, 54321)
    assert remove_left_over(str(tmp_path)) == []
    assert not list((tmp_path / "autograder-run-theirs").iterdir())


def test_links_and_files_of_that_name_lead_nowhere(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept.txt").write_text("kept")
    (tmp_path / "where" / "autograder-run-odd").mkdir(parents=True)
    (tmp_path / "where" / "autograder-run-odd" / "lock").symlink_to(tmp_path / "outside" / "kept.txt")
    (tmp_path / "where" / "autograder-run-link").symlink_to(tmp_path / "outside")
    (tmp_path / "where" / "autograder-run-file").write_text("a file")
    assert remove_left_over(str(tmp_path / "where")) == []
    assert (tmp_path / "outside" / "kept.txt").read_text() == "kept"


def test_a_folder_swapped_for_a_link_while_it_is_removed_leads_nowhere(tmp_path, monkeypatch):
    """A worker that is not dead yet may do that between the look at a folder and the step into it."""
    (tmp_path / "outside").mkdir(mode=0o500)
    (tmp_path / "outside" / "inner").mkdir()
    (tmp_path / "outside" / "kept.txt").write_text("kept")
    scratch = tmp_path / "scratch"
    (scratch / "a" / "b").mkdir(parents=True)
    look = removal._without_files

    def swapping(folder):
        names = look(folder)
        for name in names:
            with suppress(FileNotFoundError):
                os.rename(name, f"{name}-moved", src_dir_fd=folder, dst_dir_fd=folder)
                os.symlink(tmp_path / "outside", name, dir_fd=folder)
        monkeypatch.setattr(removal, "_without_files", look)  # once
        return names

    monkeypatch.setattr(removal, "_without_files", swapping)
    remove(scratch)
    assert not scratch.exists()
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["inner", "kept.txt"]
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o500


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files of the commands that a test runs."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def without_count_of_nothing(hidden):
    """The hidden tests; the one that another is to stand for has another name, and no item."""
    return hidden.read_text().replace("def test_count_of_nothing(", "def count_of_nothing(")


def test_grade_leaves_nothing(temporary, tiny_unit, tmp_path, autograder):
    """Nor does a worker that crashes, nor a job that is killed with all that it had made."""
    hidden = tiny_unit / "tests/hidden/test_words.py"
    hidden.write_text(
        f"import os, tempfile\nfrom pathlib import Path\n{without_count_of_nothing(hidden)}\n\n"
        "def test_count_of_nothing(student):\n"
        "    Path(tempfile.mkdtemp(), 'made').touch()\n"
        f"    Path({str(tmp_path / 'where')!r}).write_text(tempfile.gettempdir())\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    autograder("grade", tiny_unit / "solutions", "--one", "--out", tmp_path / "out", cwd=tiny_unit)
    assert (tmp_path / "where").read_text().startswith(f"{temporary}/autograder-run-")
    assert not list(temporary.iterdir())


def test_check_leaves_nothing(temporary, tiny_unit, autograder):
    words = tiny_unit / "assignments/words.py"
    words.write_text("import tempfile\n" + (tiny_unit / "solutions/words.py").read_text() + "\ntempfile.mkdtemp()\n")
    assert autograder("check", "words", cwd=tiny_unit).returncode == 0
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_grader_that_is_stopped_or_killed(number, isolation, temporary, tiny_unit, tmp_path, autograder):
    """Stopped, it has left nothing; killed, `doctor` removes what it left, and says so."""
    os.mkfifo(tmp_path / "begun")
    hidden = tiny_unit / "tests/hidden/test_words.py"
    begun = f"    Path({str(tmp_path / 'begun')!r}).write_text('begun')\n    signal.pause()\n"
    hidden.write_text(
        f"import signal\nfrom pathlib import Path\n{without_count_of_nothing(hidden)}\n\n"
        f"def test_count_of_nothing(student):\n{begun}"
    )
    command = [sys.executable, "-m", "autograder", "grade", "solutions", "--one", "--out", tmp_path / "out"]
    pipe = os.open(tmp_path / "begun", os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen(command, cwd=tiny_unit, stderr=subprocess.DEVNULL)
    ended = os.pidfd_open(process.pid)
    assert select.select([pipe, ended], [], [])[0] == [pipe]
    os.close(pipe)
    os.close(ended)
    assert len(list(temporary.glob("autograder-run-*"))) == 1
    process.send_signal(number)
    process.wait()
    told = autograder("doctor", cwd=tiny_unit).stdout
    assert ("1 temporary folder" in told) == (number == signal.SIGKILL)
    assert not list(temporary.iterdir())
