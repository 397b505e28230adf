"""`grade --in-docker`: what the engine is asked for; where there is an engine and an image, what comes of it."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from autograder.cli import grading, main
from autograder.cli.contained import REFUSED, contained
from autograder.errors import UsageError
from autograder.machine.container import engine_here, image_name

ENGINE = """#!{python}
import json, os, signal, sys
from pathlib import Path
here = Path({folder!r})
said = sys.argv[1:]
with open(here / "asked", "a") as asked:
    print(json.dumps(said), file=asked)
if said[0] == "build":
    (here / "context.tar").write_bytes(sys.stdin.buffer.read())
if said[0] == "image" and not (here / "context.tar").exists():
    sys.exit(1)
if said[0] == "info" and (here / "stopped").exists():
    sys.exit(1)
if said[0] == "container" and not (here / "at work").exists():
    sys.exit(1)
if said[0] == "run":
    if (here / "begun").exists():  # a pipe: grade until Ctrl-C
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
        signal.alarm(120)  # it does not outlive a test that fails
        (here / "begun").write_text("begun")
        signal.pause()
    sys.exit(int((here / "status").read_text()) if (here / "status").exists() else 7)
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A docker that notes what it is asked for, and answers a `run` with status 7."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "docker").write_text(ENGINE.format(python=sys.executable, folder=str(folder)))
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.delenv("AUTOGRADER_GRADEBOOK", raising=False)
    return folder


def asked(engine):
    return [json.loads(line) for line in (engine / "asked").read_text().splitlines()]


def run_of(engine):
    """What the engine was asked to run last, but for the reports' return to their owner."""
    return next(said for said in reversed(asked(engine)) if said[0] == "run" and "autograder" in said)


def mounts_of(run):
    """By the name inside: the name outside, and whether it can be written."""
    fields = [next(csv.reader([word.removeprefix("--mount=")])) for word in run if word.startswith("--mount=")]
    named = [dict(each.split("=", 1) for each in line if "=" in each) | {"ro": "readonly" in line} for line in fields]
    return {each["target"]: (each["source"], not each["ro"]) for each in named}


@pytest.fixture
def grade(engine, tiny_unit, monkeypatch):
    """The command, in this process; its exit status and what it says."""
    monkeypatch.chdir(tiny_unit)
    monkeypatch.setenv("AUTOGRADER_SECRET", "tests")

    def run(*words):
        done = CliRunner().invoke(main, ["grade", *map(str, words), "--in-docker"])
        assert isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return run


@pytest.fixture
def graded(grade, tmp_path):
    """Two submissions graded, with more words."""
    for name in ("ada", "grace"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.py").write_text("x = 1\n")
    return lambda *more: grade(tmp_path / "ada", tmp_path / "grace", "--out", tmp_path / "out", *more)


def test_the_container_can_write_to_the_reports_alone_and_has_no_network(engine, graded, tiny_unit, tmp_path):
    status, said = graded("--one")
    assert status == 7, said  # that of the command inside
    run = run_of(engine)
    folder = f"/submissions/0/{tmp_path.name}"
    assert mounts_of(run) == {
        "/unit": (str(tiny_unit), False),
        f"{folder}/ada": (str(tmp_path / "ada"), False),
        f"{folder}/grace": (str(tmp_path / "grace"), False),
        "/out": (str(tmp_path / "out"), True),
    }
    assert {"--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"} <= set(run)
    assert not {"--privileged", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE"} & set(run)
    inside = run[run.index("grade") :]
    assert inside == ["grade", f"{folder}/ada", f"{folder}/grace", "--out=/out", "--one", "--rules=grading.yml"]


def told(words, root):
    """What the command makes of these words, what the one inside makes of what it is told, and the mounts."""
    context = grading.grade.make_context("grade", [*map(str, words)])
    inside, mounts = contained(context, root)
    return context.params, grading.grade.make_context("grade", inside).params, mounts


def a_value(option, folder):
    """Words for an option, whatever it is; one that is new and of another kind needs a line here."""
    name = option.opts[-1]
    if option.is_flag:
        return [name]
    if isinstance(option.type, click.Choice):
        return [word for choice in option.type.choices[:2] for word in (name, choice)]
    if isinstance(option.type, click.Path):
        file = folder / f"{option.name}, of 2026"
        file.write_text("student,submitted\n")
        return [name, file]
    if isinstance(option.type, click.IntRange):
        return [name, 3]
    assert option.name == "rules"
    return [name, "other.yml"]


@pytest.mark.parametrize("form", ["--class", "--one"])
def test_no_option_is_forgotten(form, engine, tiny_unit, tmp_path):
    """All of them are given at once; the command inside has the same values, and files by the names of their mounts."""
    options = [each for each in grading.grade.params if isinstance(each, click.Option)]
    passed = [each for each in options if each.name not in ("in_docker", "out", "form", *REFUSED)]
    words = [word for each in passed for word in a_value(each, tmp_path)]
    here, inside, mounts = told(
        [tiny_unit / "solutions", form, "--in-docker", "--out", tmp_path / "out", *words], tiny_unit
    )
    inside_of = {str(mount.source): Path(mount.target) for mount in mounts}
    for each in passed:
        value = here[each.name]
        assert value, each.name
        assert inside[each.name] == (inside_of[str(value)] if isinstance(value, Path) else value), each.name
    assert (inside["form"], inside["out"], inside["in_docker"]) == (form.strip("-"), Path("/out"), False)
    assert inside["submissions"] == (inside_of[str(tiny_unit / "solutions")],)
    assert not any(mount.writable for mount in mounts)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_container_cannot_do_is_refused(name, engine, graded):
    status, said = graded(f"--{name}", "tcp://somewhere")
    assert status == 2
    assert f"--in-docker and --{name} do not go together: the container has no network" in said


def test_another_gradebook_in_the_environment_is_refused(engine, graded, monkeypatch):
    monkeypatch.setenv("AUTOGRADER_GRADEBOOK", "postgresql+psycopg://somewhere/marks")
    status, said = graded()
    assert status == 2
    assert "AUTOGRADER_GRADEBOOK" in said


def test_rules_that_are_not_in_the_unit_are_refused(engine, graded, tiny_unit, tmp_path):
    (tmp_path / "rules.yml").write_text("based_on: grading.yml\n")
    status, said = graded("--rules", tmp_path / "rules.yml")
    assert status == 2
    assert f"rules.yml is not in {tiny_unit}" in said
    assert graded("--rules", tiny_unit / "grading.yml")[0] == 7
    assert "--rules=grading.yml" in run_of(engine)


def test_lone_files_of_one_folder_stay_together_and_keep_its_name(tiny_unit, tmp_path):
    """A lone file is named for its folder, where its own name tells nobody's."""
    for folder, file in (("ada", "words.py"), ("ada", "notes.py"), ("grace", "words.py")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / file).touch()
    files = [tmp_path / "ada/words.py", tmp_path / "ada/notes.py", tmp_path / "grace/words.py"]
    _, inside, _ = told([*files, files[0], "--out", tmp_path / "out"], tiny_unit)
    assert list(map(str, inside["submissions"])) == [
        "/submissions/0/ada/words.py",
        "/submissions/0/ada/notes.py",
        "/submissions/1/grace/words.py",
    ]


def test_a_comma_in_a_path_is_no_end_of_a_mount(engine, grade, tmp_path):
    (tmp_path / "Lovelace, Ada").mkdir()
    grade(tmp_path / "Lovelace, Ada", "--out", tmp_path / "a, b")
    mounts = mounts_of(run_of(engine))
    assert mounts[f"/submissions/0/{tmp_path.name}/Lovelace, Ada"] == (str(tmp_path / "Lovelace, Ada"), False)
    assert mounts["/out"] == (str(tmp_path / "a, b"), True)


def test_the_secret_is_passed_by_name_and_stands_in_no_command_line(engine, graded):
    graded()
    assert "--env=AUTOGRADER_SECRET" in run_of(engine)
    assert "AUTOGRADER_SECRET=tests" not in (engine / "asked").read_text()


def test_the_image_holds_the_engine_and_nothing_of_the_unit(engine, graded):
    graded()
    with tarfile.open(fileobj=io.BytesIO((engine / "context.tar").read_bytes())) as context:
        names = context.getnames()
    assert ".docker/Dockerfile" in names
    assert "autograder/student/jail.py" in names
    assert "autograder/report/templates/report.html.j2" in names
    assert not [name for name in names if name.startswith(("tests", "solutions", "data", ".venv"))]


def test_the_image_is_built_once(engine, graded):
    graded()
    graded()
    assert [said[0] for said in asked(engine)].count("build") == 1


def test_without_an_engine_the_way_to_one_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"docs.docker.com"):
        engine_here()


def test_an_engine_that_does_not_run_is_told(engine, graded):
    (engine / "stopped").touch()
    status, said = graded()
    assert status == 2
    assert "does not answer" in said


@pytest.mark.parametrize("link", [False, True])
def test_a_submission_that_is_not_there_is_told(link, grade, tiny_unit, tmp_path):
    """A link is not followed without a container, so that it is not with one."""
    if link:
        (tmp_path / "nobody").symlink_to(tiny_unit)
    status, said = grade(tmp_path / "nobody", "--out", tmp_path / "out")
    assert status == 2
    assert ("nobody is a link" if link else "nobody does not exist") in said


def test_an_engine_that_fails_is_the_graders_fault_and_said_so(engine, graded):
    (engine / "status").write_text("125")
    status, said = graded()
    assert status == 1
    assert "did not run the container to its end (exit status 125)" in said


def test_two_containers_do_not_grade_into_one_folder(engine, graded, tmp_path):
    graded()
    name = next(word.removeprefix("--name=") for word in run_of(engine) if word.startswith("--name="))
    assert ["container", "inspect", name] in asked(engine)
    (engine / "at work").touch()
    status, said = graded()
    assert status == 2
    assert f"rm --force {name}" in said


def command(tiny_unit, out):
    return [sys.executable, "-m", "autograder", "grade", tiny_unit / "solutions", "--out", out, "--in-docker"]


def test_ctrl_c_ends_what_runs_inside(engine, tiny_unit, tmp_path):
    """It is told to the engine once, which tells the command inside; nothing is left running."""
    os.mkfifo(engine / "begun")
    process = subprocess.Popen(command(tiny_unit, tmp_path / "out"), cwd=tiny_unit, stdin=subprocess.DEVNULL)
    assert (engine / "begun").read_text() == "begun"
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert "--tty" not in run_of(engine)
    name = next(word.removeprefix("--name=") for word in run_of(engine) if word.startswith("--name="))
    assert ["rm", "--force", name] in asked(engine)


def test_at_a_terminal_the_container_has_it(engine, tiny_unit, tmp_path):
    ours, theirs = os.openpty()
    done = subprocess.run(
        command(tiny_unit, tmp_path / "out"), cwd=tiny_unit, stdin=theirs, stdout=theirs, stderr=theirs, check=False
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 7
    assert {"--interactive", "--tty"} <= set(run_of(engine))


def real_image() -> str:
    """Why the real thing cannot be tried here; empty where it can."""
    try:
        engine = engine_here()
    except UsageError as error:
        return str(error).splitlines()[0]
    if subprocess.run([engine, "image", "inspect", image_name()], capture_output=True, check=False).returncode:
        return f"no image {image_name()} here: `autograder grade --in-docker` builds it"
    return ""


def test_a_container_gives_the_marks_that_this_machine_gives(tiny_unit, tmp_path, autograder, read_results):
    if why := real_image():
        pytest.skip(f"isolation: {why}")
    solution = (tiny_unit / "solutions/words.py").read_text()
    versions = {
        "right": solution,
        "empty": (tiny_unit / "assignments/words.py").read_text(),
        "part": solution.replace(".lower()", ""),
        "crash": solution.replace("    counts = {}", "    import ctypes\n    ctypes.string_at(0)\n    counts = {}"),
    }
    for name, source in versions.items():
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "words.py").write_text(source)
    (tiny_unit / "late.yml").write_text(
        (tiny_unit / "grading.yml").read_text() + "late:\n  deadline: 2026-12-11T23:59:00+01:00\n  per_day: 0.1\n"
    )
    (tmp_path / "times, all.csv").write_text("student,submitted\nright,2026-12-13T08:00:00+01:00\n")
    how = ("--rules", "late.yml", "--submitted", tmp_path / "times, all.csv")
    for out, where in (("native", ()), ("docker", ("--in-docker",))):
        done = autograder("grade", tmp_path / "class", "--out", tmp_path / out, *how, *where, cwd=tiny_unit)
        assert done.returncode == 0, done.stderr
    native, docker = (read_results(tmp_path / out) for out in ("native", "docker"))
    assert set(native) == set(versions)
    for results in (native, docker):
        for result in results.values():
            assert "seccomp" in result.pop("isolation")
    assert native == docker
    assert native["right"]["late"]["days"] == 2
    assert (tmp_path / "native/grades.csv").read_bytes() == (tmp_path / "docker/grades.csv").read_bytes()
