"""`make bench` runs to its end, on a unit of two functions; what it measures here means nothing."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench" / "bench.py"


@pytest.mark.usefixtures("isolation")
def test_every_part_gives_its_figures_and_one_that_fails_costs_no_other(tiny_unit: Path, tmp_path: Path):
    pytest.importorskip("matplotlib", reason="the bench's plot needs matplotlib")
    out = tmp_path / "out"
    command = [sys.executable, str(BENCH), "--quick", "--unit", str(tiny_unit), "--library", "json", "--out", str(out)]
    command += ["--topics", "words", "no_such_topic"]  # the second is what `check` fails on
    command += [part for name in ("light", "whole", "check", "watch") for part in ("--only", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    found = json.loads((out / "bench.json").read_text())
    assert list(found["failed"]) == ["check"]
    assert "status 2" in found["failed"]["check"]
    assert set(found["seconds_by_part"]) == {"light", "whole", "check", "watch"}
    for name in ("one_job_over_two", "cpu_over_bare_tests", "worker_ms", "call_ms", "first_over_regrade", "watch_ms"):
        assert math.isfinite(found[name]), name
    assert set(found["light"]) == {"2", "4"}
    assert "parent_memory_growth" in found
    assert found["whole"]["bare"][0]["passed"] == found["whole"]["bare"][0]["tests"] > 0
    table = (out / "table.md").read_text()
    assert table in done.stdout
    assert "check_over_import_torch | not measured" in table
    assert "check failed: RuntimeError" in table
    assert (out / "plot.png").stat().st_size > 1000
