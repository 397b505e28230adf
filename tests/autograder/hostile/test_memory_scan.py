"""A worker's memory, looked through from outside: nothing of the grader's is in it, so nothing can be found there."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.spec import Limits
from autograder.student.jail import Allowance
from autograder.student.workbench import BenchConfig
from autograder.student.worker import WorkerConfig
from autograder.target.launcher import Zygote
from autograder.target.process import ProcessTarget

MARKER = "".join(("the-graders", "-own-", "d41d8cd98f"))  # in this process, and in its environment
SOURCE = "HELD = 'what-the-' + 'student-holds'\n\ndef f(x):\n    return x\n"


def memory(pid: int) -> Iterator[bytes]:
    """All that a process has in memory and that can be read, part by part."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as held:
        for line in maps:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line):
                start, end = (int(part, 16) for part in match.groups())
                try:
                    held.seek(start)
                    yield held.read(end - start)
                except (OSError, ValueError, OverflowError):
                    continue  # the kernel's own pages


@pytest.mark.skipif(sys.platform != "linux", reason="memory is looked at through /proc")
def test_nothing_of_the_grader_is_in_a_workers_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_MARKER", MARKER)
    (tmp_path / "words.py").write_text(SOURCE)
    bench = BenchConfig("words", str(tmp_path), ("words",))
    config = WorkerConfig(bench, Allowance(60, 1024, 16), str(tmp_path), 1 << 20)
    with Zygote(()) as zygote:
        target = ProcessTarget(zygote, config, Limits(import_cpu_seconds=60))
        target.load()
        target.begin(1, 60.0)
        assert target.request({"op": "value", "name": "HELD"}) == "what-the-student-holds"
        try:
            parts = list(memory(target._worker.pid))
        except PermissionError:
            pytest.skip("only root, or who may trace a process, sees another's memory")
        finally:
            target.close()
    found = b"\n".join(parts)
    assert b"what-the-student-holds" in found, "the scan sees what is there"
    assert MARKER.encode() not in found
    assert os.environ["AUTOGRADER_MARKER"] == MARKER
