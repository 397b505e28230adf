"""Kills the grader, a zygote, a job or a worker at random moments, and grades again.

    python tests/kills.py --moments 50

After each kill the same command runs once more, undisturbed. Then grades.csv must be that of a run that nobody
disturbed, byte for byte, and so must each results.json once `seconds` is taken out; and nothing that was started may
still run. Exit status 1, and what differs, otherwise.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

TINY_UNIT = Path(__file__).resolve().parent / "autograder" / "tiny_unit"
VICTIMS = ("grader", "zygote", "job", "worker")
_GONE_SECONDS = 60.0  # generous: an orphan ends at once, or never


def make_class(folder: Path) -> None:
    """Right, wrong, empty, looping and crashing submissions of the tiny unit."""
    right = (TINY_UNIT / "solutions" / "words.py").read_text(encoding="utf-8")
    sources = {
        "crash": right + "\ndef most_common(text):\n    import ctypes\n    return ctypes.string_at(0)\n",
        "empty": (TINY_UNIT / "assignments" / "words.py").read_text(encoding="utf-8"),
        "loop": right.replace("    counts = {}", "    while text.strip() == '':\n        pass\n    counts = {}"),
        "right": right,
        "suicide": right + "\ndef count_words(text):\n    import os\n    os.kill(os.getpid(), 9)\n",
        "wrong": right.replace("+ 1", "+ 2"),
    }
    for name, source in sources.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "words.py").write_text(source, encoding="utf-8")


def start(students: Path, out: Path) -> psutil.Popen:
    command = [sys.executable, "-m", "autograder", "grade", str(students), "--out", str(out), "--jobs", "2"]
    environment = os.environ | {"AUTOGRADER_SECRET": "kills"}
    return psutil.Popen(command, cwd=TINY_UNIT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def reports(out: Path) -> dict[str, object]:
    """What must be equal."""
    found: dict[str, object] = {"grades.csv": (out / "grades.csv").read_bytes()}
    for path in sorted(out.glob("*/results.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        for item in result["items"]:
            for test in item["tests"]:
                del test["seconds"]
        found[f"{path.parent.name}/results.json"] = result
    return found


def victims(grader: psutil.Process, who: str) -> list[psutil.Process]:
    """Those of this kind that are alive; a zygote's clones and workers are its forks, and look like it."""
    if who == "grader":
        return [grader]
    children = grader.children()
    zygotes = [child for child in children if any("zygote" in part for part in child.cmdline())]
    if who == "job":
        return [child for child in children if child not in zygotes]
    clones = [clone for zygote in zygotes for clone in zygote.children()]
    if who == "zygote":
        return [*zygotes, *clones]
    return [worker for clone in clones for worker in clone.children()]


def kill_one(grader: psutil.Popen, who: str, moment: float, chance: random.Random) -> list[psutil.Process] | None:
    """Kill one of this kind at that moment, or as soon after it as there is one; all that ran then."""
    time.sleep(moment)
    while grader.poll() is None:
        try:
            found = victims(grader, who)
            if found:
                running = grader.children(recursive=True)
                chance.choice(found).kill()
                return running
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.001)
    return None


def disturbed(students: Path, out: Path, who: str, moment: float, chance: random.Random) -> tuple[str, list[str]]:
    """Grade, with a kill, and grade again: what was killed, and what is still there."""
    grader = start(students, out)
    running = kill_one(grader, who, moment, chance)
    grader.communicate()
    _, alive = psutil.wait_procs(running or [], timeout=_GONE_SECONDS)
    again = start(students, out)
    _, told = again.communicate()
    left = [f"process {process.pid} is still there" for process in alive]
    killed = "nobody" if running is None else who
    return killed, left if again.returncode == 0 else [*left, told.decode(errors="replace")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--who", choices=VICTIMS, action="append", help="Only these.")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    kinds, wrong = arguments.who or VICTIMS, 0
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        students, out = Path(folder, "class"), Path(folder, "out")
        make_class(students)
        began = time.monotonic()
        start(students, out).communicate()
        lasted = time.monotonic() - began
        wanted = reports(out)
        for number in range(arguments.moments):
            shutil.rmtree(out)
            who, moment = kinds[number % len(kinds)], chance.uniform(0, lasted)
            killed, problems = disturbed(students, out, who, moment, chance)
            found = reports(out)
            problems += [f"{name} differs" for name in wanted if found.get(name) != wanted[name]]
            print(f"{number + 1}: {killed} after {moment:.2f} of {lasted:.2f} s: {problems or 'equal'}", flush=True)
            wrong += bool(problems)
    print(f"{arguments.moments} kills, {wrong} of them left something wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
