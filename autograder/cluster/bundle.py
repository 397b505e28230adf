"""A unit as one archive: rules, solutions, hidden tests and what those need. Not for students."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.spec import Unit, load

_TESTS = ("hidden", "public", "props", "stand_ins", "mistakes", "pictures")
_FOLDERS = ("solutions", *(f"tests/{name}" for name in _TESTS))


@dataclass(frozen=True)
class Bundle:
    """The archive, and which of its rule files count."""

    archive: bytes
    rules: str


def bundle_of(unit: Unit, rules: str) -> Bundle:
    """The unit on disk, packed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(unit):
            archive.write(path, path.relative_to(unit.root))
    return Bundle(file.getvalue(), rules)


def unpacked(bundle: Bundle, folder: Path) -> Unit:
    """The unit of a bundle, in an empty folder."""
    with zipfile.ZipFile(io.BytesIO(bundle.archive)) as archive:
        archive.extractall(folder)
    return load(folder, bundle.rules)


def _files(unit: Unit) -> Iterator[Path]:
    yield from sorted(unit.root.glob("*.yml"))
    for name in dict.fromkeys([*_FOLDERS, *unit.spec.resources]):
        place = unit.root / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
