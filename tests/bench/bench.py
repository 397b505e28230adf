"""`make bench`: how fast grading is, against otter and against the bare tests. At most 20 minutes on two quiet cores.

    python tests/bench/bench.py [--quick] [--only PART]... [--out build/bench]

writes bench.json, table.md and plot.png. Everything that is compared is measured in the same run. Times on a machine
that does other things as well mean little; the load is written down. A part that fails is told and costs no other's
figures; bench.json is written again after each part.

    otter_run_over_ours     wall time of `otter run` for a submission, over ours with one job (imports included)
    cpu_over_bare_tests     our CPU for a whole class without workers and calls, over that of the tests alone
    worker_ms, call_ms      CPU of starting a worker, and of a call to it
    first_over_regrade      wall time of grading the whole class, over that of the same command again
    check_over_import_torch cold `check attention` over `python -c "import torch"`
    check_over_watch        cold `check attention` over a check after a save, with --watch
    watch_ms                wall time from a save to the end of what --watch says about it
    one_job_over_two        wall time of a light class with one job over that with two
    parent_memory_growth    how much more memory the grader itself needs for the largest light class, as a share
"""

import argparse
import json
import os
import platform
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import parts
from measured import say
from parts import QUICK, Bench, Sizes
from shown import plot, table

from autograder.spec import load

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_SECONDS = 19.5 * 60
PARTS: Mapping[str, Callable[[Bench], None]] = {
    "light": parts.light,
    "otter": parts.otter,
    "whole": parts.whole,
    "check": parts.check,
    "watch": parts.watch,
}


def run(bench: Bench, wanted: Mapping[str, Callable[[Bench], None]]) -> bool:
    """One part after another; what came of them is written down after each. False where one failed."""
    began = time.monotonic()
    bench.found["failed"] = {}
    for name, part in wanted.items():
        start = time.monotonic()
        say(f"{name}:")
        try:
            part(bench)
        except Exception as error:
            traceback.print_exc()
            bench.found["failed"][name] = f"{type(error).__name__}: {error}"
            say(f"{name} failed; the others go on")
        bench.found.setdefault("seconds_by_part", {})[name] = round(time.monotonic() - start, 1)
        bench.found["seconds"] = round(time.monotonic() - began, 1)
        bench.add_up()
        (bench.out / "bench.json").write_text(json.dumps(bench.found, indent=2) + "\n", encoding="utf-8")
        (bench.out / "table.md").write_text(table(bench.found), encoding="utf-8")
        say(f"{name}: {time.monotonic() - start:.0f} s, {time.monotonic() - began:.0f} s in all")
    if "light" in bench.found:
        plot(bench.found, bench.out / "plot.png")
    return not bench.found["failed"]


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="Tiny classes: does the bench itself work?")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--only", choices=PARTS, action="append", help="This part; several times for several.")
    parser.add_argument("--unit", type=Path, default=ROOT, help="Another unit, whose topics are named by --topics.")
    parser.add_argument("--topics", nargs=2, default=("attention", "finetuning"), metavar=("LIGHT", "OTHER"))
    parser.add_argument("--library", default="torch", help="What a check cannot do without.")
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    light, other = arguments.topics
    bench = Bench(
        load(arguments.unit.absolute()),
        QUICK if arguments.quick else Sizes(),
        out,
        light,
        other,
        arguments.library,
        deadline=time.monotonic() + MOST_SECONDS,
        found={"machine": machine(), "quick": arguments.quick},
    )
    chosen = set(arguments.only or PARTS)
    good = run(bench, {name: part for name, part in PARTS.items() if name in chosen})
    sys.stdout.write(table(bench.found))
    say(f"{bench.found['seconds'] / 60:.1f} minutes; see {out}/")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
