"""Students' repositories: `collect` what stood there at the deadline, and `publish` reports into them.

Both read a table with the heading `student,repository`, an address that git can clone on each line. Collecting writes a
zip a student, as git makes it from the commit, and a table of times for `grade --submitted`. The dates of commits are
what their authors say; who must not trust them collects at the deadline, not later.

Publishing replaces the branch `feedback` by one commit with the student's report and nothing else.
"""

import csv
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autograder.errors import UsageError
from autograder.report.files import write_atomically
from autograder.submission.names import shown, unique_names

BRANCH = "feedback"
_REPORTS = ("report.md", "report.html")
_SECONDS = 300  # for one command of git
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",  # an address that wants a password fails, and waits for nobody
    "GIT_ALLOW_PROTOCOL": "file:https:ssh",
    "GIT_AUTHOR_NAME": "autograder",
    "GIT_AUTHOR_EMAIL": "autograder@localhost",
    "GIT_COMMITTER_NAME": "autograder",
    "GIT_COMMITTER_EMAIL": "autograder@localhost",
}


@dataclass(frozen=True)
class Done:
    """What came of each student: a word on it, or why it failed."""

    told: Mapping[str, str]
    failed: Mapping[str, str]


def collect(table: Path, out: Path, before: datetime | None) -> Done:
    """Write out/submissions/STUDENT.zip and out/submitted.csv; `before` is the deadline of the commits."""
    submissions = out / "submissions"
    submissions.mkdir(parents=True, exist_ok=True)
    told, failed, times = {}, {}, {}
    for student, address in _students(table).items():
        try:
            with tempfile.TemporaryDirectory() as folder:
                _git("clone", "--quiet", "--bare", "--", address, "repository", cwd=Path(folder))
                inside = Path(folder, "repository")
                until = [f"--before={before.isoformat()}"] if before else []
                commit = _git("rev-list", "-1", "--first-parent", *until, "HEAD", cwd=inside).strip()
                if not commit:
                    raise _GitError("no commit before the deadline")
                times[student] = _git("show", "-s", "--format=%cI", commit, cwd=inside).strip()
                path = (submissions / f"{student}.zip").absolute()
                _git("archive", "--format=zip", f"--output={path}", commit, cwd=inside)
            told[student] = f"{commit[:12]} of {times[student]}"
        except _GitError as error:
            failed[student] = str(error)
    rows = "".join(f'"{student}",{moment}\n' for student, moment in times.items())
    write_atomically(out / "submitted.csv", f"student,submitted\n{rows}")
    return Done(told, failed)


def publish(table: Path, grades: Path) -> Done:
    """Push each report that is there to its student's repository."""
    told, failed = {}, {}
    for student, address in _students(table).items():
        reports = [path for name in _REPORTS if (path := grades / student / name).is_file()]
        if not reports:
            failed[student] = f"no report in {grades / student}"
            continue
        try:
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                _git("init", "--quiet", cwd=folder)
                for path in reports:
                    (folder / path.name).write_bytes(path.read_bytes())
                _git("add", "--", *(path.name for path in reports), cwd=folder)
                _git("commit", "--quiet", "--no-verify", "--message=The report on your work", cwd=folder)
                _git("push", "--quiet", "--force", "--", address, f"HEAD:refs/heads/{BRANCH}", cwd=folder)
            told[student] = f"on the branch {BRANCH}"
        except _GitError as error:
            failed[student] = str(error)
    return Done(told, failed)


class _GitError(Exception):
    """What git said, on one line."""


def _git(*arguments: str, cwd: Path) -> str:
    try:
        done = subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", *arguments],
            cwd=cwd,
            env={**os.environ, **_QUIET},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _GitError(f"git {arguments[0]} took longer than {_SECONDS} seconds") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise _GitError(f"git {arguments[0]}: {shown(lines[-1]) if lines else 'failed'}")
    return done.stdout


def _students(table: Path) -> dict[str, str]:
    """The address of each student's repository, by names that are safe as folders."""
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{table}: cannot be read: {error}") from None
    for line, row in enumerate(rows, 2):
        if not (row.get("student") or "").strip() or not (row.get("repository") or "").strip():
            raise UsageError(f"{table}:{line}: needs a student and a repository; the first line is student,repository")
    names = [row["student"].strip() for row in rows]
    unique = unique_names(names)
    if len({name.casefold() for name in names}) < len(names):
        raise UsageError(f"{table}: a student stands there twice")
    return {name: row["repository"].strip() for name, row in zip(unique, rows, strict=True)}
