"""`autograder check --watch`: a topic is checked again whenever its file is saved.

Everything that takes time is done before: the tests are collected, the libraries stand ready in the process that
workers are forked from or, where there is no fork, in a spare worker that is started while the student reads. What
editors do to a file (write it in pieces, put another in its place, take it away for a moment) is waited out: a file is
checked once it has been quiet for a moment, and again if it was saved in the meantime.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from autograder.desk.check import check_topic
from autograder.desk.checked import Checked, change
from autograder.desk.start import at_the_desk, launcher_for
from autograder.grading.suite import Suite, collect
from autograder.spec import Topic, Unit
from autograder.target.launcher import Launcher

Saves = Iterable[frozenset[str]]  # names of files that were written, moved or deleted; an empty set only passes time
_QUIET_MS = 50
_LOOK_MS = 250  # how often an empty set comes


def watch(unit: Unit, topics: Sequence[str], console: Console, saves: Callable[[Path], Saves] | None = None) -> bool:
    """Check these topics, then each again when it is saved, until Ctrl-C. True when what was checked last all holds.

    Without topics nothing is checked before it is saved. `saves` gives the saves in a folder; the first set that comes
    of it says that from now on none is missed.
    """
    folder, present = at_the_desk(unit, topics)
    with launcher_for(unit, present) as launcher:

        def body(suite: Suite[bool]) -> bool:
            desk = _Desk(unit, folder, present, suite, console, launcher)
            try:
                desk.stay(iter((saves or saves_in)(folder)), check_first=bool(topics))
            except KeyboardInterrupt:
                console.print("\nStopped watching.")
            return all(checked.held for checked in desk.latest.values())

        return collect(unit, "public", [topic.name for topic in present if topic.kind != "answers"], body)


def saves_in(folder: Path) -> Iterator[frozenset[str]]:
    """What is saved in the folder itself, as the system tells of it."""
    from watchfiles import watch as watch_files

    for changes in watch_files(
        folder,
        recursive=False,
        step=_QUIET_MS,
        debounce=20 * _QUIET_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        watch_filter=None,
        raise_interrupt=True,
    ):
        yield frozenset(Path(path).name for _, path in changes)


@dataclass
class _Desk:
    """The topics that are watched, what their files held when they were checked, and what was found."""

    unit: Unit
    folder: Path
    topics: Sequence[Topic]
    suite: Suite[bool]
    console: Console
    launcher: Launcher
    contents: dict[str, bytes] = field(default_factory=dict)
    latest: dict[str, Checked] = field(default_factory=dict)
    readable: dict[str, Checked] = field(default_factory=dict)  # the last that could be checked

    def stay(self, saves: Iterator[frozenset[str]], check_first: bool) -> None:
        next(saves, None)
        self.contents = {name: self._content(name) for name in self.unit.spec.files}
        if check_first:
            self._check(self.topics)
        self._say_that_it_waits()
        for names in saves:
            saved = [name for name in self.unit.spec.files if name in names and self._is_new(name)]
            concerned = self._concerned(saved)
            if concerned:
                self._clear()
                self._check(concerned)
                self._say_that_it_waits()

    def _is_new(self, name: str) -> bool:
        """Whether the file holds something else than at the last look: an editor's one save may be told many times."""
        before, self.contents[name] = self.contents[name], self._content(name)
        return self.contents[name] != before

    def _content(self, name: str) -> bytes:
        try:
            return hashlib.sha256((self.folder / name).read_bytes()).digest()
        except OSError:
            return b""

    def _concerned(self, saved: Sequence[str]) -> list[Topic]:
        """The topics whose file was saved; if there are none, those that build on one that was."""
        own = [topic for topic in self.topics if topic.file in saved]
        stems = {name.rpartition(".")[0] for name in saved}
        return own or [topic for topic in self.topics if not stems.isdisjoint(topic.below)]

    def _check(self, topics: Sequence[Topic]) -> None:
        for topic in topics:
            if not (self.folder / topic.file).is_file():
                self.console.print(Text(f"\n{topic.file} is not there any more.", style="bold"))
                continue
            began = time.monotonic()
            checked = check_topic(self.unit, topic, self.folder, self.suite, self.console, self.launcher)
            self.launcher.start()  # a spare worker for the next time
            self._say_what_changed(topic, checked)
            self.console.print(Text(f"{time.monotonic() - began:.1f} seconds", style="dim"))

    def _say_what_changed(self, topic: Topic, checked: Checked) -> None:
        before = self.readable.get(topic.name)
        self.latest[topic.name] = checked
        if not checked.readable:
            return
        self.readable[topic.name] = checked
        if before is None:
            return
        found = change(before, checked)
        for claims, word, colour in ((found.gained, "now holds", "green"), (found.lost, "holds no more", "red")):
            for claim in claims:
                self.console.print(Text.assemble((f"  {word}: ", colour), claim))
        if not found.gained and not found.lost:
            self.console.print(Text("  The same checks hold as before.", style="dim"))

    def _say_that_it_waits(self) -> None:
        names = ", ".join(topic.file for topic in self.topics)
        self.console.print(Text(f"\nWaiting for you to save {names}. Ctrl-C ends.", style="dim"))

    def _clear(self) -> None:
        if self.console.is_terminal:
            self.console.clear()
