"""What students hand in, as tests of the intake make it: files somewhere, zips, and one submission taken in."""

import io
import warnings
import zipfile
from pathlib import Path

from autograder.submission import Submission, find_submissions

UNIT = ("attention.py", "gpt.py", "tour.ipynb")
A, G = b"attention = 1\n", b"gpt = 1\n"
NONE_FOUND = "none of attention.py, gpt.py, tour.ipynb found"
LINK = "is a link; hand in the file itself"
DEEP = "nothing found in 20 folders, one inside the other; hand in the files themselves"
NOT_A_FILE = "is a pipe, a socket or a device; hand in a plain file"

Member = tuple[str | zipfile.ZipInfo, bytes]


def put(path: Path, data: bytes = A) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def zipped(*members: Member, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def one(path: Path) -> Submission:
    (submission,) = find_submissions([path], UNIT)
    return submission


def from_zip(tmp_path: Path, data: bytes) -> Submission:
    return one(put(tmp_path / "alice.zip", data))
