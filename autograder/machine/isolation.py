"""Which layers keep a student's code apart on this machine, found out by trying, and whether they are enough.

Marks come from hidden tests only where two things hold: a worker cannot read files (Landlock, or another uid with the
hidden files in folders that others cannot enter), and it can make only harmless system calls (seccomp). Anything less
is refused, and the way out is named.
"""

import json
import mmap
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autograder.machine.temporary import temporary_root
from autograder.spec import Unit
from autograder.student import jail, privileges

WAY_OUT = "`autograder grade --in-docker ...` grades in a container that has it; `autograder doctor` tells more"
_SECONDS = 20  # for the trial, which takes a fraction of one


@dataclass(frozen=True)
class Trial:
    """The layers that a worker claims here, and what was tried from within: by name, whether it was refused."""

    layers: tuple[str, ...]
    refused: dict[str, bool]
    error: str = ""

    @property
    def got_through(self) -> list[str]:
        return [name for name, refused in self.refused.items() if not refused]


def reads_of(unit: Unit) -> tuple[str, ...]:
    """What a worker may read of the unit: props, stand-ins, resources."""
    paths = (unit.props, unit.stand_ins, *(unit.root / resource for resource in unit.spec.resources))
    return tuple(str(path.resolve()) for path in paths)


def lacking(layers: Iterable[str]) -> str | None:
    """What is missing for hidden tests, in a few words; None where these layers are enough."""
    names = {layer.split()[0] for layer in layers} | set(layers)
    if "seccomp" not in names:
        return "no seccomp: a student's code could start processes, signal the grader and use the network"
    if not names & {"landlock", "another user"}:
        return "neither Landlock nor another user: a student's code could read the hidden tests"
    return None


def lacking_here(layers: Iterable[str], hidden: Iterable[Path]) -> str | None:
    """The same, and where only another user keeps a worker from the files, whether those are shut off from others."""
    layers = tuple(layers)
    if any(layer.startswith("landlock") for layer in layers):
        return lacking(layers)
    open_places = [path for path in hidden if path.exists() and not privileges.closed_to_others(str(path))]
    if lacking(layers) is None and open_places:
        names = " ".join(map(str, open_places))
        return f"no Landlock, and other users can enter what must stay hidden; this shuts them out: chmod 700 {names}"
    return lacking(layers)


def hidden_places(unit: Unit) -> list[Path]:
    """What a student's code must never read."""
    return [unit.root / "tests" / name for name in ("hidden", "mistakes", "right")] + [unit.solutions]


def refusal(unit: Unit, trial: Trial, *hidden: Path) -> str | None:
    """Why nobody can be graded with hidden tests here; None where they can. `hidden`: further places to be kept."""
    if trial.error:
        return trial.error
    if why := lacking_here(trial.layers, [*hidden_places(unit), *hidden]):
        return why
    if trial.got_through:
        return f"the layers do not hold what they promise; a trial could {', '.join(trial.got_through)}"
    return None


def try_here(unit: Unit, *hidden: Path) -> Trial:
    """Confine a forked child as a worker is confined, try from within what must fail, and tell.

    It looks into all that must stay hidden, since a unit may stand where a worker may read: inside of a virtual
    environment, say.
    """
    if sys.platform != "linux":
        return Trial((), {}, f"only Linux can keep a student's code from the hidden tests, and this is {sys.platform}")
    with temporary_root(), tempfile.NamedTemporaryFile("w") as canary:
        told = _in_a_child(unit, tempfile.mkdtemp(), canary.name, [*hidden_places(unit), *hidden])
    if "layers" not in told:
        return Trial((), {}, str(told.get("error", "the trial ended without an answer")))
    return Trial(tuple(told["layers"]), dict(told["refused"]))


def _in_a_child(unit: Unit, scratch: str, canary: str, hidden: Sequence[Path]) -> dict[str, Any]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        signal.alarm(_SECONDS)
        try:
            told = _trial(unit, scratch, canary, hidden)
        except BaseException as error:
            told = {"error": f"{type(error).__name__}: {error}"}
        with os.fdopen(theirs, "w") as pipe:
            json.dump(told, pipe)
            pipe.flush()
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return dict(json.loads(text)) if text else {}


def _trial(unit: Unit, scratch: str, canary: str, hidden: Sequence[Path]) -> dict[str, Any]:
    reads = reads_of(unit)
    network = privileges.leave_network()
    limits = unit.spec.limits
    parent = os.getppid()
    there = [path.resolve() for path in hidden if path.is_dir()]
    allowance = jail.Allowance(_SECONDS, limits.memory_mb, limits.file_mb, scratch, reads)
    layers = [*jail.confine(allowance), *network]
    attempts: dict[str, Callable[[], object]] = {
        "read another's file": lambda: os.close(os.open(canary, os.O_RDONLY)),
        **{f"look into {path}": partial(os.listdir, path) for path in there},
        "start a process": _start_a_process,
        "signal the grader": lambda: os.kill(parent, 0),
        "use more memory than allowed": lambda: mmap.mmap(-1, (limits.memory_mb + 64) << 20),
        "write a larger file than allowed": lambda: _write_large(scratch, limits.file_mb),
    }
    return {"layers": layers, "refused": {name: _refused(attempt) for name, attempt in attempts.items()}}


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, MemoryError):
        return True
    return False


def _start_a_process() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def _write_large(folder: str, megabytes: int) -> None:
    with open(os.path.join(folder, "large"), "wb") as file:
        file.truncate((megabytes << 20) + 1)
