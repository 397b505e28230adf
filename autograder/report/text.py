"""Untrusted text, made fit to be shown.

Names, messages, problems and file names come from students. `clean` takes out what can fool a terminal, a browser or a
reader (escape sequences, control characters, text that reorders itself), and bounds the length. It knows no format:
each report escapes for its own.
"""

import hashlib
import re
from itertools import pairwise

_ESCAPES = re.compile(
    r"""(?: \x1b[\]PX^_] | [\x9d\x90\x98\x9e\x9f] ) [^\x07\x1b\x9c\n]* (?: \x07 | \x1b\\ | \x9c )?  # OSC, DCS, APC
    | (?: \x1b\[ | \x9b ) [0-?]* [ -/]* [@-~]?  # CSI: colours, the cursor
    | \x1b [ -/]* [0-~]?  # any other
    """,
    re.VERBOSE,
)
_NEWLINES = re.compile("\r\n|[\r\x85\u2028\u2029]")
_FULL = 60  # characters of a line that its writer broke because it was full
_LIST_ITEM = re.compile(r"[-*+•]\s|\d+[.)]\s")
_UNWANTED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f"  # control characters, but for the line feed
    "\u202a-\u202e\u2066-\u2069"  # bidirectional overrides and isolates
    "\ud800-\udfff"  # lone surrogates
    "\ufeff\ufffe\uffff\U000e0000-\U000e007f]"  # byte order marks, non-characters, invisible tags
)


def clean(text: str, limit: int, lines: int = 1) -> str:
    """The text without escape sequences and control characters, at most `limit` characters and `lines` lines long."""
    if len(text) <= limit and text.isprintable():  # as almost all is
        return text.strip()
    text = _NEWLINES.sub("\n", text[: 4 * limit + 1000]).replace("\t", "    ")
    text = _UNWANTED.sub("", _ESCAPES.sub("", text)).strip()
    rows = [row.rstrip() for row in text.split("\n")]
    if lines == 1:
        rows = [" ".join(rows)]
    shown = "\n".join(rows[:lines])
    if len(rows) <= lines and len(shown) <= limit:
        return shown
    return shown[: limit - 2].rstrip() + " …"


def printable(code: str) -> str:
    """A piece of a file as it stands, without what could fool a browser or a reader; no line and no blank is lost."""
    return _UNWANTED.sub("\ufffd", _NEWLINES.sub("\n", code.replace("\t", "    ")))


def flowing(text: str) -> str:
    """Prose without the line breaks of a source file: a line that was full goes on in the next one; others stay."""
    rows = [row.strip() for row in text.split("\n")]
    shown = rows[0]
    for before, row in pairwise(rows):
        shown += (" " if len(before) >= _FULL and row and not _LIST_ITEM.match(row) else "\n") + row
    return shown


def is_file_name(name: str) -> bool:
    """Whether the name can be a single part of a path and of a link, as it stands."""
    return name == clean(name, 200) and len(name.encode()) <= 200 and not re.search(r'[/\\:*?"<>|]|^\.|^$', name)


def file_name(name: str) -> str:
    """The name as one part of a path; names that had to be changed stay distinct."""
    if is_file_name(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    stem = re.sub(r'[/\\:*?"<>|.]+', "_", clean(name, 40))
    return f"{stem}-{digest}"
