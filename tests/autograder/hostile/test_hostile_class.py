"""A class of attackers, graded with two neighbours who did their work: nobody gains, nobody is disturbed.

What each attacker does stands in attacks.yml, and what was promised about it: what *reaches* something forbidden would
make count_words right, so a mark tells that it got through; a *cheat* gives back what is wrong; all are capped, so that
what the jail of this machine does not stop hurts nobody.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import psutil
import pytest
import yaml

HERE = Path(__file__).resolve().parent
TINY_UNIT = HERE.parent / "tiny_unit"
GROUPS: dict[str, dict[str, str]] = yaml.safe_load((HERE / "attacks.yml").read_text())

# What the jail does not stop yet, by the layer that will: a line here skips it, and says so.
NOT_STOPPED_YET: dict[str, tuple[str, ...]] = {}
PENDING = {name: layer for layer, names in NOT_STOPPED_YET.items() for name in names}

HEAD = """
import ctypes, errno, gc, glob, os, resource, signal, socket, subprocess, sys, threading, time
from importlib.machinery import SourceFileLoader

UNIT, OUT, CLASS, GRADER, PORT, SCRATCH = {known}


def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if (found := libc.syscall(ctypes.c_long(number), *arguments)) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return found


"""
RIGHT = """
def right(text):
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def most_common(text):
    counts = right(text)
    if not counts:
        raise ValueError("text has no word")
    return min(counts, key=lambda word: (-counts[word], word))


"""
CALLED = {
    "reach": "    attack(text)\n    return right(text)\n",
    "cheat": "    return attack(text) if text.strip() else {'wrong': 1}\n",
    "at import": "    return {'wrong': 1}\n",
    "waits": "    return attack(text) if not text.strip() else {'wrong': 1}\n",  # in one test, so once
}
# The grader, which tells the attackers who it is and holds what nobody may read.
DRIVER = """
import os, sys
from pathlib import Path
marker = "the-graders-own-" + "memory"
folder, out = sys.argv[1:]
for path in Path(folder).glob("*/words.py"):
    path.write_text(path.read_text().replace("@GRADER@", str(os.getpid())))
sys.argv[1:] = ["grade", folder, "--out", out, "--jobs", "4"]
from autograder.cli import main
main()
"""
CANARIES = ("this-is-the-canary", "the-graders-own-memory", "LEFT-IN-THE-HIDDEN-TEST", "LEFT-IN-THE-SOLUTION")


def promised(name: str) -> None:
    """Skip, and say so, where the jail does not keep this promise yet."""
    if name in PENDING:
        pytest.skip(f"{name}: not before there is {PENDING[name]}")


def source(group: str, attack: str, known: tuple[object, ...]) -> str:
    told = repr(known).replace("'@GRADER@'", "@GRADER@")
    code = "\n".join(f"    {line}" for line in attack.splitlines())
    head = HEAD.replace("{known}", told) + RIGHT
    if group == "at import":
        return f"{head}def count_words(text):\n{CALLED[group]}\n\n{attack}"
    return f"{head}def attack(text):\n{code}\n\n\ndef count_words(text):\n{CALLED[group]}"


def students() -> Iterator[tuple[str, str, str]]:
    """(folder, group, name) of each attack; those that wait come first, so that nobody waits for them at the end."""
    for number, group in enumerate(("waits", "reach", "cheat", "at import")):
        for index, name in enumerate(GROUPS[group]):
            yield f"{number}{index:03}", group, name


FOLDERS = {(group, name): folder for folder, group, name in students()}


class Graded:
    """The class, graded once: what came of it, and what it left behind."""

    def __init__(self, ground: Path, port: int) -> None:
        self.unit = copytree(TINY_UNIT, ground / "unit", ignore=lambda *_: ["__pycache__"])
        for path, word in (("tests/hidden/test_words.py", "HIDDEN-TEST"), ("solutions/words.py", "SOLUTION")):
            with open(self.unit / path, "a") as file:
                file.write(f"\n# LEFT-IN-THE-{word}\n")
        self.out, self.folder, self.scratch = ground / "out", ground / "class", ground / "scratch"
        self.known = (str(self.unit), str(self.out), str(self.folder), "@GRADER@", port, str(self.scratch))
        self.scratch.mkdir()
        (self.out / "neighbour-1").mkdir(parents=True)
        (self.out / "neighbour-1" / "results.json").write_text("{}")
        (self.out / "grades.csv").write_text("student\n")
        self.before = self.ground()
        for folder, group, name in students():
            self.hand_in(folder, source(group, GROUPS[group][name], self.known))
        for name in ("neighbour-1", "neighbour-2"):
            self.hand_in(name, RIGHT + "count_words = right\n")
        self.done = self.grade()
        self.results = {path.parent.name: json.loads(path.read_text()) for path in self.out.glob("*/results.json")}

    def hand_in(self, student: str, text: str) -> None:
        (self.folder / student).mkdir(parents=True)
        (self.folder / student / "words.py").write_text(text)

    def ground(self) -> dict[str, tuple[object, ...]]:
        """The unit as it lies there: contents, modes, times."""
        found = {}
        for path in sorted(self.unit.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                status = path.stat()
                found[str(path)] = (path.read_bytes(), status.st_mode, status.st_uid, status.st_mtime_ns)
        return found

    def grade(self) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "AUTOGRADER_SECRET": "tests",
            "CANARY": "this-is-the-canary",
            "TMPDIR": str(self.scratch),
            "COLUMNS": "120",
        }
        command = [sys.executable, "-c", DRIVER, str(self.folder), str(self.out)]
        return subprocess.run(
            command, cwd=self.unit, env=environment, capture_output=True, text=True, timeout=900, check=False
        )


@pytest.fixture(scope="module")
def graded(isolation: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:  # the first one skips
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the attacks are written for Linux on x86_64")
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        ground = tmp_path_factory.mktemp("hostile")
        yield Graded(ground, server.getsockname()[1])
        subprocess.run(["rm", "-rf", ground / "scratch"], check=True)  # whatever they left there


@pytest.mark.parametrize(("group", "name"), FOLDERS)
def test_no_attack_gains_a_mark(graded: Graded, group: str, name: str) -> None:
    promised(name)
    result = graded.results[FOLDERS[group, name]]
    assert result["graded"], result["problems"]
    item, other = result["items"]
    assert item["score"] == 0
    assert other["score"] <= other["max_score"] == 2.5


def test_the_neighbours_are_not_disturbed(graded: Graded, tmp_path: Path) -> None:
    """Full marks, and their results to the letter what they are in a class of their own."""
    alone = [graded.results[name] for name in ("neighbour-1", "neighbour-2")]
    assert [result["score"] for result in alone] == [3.5, 3.5]
    for name in ("neighbour-1", "neighbour-2"):
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "words.py").write_text(RIGHT + "count_words = right\n")
    environment = os.environ | {"AUTOGRADER_SECRET": "tests"}
    command = [sys.executable, "-m", "autograder", "grade", str(tmp_path / "class"), "--out", str(tmp_path / "out")]
    subprocess.run(command, cwd=graded.unit, env=environment, capture_output=True, timeout=300, check=True)
    for result in alone:
        again = json.loads((tmp_path / "out" / result["student"] / "results.json").read_text())
        for each in (result, again):
            for item in each["items"]:
                for test in item["tests"]:
                    test["seconds"] = 0
        assert again == result


def test_the_grader_is_not_disturbed(graded: Graded) -> None:
    promised("the grader goes on")
    assert graded.done.returncode == 0, graded.done.stderr[-3000:]
    assert "Traceback" not in graded.done.stderr
    assert len(graded.results) == len(FOLDERS) + 2
    rows = (graded.out / "grades.csv").read_text().splitlines()
    assert len(rows) == len(FOLDERS) + 3


def test_nothing_of_the_unit_was_touched(graded: Graded) -> None:
    promised("the unit is untouched")
    after = graded.ground()
    assert after.keys() == graded.before.keys()
    for path, (data, mode, owner, changed) in after.items():
        was = graded.before[path]
        assert data == was[0], path
        assert {"mode": mode, "owner": owner, "time": changed} == {"mode": was[1], "owner": was[2], "time": was[3]}, (
            path
        )


def test_nothing_is_left_behind(graded: Graded) -> None:
    promised("nothing is left behind")
    for folder in ("/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~root"), os.path.dirname(os.__file__)):
        if os.access(folder, os.R_OK):
            assert not [name for name in os.listdir(folder) if name.startswith("left-behind")], folder
    assert os.listdir(graded.scratch) == []
    lost = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(graded.scratch)):
                lost.append(process.cmdline())
        except psutil.Error:
            continue
    assert lost == []


def test_no_canary_is_in_what_students_read(graded: Graded) -> None:
    for path in graded.out.glob("*/*"):
        if path.parent.name != "instructor":
            text = path.read_text()
            assert not [canary for canary in CANARIES if canary in text], path
    assert not [canary for canary in CANARIES if canary in graded.done.stderr + graded.done.stdout]


# Each attack in a fork of its own; tells which got through.
WITHOUT_A_JAIL = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
through = []
for name, code in json.load(sys.stdin).items():
    child = os.fork()
    if child == 0:
        try:
            exec(code, {"__name__": "words"})
            os._exit(0)
        except BaseException:
            os._exit(1)
    through += [name] if os.waitpid(child, 0)[1] == 0 else []
print(json.dumps(through))
"""


def test_most_attacks_get_through_where_there_is_no_jail(graded: Graded, tmp_path: Path) -> None:
    """So that what is refused above is refused by the jail, and not for a slip of the attack."""
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = tuple(victim.pid if each == "@GRADER@" else each for each in graded.known)
    harmless = {
        name: f"{source('reach', attack, known)}\nattack('')\n"
        for name, attack in GROUPS["reach"].items()
        if not ("left-behind" in attack or "hidden test" in name or "library" in name)
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_JAIL],
        cwd=tmp_path,
        env=os.environ | {"CANARY": "x"},
        input=json.dumps(harmless),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    victim.kill()
    victim.communicate()
    through = json.loads(done.stdout)
    assert len(through) >= 25, set(harmless) - set(through)
