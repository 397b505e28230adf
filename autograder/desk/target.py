"""A student's own desk: the code of a topic as `check` runs it, with no hidden test anywhere near."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.grading.topic import bench_config, worker_config
from autograder.spec import Topic, Unit
from autograder.student.workbench import BenchConfig
from autograder.target.inprocess import InProcessTarget
from autograder.target.launcher import Launcher
from autograder.target.loading import load
from autograder.target.process import ProcessTarget


@dataclass
class DeskTarget:
    """A topic's code at a student's desk, loaded when it is wanted and anew after a test that broke its process.

    Without a launcher the code runs in this process.
    """

    unit: Unit
    topic: Topic
    folder: Path
    launcher: Launcher | None
    target: ProcessTarget | InProcessTarget | None = None
    ended_cells: set[int] = field(default_factory=set)  # of a notebook: they end the process, and are left out

    def ready(self) -> ProcessTarget | InProcessTarget:
        """The target with the code in it. Raises `Finding` where the code cannot be loaded."""
        if isinstance(self.target, ProcessTarget) and not self.target.alive:
            self.target = None
        if self.target is None and self.launcher is None:
            self.target = InProcessTarget(self._bench(isolated=False))
            self.target.load()
        elif self.target is None:
            load(self._started, self.topic.kind == "notebook", self.ended_cells)
        assert self.target is not None
        return self.target

    def _started(self, ended_cells: tuple[int, ...]) -> ProcessTarget:
        self.close()
        assert self.launcher is not None
        config = worker_config(self.unit, self._bench(isolated=True, ended_cells=ended_cells), self.folder)
        self.target = ProcessTarget(self.launcher, config, self.unit.spec.limits)
        return self.target

    def _bench(self, **rest: Any) -> BenchConfig:
        absent = self._absent()
        return bench_config(self.unit, self.topic, self.folder, reveal=True, replaced_modules=absent, **rest)

    @property
    def printed(self) -> str:
        """What the code printed since the test began."""
        return self.target.printed if isinstance(self.target, ProcessTarget) else ""

    def close(self) -> None:
        if isinstance(self.target, ProcessTarget):
            self.target.close()

    def _absent(self) -> tuple[str, ...]:
        """Topics below this one that are not there, or not asked for: their stand-ins serve, as in grading."""
        there = {topic.name for topic in self.unit.spec.topics if (self.folder / topic.file).is_file()}
        absent = (name for name in sorted(self.topic.below - there) if (self.unit.stand_ins / f"{name}.py").is_file())
        return tuple(absent)
