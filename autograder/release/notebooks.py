"""Stubs of notebooks: `assignments/X.ipynb` from the solved `solutions/X.ipynb`.

In a code cell the lines from `# BEGIN SOLUTION: words` to `# END SOLUTION` become `# TODO: words`; inside a function
`raise NotImplementedError` follows. At the top level of a cell nothing does, so the cell sets `name = None` before the
region. In a Markdown cell what stands between `<!-- BEGIN SOLUTION -->` and `<!-- END SOLUTION -->` is left out.

Outputs and execution counts are dropped, and of the metadata all but the kernel, the language and the cells' tags.
"""

import ast
import io
import json
import re
from typing import Any

import nbformat

from autograder.errors import GraderError
from autograder.release.stubs import stub_lines
from autograder.student.notebook import as_python

_MARKDOWN = re.compile(r"[ \t]*<!-- BEGIN SOLUTION -->.*?<!-- END SOLUTION -->[ \t]*\n?", re.DOTALL)
_KERNEL = ("display_name", "language", "name")


def make_notebook_stub(solution: str, name: str = "solution") -> str:
    """The stub of a solved notebook. Raises `GraderError` that names the cell, counted from 1 over all cells."""
    book = _read(solution, name)
    before = [cell.source for cell in book.cells]
    for number, cell in enumerate(book.cells, 1):
        where = f"{name}, cell {number} of all"
        if cell.cell_type == "code":
            cell.source = _code_stub(cell.source, where)
            cell.outputs, cell.execution_count = [], None
        elif cell.cell_type == "markdown":
            cell.source = _MARKDOWN.sub("", cell.source)
        if re.search(r"(BEGIN|END) SOLUTION", cell.source):
            raise GraderError(f"{where}: a marker of a solution is left over: does it stand on a line of its own?")
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.pop("attachments", None)
    if before == [cell.source for cell in book.cells]:
        raise GraderError(f"{name}: has no region between # BEGIN SOLUTION and # END SOLUTION")
    kernel = {key: value for key, value in book.metadata.get("kernelspec", {}).items() if key in _KERNEL}
    language = {"name": book.metadata.get("language_info", {}).get("name", "python")}
    book.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": language} if kernel else {})
    return _written(book, name)


def _read(text: str, name: str) -> Any:
    try:
        content = json.loads(text)
        new_enough = (content["nbformat"], content["nbformat_minor"]) >= (4, 5)
        has_ids = all("id" in cell for cell in content["cells"])
    except (ValueError, TypeError, KeyError):
        raise GraderError(f"{name}: is not a notebook") from None
    if not new_enough or not has_ids:
        raise GraderError(f"{name}: must be a notebook of format 4.5, every cell with its id")
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
    return nbformat.from_dict(content)


def _code_stub(source: str, where: str) -> str:
    if not source.strip():
        return source
    spans = _functions(source, where)
    lines = stub_lines(source.split("\n"), where, lambda line: any(first < line <= last for first, last in spans))
    stub = "\n".join(lines)
    python, is_python = as_python(stub) if stub.strip() else ("", False)
    try:
        ast.parse(python if is_python else "")
    except SyntaxError as error:
        raise GraderError(f"{where}: its stub would not be Python: {error.msg} in line {error.lineno} of it") from None
    return stub


def _functions(source: str, where: str) -> list[tuple[int, int]]:
    """First and last line of every function in a cell."""
    python, is_python = as_python(source)
    try:
        tree = ast.parse(python if is_python else "")
    except SyntaxError as error:
        raise GraderError(f"{where}: line {error.lineno} is not Python: {error.msg}") from None
    found = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    # The comment that ends a region may stand after the function's last statement.
    return [(node.lineno, node.end_lineno or node.lineno) for node in found]


def _written(book: Any, name: str) -> str:
    try:
        nbformat.validate(book)
    except nbformat.ValidationError as error:
        raise GraderError(f"{name}: its stub would not be a valid notebook: {error}") from None
    text = io.StringIO()
    nbformat.write(book, text)
    return text.getvalue()
