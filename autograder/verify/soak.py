"""`autograder soak`: are the hidden tests flaky? Grades what must get full marks, again and again with new seeds.

A run grades the solutions with seeds of its own; anything less than full marks is a failure. The different right
modules take part in some of the runs or in all. Runs take turns between 1 and 2 threads. Items that train for long
(their `cpu_seconds` in grading.yml is over a limit) take part in some of the runs only, spread evenly over both.
Runs of one kind are graded together, a batch at a time, and each is a line of `build/soak/state.jsonl`, so that it
can be stopped at any time and goes on later; lines of other code than today's do not count. Whenever it ends, it
writes to docs/soak.md what has been done, and with which commit.
"""

import hashlib
import json
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

from autograder.grading.batch import default_jobs
from autograder.spec import Unit
from autograder.verify.cases import Case, cases
from autograder.verify.proof import prove

BATCH = 10  # runs, or four for each core where that is more
STATE, PAGE = Path("build", "soak", "state.jsonl"), Path("docs", "soak.md")
TESTS = ("tests/hidden", "tests/props", "tests/right", "tests/stand_ins")
PARTS = ("grading.yml", "autograder", "solutions", "data", *TESTS)  # what a run depends on


@dataclass(frozen=True)
class Run:
    """What came of one run."""

    code: str  # hash of all that it ran
    topics: list[str]
    number: int
    threads: int
    training: bool  # whether the long items took part
    right: bool  # whether the different right modules did
    cases: int
    marked: int  # items graded, over all cases
    wrong: list[str]
    seconds: float
    ended: str
    system: str  # versions and cores


def soak(unit: Unit, names: Sequence[str], runs: int, training_runs: int, training_over: float, right_runs: int) -> int:
    """Do what is left of so many runs; write docs/soak.md, and return the exit status."""
    topics = [unit.spec.topic(name) for name in names] or list(unit.spec.topics)
    names = [topic.name for topic in topics]
    modules = [case for case in cases(unit, topics) if case.mistake is None and not case.stub]
    long = {item.id for topic in topics for item in topic.items if (item.cpu_seconds or 0) > training_over}
    state, page = unit.root / STATE, unit.root / PAGE
    console = Console(highlight=False, markup=False)

    code = code_of(unit.root)
    done = [run for run in runs_in(state) if (run.code, run.topics) == (code, names) and run.number < runs]
    kinds = {
        number: (
            1 + number % 2,
            bool(long) and takes_part(number, runs, training_runs),
            takes_part(number, runs, right_runs),
        )
        for number in range(runs)
    }
    done = [run for run in done if (run.threads, run.training, run.right) == kinds[run.number]]
    if done:
        console.print(f"{len(done)} of {runs} runs are done already.")
    state.parent.mkdir(parents=True, exist_ok=True)
    try:
        for numbers in batches(kinds, {run.number for run in done}):
            threads, training, right = kinds[numbers[0]]
            taken = [
                replace(case, items=case.items - (set() if training else long))
                for case in (modules if right else modules[:1])
            ]
            for found in some_runs(unit, [case for case in taken if case.items], threads, numbers):
                run = replace(found, code=code, topics=names, training=training, right=right)
                with state.open("a", encoding="utf-8") as file:
                    file.write("\n" + json.dumps(asdict(run)))  # the newline first: a kill may have left half a line
                done.append(run)
                for line in run.wrong:
                    console.print(f"  run {run.number + 1}: {line}")
            console.print(f"{len(done)} of {runs} runs, {sum(len(run.wrong) for run in done)} failures")
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from here.")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(report(done, runs, names, long, unit.root), encoding="utf-8")
    console.print(f"{len(done)} of {runs} runs: {page}")
    return 1 if len(done) < runs or any(run.wrong for run in done) else 0


def takes_part(number: int, runs: int, of_these: int) -> bool:
    """Whether something takes part that does so in `of_these` runs: spread evenly over even and odd ones."""
    if not of_these:
        return False
    every = max(1, runs // of_these)
    group, place = divmod(number, every)
    return group < of_these and place == (group % 2 if every > 1 else 0)


def batches(kinds: Mapping[int, tuple[int, bool, bool]], done: set[int]) -> list[tuple[int, ...]]:
    """The runs that are left, a few of one kind at a time; those without right modules and long items first."""
    waiting: dict[tuple[int, bool, bool], list[int]] = {}
    for number, kind in kinds.items():
        if number not in done:
            waiting.setdefault(kind, []).append(number)
    every = [batch for numbers in waiting.values() for batch in batched(numbers, max(BATCH, 4 * default_jobs()))]
    return sorted(every, key=lambda batch: (kinds[batch[0]][:0:-1], batch))


def batched(numbers: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    return (tuple(numbers[start : start + size]) for start in range(0, len(numbers), size))


def some_runs(unit: Unit, taken: Sequence[Case], threads: int, numbers: Sequence[int]) -> Iterator[Run]:
    """These runs of one kind, graded together, so that libraries are imported once for all of them.

    A seed depends on the bytes of a file: each run has so many empty lines at the end of every file.
    """
    threaded = replace(unit, spec=unit.spec.model_copy(update={"threads": threads}))
    every = [
        replace(
            case, name=f"{number}/{case.name}", files={name: data + b"\n" * number for name, data in case.files.items()}
        )
        for number in numbers
        for case in taken
    ]
    began = time.perf_counter()
    wrong = prove(threaded, every, [b"soak"]).wrong
    seconds = (time.perf_counter() - began) / len(numbers)
    for number in numbers:
        yield Run(
            code="",
            topics=[],
            number=number,
            threads=threads,
            training=False,
            right=False,
            cases=len(taken),
            marked=sum(len(case.items) for case in taken),
            wrong=[line.removeprefix(f"{number}/") for line in wrong if line.startswith(f"{number}/")],
            seconds=seconds,
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
            system=system(unit),
        )


def system(unit: Unit) -> str:
    """On what a run was done, as far as it may matter."""
    versions = []
    for name in sorted({module.split(".")[0] for module in unit.spec.preload_for(unit.spec.topics)}):
        with suppress(PackageNotFoundError):  # of Python itself
            versions.append(f"{name} {version(name)}")
    return ", ".join((f"Python {platform.python_version()}", *versions, f"{default_jobs()} cores"))


def runs_in(state: Path) -> Iterator[Run]:
    """The runs of a state file; half a line, of a run that was killed while it wrote, is none."""
    for line in state.read_text(encoding="utf-8").splitlines() if state.is_file() else ():
        try:
            yield Run(**json.loads(line))
        except (ValueError, TypeError):
            continue


def code_of(root: Path) -> str:
    """A hash of everything that a run depends on."""
    digest = hashlib.sha256()
    for part in PARTS:
        path = root / part
        for file in sorted(path.rglob("*") if path.is_dir() else [path]):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(root)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def commit_of(root: Path) -> str:
    """The commit of the folder, and whether files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False).stdout.strip()

    return (git("rev-parse", "HEAD") or "no commit") + (" with changes" if git("status", "--porcelain", *PARTS) else "")


def report(done: Sequence[Run], wanted: int, topics: Sequence[str], long: set[str], root: Path) -> str:
    """docs/soak.md: how many runs were done, of what, and what failed."""
    failures = [line for run in done for line in run.wrong]
    with_training = sum(run.training for run in done)
    lines = [
        "# Soak: are the hidden tests flaky?",
        "",
        f"**{len(done)} of {wanted} runs done, {len(failures)} failures.**"
        + ("" if len(done) == wanted else " Not complete: `make soak` goes on."),
        "",
        "A run grades the solutions with new seeds, and some runs every different right module as well; anything less",
        "than full marks is a failure. Written by `make soak`.",
        "",
        "| | |",
        "| --- | --- |",
        f"| topics | {', '.join(topics)} |",
        f"| runs with 1 thread, with 2 | {sum(r.threads == 1 for r in done)}, {sum(r.threads == 2 for r in done)} |",
        f"| runs with the items that train for long | {with_training if long else 'there is no such item'} |",
        f"| these items | {', '.join(f'`{item}`' for item in sorted(long)) or 'none'} |",
        f"| runs with the different right modules | {sum(run.right for run in done)} |",
        f"| submissions graded in a run | 1, with the right modules {max((run.cases for run in done), default=0)} |",
        f"| items graded in all | {sum(run.marked for run in done)} |",
        f"| last run ended | {max((run.ended for run in done), default='never')} |",
        f"| time of all runs | {sum(run.seconds for run in done) / 60:.0f} minutes |",
        *(f"| runs on {name} | {count} |" for name, count in sorted(Counter(run.system for run in done).items())),
        f"| commit | {commit_of(root)} |",
        "",
    ]
    if failures:
        lines += ["## Failures", "", *(f"- {line}" for line in sorted(set(failures))), ""]
    return "\n".join(lines)
