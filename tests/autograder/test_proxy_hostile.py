"""A student who attacks: each call fails by itself, the next worker is fine, and there is nothing to be found."""

import shutil

import pytest
import torch

from autograder.target.failures import Crashed, Finding, StudentError, TimedOut
from autograder.target.proxy import Student


@pytest.fixture
def hostile(fresh):
    """The hostile module in a fork of the zygote."""
    return fresh("hostile")


def is_fine(student):
    assert student.add(2, 3) == 5
    assert student.remembered() is None, "nothing of the last worker is left"


# -- leaving


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("_exit", "it ended the process itself, with exit status 0"),
        ("_exit 3", "exit status 3"),
        ("abort", "an abort in compiled code"),
        ("kill", "it was killed"),
        ("segfault", "a segmentation fault"),
        ("exit from a thread", "exit status 0"),
        ("close", "ended before it gave an answer"),
        ("redirect", "ended before it gave an answer"),
        ("shutdown", "ended before it gave an answer"),
    ],
)
def test_who_leaves_loses_the_call(hostile, fresh, how, why):
    hostile.remember(1)
    with pytest.raises(Crashed, match=why):
        hostile.leave(how)
    with pytest.raises(Crashed):
        hostile.add(2, 3)
    is_fine(fresh("hostile"))


def test_who_leaves_a_spawned_worker_loses_the_call(launchers, fresh):
    student = fresh("hostile", launchers.spawner)
    student.remember(1)
    with pytest.raises(Crashed, match="exit status 0"):
        student.leave("_exit")
    is_fine(fresh("hostile", launchers.spawner))


# -- patches


@pytest.mark.parametrize("reveal", [False, True])
def test_patched_comparisons_compare_nothing_here(fresh, reveal):
    student = fresh("hostile", reveal=reveal)
    student.patch("torch")
    got = student.add(torch.zeros(2), 1)
    assert got.tolist() == [1, 1]
    with pytest.raises(Finding, match="2 of 2 entries"):
        student.expect_equal(got, torch.zeros(2))


@pytest.mark.parametrize("what", ["isinstance", "type", "len", "nonsense", "object", "json list"])
def test_who_breaks_what_the_worker_needs_gets_no_answer(hostile, fresh, what):
    with pytest.raises((Crashed, StudentError)):
        hostile.patch(what)
        hostile.add(torch.ones(2), 3)
    is_fine(fresh("hostile"))


@pytest.mark.parametrize("what", ["modules", "no modules", "recursion", "reduce"])
def test_who_clears_the_modules_harms_himself_alone(hostile, fresh, what):
    try:
        hostile.patch(what)
        assert hostile.add(2, 3) == 5
    except Finding:
        pass
    is_fine(fresh("hostile"))


def test_a_forged_answer_is_an_answer_like_any_other(hostile):
    hostile.patch("json")
    assert hostile.add(torch.ones(1), 1) == 3
    with pytest.raises(Finding, match="expected a tensor"):
        hostile.expect_tensor(hostile.add(torch.ones(1), 1))


ASK = {
    "parameters": lambda handle: handle.parameters(),
    "take": lambda handle: handle.take(1),
    "at": lambda handle: handle.at("x"),
    "train": lambda handle: handle.train(),
    "zero_grad": lambda handle: handle.zero_grad(),
    "set": lambda handle: handle.set("x", 1),
    "failures": lambda handle: handle._target.request({"op": "failures"}),
    "same": lambda handle: Student(handle._target).same(handle, handle),
    "vjp": lambda handle: handle.vjp(torch.ones(1), cotangent=None, wrt=(0,)),
    "after": lambda handle: handle.after(1, 2),
    "keep": lambda handle: handle.keep()(1, 2),
    "prop": lambda handle: Student(handle._target).prop("generator", 1),
    "get": lambda handle: handle.gather("x", "y"),
}


@pytest.mark.parametrize("name", ASK)
def test_an_answer_of_the_wrong_form_is_no_answer(hostile, name):
    """A test relies on the form; were it wrong, the test would break, and the student get a grader's error, not a 0."""
    handle = hostile.same_again.keep()(1)
    hostile.forge({"after": "call", "keep": "call"}.get(name, name), ("x",), 1)
    with pytest.raises(Crashed, match="not an answer"):
        ASK[name](handle)
    assert not hostile._target.alive


def test_a_value_is_never_none(hostile):
    hostile.forge_no_value()
    with pytest.raises(Crashed, match="not an answer"):
        hostile.value("x")


def test_more_is_taken_than_was_asked_for(hostile):
    handle = hostile.same_again.keep()([1, 2])
    hostile.forge_take([1, 2, 3])
    assert handle.take(3) == [1, 2, 3]
    with pytest.raises(Crashed, match="not an answer"):
        handle.take(2)


@pytest.mark.parametrize(
    "told",
    [
        3,
        {},
        {"kind": 1, "name": [], "text": {}, "frames": 3},
        {"kind": "ValueError", "name": "V", "text": "t", "frames": [3, [1, 2, 3, 4, 5], ["f", "x", "g", "s", [1]]]},
        {
            "kind": "ValueError",
            "name": "V",
            "text": "t",
            "frames": [["f", 1, "g", "s", [1, "ab", [1, 2], {1: 2}]]] * 99,
        },
        {"kind": "Finding", "name": "n" * 10**6, "text": "t" * 10**6, "frames": []},
    ],
)
def test_a_forged_error_is_an_error_or_no_answer(hostile, told):
    with pytest.raises((StudentError, Crashed)) as caught:
        hostile.forge_error(told)
    assert len(str(caught.value)) < 5000
    assert len(getattr(caught.value, "frames", ())) <= 12


def test_nobody_blames_the_grader(hostile):
    hostile.forge_fault()
    with pytest.raises(Crashed, match="not an answer"):
        hostile.add(1, 2)


def test_a_forged_handle_names_nothing(hostile):
    handle = hostile.write("handle")
    assert handle.kind == "object"
    with pytest.raises(Crashed, match="not an answer"):
        handle.get("x")


# -- the channel


@pytest.mark.parametrize(
    "what",
    ["noise", "zeros", "huge header", "huge raw", "large header", "forged", "no answer", "another answer", "deep"],
)
def test_who_writes_on_the_channel_loses_the_call(hostile, fresh, what):
    hostile.remember(1)
    with pytest.raises(Crashed, match="not an answer"):
        hostile.write(what)
    is_fine(fresh("hostile"))


def test_one_answer_too_many_is_not_taken_for_the_next(hostile, fresh):
    assert hostile.write("forged right") == 42, "he may say what he likes when he is asked"
    with pytest.raises(Crashed, match="not an answer"):
        hostile.add(2, 3)
    student = fresh("hostile")
    assert student.write("forged twice") == 42
    with pytest.raises(Crashed, match="not an answer"):
        student.add(2, 3)
    is_fine(fresh("hostile"))


def test_who_floods_the_channel_loses_the_call(hostile, fresh):
    with pytest.raises(Crashed, match="not an answer"):
        hostile.write_later(100)
    is_fine(fresh("hostile"))


@pytest.mark.parametrize("what", ["part", "byte"])
def test_a_part_of_a_message_holds_nobody_up(fresh, what):
    student = fresh("hostile", wall_seconds=1.0)
    with pytest.raises((TimedOut, Crashed)):
        student.write(what)
    is_fine(fresh("hostile"))


# -- looking round


def test_there_is_no_test_and_no_solution_to_be_found(hostile, canary):
    assert hostile.search(canary[::-1]) == []
    names = hostile.modules()
    ours = {name for name in names if name.split(".")[0] == "autograder"}
    assert all(name in ("autograder", "autograder.student") or name.startswith("autograder.student.") for name in ours)
    tops = {name.split(".")[0] for name in names}
    assert not tops & {"pytest", "_pytest", "psutil", "pydantic", "solutions", "tests", "conftest", "sample"}


def test_the_environment_is_clean(hostile, canary):
    variables, environ, command = hostile.environment()
    parents = hostile.environment_of_the_parent()
    assert canary not in variables.values()
    for text in (environ, command, *parents):
        assert text
        assert canary.encode() not in text
        assert b"pytest" not in text
    assert not {name for name in variables if name.startswith(("AUTOGRADER", "GITHUB", "PYTEST"))}


def test_a_spawned_workers_environment_is_clean(fresh, launchers, canary):
    student = fresh("hostile", launchers.spawner)
    variables, environ, command = student.environment()
    assert canary not in variables.values()
    assert canary.encode() not in environ + command
    assert student.search(canary[::-1]) == []


def test_the_channel_is_all_that_is_open(hostile):
    assert [name for name in hostile.descriptors() if name] == ["/dev/null"] * 3 + ["socket"]


def test_who_prints_much_does_no_harm(fresh):
    for reveal in (False, True):
        student = fresh("hostile", reveal=reveal)
        student.print_much(2000)
        assert student.add(2, 3) == 5
        assert len(student._target.printed) <= 20_000
        assert bool(student._target.printed) is reveal


# -- its own files


def test_a_compiled_file_beside_the_source_is_not_run(fresh, tmp_path):
    import importlib.util
    import py_compile

    (tmp_path / "other.py").write_text("def add(a, b):\n    return 'compiled'\n")
    (tmp_path / "mine.py").write_text("def add(a, b):\n    return a + b\n")
    cached = importlib.util.cache_from_source(str(tmp_path / "mine.py"))
    py_compile.compile(
        str(tmp_path / "other.py"), cfile=cached, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    assert fresh(tmp_path / "mine.py").add(2, 3) == 5


def test_modules_of_the_libraries_names_are_not_taken_for_them(fresh, tmp_path):
    for name in ("json", "random", "struct", "socket", "torch"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "mine.py").write_text("import json, random, torch, wave, colorsys\ndef add(a, b):\n    return a + b\n")
    (tmp_path / "colorsys.py").write_text("raise SystemExit(0)\n")
    assert fresh(tmp_path / "mine.py").add(2, 3) == 5


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import os\nos._exit(0)\n", Crashed),
        ("raise SystemExit\n", StudentError),
        ("def add(:\n", SyntaxError),
        ("x = " + "(" * 3000 + ")" * 3000 + "\n", Finding),
        ("x = " + "-" * 100_000 + "1\n", Finding),
        ("\0", Finding),
        ("x = '\udc80'\n", Finding),
        ("import nothing_of_this_name\n", ImportError),
        ("import ctypes\nctypes.string_at(0)\n", Crashed),
    ],
)
def test_a_module_that_does_not_import(fresh, tmp_path, source, kind):
    (tmp_path / "mine.py").write_bytes(source.encode(errors="surrogateescape"))
    with pytest.raises(kind) as caught:
        fresh(tmp_path / "mine.py")
    assert isinstance(caught.value, Finding)


def test_a_module_that_answers_for_the_next_request_while_it_is_imported(fresh, tmp_path, sample_folder):
    """Forbidden names are looked for before anything of the student's runs, so this hides none."""
    shutil.copy(sample_folder / "hostile.py", tmp_path / "hostile.py")
    (tmp_path / "mine.py").write_text(
        "import sys\nsys.path.insert(0, __file__[:-8])\nimport hostile\nimport torch\n"
        "hostile.write('forged twice')\n"
        "def add(a, b):\n    return torch.softmax(a, b)\n"
    )
    with pytest.raises(Crashed):
        student = fresh(tmp_path / "mine.py", forbidden=("torch.softmax",))
        student.add(torch.ones(1), 0)


def test_shortcuts_are_known_before_the_module_runs(fresh, tmp_path):
    (tmp_path / "mine.py").write_text("import os, torch\ndef f(x):\n    return torch.softmax(x, 0)\nos._exit(0)\n")
    target = fresh.target(tmp_path / "mine.py", forbidden=("torch.softmax",))
    with pytest.raises(Crashed):
        target.load()
    assert [(each.name, each.line) for each in target.shortcuts] == [("torch.softmax", 3)]
    assert target.shortcut_places == ("f",)
    assert isinstance(Student(target), Student)
