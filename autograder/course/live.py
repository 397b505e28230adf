"""What one sees while a class is graded: how many are done, who is being graded and for how long, what is left."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autograder.report.text import clean


class Live:
    """A progress bar; a context manager. Numbers are places in the class."""

    def __init__(self, students: Sequence[str], console: Console) -> None:
        self.done = 0
        self._students = students
        self._running: dict[int, float] = {}
        self._began: float | None = None
        columns = (
            TextColumn("graded"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[now]}"),
        )
        # No thread draws it: jobs are forked from this process, and a fork wants one thread.
        self._progress = Progress(*columns, console=console, auto_refresh=False, transient=True)
        self._task = self._progress.add_task("", total=0, now="importing libraries and collecting tests", left="")

    def __enter__(self) -> "Live":
        self._progress.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.__exit__(None, None, None)

    def expect(self, count: int) -> None:
        """So many are to be graded."""
        self._progress.update(self._task, total=count)
        self._progress.refresh()

    def started(self, number: int) -> None:
        self._running[number] = time.monotonic()
        self._began = self._began or time.monotonic()

    def finished(self, number: int) -> None:
        self.done += 1
        self._running.pop(number, None)
        self._progress.advance(self._task)

    def tick(self) -> None:
        now = time.monotonic()
        running = sorted(self._running.items(), key=lambda each: each[1])
        names = ", ".join(f"{self._students[number]} {now - since:.0f} s" for number, since in running)
        self._progress.update(self._task, now=escape(clean(names, 80)), left=self._left(now))
        self._progress.refresh()

    def _left(self, now: float) -> str:
        """An estimate from those that are done; nothing is said before each job has done one."""
        total = self._progress.tasks[0].total or 0
        if self._began is None or self.done <= len(self._running) or self.done >= total:
            return ""
        seconds = (now - self._began) / self.done * (total - self.done)
        return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"
