"""`autograder check --watch`: what is checked when, what is said about it, and how it ends."""

import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from autograder.desk.checked import Change, Checked, change
from autograder.desk.watch import watch
from autograder.results import Status
from autograder.spec import load

RIGHT = "def count_words(text):\n    return {'oak': 1}\n\ndef most_common(text):\n    return 'oak'\n"
WRONG = RIGHT.replace("return 'oak'", "return 'elm'")
PATIENCE = 120  # seconds after which a reader gives up on a process that says nothing


@pytest.fixture
def desk(tiny_unit: Path) -> Path:
    shutil.rmtree(tiny_unit / "solutions")
    shutil.rmtree(tiny_unit / "tests" / "hidden")
    return tiny_unit


@pytest.fixture
def said(desk: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """What is shown after the start and after each step; a step changes the file and may name other files as saved."""
    file = desk / "assignments" / "words.py"

    def run(*steps: Callable[[Path], object], topics: tuple[str, ...] = ("words",)) -> list[str]:
        shown = []

        def saves(folder: Path) -> Iterator[frozenset[str]]:
            assert folder == file.parent
            yield frozenset()
            for step in steps:
                shown.append(capsys.readouterr().out)
                names = step(file)
                yield names if isinstance(names, frozenset) else frozenset({"words.py"})
            shown.append(capsys.readouterr().out)

        watch(load(desk), topics, Console(width=120), saves)
        return shown

    return run


def test_a_save_checks_again_and_says_what_is_different(said):
    start, better, worse = said(lambda file: file.write_text(RIGHT), lambda file: file.write_text(WRONG))
    assert start.count("not written yet") == 2
    assert "2 of 2 checks hold." in better
    assert "now holds: most_common: Of one word, that one." in better
    assert "holds no more: most_common: Of one word, that one." in worse
    assert "count_words" not in worse.split("checks hold.")[1]


def test_what_is_no_change_of_the_unit_is_passed_over(said):
    def other_file(file: Path) -> frozenset[str]:
        (file.parent / ".words.py.swp").write_text("x")
        (file.parent / "notes.txt").write_text("x")
        return frozenset({".words.py.swp", "notes.txt"})

    def same_again(file: Path) -> None:
        file.write_text(file.read_text())

    assert said(other_file, same_again, lambda _: frozenset())[1:] == ["", "", ""]


def test_an_editor_that_puts_another_file_in_its_place(said):
    def replaced(file: Path) -> frozenset[str]:
        new = file.with_name("words.py~tmp")
        new.write_text(RIGHT)
        os.replace(new, file)
        return frozenset({"words.py~tmp", "words.py"})

    assert "2 of 2 checks hold." in said(replaced)[-1]


def test_half_a_file_and_a_syntax_error_are_told_and_compared_with_what_was_before_them(said):
    shown = said(
        lambda file: file.write_text(WRONG),
        lambda file: file.write_text(RIGHT[:20]),
        lambda file: file.write_text(RIGHT),
    )
    assert "words.py cannot be imported" in shown[2]
    assert "now holds: most_common" in shown[3]
    assert "count_words" not in shown[3].split("checks hold.")[1]


def test_a_file_that_goes_and_comes_back(said):
    gone, back = said(lambda file: file.unlink(), lambda file: file.write_text(RIGHT))[1:]
    assert "words.py is not there any more." in gone
    assert "2 of 2 checks hold." in back


def test_without_a_topic_nothing_is_checked_before_it_is_saved(said):
    start, after = said(lambda file: file.write_text(RIGHT), topics=())
    assert "Waiting for you to save words.py" in start
    assert "not written yet" not in start
    assert "2 of 2 checks hold." in after


def test_an_endless_loop_is_stopped_and_the_next_save_is_checked(said):
    loop = RIGHT.replace("return 'oak'", "while True: pass")
    stuck, free = said(lambda file: file.write_text(loop), lambda file: file.write_text(RIGHT))[1:]
    assert "stopped after 0.5 seconds" in stuck
    assert "2 of 2 checks hold." in free


def test_where_there_is_no_fork_a_spare_worker_waits(said, monkeypatch):
    from autograder.desk import start
    from autograder.target.launcher import Spawner

    spares = []
    monkeypatch.setattr(start, "CAN_FORK", False)
    start = Spawner.start
    monkeypatch.setattr(Spawner, "start", lambda self: (start(self), spares.append(self._spare is not None)))
    assert "2 of 2 checks hold." in said(lambda file: file.write_text(RIGHT))[-1]
    assert spares[-1]


def test_a_topic_is_checked_again_when_what_it_builds_on_is_saved(desk, capsys):
    rules = desk / "grading.yml"
    poems = "\n  - name: poems\n    title: Poems\n    items:\n      - {id: poems.rhyme, points: 1, "
    poems += "builds_on: [words], tests: {test_rhyme: 1}, public: [test_rhyme]}\n"
    rules.write_text(rules.read_text() + poems)
    (desk / "tests" / "public" / "test_poems.py").write_text(
        'def test_rhyme(student):\n    """It rhymes."""\n    student.expect_equal(student.rhyme(), "oak")\n'
    )
    (desk / "assignments" / "poems.py").write_text("import words\ndef rhyme():\n    return words.most_common('')\n")
    shown = []

    def saves(folder: Path) -> Iterator[frozenset[str]]:
        yield frozenset()
        shown.append(capsys.readouterr().out)
        (folder / "words.py").write_text(RIGHT)
        yield frozenset({"words.py"})
        shown.append(capsys.readouterr().out)

    watch(load(desk), ["poems"], Console(width=120), saves)
    assert "0 of 1" in shown[0]
    assert "now holds: rhyme: It rhymes." in shown[1]


def test_what_only_one_check_knows_is_no_change():
    passed, failed = Status.PASSED, Status.FAILED
    before = Checked(False, {"a": passed, "b": failed, "c": passed, "old": passed})
    after = Checked(False, {"a": failed, "b": passed, "c": passed, "new": passed})
    assert change(before, after) == Change(gained=("b",), lost=("a",))


# as a student runs it


def until(process: subprocess.Popen[bytes], text: str) -> str:
    """What the process says until it has said this."""
    assert process.stdout is not None
    read = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while text.encode() not in read:
            assert selector.select(PATIENCE), f"nothing came after: {read.decode()}"
            piece = os.read(process.stdout.fileno(), 1 << 16)
            assert piece, f"it ended after: {read.decode()}"
            read += piece
    return read.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another signal there")
def test_a_real_save_is_seen_and_ctrl_c_ends_it(desk):
    command = [sys.executable, "-m", "autograder", "check", "words", "--watch"]
    with subprocess.Popen(
        command, cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"COLUMNS": "120"}
    ) as process:
        try:
            until(process, "Ctrl-C ends.")
            (desk / "assignments" / "words.py").write_text(RIGHT)
            assert "now holds" in until(process, "Ctrl-C ends.")
            process.send_signal(signal.SIGINT)
            assert "Stopped watching." in until(process, "Stopped watching.")
            assert process.wait(PATIENCE) == 0
            assert process.stderr is not None
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_watching_and_the_debugger_do_not_go_together(autograder, desk):
    done = autograder("check", "--watch", "--pdb", cwd=desk)
    assert done.returncode == 2
    assert "do not go together" in done.stderr
