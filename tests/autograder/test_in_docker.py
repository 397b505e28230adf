"""`grade --in-docker`: what the engine is asked for; where there is an engine and an image, what comes of it."""

import io
import json
import os
import subprocess
import sys
import tarfile

import pytest

from autograder.container import engine_here, image_name
from autograder.errors import UsageError

ENGINE = """#!{python}
import json, sys
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
if said[0] == "run":
    sys.exit(7)
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A docker that notes what it is asked for, and answers a `run` with status 7."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "docker").write_text(ENGINE.format(python=sys.executable, folder=str(folder)))
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def asked(engine):
    return [json.loads(line) for line in (engine / "asked").read_text().splitlines()]


@pytest.fixture
def graded(engine, tiny_unit, tmp_path, autograder):
    for name in ("ada", "grace"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.py").write_text("x = 1\n")

    def run():
        out = ("--out", tmp_path / "out")
        return autograder("grade", tmp_path / "ada", tmp_path / "grace", *out, "--in-docker", "--one", cwd=tiny_unit)

    return run


def test_the_container_can_write_to_the_reports_alone_and_has_no_network(engine, graded, tiny_unit, tmp_path):
    done = graded()
    assert done.returncode == 7, done.stderr  # that of the command inside
    run = asked(engine)[-1]
    mounts = [word.removeprefix("--mount=") for word in run if word.startswith("--mount=")]
    assert mounts == [
        f"type=bind,source={tiny_unit},target=/unit,readonly",
        f"type=bind,source={tmp_path / 'ada'},target=/submissions/0/ada,readonly",
        f"type=bind,source={tmp_path / 'grace'},target=/submissions/1/grace,readonly",
        f"type=bind,source={tmp_path / 'out'},target=/out",
    ]
    assert {"--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"} <= set(run)
    assert not {"--privileged", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE"} & set(run)
    inside = run[run.index("grade") :]
    assert inside[:3] == ["grade", "/submissions/0/ada", "/submissions/1/grace"]
    assert inside[3:] == ["--out", "/out", "--rules", "grading.yml", "--one"]


def test_the_secret_is_passed_by_name_and_stands_in_no_command_line(engine, graded):
    graded()
    assert "--env=AUTOGRADER_SECRET" in asked(engine)[-1]
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
    done = graded()
    assert done.returncode == 2
    assert "does not answer" in done.stderr


def test_a_submission_that_is_not_there_is_told(engine, tiny_unit, tmp_path, autograder):
    done = autograder("grade", tmp_path / "nobody", "--out", tmp_path / "out", "--in-docker", cwd=tiny_unit)
    assert done.returncode == 2
    assert "nobody" in done.stderr


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
    for name in ("solutions", "assignments"):
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "words.py").write_bytes((tiny_unit / name / "words.py").read_bytes())
    for out, options in (("native", ()), ("docker", ("--in-docker",))):
        done = autograder("grade", tmp_path / "class", "--out", tmp_path / out, *options, cwd=tiny_unit)
        assert done.returncode == 0, done.stderr
    native, docker = (read_results(tmp_path / out) for out in ("native", "docker"))
    for results in (native, docker):
        for result in results.values():
            assert "seccomp" in result.pop("isolation")
    assert native == docker


def test_what_a_container_is_not_told_is_refused(engine, autograder, tiny_unit, tmp_path):
    (tmp_path / "times.csv").write_text("student,submitted\n")
    asked = ("grade", tiny_unit / "solutions", "--out", tmp_path / "out", "--in-docker", "--submitted")
    done = autograder(*asked, tmp_path / "times.csv", cwd=tiny_unit)
    assert done.returncode == 2
    assert "--in-docker and --submitted do not go together" in done.stderr
