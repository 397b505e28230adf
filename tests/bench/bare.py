"""The hidden tests on a folder of students' files in this very process: no jail, no worker, no second try.

    python tests/bench/bare.py UNIT RULES FOLDER...

prints JSON: for each folder the CPU seconds, the calls to the student's code, and how many tests passed. What is
imported and collected once is not counted.
"""

import importlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from autograder.grading.scratch import made_scratch
from autograder.grading.suite import Suite, collect
from autograder.grading.topic import bench_config
from autograder.spec import Topic, Unit, load
from autograder.submission import Submission
from autograder.target.failures import Finding
from autograder.target.inprocess import InProcessTarget

SEED = 12345


class Counted:
    """A target that counts what it is asked."""

    def __init__(self, target: InProcessTarget) -> None:
        self._target = target
        self.calls = 0

    def begin(self, seed: int, cpu_seconds: float) -> None:
        self.calls += 1
        self._target.begin(seed, cpu_seconds)

    def request(self, request: dict[str, Any], *rest: Any) -> Any:
        self.calls += 1
        return self._target.request(request, *rest)


@dataclass
class Run:
    """What came of one folder."""

    cpu: float = 0.0
    calls: int = 0
    topics: int = 0
    passed: int = 0
    tests: int = 0


def run_topic(suite: Suite[Any], unit: Unit, topic: Topic, folder: Path) -> tuple[dict[str, bool], int]:
    """Which tests pass, and how many calls that took."""
    inner = InProcessTarget(bench_config(unit, topic, folder, isolated=False), quiet=True)
    target = Counted(inner)
    found = {test: False for item in topic.items for test in item.tests}
    try:
        inner.load()
    except Finding:
        return found, 1
    for item in topic.items:
        for test in item.tests:
            found[test] = suite.run(topic.name, item, test, target, SEED).fraction == 1
    return found, target.calls


@lru_cache
def of_this_folder(root: str, rules: str, topic_name: str) -> dict[str, bool]:
    """Which tests of a topic pass on the files in the current folder, run once: what otter's tests look up."""
    unit, folder = load(Path(root), rules), Path.cwd()
    topic = unit.spec.topic(topic_name)
    return collect(unit, "hidden", [topic_name], lambda suite: run_topic(suite, unit, topic, folder)[0])


def main(root: Path, rules: str, folders: Sequence[Path]) -> None:
    unit = load(root, rules)
    topics = [topic for topic in unit.spec.topics if topic.kind != "answers"]
    for name in unit.spec.preload_for(topics):
        importlib.import_module(name)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(unit.spec.threads)

    def body(suite: Suite[list[Run]]) -> list[Run]:
        of_folder(suite, unit.solutions)  # the reference is loaded once, before the clock runs
        return [of_folder(suite, folder) for folder in folders]

    def of_folder(suite: Suite[list[Run]], folder: Path) -> Run:
        run, began = Run(), time.process_time()
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        for topic in (topic for topic in topics if topic.file in files):
            with made_scratch(unit, topic, Submission(folder.name, folder, files)) as scratch:  # ../data is there, too
                found, calls = run_topic(suite, unit, topic, scratch / "assignments")
            run.topics, run.calls = run.topics + 1, run.calls + calls
            run.passed, run.tests = run.passed + sum(found.values()), run.tests + len(found)
        run.cpu = time.process_time() - began
        return run

    runs = collect(unit, "hidden", [topic.name for topic in topics], body)
    sys.stdout.write(json.dumps([asdict(run) for run in runs]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [Path(name) for name in sys.argv[3:]])
