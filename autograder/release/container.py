"""Zips for graders that run elsewhere: the engine, the unit with its secrets, and what the container needs.

They hold everything that students must not have: keep them as you keep the repository.
"""

import io
import zipfile
from collections.abc import Mapping
from importlib.metadata import requires
from importlib.resources import files
from pathlib import Path

from autograder.grading.seeds import FILE_NAME as SECRET
from autograder.grading.seeds import secret_for
from autograder.release.engine import ENGINE, requirements_of_unit
from autograder.release.tree import files_of
from autograder.spec import Unit

_UNIT = ("grading.yml", "assignments", "solutions", "tests/public", "tests/hidden", "tests/props", "tests/stand_ins")
_FOR_REPORTS = ("tests/mistakes", "tests/pictures")  # which name the misconception, and show what the code gives
_PINS = ".ci/constraints.txt"


def payload(unit: Unit, grades: Path) -> dict[str, bytes]:
    """By name in the zip: engine/, unit/, the seeds' secret of the gradebook in `grades`, requirements and pins."""
    entries: dict[str, bytes] = {}
    for name in (*_UNIT, *_FOR_REPORTS, *unit.spec.resources):
        for path in files_of(unit.root, name):
            entries[f"unit/{path.relative_to(unit.root).as_posix()}"] = path.read_bytes()
    for path in sorted(ENGINE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            entries[f"engine/autograder/{path.relative_to(ENGINE).as_posix()}"] = path.read_bytes()
    grades.mkdir(parents=True, exist_ok=True)
    entries[SECRET] = secret_for(grades) + b"\n"
    engine = [line for line in requires("autograder") or () if "extra ==" not in line]
    entries["requirements.txt"] = "".join(f"{line}\n" for line in [*engine, *requirements_of_unit(unit)]).encode()
    pins = unit.root / _PINS
    entries["requirements.pins"] = pins.read_bytes() if pins.is_file() else b""
    return entries


def as_zip(entries: Mapping[str, bytes]) -> bytes:
    """The zip; scripts can be run, the secret is its owner's, and the same entries give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(entries.items()):
            info = zipfile.ZipInfo(name)
            runs = name == "run_autograder" or name.endswith(".sh")
            info.external_attr = (0o100755 if runs else 0o100600 if name == SECRET else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()


def container_file(name: str) -> bytes:
    return (files("autograder.release") / "container_template" / name).read_bytes()


def write_zip(out: Path, entries: Mapping[str, bytes]) -> None:
    """The zip, whole or not at all, and readable by its owner alone."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    try:
        temporary.touch(mode=0o600)
        temporary.write_bytes(as_zip(entries))
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def gradescope_zip(unit: Unit, out: Path, grades: Path) -> None:
    """`autograder release gradescope`: for Gradescope's "upload autograder"."""
    entries = payload(unit, grades)
    entries["setup.sh"] = container_file("setup.sh")
    entries["run_autograder"] = container_file("gradescope_run_autograder")
    entries["Dockerfile"] = container_file("Dockerfile")
    write_zip(out, entries)
