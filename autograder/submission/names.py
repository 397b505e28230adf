"""Names that are safe: to show to a person, and to use as a folder's name on Linux, macOS and Windows."""

import re
import unicodedata
from collections.abc import Iterable

MAX_CHARACTERS = 80
MAX_BYTES = 200  # most file systems take 255
# What the grader writes beside the students' folders: instructor/, and files such as class.html and seed.secret.
OWN_FOLDERS = frozenset({"instructor", "review"})
OWN_FILES = frozenset({"class", "grades", "gradebook", "seed", "similar", "similarity", "report"})
DEVICES = frozenset(  # of Windows, with any suffix
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"}
)
_NOT_IN_A_NAME = re.compile(r'[/\\:*?"<>|]')


def shown(text: str, limit: int = 200) -> str:
    """Somebody else's text on one line: no control, bidi or unassigned characters, and not endless."""
    clean = "".join("\N{REPLACEMENT CHARACTER}" if _unseen(char) else char for char in text)
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"


def folded(name: str) -> str:
    """Equal for names that some file system takes for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def safe_name(name: str) -> str:
    """A folder's name that a person still reads as `name`: letters of any script stay."""
    spaced = " ".join(unicodedata.normalize("NFC", name).split())
    clean = "".join("_" if _unseen(char) else char for char in _NOT_IN_A_NAME.sub("_", spaced))
    clean = _cut(clean.lstrip(".- "))
    if not clean.strip("_"):
        return "student"
    stem, _, suffix = (folded(part) for part in clean.partition("."))
    if folded(clean) in OWN_FOLDERS or stem.rstrip() in DEVICES or (suffix and stem in OWN_FILES):
        return _cut(f"_{clean}")
    return clean


def unique_names(names: Iterable[str]) -> list[str]:
    """The same names, safe, no two equal on any file system: the second alice becomes alice-2."""
    safe = [safe_name(name) for name in names]
    used = {folded(name) for name in safe}
    count: dict[str, int] = {}
    result = []
    for name in safe:
        unique = name
        key = folded(name)
        count[key] = count.get(key, 0) + 1
        while count[key] > 1 and folded(unique) in used:
            ending = f"-{count[key]}"
            unique = _cut(name, len(ending)) + ending
            count[key] += folded(unique) in used
        used.add(folded(unique))
        result.append(unique)
    return result


def _unseen(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _cut(name: str, room: int = 0) -> str:
    """What of `name` fits beside `room` characters more."""
    short = name[: MAX_CHARACTERS - room].encode()[: MAX_BYTES - room].decode(errors="ignore")
    return short.rstrip(". ")  # Windows drops them
