"""A notebook as the code that stands in it: the code cells of an .ipynb, read as data.

Outputs are never looked at, and of the metadata only the tags `training` and `demo`, which can do no more than keep a
cell from being run. What is no notebook at all is told by `NotANotebook`; what is wrong in one cell is that cell's own.

Cells are counted as Jupyter does after "Restart and run all": code cells that are not blank, from 1.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

SUFFIX = ".ipynb"
MAX_BYTES = 32 << 20
MAX_CELLS = 5_000
MAX_CODE = 1 << 20  # characters in all code cells together

LINES_PER_CELL = 1 << 24  # a line of a notebook is told as one number: the cell times this, and the line

LEFT_OUT = ("training", "demo")  # tags, each of which a comment stands for as well
_LEFT_OUT_COMMENT = re.compile(rf"#\s*({'|'.join(LEFT_OUT)})\s*:\s*not run when graded\b", re.IGNORECASE)

# Cell magics whose body is ordinary code of the notebook; any other is a text of its own kind (bash, html, a file).
_BODY_RUNS = frozenset(("time", "capture", "prun"))
_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
# Of a line without its indent: so no part can match blanks in more ways than one.
_MAGIC = re.compile(
    r"""%time[ ]+(?P<timed>[^-\s].*)                  # %time x = f(): the statement runs
      | (?P<name>[^=!%]*[^=!%\s])\s*=\s*[!%].*         # x = !ls, x = %pwd
      | [!%].*                                        # !ls, %matplotlib inline
      | \?{1,2}[\w.*]+\s*                             # ?name
      | [\w.*\[\]'"]+\?{1,2}\s*                       # name?
    """,
    re.VERBOSE,
)
_MAKING = re.compile(r"^[ \t]*(?:(?:async[ ]+)?def|class)[ ]+(\w+)|^[ \t]*(\w+)[ ]*=(?!=)", re.MULTILINE)
_TOKEN = re.compile(r"\"\"\"|'''|[\"'#()\[\]{}]")


class NotANotebook(ValueError):
    """The file holds no notebook."""


@dataclass(frozen=True)
class Cell:
    """One code cell. `run` is false for one that trains or only shows something, and for one in another language."""

    number: int
    source: str  # as Python: without magics and shell lines, line for line where the student has it
    run: bool = True

    def tree(self) -> ast.Module:
        """Its syntax tree, or what `compile` raises: SyntaxError, ValueError, RecursionError, MemoryError."""
        return parsed(self.source)

    def makes(self) -> frozenset[str]:
        """The names that it gives a value to, outside of its functions and classes; by its looks if it is no Python."""
        try:
            return frozenset(_names_made(self.tree().body))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return frozenset(made for pair in _MAKING.findall(self.source) for made in pair if made)


def _names_made(nodes: Iterable[ast.AST]) -> Iterator[str]:
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                pass  # names of their own
            case _:
                waiting += ast.iter_child_nodes(node)


def file_name(notebook: object, cell: int | str) -> str:
    """What code of a cell is compiled as, so that a traceback names the cell: "/.../tutorial.ipynb, cell 4"."""
    return f"{notebook}, cell {cell}"


def line_number(file: str, line: int) -> int:
    """A line of the file that code was compiled as, as one number."""
    _, separator, cell = file.rpartition(f"{SUFFIX}, cell ")
    return int(cell) * LINES_PER_CELL + line if separator and cell.isdecimal() else line


def line_shown(number: int) -> str:
    """`line 3`, or `cell 4, line 3` in a notebook."""
    cell, line = divmod(number, LINES_PER_CELL)
    return f"cell {cell}, line {line}" if cell else f"line {line}"


def read(data: bytes) -> list[Cell]:
    """The code cells of a notebook. Raises `NotANotebook`."""
    cells: list[Cell] = []
    room = MAX_CODE
    for source, tags in _code(_cells(_json(data))):
        if not source.strip():
            continue
        room -= len(source)
        if room < 0:
            raise NotANotebook(f"its code cells hold more than {MAX_CODE >> 20} million characters")
        if len(cells) == MAX_CELLS:
            raise NotANotebook(f"it has more than {MAX_CELLS} code cells")
        python, is_python = as_python(source)
        left_out = any(tag in tags for tag in LEFT_OUT) or _says_so(python)
        cells.append(Cell(len(cells) + 1, python, run=is_python and not left_out))
    return cells


def combined(cells: Iterable[Cell]) -> ast.Module:
    """All cells that run as one tree, its lines as `line_number` tells them; a cell that is no Python is left out."""
    tree = ast.Module([], [])
    for cell in cells:
        if cell.run:
            try:
                part = cell.tree()
                ast.increment_lineno(part, cell.number * LINES_PER_CELL)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            tree.body += part.body
    return tree


# -- the file


def _json(data: bytes) -> Any:
    if len(data) > MAX_BYTES:
        raise NotANotebook(f"it is larger than {MAX_BYTES >> 20} MB")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise NotANotebook("it is UTF-16 text; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text, parse_int=len, parse_float=len)  # no number in it matters, however long it is
    except UnicodeDecodeError:
        raise NotANotebook("it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise NotANotebook(f"line {error.lineno} of the file is not JSON ({error.msg})") from None
    except (RecursionError, MemoryError):
        raise NotANotebook("its JSON is nested too deep or too large") from None


def _cells(notebook: Any) -> Iterator[dict[str, Any]]:
    """The cells of format 4, or of the worksheets that format 3 had."""
    if not isinstance(notebook, dict):
        raise NotANotebook(f"its JSON is a {type(notebook).__name__}, not a notebook")
    sheets = notebook.get("worksheets")
    found = notebook.get("cells")
    if isinstance(found, list):
        lists = [found]
    elif isinstance(sheets, list):
        lists = [sheet["cells"] for sheet in sheets if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)]
    else:
        raise NotANotebook("it has no list of cells")
    return (cell for cells in lists for cell in cells if isinstance(cell, dict))


def _code(cells: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """(source, tags) of each code cell."""
    for cell in cells:
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        if not isinstance(source, str):
            continue
        source = source.encode("utf-8", "replace").decode()  # JSON can hold halves of characters
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        yield re.sub(r"\r\n?", "\n", source), tags if isinstance(tags, list) else []


def _says_so(python: str) -> bool:
    first = next((line.strip() for line in python.splitlines() if line.strip() not in ("", "pass")), "")
    return bool(_LEFT_OUT_COMMENT.match(first))


# -- from what a notebook takes to Python


def parsed(source: str) -> ast.Module:
    """The tree of a text, without what Python has to remark about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def as_python(source: str) -> tuple[str, bool]:
    """The cell without magics and shell lines, each replaced in its own line, and whether it is Python at all."""
    lines = source.split("\n")
    first = next(number for number, line in enumerate(lines) if line.strip())
    if magic := _CELL_MAGIC.match(lines[first]):
        if magic[1] not in _BODY_RUNS:
            return source, False
        lines[first] = ""
        source = "\n".join(lines)
    try:
        parsed(source)
    except SyntaxError:
        return "\n".join(_mended(lines)), True
    except (ValueError, RecursionError, MemoryError):
        pass  # told when it is compiled to be run
    return source, True


def _mended(lines: list[str]) -> Iterator[str]:
    """Every line that begins a statement and is a magic becomes `pass`; what is inside strings or brackets stays."""
    state = _State()
    goes_on = False  # a shell line that ends with a backslash
    for line in lines:
        text = line.lstrip()
        indent = line[: len(line) - len(text)]
        magic = None if state.inside or goes_on else _MAGIC.fullmatch(text)
        if goes_on:
            yield ""
        elif magic and magic["timed"]:
            yield indent + magic["timed"]
            state.read(magic["timed"])
        elif magic:
            yield indent + (f"{magic['name']} = None" if magic["name"] else "pass")
            goes_on = True
        else:
            yield line
            state.read(line)
        goes_on = goes_on and line.endswith("\\")


class _State:
    """Where the reader of a text is: inside a triple-quoted string, inside brackets, after a backslash."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0
        self._continued = False

    @property
    def inside(self) -> bool:
        return bool(self._quote) or self._depth > 0 or self._continued

    def read(self, line: str) -> None:
        """One more line that is Python."""
        self._continued = False
        at = 0
        while at < len(line):
            if self._quote:
                at = _end_of_string(line, at, self._quote)
                if at < 0:
                    break
                self._quote = ""
                continue
            found = _TOKEN.search(line, at)
            if found is None:
                break
            if found[0] == "#":
                return
            at = found.end()
            if found[0] in "([{":
                self._depth += 1
            elif found[0] in ")]}":
                self._depth = max(0, self._depth - 1)
            else:
                self._quote = found[0]
        if len(self._quote) == 1:
            self._quote = ""  # it ends with its line, unless that ends with a backslash
        self._continued = not self._quote and line.endswith("\\")


def _end_of_string(line: str, at: int, quote: str) -> int:
    """Where a string that began before `at` ends; -1 where it does not end in this line."""
    while at < len(line):
        if line[at] == "\\":
            at += 2
        elif line.startswith(quote, at):
            return at + len(quote)
        else:
            at += 1
    return -1
