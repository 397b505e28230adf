"""How much a worker has on disk, in bytes and in entries, counted from outside while the grader waits for it.

A file system of its own with a size would be stricter, but to mount one takes rights that few graders have; looking
works everywhere. Between two looks a worker can write what the disk takes in a tenth of a second, no more.
"""

import errno
import os
import stat
from dataclasses import dataclass

_BLOCK = 512  # bytes, of st_blocks


@dataclass(frozen=True)
class Quota:
    """What may stand in a folder, and in files deleted from it that are still open."""

    folder: str
    megabytes: int
    entries: int

    def passed(self, pid: int) -> bool:
        """Whether the worker `pid` has more than it may. Looks no further than that, however much there is."""
        room, left = self.megabytes << 20, self.entries
        folders = [self.folder]
        room -= _deleted_but_open(pid)
        while folders:
            try:
                with os.scandir(folders.pop()) as found:
                    for entry in found:
                        left -= 1
                        room -= entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                        if left < 0 or room < 0:
                            return True
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:  # nested deeper than a path can say
                    return True
        return room < 0


def _deleted_but_open(pid: int) -> int:
    """The bytes of files without a name, as far as the system shows them."""
    taken = 0
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            found = os.stat(f"/proc/{pid}/fd/{descriptor}")
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                taken += found.st_blocks * _BLOCK
    except OSError:  # it has ended; or another user's, and this is no root with the right to look
        pass
    return taken
