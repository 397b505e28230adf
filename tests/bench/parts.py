"""The parts of the bench: each measures something and writes it into `found`, as soon as it is there."""

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import classes
import with_otter
from costs import costs
from measured import Figures, Watching, measured, say, seconds_left

from autograder.spec import Unit

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    light: tuple[int, ...] = (30, 120, 480)
    jobs: int = 120  # of the light classes, the one that is graded with one job as well
    otter: int = 5
    whole: int = 20
    bare: int = 5  # of the whole class
    cold: int = 5
    saves: int = 8
    workers: int = 40
    calls: int = 2000


QUICK = Sizes(light=(2, 4), jobs=4, otter=1, whole=2, bare=1, cold=1, saves=2, workers=3, calls=50)


@dataclass
class Bench:
    """What is measured, where and for how long; `found` is what came of it."""

    unit: Unit
    sizes: Sizes
    out: Path
    light: str  # the topic of the light class, and of `check`
    other: str  # another topic that is checked beside it
    library: str  # what a check cannot do without
    deadline: float  # by time.monotonic(): what is not done by then is given up
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def light_rules(self) -> Path:
        path = self.out / "light.yml"
        path.write_text(f"based_on: {self.unit.root / 'grading.yml'}\ntopics: [{self.light}]\n", encoding="utf-8")
        return path

    def grade(self, students: Path, into: str, *options: str) -> Figures:
        say(f"  grading {students.name} {' '.join(options)}")
        rules = "grading.yml" if students.name == "whole" else str(self.light_rules)
        command = ["grade", str(students), "--class", "--out", str(self.out / into), "--rules", rules, *options]
        return self.autograder(command, self.unit.root)

    def autograder(self, arguments: Sequence[str], cwd: Path) -> Figures:
        return self.measured([sys.executable, "-m", "autograder", *arguments], cwd, {"AUTOGRADER_SECRET": "bench"})

    def measured(self, command: Sequence[str], cwd: Path, more: Mapping[str, str] | None = None) -> Figures:
        return measured(command, cwd, os.environ | (more or {}), self.out / "log.txt", self.deadline)

    def desk(self) -> Path:
        """A student's copy, solved: no solution and no hidden test is in it."""
        folder, root = self.out / "student", self.unit.root
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("assignments", "data", "tests/public", "tests/props", "tests/stand_ins"):
            if (root / name).is_dir():
                shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("fetched", "__pycache__"))
        shutil.copy(root / "grading.yml", folder)
        for topic in self.unit.spec.topics:
            shutil.copy(root / "solutions" / topic.file, folder / "assignments")
        return folder

    def add_up(self) -> None:
        """The figures that compare one part with another, as far as both are there."""
        found = self.found
        if "otter_run" in found and "ours_wall_a_submission" in found:
            wall = statistics.median(each["wall"] for each in found["otter_run"])
            found["otter_run_over_ours"] = wall / found["ours_wall_a_submission"]
        if "check_light" in found and "watch_ms" in found:
            found["check_over_watch"] = 1000 * statistics.median(found["check_light"]) / found["watch_ms"]


def light(bench: Bench) -> None:
    """Growth with the class, and two jobs against one."""
    sizes, rows = bench.sizes, bench.found.setdefault("light", {})
    for count in sizes.light:
        students = classes.light(bench.unit, bench.light, bench.out / f"light-{count}", count)
        rows[str(count)] = asdict(bench.grade(students, f"graded-{count}", "--jobs", "2"))
    small, large = rows[str(min(sizes.light))], rows[str(max(sizes.light))]
    bench.found["parent_memory_growth"] = large["parent_mb"] / small["parent_mb"] - 1
    one = bench.grade(bench.out / f"light-{sizes.jobs}", "graded-one-job", "--jobs", "1")
    bench.found["light_one_job"] = asdict(one)
    bench.found["one_job_over_two"] = one.wall / rows[str(sizes.jobs)]["wall"]
    bench.found["ours_wall_a_submission"] = one.wall / sizes.jobs


def otter(bench: Bench) -> None:
    """`otter run`, one submission after another, on the first of the light class."""
    if importlib.util.find_spec("otter") is None:
        say("  otter-grader is not installed (the extra `otter`): not compared with it")
        return
    folder = bench.out / "otter"
    archive = with_otter.make_zip(bench.unit, bench.light_rules, bench.light, folder)
    students = classes.light(bench.unit, bench.light, bench.out / "light-otter", bench.sizes.otter)
    figures = bench.found.setdefault("otter_run", [])
    for student in sorted(students.iterdir()):
        say(f"  otter run {student.name}")
        (folder / student.name).mkdir()
        (file,) = student.iterdir()
        command = [*with_otter.otter(), "run", "-a", str(archive), "-o", str(folder / student.name), str(file)]
        figures.append(asdict(bench.measured(command, folder, with_otter.environment())))


def whole(bench: Bench) -> None:
    """A whole class, the same again, and the bare tests of some of it."""
    unit, sizes, found = bench.unit, bench.sizes, bench.found
    students = classes.whole(unit, bench.out / "whole", sizes.whole)
    first = bench.grade(students, "graded-whole")
    again = bench.grade(students, "graded-whole")
    found["whole"] = {"first": asdict(first), "again": asdict(again)}
    found["first_over_regrade"] = first.wall / again.wall
    say("  what a worker and a call cost")
    each = costs(unit, bench.light, sizes.workers, sizes.calls)
    found |= asdict(each)
    say("  the bare tests")
    folders = [str(path) for path in sorted(students.iterdir())[: sizes.bare]]
    command = [sys.executable, str(HERE / "bare.py"), str(unit.root), "grading.yml", *folders]
    told = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds_left(bench.deadline)
    ).stdout
    bare = json.loads(told.splitlines()[-1])
    share = sizes.whole / sizes.bare
    workers = sizes.whole * len(unit.spec.topics)
    calls = share * sum(run["calls"] for run in bare)
    apart = workers * each.worker_ms / 1000 + calls * each.call_ms / 1000
    found["whole"] |= {"bare": bare, "workers": workers, "calls": calls}
    found["cpu_over_bare_tests"] = (first.cpu - apart) / (share * sum(run["cpu"] for run in bare))


def check(bench: Bench) -> None:
    """A student's first check, and the import that nobody can do without; taken in turn."""
    desk = bench.desk()
    imports = [sys.executable, "-c", f"import {bench.library}"]
    taken: dict[str, list[float]] = {"import_library": [], "check_light": [], "check_other": []}
    bench.found |= taken
    for number in range(bench.sizes.cold):
        say(f"  check, cold, {number + 1} of {bench.sizes.cold}")
        taken["import_library"].append(bench.measured(imports, desk).wall)
        taken["check_light"].append(bench.autograder(["check", bench.light], desk).wall)
        taken["check_other"].append(bench.autograder(["check", bench.other], desk).wall)
    library, own = (statistics.median(taken[name]) for name in ("import_library", "check_light"))
    bench.found["check_over_import_torch"] = own / library


def watch(bench: Bench) -> None:
    """From a save to the end of what `check --watch` says about it."""
    desk = bench.desk()
    file = desk / "assignments" / bench.unit.spec.topic(bench.light).file
    source = file.read_bytes()
    command = [sys.executable, "-m", "autograder", "check", bench.light, "--watch"]
    with Watching(command, desk, bench.out / "log.txt", "Ctrl-C ends.", bench.deadline) as watching:
        watching.wait()
        taken = bench.found["watch"] = []
        for number in range(bench.sizes.saves):
            saved = source + b"\n" * (1 + number)
            taken.append(watching.seconds_until(partial(file.write_bytes, saved)))
    bench.found["watch_ms"] = 1000 * statistics.median(taken)
