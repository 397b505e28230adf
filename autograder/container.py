"""`autograder grade --in-docker`: the same command in a container, for machines that cannot keep students' code apart.

The image is built from the repository once, and again when what goes into it has changed. The container has no network
and no capabilities but those with which a worker becomes another user; the unit and the submissions are mounted
read-only, and the folder for the reports is all that it can write.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from autograder.errors import GraderError, UsageError

ENGINES = ("docker", "podman")
_REPOSITORY = Path(__file__).resolve().parent.parent
_DOCKERFILE = ".docker/Dockerfile"
_NO_MATTER = ("README.md", "LICENSE")  # in the package, and no part of what it does
_INSTALL = "https://docs.docker.com/engine/install/ or https://podman.io/docs/installation"
# To give a worker's folder away, to clean up behind it, to end it, to become another user, and to lose all of these.
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "SETPCAP")
_TMP_MB = 4096


def engine_here() -> str:
    """The container engine that is installed and runs. Raises `UsageError`, which names the way to one."""
    for name in ENGINES:
        if found := shutil.which(name):
            if subprocess.run([found, "info"], capture_output=True, check=False).returncode:
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


def grade_in_container(
    root: Path, submissions: Sequence[Path], out: Path, options: Sequence[str], console: Console
) -> int:
    """Run `autograder grade` with these options in a container; its exit status."""
    engine = engine_here()
    image = _built(engine, console)
    out.mkdir(parents=True, exist_ok=True)
    command = run_command(engine, image, root, submissions, out, options)
    status = subprocess.run(command, check=False).returncode
    console.print(f"/out in the container is {out} here", soft_wrap=True)
    return status


def run_command(
    engine: str, image: str, root: Path, submissions: Sequence[Path], out: Path, options: Sequence[str]
) -> list[str]:
    """The engine's command line. Raises `UsageError` for a submission that is not there."""
    mounts = [f"type=bind,source={root.resolve()},target=/unit,readonly"]
    inside = []
    for number, path in enumerate(submissions):
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        inside.append(f"/submissions/{number}/{path.resolve().name}")
        mounts.append(f"type=bind,source={path.resolve()},target={inside[-1]},readonly")
    mounts.append(f"type=bind,source={out.resolve()},target=/out")
    return [
        *(engine, "run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL"),
        *(f"--cap-add={name}" for name in _CAPABILITIES),
        *("--security-opt=no-new-privileges", f"--tmpfs=/tmp:rw,nosuid,nodev,size={_TMP_MB}m", "--workdir=/unit"),
        *(f"--mount={mount}" for mount in mounts),
        *(["--env=AUTOGRADER_SECRET"] if "AUTOGRADER_SECRET" in os.environ else []),
        *(image, "sh", "-c", _given_back(engine), "sh", "grade", *inside, "--out", "/out", *options),
    ]


def _given_back(engine: str) -> str:
    """The command, and then the reports made over to whoever asked for them, where root in there is root out here."""
    if not hasattr(os, "getuid") or os.getuid() == 0 or _rootless(engine):
        return 'exec autograder "$@"'
    return f'autograder "$@"; status=$?; chown -R {os.getuid()}:{os.getgid()} /out; exit $status'


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
    if subprocess.run([engine, "image", "inspect", image], capture_output=True, check=False).returncode:
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
