"""A notebook runs cell by cell as one module, and what a cell does is that cell's own affair."""

import json
import os

import pytest

from autograder.mistakes import Edit, Mistake
from autograder.student.workbench import BenchConfig
from autograder.target.failures import (
    Crashed,
    ForbiddenShortcut,
    MissingName,
    StudentError,
    TimedOut,
    student_error,
)
from autograder.target.inprocess import InProcessTarget
from autograder.target.proxy import Handle, Student

SECONDS = 1.5  # of CPU for all cells of a notebook here


def notebook(*sources):
    """A notebook of code cells; a cell that is a dict is taken as it is."""
    cells = [
        source if isinstance(source, dict) else {"cell_type": "code", "metadata": {}, "outputs": [], "source": source}
        for source in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def run(fresh, tmp_path):
    """Runs a notebook in a worker of its own; the student of it."""

    def run(*sources, **bench):
        folder = tmp_path / "assignments"
        folder.mkdir(exist_ok=True)
        (folder / "book.ipynb").write_text(notebook(*sources), encoding="utf-8")
        return fresh(folder / "book.ipynb", kind="notebook", **{"load_seconds": SECONDS} | bench)

    return run


def failures(student):
    """(cell, the error's name) of each cell that failed."""
    told = student._target.request({"op": "failures"})
    return [(each["cell"], each["name"]) for each in told]


# what one cell does, and what the others see of it

FINE = {
    "display": "display(5)\nfrom IPython.display import HTML, clear_output\nclear_output(wait=True)\ndisplay(HTML(''))",
    "get_ipython": "shell = get_ipython()\nshell.run_line_magic('a', 'b')\nshell.system('ls')\nshell.a = 1",
    "IPython": "import IPython\nIPython.get_ipython().magic('x')\nIPython.display.Markdown('x')",
    "otter": "import otter\ngrader = otter.Notebook('book.ipynb')\ngrader.check('x')\ngrader.export(pdf=False)",
    "a magic": "%matplotlib inline\n!pip install nothing\nx = !ls\nx?",
    "a shell cell": "%%bash\nexit 1",
    "await": "import asyncio\nx = await asyncio.sleep(0, 5)\nassert x == 5",
    "async with": "import contextlib\nasync with contextlib.AsyncExitStack() as stack:\n    pass",
    "prints 200 MB": "for _ in range(200):\n    print('x' * 2**20)",
    "prints by hand": "import os\nos.write(1, b'x' * 2**20)",
    "names of builtins": "print = len = isinstance = str = list = open = None",
    "no namespace": "globals().clear()",
    "another directory": "import os\nos.chdir('/')",
    "no standard output": "import sys\nsys.stdout.close()\nsys.stdout = sys.stderr = None",
    "timers off": "from signal import *\nsignal(SIGPROF, SIG_IGN)\nsetitimer(ITIMER_PROF, 0)",
    "warnings": "import warnings\nwarnings.warn('x')\ny = '\\d'",
    "a fork": "import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)",
    "a fork that stays": "import os, time\nif not os.fork():\n    time.sleep(3)",
    "a thread that stays": "from threading import Timer\nTimer(600, print).start()",
    "the main module": "assert __name__ != '__main__'",
    "a recursion limit": "import sys\nsys.setrecursionlimit(150)",
    "hooks": "import sys\nsys.excepthook = sys.displayhook = None",
}

FAILING = {
    "an error": ("1 / 0", "ZeroDivisionError"),
    "not Python": ("def (:", "SyntaxError"),
    "return": ("return 1", "SyntaxError"),
    "tabs and blanks": ("if 1:\n\tx = 1\n        y = 2", "TabError"),
    "NUL": ("x = '\0'", "SyntaxError"),
    "deep": ("x = " + "(" * 5000, "SyntaxError"),
    "deep operators": ("x = " + "-" * 50_000 + "1", "MemoryError"),
    "deep attributes": ("x" + ".a" * 20_000, "RecursionError"),
    "exit": ("import sys\nsys.exit(3)", "SystemExit"),
    "quit": ("quit()", "SystemExit"),
    "Ctrl-C": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a generator's end": ("raise GeneratorExit", "GeneratorExit"),
    "memory": ("x = bytearray(1 << 50)", "MemoryError"),
    "recursion": ("def f():\n    f()\nf()", "RecursionError"),
    "input": ("x = input('?')", "EOFError"),
    "assert": ("assert False, 'no'", "AssertionError"),
    "a stub": ("raise NotImplementedError", "NotImplementedError"),
    "a missing module": ("import no_such_module", "ModuleNotFoundError"),
    "an exit inside await": ("import asyncio\nawait asyncio.sleep(0)\nraise SystemExit", "SystemExit"),
    "an error that cannot be told": ("class E(Exception):\n    def __str__(self):\n        1 / 0\nraise E", "E"),
    "a class of its own": ("class Stop(BaseException):\n    pass\nraise Stop", "Stop"),
    "a group of errors": ("raise ExceptionGroup('x', [ValueError(1)])", "ExceptionGroup"),
    "stopping an iteration": ("raise StopIteration", "StopIteration"),
    "an endless loop": ("while True:\n    pass", "TimeoutError"),
    "an endless loop that catches": (
        "while True:\n    try:\n        x = 1\n    except Exception:\n        pass",
        "TimeoutError",
    ),
    "a long sleep": ("import time\ntime.sleep(10**6)", "TimeoutError"),
    "a lock": ("from threading import Lock\nlock = Lock()\nlock.acquire()\nlock.acquire()", "TimeoutError"),
    "waiting for ever": ("import asyncio\nawait asyncio.Event().wait()", "TimeoutError"),
}  # fmt: skip

AROUND = (
    "def before():\n    return 'before'\n\ndef folder():\n    import os\n    return os.path.basename(os.getcwd())",
    "after = 'after'",
)


@pytest.mark.parametrize("name", FINE)
def test_a_cell_may_do_this(name, run):
    student = run(AROUND[0], FINE[name], *AROUND)
    assert failures(student) == []
    assert student.value("after") == "after"
    assert student.before() == "before"
    assert student.folder() == "assignments"


@pytest.mark.parametrize("name", FAILING)
def test_a_cell_that_fails_takes_no_other_with_it(name, run):
    source, error = FAILING[name]
    student = run(AROUND[0], source, AROUND[1])
    assert failures(student) == [(2, error)]
    assert student.value("after") == "after"
    assert student.before() == "before"


def test_several_endless_loops_leave_time_for_the_rest(run):
    loop = "while True:\n    pass"
    student = run("x = 1", loop, loop, "y = 2", loop, "z = 3", load_seconds=2.0)
    assert failures(student) == [(2, "TimeoutError"), (3, "TimeoutError"), (5, "TimeoutError")]
    assert [student.value(name) for name in "xyz"] == [1, 2, 3]


def test_a_cell_that_lets_nothing_stop_it_costs_the_notebook(fresh, tmp_path):
    source = "from signal import *\nfor timer in SIGPROF, SIGALRM:\n    signal(timer, SIG_IGN)\nwhile True:\n    pass"
    (tmp_path / "book.ipynb").write_text(notebook(source))
    target = fresh.target(tmp_path / "book.ipynb", kind="notebook", load_seconds=SECONDS, import_cpu_seconds=SECONDS)
    with pytest.raises(TimedOut):
        target.load()


def test_cells_share_one_namespace_and_keep_what_a_failing_one_had_done(run):
    student = run("x = 1\ny = 0\nz = x / y\nw = 2", "x += 1")
    assert student.value("x") == 2
    assert failures(student) == [(1, "ZeroDivisionError")]


def test_many_failing_cells_are_told_up_to_a_number(run):
    assert len(failures(run(*["1 / 0"] * 200))) == 50


def test_what_is_tagged_or_called_training_is_not_run(run):
    tagged = {"cell_type": "code", "metadata": {"tags": ["x", "training"]}, "source": "trained = 1"}
    student = run(tagged, "# training: not run when graded\ntuned = 1", "%%time\nrest = 1")
    assert student.value("rest") == 1
    for name in ("trained", "tuned"):
        with pytest.raises(MissingName, match=f"^book.ipynb has no {name}$"):
            student.value(name)


def test_what_cells_draw_is_the_same_every_time(run):
    draws = "import random, numpy, torch\nx = [random.random(), float(numpy.random.rand()), float(torch.rand(()))]"
    first = run(draws).value("x")
    assert run(draws).value("x") == first
    assert run("", "# a comment", draws).value("x") == first


def test_cells_one_at_a_time_give_what_all_of_them_give_at_once(fresh, tmp_path):
    """And the cell that a `Crashed` came in is known."""
    loop = "while True:\n    pass"
    cells = ("x = 1", "y = 1 / 0", {"cell_type": "code", "metadata": {}, "source": "%%bash\nls"}, loop, "z = x + 1")
    (tmp_path / "book.ipynb").write_text(notebook(*cells))
    target = fresh.target(tmp_path / "book.ipynb", kind="notebook", load_seconds=SECONDS)
    target.load(stepwise=True)
    target.begin(1, 60.0)
    student = Student(target)
    assert failures(student) == [(2, "ZeroDivisionError"), (4, "TimeoutError")]
    assert student.value("z") == 2
    (tmp_path / "book.ipynb").write_text(notebook(*cells[:3], "import os\nos._exit(0)", "z = 3"))
    target = fresh.target(tmp_path / "book.ipynb", kind="notebook", load_seconds=SECONDS)
    with pytest.raises(Crashed):
        target.load(stepwise=True)
    assert target.cell == 4


# values, and what is missing


def test_a_value_is_data_or_a_handle(run):
    student = run("import torch\nx = {'a': torch.ones(2)}\nf = lambda: 5\nfalse = False\nempty = []")
    assert student.value("x")["a"].tolist() == [1, 1]
    assert isinstance(student.value("f"), Handle)
    assert student.value("f")() == 5
    assert student.value("false") is False
    assert student.value("empty") == []


@pytest.mark.parametrize("unset", ["None", "..."])
def test_a_value_that_is_not_set_is_missing(run, unset):
    student = run(f"x = {unset}")
    with pytest.raises(MissingName) as error:
        student.value("x")
    assert str(error.value) == f"book.ipynb: `x` is still {unset}"


def test_what_is_missing_names_the_cell_that_failed_to_make_it(run):
    class_of_their_own = "class Told(KeyError):\n    pass\nraise Told('a text')\nx = 1"
    cells = (class_of_their_own, "def f(:\n", "z = (\ny == 1", "x = y = z = None", "print(y + 1)")
    student = run(*cells)
    with pytest.raises(MissingName, match=r"`z` is still None \(cell 3 failed with SyntaxError\)$"):
        student.value("z")
    with pytest.raises(MissingName, match=r"`x` is still None \(cell 1 failed with KeyError\)$"):
        student.value("x")
    with pytest.raises(MissingName, match=r"book.ipynb has no f \(cell 2 failed with SyntaxError\)$"):
        student.f(1)
    with pytest.raises(MissingName, match=r"`y` is still None$"):  # nor is the cell to blame that makes it so
        student.value("y")
    with pytest.raises(MissingName, match=r"book.ipynb has no nowhere$"):
        student.value("nowhere")
    with pytest.raises(MissingName, match=r"\(cell 1 failed with Told: 'a text'\)$"):
        run(*cells, reveal=True).value("x")


# places


def test_an_error_names_its_cell_and_line(run):
    student = run("x = 1", "!ls\n\ndef f(x):\n    return g(x)", "def g(x):\n    return 1 / x", reveal=True)
    with pytest.raises(StudentError) as error:
        student.f(0)
    assert error.value.place == "book.ipynb, cell 3, line 2"
    assert [frame.place for frame in error.value.frames] == ["book.ipynb, cell 2, line 4", "book.ipynb, cell 3, line 2"]
    assert error.value.frames[-1].source == "return 1 / x"


def test_a_syntax_error_names_its_cell_and_line(run):
    student = run("x = 1", "y = 2\nz = = 3")
    (told,) = student._target.request({"op": "failures"})
    error = student_error(told)
    assert (error.place, error.frames[-1].source) == ("book.ipynb, cell 2, line 2", "z = = 3")


def test_the_source_of_a_function_can_be_asked_for(run):
    student = run("def f():\n    return 5", "import inspect\nsource = inspect.getsource(f)")
    assert student.value("source") == "def f():\n    return 5\n" or student.value("source") == "def f():\n    return 5"


def test_shortcuts_are_seen_and_trapped(run):
    cells = (
        "import numpy as np",
        "def seen(x):\n    return np.cumsum(x)",
        "def helper(x):\n    return getattr(np, 'cumsum')(x)",
        "def trapped(x):\n    return helper(x)\n\ndef made(x):\n    return eval('np.cumsum(x)')",
        "train = np.cumsum([1])",
        "def fine(x):\n    return np.sum(x)",
    )
    student = run(*cells, forbidden=("numpy.cumsum",))
    target = student._target
    assert [(str(each), place) for each, place in zip(target.shortcuts, target.shortcut_places, strict=True)] == [
        ("cell 2, line 2 calls numpy.cumsum", "seen"),
    ]
    with pytest.raises(ForbiddenShortcut, match=r"^cell 3, line 2 calls numpy.cumsum$"):
        student.trapped([1.0])
    with pytest.raises(ForbiddenShortcut):
        student.made([1.0])
    assert student.fine([1, 2]) == 3


def test_the_outline_takes_the_last_definition(run):
    student = run(
        "def f():\n    raise NotImplementedError", "def f():\n    return 1", "def g():\n    raise NotImplementedError"
    )
    assert [(each.name, each.unwritten) for each in student._target.outline] == [
        ("f", False),
        ("f", False),
        ("g", True),
    ]


# stand-ins


def test_stand_ins_for_modules_and_names(run, tmp_path):
    (tmp_path / "stand_ins").mkdir()
    (tmp_path / "stand_ins" / "below.py").write_text("def two():\n    return 2\n")
    (tmp_path / "stand_ins" / "book.py").write_text("def three():\n    return 3\n")
    cells = ("from below import two\n\ndef three():\n    return 4", "five = two() + three()")
    rest = {"stand_ins": str(tmp_path / "stand_ins")}
    student = run(*cells, replaced_modules=("below",), **rest)
    assert (student.value("five"), student.three()) == (6, 4)
    student = run(*cells, replaced_modules=("below",), replaced_names=("three",), **rest)
    assert (student.value("five"), student.three()) == (5, 3)


# the same on all targets

BOOK = notebook(
    "SCALE = 2\n%time x = 5",
    "def scaled(x):\n    return SCALE * x",
    "nowhere = 1 / 0",
    "def read(path):\n    with open(path) as file:\n        return file.read()\n\ntext = read('../data/text')",
    "def told():\n    return 1 / 0",
    "none = None",
)
MISTAKE = Mistake(id="m", item="book.x", edits=(Edit(replace="SCALE * x", by="SCALE + x"),), says="", hint="")


@pytest.fixture(params=["zygote", "spawner", "debugger", "solution", "mistake"])
def anywhere(request, fresh, launchers, tmp_path):
    kind = request.param
    folder = tmp_path / "assignments"
    folder.mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "text").write_text("beside")
    (folder / "book.ipynb").write_text(MISTAKE.applied_to(BOOK, "notebook") if kind == "mistake" else BOOK)
    if kind in ("zygote", "spawner"):
        return fresh(folder / "book.ipynb", getattr(launchers, kind), kind="notebook", load_seconds=SECONDS)
    config = BenchConfig("book", str(folder), isolated=False, kind="notebook")
    target = InProcessTarget(config, quiet=kind == "solution")
    target.load()
    target.begin(1, 60.0)
    return Student(target)


def test_a_notebook_on_every_target(anywhere, request):
    mistaken = "mistake" in request.node.name
    assert anywhere.scaled(3) == (5 if mistaken else 6)
    assert anywhere.value("text") == "beside"
    assert anywhere.read("../data/text") == "beside"
    assert failures(anywhere) == [(3, "ZeroDivisionError")]
    for missing, why in (("nowhere", r"has no nowhere \(cell 3 failed with ZeroDivisionError"), ("none", "None$")):
        with pytest.raises(MissingName, match=why):
            anywhere.value(missing)
    with pytest.raises(StudentError) as error:
        anywhere.told()
    assert error.value.place == "book.ipynb, cell 5, line 2"


def test_in_the_tests_own_process_nothing_stays_behind(tmp_path, capfd):
    import sys

    (tmp_path / "book.ipynb").write_text(
        notebook("import IPython, otter, random\nprint(random.random())", "import os\nos.chdir('/')")
    )
    before = os.getcwd()
    target = InProcessTarget(BenchConfig("book", str(tmp_path), isolated=False, kind="notebook"), quiet=True)
    target.load()
    assert target.request({"op": "failures"}) == []
    assert os.getcwd() == before
    assert "book" not in sys.modules
    assert getattr(sys.modules.get("IPython"), "__file__", "installed")
    assert "otter" not in sys.modules
    assert capfd.readouterr() == ("", "")
