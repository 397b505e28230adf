"""What a worker costs, and a call across the wire: CPU seconds of the grader, the zygote and the worker together."""

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from autograder.grading.scratch import made_scratch
from autograder.grading.topic import bench_config, worker_config
from autograder.spec import Unit
from autograder.submission import Submission
from autograder.target.launcher import Zygote
from autograder.target.process import ProcessTarget


@dataclass(frozen=True)
class Costs:
    worker_ms: float
    call_ms: float


def costs(unit: Unit, topic_name: str, workers: int = 40, calls: int = 2000) -> Costs:
    """Start, load and end workers with an empty file; then call one of them again and again."""
    topic = unit.spec.topic(topic_name)
    nobody = Submission("nobody", Path("nobody"), {topic.file: b""})
    with Zygote(unit.spec.preload, unit.spec.threads) as zygote, made_scratch(unit, topic, nobody) as scratch:

        def target() -> ProcessTarget:
            folder = scratch / "assignments"
            config = worker_config(unit, bench_config(unit, topic, folder), folder, scratch)
            made = ProcessTarget(zygote, config, unit.spec.limits)
            made.load()
            return made

        target().close()  # the zygote is warm from here on
        (child,) = psutil.Process().children()
        before = _cpu(child)
        for _ in range(workers):
            target().close()
        of_workers = _cpu(child) - before
        called = target()
        (callee,) = child.children()
        before = _cpu(callee)
        for seed in range(calls):
            called.begin(seed, 60.0)
        of_calls = _cpu(callee) - before
        called.close()
    return Costs(1000 * of_workers / workers, 1000 * of_calls / calls)


def _cpu(other: psutil.Process) -> float:
    """Of this process, the other one, and what the other one has started and seen end."""
    times = other.cpu_times()
    return time.process_time() + times.user + times.system + times.children_user + times.children_system
