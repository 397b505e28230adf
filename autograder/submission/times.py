"""When submissions came in, as far as a platform's export tells.

Gradescope writes `submission_metadata.yml`, with `:created_at:` two blanks deep under each submission's folder. It is
read line by line: the rest of the file holds what autograders printed, of any length, and is nothing to parse.
Exports of Canvas and Moodle tell no time. (Canvas says LATE in a file's name, and not by how much.)
"""

import re
from datetime import datetime

from autograder.submission.platforms import GRADESCOPE_METADATA
from autograder.submission.tree import Folder, UnreadableError

_MAX_BYTES = 256 << 20
_FOLDER = re.compile(rb"(submission_\d+):\s*")
_CREATED = re.compile(rb"  :created_at: *['\"]?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(\.\d+)? *(Z|[+-]\d\d:\d\d)['\"]?\s*")


def platform_times(folder: Folder) -> dict[str, datetime]:
    """By the name of an entry of `folder`, when it came in."""
    if not any(entry.name == GRADESCOPE_METADATA and entry.kind == "file" for entry in folder.entries()):
        return {}
    try:
        text = folder.read(GRADESCOPE_METADATA, _MAX_BYTES)
    except UnreadableError:
        return {}
    times: dict[str, datetime] = {}
    of = ""
    for line in text.splitlines():
        if begins := _FOLDER.fullmatch(line):
            of = begins[1].decode()
        elif of and of not in times and (created := _CREATED.fullmatch(line)):
            zone = created[3].decode().replace("Z", "+00:00")
            times[of] = datetime.fromisoformat(created[1].decode() + zone)
    return times
