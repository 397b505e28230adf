"""`Submission`: what one student handed in, as the rest of the engine sees it."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Submission:
    """What one student handed in: the unit's files, by name, byte for byte, and what was wrong with the rest.

    `student` is safe as a folder's name and unique over the class. `source` says where it came from (for one that
    lay in a zip, the zip's path and the path inside it). With `readable` false it could not even be opened.
    """

    student: str
    source: Path
    files: Mapping[str, bytes] = field(hash=False)
    problems: tuple[str, ...] = ()
    readable: bool = True

    @property
    def gradable(self) -> bool:
        """Whether at least one of the unit's files was taken."""
        return bool(self.files)

    @property
    def sha256(self) -> str:
        """A hash of the names and bytes of all files, whoever handed them in."""
        return self.topic_sha256(self.files)

    def topic_sha256(self, names: Iterable[str]) -> str:
        """The same of those of `names` that were handed in, in any order."""
        digest = hashlib.sha256()
        for name in sorted(set(names) & self.files.keys()):
            for part in (name.encode(), self.files[name]):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
        return digest.hexdigest()

    def write_to(self, folder: Path, names: Iterable[str] | None = None) -> None:
        """Write the files, or those of `names`, into `folder`, plain and with mode 0644; no link is followed."""
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        wanted = self.files.keys() if names is None else set(names) & self.files.keys()
        for name in sorted(wanted):
            data = self.files[name]
            path = folder / name
            with open(path, "wb", opener=lambda at, _: os.open(at, flags, 0o644)) as file:
                file.write(data)
            path.chmod(0o644)  # whatever the umask
