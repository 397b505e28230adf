"""A notebook is read as data: whatever stands in it, its code cells come out or it is told that it is none."""

import ast
import json
import random
import time

import pytest

from autograder.student.notebook import (
    Cell,
    NotANotebook,
    as_python,
    combined,
    file_name,
    line_number,
    line_shown,
    read,
)


def code(source, **rest):
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": source, **rest}


def book(*cells, **rest):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **rest}


def data(*cells, **rest):
    return json.dumps(book(*cells, **rest)).encode()


def sources(found):
    return [cell.source for cell in found]


# what is read


def test_code_cells_alone_are_read_and_counted_as_jupyter_counts_them():
    cells = [
        {"cell_type": "markdown", "source": "x = 0"},
        code("x = 1"),
        code(" \n"),
        {"cell_type": "raw", "source": "x"},
    ]
    assert read(data(*cells, code(["y = 2\n", "z = 3"]))) == [Cell(1, "x = 1"), Cell(2, "y = 2\nz = 3")]


LIES = {
    "outputs with HTML and scripts": code("x = 1", outputs=[{"data": {"text/html": "<script>alert(1)</script>"}}]),
    "outputs that are no list": code("x = 1", outputs="x = 2"),
    "metadata that is no dict": code("x = 1", metadata=["training"]),
    "tags that are no list": code("x = 1", metadata={"tags": "training"}),
    "tags of all kinds": code("x = 1", metadata={"tags": [1, None, ["training"], "trainings"]}),
    "training elsewhere in the metadata": code("x = 1", metadata={"training": True, "name": "training"}),
    "an execution count that is a text": code("x = 1", execution_count="'; drop"),
    "an id that is a number": code("x = 1", id=7),
    "CRLF": code("x = 1\r\n"),
    "parts that are no text": code(["x = 1", 5, None, ["y"]]),
}


@pytest.mark.parametrize("name", LIES)
def test_nothing_but_the_source_matters(name):
    (cell,) = read(data(LIES[name]))
    assert cell.run
    assert cell.source.strip() == "x = 1"


BOOKS = {
    "the kernel of another language": book(code("x = 1"), metadata={"kernelspec": {"language": "R", "name": "ir"}}),
    "metadata that is a text": book(code("x = 1"), metadata="none"),
    "no version": {"cells": [code("x = 1")]},
    "a version of the future": book(code("x = 1"), nbformat=99),
    "format 3": {
        "worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"], "language": "python"}]}],
        "nbformat": 3,
    },
    "two cells of one id": book(code("x = 1", id="a"), {"cell_type": "markdown", "id": "a", "source": ""}),
    "cells that are no cells": book(None, 3, [], "x", {}, {"cell_type": []}, code("x = 1")),
    "a code cell without source": book({"cell_type": "code"}, code("x = 1")),
    "a source that is a number": book(code(5), code("x = 1")),
    "a source that is a dict": book(code({"x": 1}), code("x = 1")),
}


@pytest.mark.parametrize("name", BOOKS)
def test_odd_notebooks_are_read_all_the_same(name):
    assert sources(read(json.dumps(BOOKS[name]).encode())) == ["x = 1"]


def test_a_byte_order_mark_and_halves_of_characters():
    assert sources(read(b"\xef\xbb\xbf" + data(code("x = 1")))) == ["x = 1"]
    (cell,) = read(data(code("x = '\ud800'")))
    assert cell.source == "x = '?'"


def test_large_outputs_are_no_hindrance():
    found = read(data(code("x = 1", outputs=[{"data": {"image/png": "A" * (15 << 20)}}])))
    assert sources(found) == ["x = 1"]


NO_NOTEBOOKS = {
    "nothing": b"",
    "no JSON": b"print('hello')",
    "cut off": data(code("x = 1"))[:-20],
    "a list": b"[]",
    "a number": b"1",
    "no cells": b"{}",
    "cells that are a dict": b'{"cells": {}}',
    "worksheets that are a text": b'{"worksheets": "x"}',
    "UTF-16": json.dumps(book()).encode("utf-16"),
    "not UTF-8": b'{"cells": ["\xff"]}',
    "NUL": b"\0" * 100,
    "deep": b'{"cells": ' + b"[" * 200_000,
    "deep, and closed": b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "too large": b" " * (33 << 20),
    "100,000 cells": data(*[code("x = 1")] * 100_000),
    "too much code": data(code("x = 1\n" * 200_000)),
}


@pytest.mark.parametrize("name", NO_NOTEBOOKS)
def test_what_is_no_notebook_is_told(name):
    with pytest.raises(NotANotebook) as error:
        read(NO_NOTEBOOKS[name])
    assert str(error.value)


def test_a_number_without_end_in_the_metadata():
    text = json.dumps(book(code("x = 1"))).replace('"nbformat": 4', '"nbformat": ' + "9" * 10_000)
    assert sources(read(text.encode())) == ["x = 1"]


# cells that are not run


@pytest.mark.parametrize(
    "cell",
    [
        code("train()", metadata={"tags": ["training"]}),
        code("# training: not run when graded\ntrain()"),
        code("\n  #Training : not run when graded.\ntrain()"),
        code("show()", metadata={"tags": ["demo"]}),
        code("# demo: not run when graded\nshow()"),
        code("%%time\n# training: not run when graded\ntrain()"),
        code("%%bash\nrm -r ."),
        code("\n%%html\n<b>"),
        code("%%writefile x.py\nx = 1"),
        code("%%timeit\nx = 1"),
        code("%%unheard_of\nx = 1"),
        code("%%\nx = 1"),
    ],
)
def test_a_cell_that_trains_or_shows_or_is_no_python_is_not_run(cell):
    assert [each.run for each in read(data(cell, code("x = 1")))] == [False, True]


def test_a_comment_about_training_further_down_is_a_comment():
    (cell,) = read(data(code("x = 1\n# training: not run when graded")))
    assert cell.run


# magics

MAGICS = {
    "%matplotlib inline\nx = 1": "pass\nx = 1",
    "!pip install -q torch\nx = 1": "pass\nx = 1",
    "!!ls\nx = 1": "pass\nx = 1",
    "x = 1\n  \n!ls \"unbalanced ' ( [\ny = 2": "x = 1\n  \npass\ny = 2",
    "!echo a \\\n  b \\\n  c\nx = 1": "pass\n\n\nx = 1",
    "x?": "pass",
    "x.y??": "pass",
    "?x": "pass",
    "??x.y": "pass",
    "%pip?": "pass",
    "files = !ls": "files = None",
    "here = %pwd": "here = None",
    "a.b['c'] = !ls": "a.b['c'] = None",
    "x = 1\nif x:\n    !ls\n    y = 2": "x = 1\nif x:\n    pass\n    y = 2",
    "%time x = f(3)": "x = f(3)",
    "%time x = f(3,\n 4)\n!ls": "x = f(3,\n 4)\npass",
    "%%time\nx = 1": "\nx = 1",
    "\n%%capture out\nx = 1": "\n\nx = 1",
    "%%time\n!ls\nx = 1": "\npass\nx = 1",
    "%timeit f()\nx = 1": "pass\nx = 1",
}


@pytest.mark.parametrize("source", MAGICS)
def test_magics_and_shell_lines(source):
    python, is_python = as_python(source)
    assert (python, is_python) == (MAGICS[source], True)
    ast.parse(python)


KEPT = {
    "in a string": 's = """\n%d of\n!important\nwhat?\n"""',
    "in a bracket": "x = (5\n% 3)",
    "after a backslash": "x = 5 \\\n% 3",
    "in a text with apostrophes": "s = '''it's\n!here\n'''",
    "not equal": "x = 1\nassert x != 2",
    "remainder": "x = 7\nx %= 4",
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_python_stays(name):
    assert as_python(KEPT[name]) == (KEPT[name], True)
    with_magic = f"%load_ext autoreload\n{KEPT[name]}\n!ls"
    assert as_python(with_magic) == (f"pass\n{KEPT[name]}\npass", True)


def test_a_line_may_be_as_long_as_it_likes():
    began = time.process_time()
    for line in (
        "a" + " " * 300_000,
        " " * 300_000 + "(",
        "a " * 150_000 + "?",
        "?" * 300_000,
        "'" * 300_001,
        "\\" * 300_000,
    ):
        as_python(f"{line}\n!ls\n(")
    assert time.process_time() - began < 20


# lines


def test_a_line_of_a_cell_is_one_number():
    assert line_shown(line_number(file_name("/a/b.ipynb", 4), 12)) == "cell 4, line 12"
    assert line_shown(line_number("/a/b.py", 12)) == "line 12"


def test_the_tree_of_all_cells_leaves_out_what_does_not_parse():
    tree = combined(read(data(code("def f(:"), code("x = '\0'"), code("\ndef g():\n    pass"))))
    assert [(node.name, line_shown(node.lineno)) for node in tree.body] == [("g", "cell 3, line 2")]


# anything at all

PIECES = [
    "%%time\n",
    "%%bash\n",
    "!ls\n",
    "%x\n",
    "x?\n",
    "y = !ls\n",
    "'",
    '"',
    '"""',
    "'''",
    "\\",
    "\n",
    "(",
    ")",
    "{",
    "]",
    "#",
    "    ",
]
PIECES += [
    "if x:\n",
    "def f():\n",
    "x = 1\n",
    "\0",
    "\ud800",
    "\u2028",
    "é",
    "%time ",
    "# training: not run when graded\n",
    "await f()\n",
]
VALUES = [None, True, 0, -1, 1.5, "", "code", "training", [], {}, [[]], {"tags": ["training"]}, [None], "x = 1"]


def fuzzed(rng):
    cells = []
    for _ in range(rng.randrange(5)):
        source = "".join(rng.choices(PIECES, k=rng.randrange(25)))
        cell = code(rng.choice([source, source.splitlines(keepends=True)]))
        for _ in range(rng.choice([0, 0, 1, 2])):
            cell[rng.choice([*cell, "new"])] = rng.choice(VALUES)
        cells.append(rng.choice([cell] * 9 + VALUES))
    whole = book(*cells)
    if rng.random() < 0.1:
        whole[rng.choice([*whole, "worksheets"])] = rng.choice(VALUES)
    text = bytearray(json.dumps(whole, ensure_ascii=rng.random() < 0.9).encode("utf-8", "surrogatepass"))
    for _ in range(rng.choice([0, 0, 0, 1, 5])):
        at = rng.randrange(len(text))
        change = rng.choice(["flip", "cut", "twice"])
        if change == "flip":
            text[at] = rng.randrange(256)
        elif change == "cut":
            del text[at : at + rng.randrange(30)]
        else:
            text[at:at] = text[at : at + rng.randrange(60)]
        text = text or bytearray(b"{")
    return bytes(text)


def test_two_thousand_fuzzed_notebooks():
    rng = random.Random(20_261)
    read_well = 0
    for _ in range(2000):
        fuzz = fuzzed(rng)
        try:
            found = read(fuzz)
        except NotANotebook:
            continue
        read_well += 1
        assert all(isinstance(cell, Cell) for cell in found)
        combined(found)
    assert 1000 < read_well < 1900
