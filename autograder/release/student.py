"""`autograder release student`: the repository that students get, made from the instructor's.

It holds the assignments (stubs, made anew), the public tests with what they need, the data, the rules without the names
of hidden tests, and the part of the engine that `check` needs. It is made in a folder beside and moved to its place
only when the leak guard has found nothing in it.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from autograder.errors import GraderError, UsageError
from autograder.release.engine import ENGINE, modules_for_check, requirements_of, requirements_of_unit
from autograder.release.leaks import leaks
from autograder.release.otter_checks import checked_in_notebooks
from autograder.release.stubs import handed_out
from autograder.release.tree import files_of
from autograder.spec import FILE_NAME, Topic, Unit, load

_KEEPS = {".git"}  # what may lie in the folder already
_COLAB = """\
# On Google Colab this fetches the unit and installs it; anywhere else it does nothing.
import sys

if "google.colab" in sys.modules:
    import os
    import subprocess

    repository = "{repository}"  # the address of your repository
    if not os.path.isdir("/content/unit"):
        subprocess.run(["git", "clone", "--depth=1", repository, "/content/unit"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--editable", "/content/unit[unit]"], check=True)
    os.chdir("/content/unit/assignments")
"""
_NOTEBOOKS = """
In a notebook, the cells with `grader.check` run the checks of one exercise on what you have run so far, saved or not.
They are otter-grader's: `python -m pip install -e ".[otter]"`. Without it they say what to do instead.
"""
_SOLVED = """
`assignments/{0}` is yours to learn from and is not marked: solved, it stands beside as `{1}`, with what the TODOs
ask for between `# BEGIN SOLUTION` and `# END SOLUTION`. Try it yourself first.
"""
_OTTER = 'otter = ["otter-grader>=7,<8"] # for grader.check in the notebooks\n'


def release_student(unit: Unit, out: Path, repository: str = "", solved: Collection[str] = ()) -> int:
    """Make the students' repository in `out`; how many files it has. `GraderError` where something would leak.

    Of the topics `solved` the solution is in it as well, for self-study.
    """
    for name in solved:
        if unit.spec.topic(name).kind == "answers":
            raise UsageError(f"--with-answers {name}: the key of written answers goes out with the graded reports")
    if out.exists() and (not out.is_dir() or {path.name for path in out.iterdir()} - _KEEPS):
        raise UsageError(f"--out {out}: is there already and not empty (a .git in it may stay)")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".release-") as temporary:
        folder = Path(temporary)
        _fill(unit, folder, repository, solved)
        load(folder)  # the rules fit what is there
        found = leaks(unit, folder, solved)
        if found:
            raise GraderError("nothing was released, since it would leak:\n" + "\n".join(found))
        for path in folder.iterdir():
            shutil.move(path, out / path.name)
    return sum(path.is_file() for path in out.rglob("*") if ".git" not in path.relative_to(out).parts)


def _fill(unit: Unit, folder: Path, repository: str, solved: Collection[str]) -> None:
    for name in ("assignments", "tests/public", "tests/props", *unit.spec.resources):
        _copy_tree(unit.root, name, folder)
    for name, text in handed_out(unit).items():
        path = folder / "assignments" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_with_colab_cell(text, repository) if path.suffix == ".ipynb" else text, encoding="utf-8")
    for topic in map(unit.spec.topic, solved):  # beside the stub, so that what it reads and imports is where it looks
        shutil.copy(unit.solutions / topic.file, folder / "assignments" / solved_name(topic))
    topics = {topic.name for topic in unit.spec.topics}
    for name in unit.spec.importable:  # what is built on and never asked for
        if name not in topics:
            _copy_tree(unit.root, f"tests/stand_ins/{name}.py", folder)
    (folder / FILE_NAME).write_text(rules_for_students(unit), encoding="utf-8")
    for path in unit.root.glob("*.yml"):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and "based_on" in data:
            shutil.copy(path, folder)
    if (unit.root / "LICENSE").is_file():
        shutil.copy(unit.root / "LICENSE", folder)
    modules = modules_for_check()
    for path in modules.values():
        target = folder / "autograder" / path.relative_to(ENGINE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    packages = sorted({".".join(("autograder", *path.relative_to(ENGINE).parent.parts)) for path in modules.values()})
    (folder / "pyproject.toml").write_text(_pyproject(unit, packages, requirements_of(modules.values())), "utf-8")
    example = next((topic for topic in unit.spec.topics if topic.kind == "module"), unit.spec.topics[0])
    words = {"@UNIT@": unit.spec.unit, "@NAME@": _slug(unit.spec.unit), "@TOPIC@": example.name}
    words["@NOTEBOOKS@"] = _NOTEBOOKS if checked_in_notebooks(unit) else ""
    words["@SOLVED@"] = "".join(
        _SOLVED.format(topic.file, solved_name(topic)) for topic in map(unit.spec.topic, solved)
    )
    words["@COLAB@"] = "" if repository else " (put the address of your repository into it first)"
    _template(files("autograder.release") / "student_template", folder, words)


def solved_name(topic: Topic) -> str:
    """What the solution of a topic is called where it is handed out; nothing takes it for the student's file."""
    return f"{topic.name}.solved{Path(topic.file).suffix}"


def rules_for_students(unit: Unit) -> str:
    """grading.yml without its `tests:`, the names and weights of the hidden tests; comments and all else stay."""
    text = (unit.root / FILE_NAME).read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    for key, value in _nodes(yaml.compose(text, Loader=yaml.SafeLoader)):
        first, last = key.start_mark, value.end_mark
        end = last.line + bool(last.line < len(lines) and lines[last.line][: last.column].strip())
        if lines[first.line][: first.column].strip() or (
            re.match(r"[^#\n]*[^#\s]", lines[end - 1][last.column :]) and end > last.line
        ):
            where = f"{FILE_NAME}:{first.line + 1}"
            raise GraderError(f"{where}: write `tests:` on lines of its own, so that it can be left out")
        lines[first.line : end] = [""] * (end - first.line)
    return "".join(lines)


def _nodes(root: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """The `tests:` of every item: key and value."""
    topics = next((value for key, value in _pairs(root) if key.value == "topics"), None)
    for topic in topics.value if isinstance(topics, yaml.SequenceNode) else ():
        items = next((value for key, value in _pairs(topic) if key.value == "items"), None)
        for item in items.value if isinstance(items, yaml.SequenceNode) else ():
            yield from ((key, value) for key, value in _pairs(item) if key.value == "tests")


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _with_colab_cell(stub: str, repository: str) -> str:
    book: dict[str, Any] = json.loads(stub)
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "id": "colab", "metadata": {}, "outputs": []}
    cell["source"] = _COLAB.format(repository=repository or "https://github.com/...").splitlines(keepends=True)
    first_code = next(n for n, each in enumerate(book["cells"]) if each["cell_type"] == "code")
    book["cells"].insert(first_code, dict(sorted(cell.items())))
    return json.dumps(book, ensure_ascii=False, indent=1) + "\n"


def _copy_tree(root: Path, name: str, folder: Path) -> None:
    for path in files_of(root, name):
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def _pyproject(unit: Unit, packages: list[str], needs: list[str]) -> str:
    shown = {"packages": packages, "needs": needs, "unit": requirements_of_unit(unit)}
    lists = {
        name: "[\n" + "".join(f"    {json.dumps(each)},\n" for each in list_) + "]" for name, list_ in shown.items()
    }
    return f"""\
# What the assignments and the checks need: ranges that are known to work, no pins.
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "autograder"
version = "0"
description = "The checks of the unit: {unit.spec.unit}"
requires-python = ">=3.11"
dependencies = {lists["needs"]}

[project.optional-dependencies]
unit = {lists["unit"]}
{_OTTER if checked_in_notebooks(unit) else ""}\

[project.scripts]
autograder = "autograder.cli:main"

[tool.setuptools]
packages = {lists["packages"]}

[tool.pytest.ini_options]
testpaths = ["tests/public"]
addopts = ["--import-mode=importlib"]
"""


def _template(source: Traversable, target: Path, words: dict[str, str]) -> None:
    """The files of the template; `dot_x` is `.x`, since packaging leaves out what begins with a dot."""
    for each in source.iterdir():
        path = target / re.sub("^dot_", ".", each.name)
        if each.is_dir():
            if each.name != "__pycache__":
                path.mkdir(exist_ok=True)
                _template(each, path, words)
            continue
        text = each.read_text(encoding="utf-8")
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        path.write_text(text, encoding="utf-8")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unit"
