"""`make bench`: how fast grading is, against otter and against the bare tests. At most 20 minutes on two quiet cores.

    python tests/bench/bench.py [--quick] [--out build/bench]

writes bench.json, table.md and plot.png. Everything that is compared is measured in the same run. Times on a machine
that does other things as well mean little; the load is written down.

    otter_run_over_ours     wall time of `otter run` for a submission, over ours with one job (imports included)
    cpu_over_bare_tests     our CPU for a whole class without workers and calls, over that of the tests alone
    worker_ms, call_ms      CPU of starting a worker, and of a call to it
    first_over_regrade      wall time of grading the whole class, over that of the same command again
    check_over_import_torch cold `check attention` over `python -c "import torch"`
    one_job_over_two        wall time of a light class with one job over that with two
    parent_memory_growth    how much more memory the grader itself needs for the largest light class, as a share
"""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import classes
import with_otter
from costs import Costs, costs
from measured import Figures, measured

from autograder.spec import Unit, load

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Sizes:
    light: tuple[int, ...] = (30, 120, 480)
    jobs: int = 120  # of the light classes, the one that is graded with one job as well
    otter: int = 5
    whole: int = 20
    bare: int = 6  # of the whole class
    cold: int = 5


QUICK = Sizes(light=(4, 8), jobs=8, otter=1, whole=1, bare=1, cold=1)


@dataclass
class Bench:
    """Measures one thing after another; what came of each stands in `found`."""

    unit: Unit
    sizes: Sizes
    out: Path
    found: dict[str, Any]

    @property
    def light_rules(self) -> Path:
        return self.out / "light.yml"

    def grade(self, students: Path, into: str, *options: str) -> Figures:
        say(f"grading {students.name} {' '.join(options)}")
        rules = "grading.yml" if students.name == "whole" else str(self.light_rules)
        command = ["grade", str(students), "--class", "--out", str(self.out / into), "--rules", rules, *options]
        return self._autograder(command)

    def _autograder(self, arguments: Sequence[str], cwd: Path = ROOT) -> Figures:
        command = [sys.executable, "-m", "autograder", *arguments]
        return measured(command, cwd, os.environ | {"AUTOGRADER_SECRET": "bench"}, self.out / "log.txt")

    def light(self) -> None:
        """Growth with the class, and two jobs against one."""
        rows = {}
        for count in self.sizes.light:
            students = classes.light(self.unit, self.out / f"light-{count}", count)
            rows[count] = self.grade(students, f"graded-{count}")
        one = self.grade(self.out / f"light-{self.sizes.jobs}", "graded-one-job", "--jobs", "1")
        small, large = rows[min(rows)], rows[max(rows)]
        self.found["light"] = {str(count): asdict(row) for count, row in rows.items()}
        self.found["light_one_job"] = asdict(one)
        self.found["one_job_over_two"] = one.wall / rows[self.sizes.jobs].wall
        self.found["parent_memory_growth"] = large.parent_mb / small.parent_mb - 1
        self.found["ours_wall_a_submission"] = one.wall / self.sizes.jobs

    def otter(self) -> None:
        """`otter run`, one submission after another, on the first of the light class."""
        if importlib.util.find_spec("otter") is None:
            self.found["otter_run_over_ours"] = None
            say("otter-grader is not installed (the extra `otter`): not compared with it")
            return
        folder = self.out / "otter"
        shutil.rmtree(folder, ignore_errors=True)
        archive = with_otter.make_zip(self.unit, self.light_rules, classes.LIGHT, folder)
        figures = []
        for student in sorted((self.out / f"light-{self.sizes.jobs}").iterdir())[: self.sizes.otter]:
            say(f"otter run {student.name}")
            command = [*with_otter.otter(), "run", "-a", str(archive), "-o", str(folder / student.name)]
            (folder / student.name).mkdir()
            command.append(str(student / f"{classes.LIGHT}.py"))
            figures.append(measured(command, folder, with_otter.environment(), self.out / "log.txt"))
        self.found["otter_run"] = [asdict(each) for each in figures]
        wall = statistics.median(each.wall for each in figures)
        self.found["otter_run_over_ours"] = wall / self.found["ours_wall_a_submission"]

    def whole(self) -> None:
        """A whole class, the same again, and the bare tests of some of it."""
        students = classes.whole(self.unit, self.out / "whole", self.sizes.whole)
        first = self.grade(students, "graded-whole")
        again = self.grade(students, "graded-whole")
        say("the bare tests")
        folders = [str(path) for path in sorted(students.iterdir())[: self.sizes.bare]]
        command = [sys.executable, str(Path(__file__).parent / "bare.py"), "grading.yml", *folders]
        told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        bare = json.loads(told.splitlines()[-1])
        say("what a worker and a call cost")
        each: Costs = costs(self.unit, classes.LIGHT)
        share = self.sizes.whole / self.sizes.bare
        workers = self.sizes.whole * len(self.unit.spec.topics)
        calls = share * sum(run["calls"] for run in bare)
        apart = workers * each.worker_ms / 1000 + calls * each.call_ms / 1000
        self.found |= asdict(each)
        self.found["whole"] = {
            "first": asdict(first),
            "again": asdict(again),
            "bare": bare,
            "workers": workers,
            "calls": calls,
        }
        self.found["cpu_over_bare_tests"] = (first.cpu - apart) / (share * sum(run["cpu"] for run in bare))
        self.found["first_over_regrade"] = first.wall / again.wall

    def check(self) -> None:
        """A student's first check, and the import that nobody can do without; taken in turn."""
        folder = self.out / "student"
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("assignments", "data", "tests", "solutions"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("fetched", "__pycache__"))
        shutil.copy(ROOT / "grading.yml", folder)
        shutil.copytree(folder / "solutions", folder / "assignments", dirs_exist_ok=True)
        torch, attention, finetuning = [], [], []
        for _ in range(self.sizes.cold):
            say("check, cold")
            command = [sys.executable, "-c", "import torch"]
            torch.append(measured(command, folder, os.environ, self.out / "log.txt").wall)
            attention.append(self._autograder(["check", "attention"], folder).wall)
            finetuning.append(self._autograder(["check", "finetuning"], folder).wall)
        self.found["import_torch"], self.found["check_attention"] = torch, attention
        self.found["check_finetuning"] = finetuning
        self.found["check_over_import_torch"] = statistics.median(attention) / statistics.median(torch)


def say(text: str) -> None:
    sys.stderr.write(f"==> {text}\n")


def machine() -> dict[str, object]:
    processor = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


GOALS = {
    "otter_run_over_ours": ("at least", 10.0),
    "cpu_over_bare_tests": ("at most", 1.3),
    "worker_ms": ("at most", 60.0),
    "call_ms": ("at most", 1.0),
    "first_over_regrade": ("at least", 50.0),
    "check_over_import_torch": ("at most", 1.5),
    "one_job_over_two": ("at least", 1.8),
    "parent_memory_growth": ("at most", 0.1),
}


def table(found: dict[str, Any]) -> str:
    lines = ["| figure | measured | wanted | |", "| --- | --- | --- | --- |"]
    for name, (word, goal) in GOALS.items():
        value = found.get(name)
        if value is None:
            lines.append(f"| {name} | not measured | {word} {goal:g} | |")
            continue
        reached = value >= goal if word == "at least" else value <= goal
        lines.append(f"| {name} | {value:.3g} | {word} {goal:g} | {'' if reached else 'missed'} |")
    where = found["machine"]
    lines += [
        "",
        f"{where['date']}, {where['processor']}, {where['cores']} cores, load at the start {where['load']:.1f}",
    ]
    return "\n".join(lines) + "\n"


def plot(found: dict[str, Any], path: Path) -> None:
    """Time and memory of light classes as they grow."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    counts = [int(count) for count in found["light"]]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.plot(counts, [found["light"][str(count)]["wall"] for count in counts], marker="o", label="wall")
    left.plot(counts, [found["light"][str(count)]["cpu"] for count in counts], marker="s", label="CPU, all processes")
    left.set(xlabel="submissions (attention alone)", ylabel="seconds", title="Time")
    for key, label in (("parent_mb", "the grader itself"), ("all_mb", "all processes together (PSS)")):
        right.plot(counts, [found["light"][str(count)][key] for count in counts], marker="o", label=label)
    right.set(xlabel="submissions (attention alone)", ylabel="MB, peak", title="Memory", ylim=(0, None))
    for axes in (left, right):
        axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="Tiny classes: does the bench itself work?")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--only", choices=("light", "otter", "whole", "check"), action="append")
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    bench = Bench(
        load(ROOT), QUICK if arguments.quick else Sizes(), out, {"machine": machine(), "quick": arguments.quick}
    )
    bench.light_rules.write_text(classes.LIGHT_RULES, encoding="utf-8")
    began = time.monotonic()
    for name in ("light", "otter", "whole", "check"):
        if not arguments.only or name in arguments.only or (name == "light" and "otter" in arguments.only):
            getattr(bench, name)()
    bench.found["seconds"] = time.monotonic() - began
    (out / "bench.json").write_text(json.dumps(bench.found, indent=2) + "\n", encoding="utf-8")
    (out / "table.md").write_text(table(bench.found), encoding="utf-8")
    if "light" in bench.found:
        plot(bench.found, out / "plot.png")
    sys.stdout.write(table(bench.found))
    say(f"{bench.found['seconds'] / 60:.0f} minutes; see {out}/")


if __name__ == "__main__":
    main()
