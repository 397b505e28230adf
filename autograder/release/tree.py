"""The files of a unit, as far as git knows or would know them; where there is no git, all but caches."""

import subprocess
from pathlib import Path


def files_of(root: Path, name: str) -> list[Path]:
    """The plain files of `name`, a file or folder in `root`; links are left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", name]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    listed = [root / path for path in done.stdout.decode().split("\0") if path] if done.returncode == 0 else []
    if not listed:
        top = root / name
        listed = [top] if top.is_file() else [path for path in top.rglob("*") if "__pycache__" not in path.parts]
    return sorted(path for path in listed if path.is_file() and not path.is_symlink())
