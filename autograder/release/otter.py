"""`autograder release otter`: an autograder.zip for `otter run` and `otter grade` of otter-grader 7.

`otter generate` makes it. Our engine, the unit and its secrets lie in it as one file, files/autograder-payload.zip: of
what is in a zip, otter's image gets `files/` and `requirements.*` and nothing else, and it copies what is in `files/`
beside the student's files, over a file of the same name but not over a folder. otter's scripts for a container, which
install conda and more from the network, are replaced by our own.
"""

import contextlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nbformat

from autograder.errors import UsageError
from autograder.release.container import as_zip, container_file, payload, write_zip
from autograder.spec import Unit

DRIVER = "driver.ipynb"
PAYLOAD = "autograder-payload.zip"
PLUGIN = "autograder.roads.otter.Road"
_OURS = {
    "setup.sh": "setup.sh",
    "run_autograder": "otter_run_autograder",
    "run_otter.py": "run_otter.py",
    "Dockerfile": "Dockerfile",
}
_TEST = '''\
"""Stands in for the questions until the plugin makes them: seen in a result, it says that there is no result."""

from otter.test_files import test_case

OK_FORMAT = False
name = "not_graded"
points = 1


@test_case(points=1)
def test_the_plugin_has_run():
    raise RuntimeError("the plugin of the autograder has not run: these are no marks")
'''


def otter_zip(unit: Unit, out: Path, grades: Path) -> None:
    """Write the zip to `out`. `UsageError` where otter-grader 7 is not installed."""
    try:
        major = version("otter-grader").partition(".")[0]
    except PackageNotFoundError:
        raise UsageError("otter-grader is not installed: python -m pip install -e '.[otter]'") from None
    if major != "7":
        raise UsageError(f"otter-grader {version('otter-grader')} is installed; this is made for version 7")
    from otter.generate import main as generate

    with tempfile.TemporaryDirectory() as temporary, _inside(Path(temporary)):
        Path("tests").mkdir()
        Path("tests/not_graded.py").write_text(_TEST, encoding="utf-8")
        Path("otter_config.json").write_text(json.dumps({"lang": "python", "plugins": [PLUGIN]}), encoding="utf-8")
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("# our engine has graded before this runs")])
        book.cells[0]["id"] = "driver"
        nbformat.write(book, DRIVER)
        with contextlib.redirect_stdout(io.StringIO()):
            generate(output_path="autograder.zip", files=[DRIVER], no_requirements=True, no_environment=True)
        with zipfile.ZipFile("autograder.zip") as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    packed = payload(unit, grades)
    for name in ("requirements.txt", "requirements.pins"):
        entries[name] = packed.pop(name)
    entries[f"files/{PAYLOAD}"] = as_zip(packed)
    entries["requirements.txt"] += f"otter-grader[grading]=={version('otter-grader')}\n".encode()
    for name, ours in _OURS.items():
        entries[name] = container_file(ours)
    entries["environment.yml"] = b"# For conda, which is not used here: see setup.sh.\n"  # otter's image wants the file
    write_zip(out, entries)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """`otter generate` works in the current folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
