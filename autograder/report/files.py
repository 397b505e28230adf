"""Writing a report so that a reader, or a run that is killed, never meets half of one."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text with plain line feeds; `path` holds the old text or the new one, nothing in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
