"""`autograder grade --in-docker`: the same command in a container, for machines that cannot keep students' code apart.

The image is built from the repository once, and again when what goes into it has changed. The container has no network
and no capabilities but those with which a worker becomes another user; the unit and the submissions are mounted
read-only, and the folder for the reports is all that it can write.
"""

import csv
import hashlib
import io
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from autograder.errors import GraderError, UsageError
from autograder.grading.seeds import VARIABLE as SECRET

UNIT, OUT, SUBMISSIONS, GIVEN = "/unit", "/out", "/submissions", "/given"  # in the container
ENGINES = ("docker", "podman")
_REPOSITORY = Path(__file__).resolve().parents[2]
_DOCKERFILE = ".docker/Dockerfile"
_NO_MATTER = ("README.md", "LICENSE")  # in the package, and no part of what it does
_INSTALL = "https://docs.docker.com/engine/install/ or https://podman.io/docs/installation"
# To give a worker's folder away, to clean up behind it, to end it, to become another user, and to lose all of these.
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "SETPCAP")
_CLOSED = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
_TMP_MB = 4096
_ENGINE_FAILED = (125, 126, 127, 137)  # it could not run the container or the command, or it was killed


def engine_here() -> str:
    """The container engine that is installed and runs. Raises `UsageError`, which names the way to one."""
    for name in ENGINES:
        if found := shutil.which(name):
            if not _succeeds(found, "info"):
                raise UsageError(f"--in-docker: {found} is installed and does not answer: start it ({name} info)")
            return found
    raise UsageError(f"--in-docker: neither docker nor podman is installed here; see {_INSTALL}")


def image_name() -> str:
    """The name of the image of this repository as it is now."""
    digest = hashlib.sha256()
    for name, data in _context().items():
        if name not in _NO_MATTER:
            digest.update(f"{name} {len(data)}\n".encode() + data)
    return f"autograder:{digest.hexdigest()[:16]}"


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine, and where it stands in the container: read-only unless it is said."""

    source: Path
    target: str
    writable: bool = False

    def __str__(self) -> str:
        """As `--mount` wants it: a line of CSV, so that a comma in a path is one."""
        fields = ["type=bind", f"source={self.source}", f"target={self.target}"]
        with io.StringIO(newline="") as line:
            csv.writer(line, lineterminator="").writerow([*fields, *([] if self.writable else ["readonly"])])
            return line.getvalue()


def in_container(command: str, words: Sequence[str], mounts: Sequence[Mount], out: Path, console: Console) -> int:
    """Run `autograder COMMAND WORDS...` in a container with these mounts, the unit's first, and `out`; its exit status.

    Raises `UsageError` where there is no engine, or a container is at work on `out` already, and `GraderError` where
    the engine fails.
    """
    engine = engine_here()
    image = _built(engine, console)
    name = f"autograder-{hashlib.sha256(bytes(out.resolve())).hexdigest()[:12]}"
    if _succeeds(engine, "container", "inspect", name):
        raise UsageError(
            f"--in-docker: a container grades into {out} already; this ends it: {engine} rm --force {name}"
        )
    out.mkdir(parents=True, exist_ok=True)
    writable = Mount(out.resolve(), OUT, writable=True)
    try:
        status = _to_its_end(run_command(engine, image, name, command, words, [*mounts, writable]))
    finally:
        _succeeds(engine, "rm", "--force", name)  # where the engine's client ended before it
        _give_back(engine, image, writable)
    if status in _ENGINE_FAILED:
        raise GraderError(
            f"{engine} did not run the container to its end (exit status {status}); see what it said above"
        )
    named = " and ".join(f"{mount.target} is {mount.source}" for mount in (*mounts[:1], writable))
    console.print(f"In the container {named}", soft_wrap=True)
    return status


def run_command(
    engine: str, image: str, name: str, command: str, words: Sequence[str], mounts: Sequence[Mount]
) -> list[str]:
    """The engine's command line."""
    return [
        *(engine, "run", "--rm", f"--name={name}", *_CLOSED),
        *(f"--cap-add={each}" for each in _CAPABILITIES),
        *(f"--tmpfs=/tmp:rw,nosuid,nodev,size={_TMP_MB}m", "--env=HOME=/tmp", f"--workdir={UNIT}"),
        *(f"--mount={mount}" for mount in mounts),
        *([f"--env={SECRET}"] if SECRET in os.environ else []),
        *(["--interactive", "--tty"] if _at_a_terminal() else []),
        *(image, "autograder", command, *words),
    ]


def _at_a_terminal() -> bool:
    """Whether the container may have the terminal, for its progress bar and for Ctrl-C."""
    return os.name == "posix" and all(os.isatty(number) for number in range(3))


def _to_its_end(command: Sequence[str]) -> int:
    """Run the engine's client; its exit status. Ctrl-C goes to the command inside, once, and it ends in good order.

    At a terminal it gets there by itself. Elsewhere the client is kept out of its way, and told.
    """
    apart = os.name == "posix" and not _at_a_terminal()
    client = subprocess.Popen(command, start_new_session=apart)
    while True:
        try:
            return client.wait()
        except KeyboardInterrupt:
            if apart:
                client.send_signal(signal.SIGINT)


def _give_back(engine: str, image: str, out: Mount) -> None:
    """Make the reports over to whoever asked for them, where root in there is root out here."""
    if not hasattr(os, "getuid") or os.getuid() == 0 or _rootless(engine):
        return
    owner = f"{os.getuid()}:{os.getgid()}"
    rights = ("--cap-add=CHOWN", "--cap-add=DAC_OVERRIDE")
    _succeeds(engine, "run", "--rm", *_CLOSED, *rights, f"--mount={out}", image, "chown", "-hR", owner, OUT)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _rootless(engine: str) -> bool:
    if Path(engine).name == "podman":
        return True
    told = subprocess.run(
        [engine, "info", "--format", "{{.SecurityOptions}}"], capture_output=True, text=True, check=False
    )
    return "rootless" in told.stdout


def _built(engine: str, console: Console) -> str:
    """The image's name; it is built first where it is not there."""
    image = image_name()
    if not _succeeds(engine, "image", "inspect", image):
        console.print(f"Building the image {image}: once, some minutes, needs the network")
        command = [engine, "build", "--tag", image, "--file", _DOCKERFILE, "-"]
        if subprocess.run(command, input=_packed(_context()), check=False).returncode:
            raise GraderError("the image could not be built; what the engine said stands above")
    return image


def _context() -> dict[str, bytes]:
    """The files that go into the image, by name: not the tests, not the solutions, not what lies about."""
    names = [_DOCKERFILE, "pyproject.toml", ".ci/constraints.txt", *_NO_MATTER]
    for path in sorted((_REPOSITORY / "autograder").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            names.append(path.relative_to(_REPOSITORY).as_posix())
    try:
        return {name: (_REPOSITORY / name).read_bytes() for name in names}
    except FileNotFoundError as error:
        raise UsageError(f"--in-docker: {error.filename} is missing: run it from a clone of the repository") from None


def _packed(files: dict[str, bytes]) -> bytes:
    with io.BytesIO() as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), 0o644
                archive.addfile(member, io.BytesIO(data))
        return packed.getvalue()
