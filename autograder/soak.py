"""`autograder soak`: are the hidden tests flaky? Grades what must get full marks, again and again with new seeds.

A run grades the solutions and every different right module with one seed; anything less than full marks is a failure.
Runs take turns between 1 and 2 threads. Items that train for long (their `cpu_seconds` in grading.yml is over a limit)
take part in some of the runs only, spread evenly over both. Each finished run is a line of `build/soak/state.jsonl`, so
that it can be stopped at any time and goes on later; lines of other code than today's do not count. Whenever it ends,
it writes to docs/soak.md what has been done, and with which commit.
"""

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from autograder.spec import Unit
from autograder.verify import Case, cases, prove

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
    cases: int
    marked: int  # items graded, over all cases
    wrong: list[str]
    seconds: float
    ended: str


def soak(unit: Unit, names: Sequence[str], runs: int, training_runs: int, training_over: float) -> int:
    """Do what is left of so many runs; write docs/soak.md, and return the exit status."""
    topics = [unit.spec.topic(name) for name in names] or list(unit.spec.topics)
    names = [topic.name for topic in topics]
    right = [case for case in cases(unit, topics) if case.mistake is None and not case.stub]
    long = {item.id for topic in topics for item in topic.items if (item.cpu_seconds or 0) > training_over}
    state, page = unit.root / STATE, unit.root / PAGE
    console = Console(highlight=False, markup=False)

    code = code_of(unit.root)
    done = [run for run in runs_in(state) if (run.code, run.topics) == (code, names) and run.number < runs]
    done = [run for run in done if not long or run.training == trains(run.number, runs, training_runs)]
    if done:
        console.print(f"{len(done)} of {runs} runs are done already.")
    state.parent.mkdir(parents=True, exist_ok=True)
    try:
        for number in sorted(set(range(runs)) - {run.number for run in done}):
            training = trains(number, runs, training_runs)
            run = one_run(unit, right, set() if training else long, number)
            run = replace(run, code=code, topics=names, training=training)
            with state.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps(asdict(run)))  # the newline first: a kill may have left half a line
            done.append(run)
            console.print(f"run {number + 1} of {runs}: {len(run.wrong)} failures, {run.seconds:.0f} s")
            for line in run.wrong:
                console.print(f"  {line}")
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from here.")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(report(done, runs, names, long, unit.root), encoding="utf-8")
    console.print(f"{len(done)} of {runs} runs: {page}")
    return 1 if len(done) < runs or any(run.wrong for run in done) else 0


def trains(number: int, runs: int, training_runs: int) -> bool:
    """Whether the long items take part: once in every so many runs, by turns in an even and an odd one."""
    if not training_runs:
        return False
    every = max(1, runs // training_runs)
    group, place = divmod(number, every)
    return group < training_runs and place == (group % 2 if every > 1 else 0)


def one_run(unit: Unit, right: Sequence[Case], left_out: set[str], number: int) -> Run:
    """One run: every case with a seed of its own number."""
    threads = 1 + number % 2
    threaded = replace(unit, spec=unit.spec.model_copy(update={"threads": threads}))
    taken = [replace(case, items=case.items - left_out) for case in right if case.items - left_out]
    began = time.perf_counter()
    proof = prove(threaded, taken, f"soak-{number}".encode())
    return Run(
        code="",
        topics=[],
        number=number,
        threads=threads,
        training=False,
        cases=len(taken),
        marked=sum(len(case.items) for case in taken),
        wrong=list(proof.wrong),
        seconds=time.perf_counter() - began,
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
    )


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
        "A run grades the solutions and every different right module with a new seed; anything less than full marks is",
        "a failure. Written by `make soak`.",
        "",
        "| | |",
        "| --- | --- |",
        f"| topics | {', '.join(topics)} |",
        f"| runs with 1 thread, with 2 | {sum(r.threads == 1 for r in done)}, {sum(r.threads == 2 for r in done)} |",
        f"| runs with the items that train for long | {with_training if long else 'there is no such item'} |",
        f"| these items | {', '.join(f'`{item}`' for item in sorted(long)) or 'none'} |",
        f"| modules graded in a run | {max((run.cases for run in done), default=0)} |",
        f"| items graded in all | {sum(run.marked for run in done)} |",
        f"| last run ended | {max((run.ended for run in done), default='never')} |",
        f"| time of all runs | {sum(run.seconds for run in done) / 60:.0f} minutes |",
        f"| commit | {commit_of(root)} |",
        "",
    ]
    if failures:
        lines += ["## Failures", "", *(f"- {line}" for line in sorted(set(failures))), ""]
    return "\n".join(lines)
