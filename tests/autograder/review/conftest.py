"""What the tests of reading need.

A class that handed in written answers, in a gradebook that is made by hand, without grading anybody; a server of the
pages in a process of its own; and headless Chromium to read with.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import Engine

from autograder.gradebook import Answer, begin_run, end_run, open_gradebook, save_result, writing
from autograder.gradebook.store import Handed
from autograder.results import ItemResult, Result, Status, TestResult
from autograder.spec import Item, Unit, load

TINY = Path(__file__).resolve().parent.parent / "tiny_answers"
UNIT = load(TINY)
CHROMES = ("chromium", "chromium-browser", "google-chrome")
ONLY_HERE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
Answers = Mapping[str, Mapping[str, str]]  # by student, then by name of the constant


def item_result(item: Item, text: str) -> ItemResult:
    """What the engine makes of an answer that counts as one."""
    there = bool(text)
    machine, quality = item.completion or item.points, item.quality or Fraction(0)
    status = Status.PASSED if there else Status.NOT_ATTEMPTED
    score = machine if there else Fraction(0)
    waits = there and bool(quality)
    return ItemResult(
        id=item.id,
        score=score,
        max_score=machine if waits else item.points,
        extra=False,
        level="core",
        status=Status.NEEDS_REVIEW if waits else status,
        tests=(TestResult(item.name, "There is an answer.", status, score, machine, visible=True),),
        pending=quality if waits else Fraction(0),
        prose=item.completion is not None,
    )


def result_of(student: str, texts: Mapping[str, str]) -> Result:
    items = [item_result(item, texts.get(item.name, "")) for item in UNIT.spec.items]
    return Result(student, tuple(items), (), (), "0" * 64, "1", unit="Birds")


@dataclass(frozen=True)
class Course:
    """A folder with a gradebook, and a way to grade into it."""

    folder: Path
    engine: Engine
    unit: Unit = UNIT

    def hand_in(self, texts: Answers) -> None:
        run = begin_run(self.engine, "Birds", {"rules": "grading.yml"}, {})
        with writing(self.engine) as connection:
            for place, (student, answers) in enumerate(texts.items()):
                found = [Answer.of(f"birds.{name}", text) for name, text in answers.items()]
                save_result(connection, run, Handed(student, place, "", "0" * 64), result_of(student, answers), found)
        end_run(self.engine, run)


@pytest.fixture
def course(tmp_path: Path) -> Callable[[Answers], Course]:
    """Makes the gradebook of a class from its answers."""

    def made(texts: Answers) -> Course:
        there = Course(tmp_path / "grades", open_gradebook(tmp_path / "grades" / "gradebook.sqlite"))
        there.hand_in(texts)
        return there

    return made


def free_port() -> int:
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        return int(here.getsockname()[1])


class Server:
    """`autograder review` for two readers. `addresses` are those that it printed, by reader."""

    def __init__(self, unit: Path, folder: Path, port: int) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "autograder", "review", str(folder), "--port", str(port)]
        readers = [part for name in ("ann", "bob") for part in ("--reader", name)]
        self._process = subprocess.Popen([*command, *readers], cwd=unit, stdout=subprocess.PIPE, text=True)
        self.addresses: dict[str, str] = {}
        while len(self.addresses) < 2:
            line = self._process.stdout.readline()
            assert line, f"the server ended with status {self._process.wait()}"
            name, _, address = line.strip().partition(": ")
            if address.startswith("http"):
                self.addresses[name] = address

    def kill(self) -> None:
        """As kill -9 does it."""
        os.kill(self._process.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def started_browser():
    """Headless Chromium that finds nothing but this machine, or a skip with the reason."""
    chrome = next(filter(None, map(shutil.which, CHROMES)), None)
    driver = shutil.which("chromedriver")
    if chrome is None or driver is None:
        pytest.skip(f"no browser here: needs one of {', '.join(CHROMES)}, and chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chrome
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for argument in (
        "--headless=new",
        "--no-sandbox",  # tests may run as root, where Chromium's sandbox cannot
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--window-size=1280,1000",
        f"--host-resolver-rules={ONLY_HERE}",
    ):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


@pytest.fixture(scope="module")
def drivers() -> Iterator[list]:
    """Two browsers."""
    made = [started_browser(), started_browser()]
    yield made
    for driver in made:
        driver.quit()


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Starts the server of a course, on a port that is free or on a given one."""
    started: list[Server] = []

    def make(course: Course, port: int | None = None) -> Server:
        started.append(Server(TINY, course.folder, port or free_port()))
        return started[-1]

    yield make
    for server in started:
        server.close()
