"""The leak guard: proves that a folder to be handed out holds nothing that only the instructor may have.

It knows what is secret from the unit itself: the regions of the solutions, what stands in tests/hidden, tests/mistakes
and tests/right, the key and the answers of written topics, held-out texts with the seeds that make them, and the seeds'
secret. It looks for them in every file, by whatever name, cells of notebooks and zips included. Three lines in a row
that are a solution's are a leak, and five of anything else; a single line (`return x`) may be anybody's, and so may
what every training loop says. Of a held-out text (a .txt in tests/hidden) a stretch of words is one, however it is
broken into lines; and so is any long number that stands in tests/hidden: a seed or a checksum.
"""

import ast
import io
import json
import os
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from autograder.grading.seeds import FILE_NAME, VARIABLE
from autograder.release.answers import make_answers_stub
from autograder.release.stubs import stub_of
from autograder.spec import Unit

_SECRET_FOLDERS = ("tests/hidden", "tests/mistakes", "tests/mutants", "tests/right", "solutions")
_LINES = (3, 5)  # in a row: of a solution, of anything else
_ENOUGH = 60  # characters in them: less may be chance
_PHRASE = 30  # characters of a sentence that is told apart from chance
_STRETCH = 24  # words in a row of a held-out text; texts of one grammar share 16 by chance
_NUMBER = re.compile(r"(?<![\w.])(?:\d{9,}|[0-9a-f]{40,})(?!\w)")
_TEXT = (".py", ".yml", ".yaml", ".md", ".txt", ".ipynb", ".tsv")


@dataclass
class _Secrets:
    """What must not be found: runs of lines, sentences, names; each with where it comes from."""

    runs: dict[tuple[str, ...], str] = field(default_factory=dict)
    phrases: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)  # constants, and the expressions that answer them
    keys: set[bytes] = field(default_factory=set)
    stretches: dict[tuple[str, ...], str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)


def leaks(unit: Unit, folder: Path, solved: Collection[str] = ()) -> list[str]:
    """What of the instructor's is in `folder`, a line each; nothing where it may be handed out.

    The solutions of the topics `solved` are no secret.
    """
    secrets = _secrets(unit, solved)
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if ".git" in name.parts:
            continue
        if path.is_symlink():
            found.append(f"{name}: is a link; what it leads to cannot be handed out")
        elif path.is_file():
            found += [f"{name}: {what}" for what in _in_file(name.as_posix(), path.read_bytes(), secrets)]
    return found


def _in_file(name: str, data: bytes, secrets: _Secrets) -> Iterator[str]:
    if name.endswith(FILE_NAME) or any(f"/{folder}/" in f"/{name}" for folder in _SECRET_FOLDERS):
        yield "is a file that only the instructor has"
    if any(key in data for key in secrets.keys):
        yield "holds the seeds' secret"
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                yield from (
                    f"{entry.filename}: {what}" for what in _in_file(entry.filename, archive.read(entry), secrets)
                )
        return
    lines = _lines(name, data)
    if lines is None:
        return
    told = {secrets.runs[run] for length in _LINES for run in _runs(lines, length) if run in secrets.runs}
    yield from (f"holds {where}" for where in sorted(told))
    flat = _flat(" ".join(lines))
    yield from (f"holds {where}" for phrase, where in secrets.phrases.items() if phrase in flat)
    words = set(re.findall(r"\w+", flat))
    yield from (f"names {where}" for word, where in secrets.names.items() if word in words)
    text = data.decode()
    yield from sorted({f"holds {where}" for run in _stretches(text) if (where := secrets.stretches.get(run))})
    yield from sorted({f"holds {where}" for number in _numbers(text) if (where := secrets.numbers.get(number))})
    for line in lines:
        answer = re.match(r"(\w+)\s*(?::[^=]*)?=\s*(.+)", line)
        if answer and answer[1] in secrets.answers and _expression(answer[2]) == secrets.answers[answer[1]]:
            yield f"answers {answer[1]}"


# -- what is secret


def _secrets(unit: Unit, solved: Collection[str]) -> _Secrets:
    secrets = _Secrets()
    public: set[tuple[str, ...]] = set()
    for topic in unit.spec.topics:
        for suite in unit.suite("public", topic.name):
            if suite.is_file():
                public |= _all_runs(suite.name, suite.read_bytes())
        path = unit.solutions / topic.file
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        public |= _all_runs(topic.file, stub_of(topic, text, str(path)).encode())
        if topic.name in solved:
            public |= _all_runs(topic.file, text.encode())
        elif topic.kind == "answers":
            _add_answers(unit, topic.name, text, secrets)
        else:
            _add_runs(
                _lines(topic.file, text.encode()) or [], f"a part of the solution of {topic.file}", secrets, _LINES[0]
            )
    for folder in _SECRET_FOLDERS[:-1]:
        for path in _files(unit.root / folder):
            where = f"what stands in {path.relative_to(unit.root).as_posix()}"
            _add_runs(_lines(path.name, path.read_bytes()) or [], where, secrets, _LINES[1])
    for run in public:
        secrets.runs.pop(run, None)
    _add_held_out(unit, secrets)
    _add_hidden_names(unit, secrets)
    _add_mistakes(unit, secrets)
    _add_keys(unit, secrets)
    return secrets


def _add_runs(lines: list[str], where: str, secrets: _Secrets, length: int) -> None:
    for run in _runs(lines, length):
        secrets.runs.setdefault(run, where)


def _add_answers(unit: Unit, topic: str, text: str, secrets: _Secrets) -> None:
    """Model answers, companions' answers, rubrics and what near misses say."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            secrets.answers[node.targets[0].id] = ast.unparse(node.value)
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                _add_phrase(node.value.value, f"the model answer {node.targets[0].id}", secrets)
    key = unit.solutions / f"{topic}.yml"
    stub = _flat(make_answers_stub(text))
    if key.is_file():
        for question, data in yaml.safe_load(key.read_text(encoding="utf-8")).items():
            for says in _says(data):
                if _flat(says) not in stub:
                    _add_phrase(says, f"the rubric of {question}", secrets)


def _expression(text: str) -> str:
    """The expression in one form, however it is written; "" for what is none."""
    try:
        return ast.unparse(ast.parse(text, mode="eval"))
    except (SyntaxError, ValueError, RecursionError):
        return ""


def _add_held_out(unit: Unit, secrets: _Secrets) -> None:
    for path in _files(unit.root / "tests" / "hidden"):
        name, text = path.relative_to(unit.root).as_posix(), path.read_text(encoding="utf-8")
        if path.suffix == ".txt":
            secrets.stretches |= dict.fromkeys(_stretches(text), f"a part of the held-out text {name}")
        secrets.numbers |= dict.fromkeys(_numbers(text), f"a number of {name}, where seeds stand")


def _add_hidden_names(unit: Unit, secrets: _Secrets) -> None:
    public = {test for item in unit.spec.items for test in item.public}
    for item in unit.spec.items:
        for test in item.tests.keys() - public:
            secrets.names[test] = f"the hidden test {test}"


def _add_mistakes(unit: Unit, secrets: _Secrets) -> None:
    for path in _files(unit.root / "tests" / "mistakes"):
        if path.suffix == ".yml":
            for says in _says(yaml.safe_load(path.read_text(encoding="utf-8"))):
                _add_phrase(says, f"what {path.name} says of a mistake", secrets)


def _add_keys(unit: Unit, secrets: _Secrets) -> None:
    given = os.environ.get(VARIABLE, "").encode()
    files = [path.read_bytes().strip() for path in unit.root.glob(f"**/{FILE_NAME}") if path.is_file()]
    secrets.keys |= {key for key in (given, *files) if len(key) >= 16}


def _add_phrase(text: str, where: str, secrets: _Secrets) -> None:
    if len(_flat(text)) >= _PHRASE:
        secrets.phrases.setdefault(_flat(text), where)


def _says(data: object) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "says" and isinstance(value, str):
                yield value
            elif key != "says":
                yield from _says(value)
    elif isinstance(data, list):
        for each in data:
            yield from _says(each)


# -- text


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _TEXT)


def _lines(name: str, data: bytes) -> list[str] | None:
    """The significant lines of a text, or of a notebook's cells; None for what is no text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if name.endswith(".ipynb"):
        try:
            cells = json.loads(text)["cells"]
            text = "\n".join("".join(cell["source"]) for cell in cells)
        except (ValueError, KeyError, TypeError):
            pass  # read as the text that it is
    return _significant(text.splitlines())


def _significant(lines: Iterable[str]) -> list[str]:
    """Without blanks, comments, imports and lines of brackets: what has a meaning of its own."""
    stripped = (" ".join(line.split()) for line in lines)
    return [line for line in stripped if re.search(r"\w", line) and not re.match(r"#|import |from \S+ import ", line)]


def _all_runs(name: str, data: bytes) -> set[tuple[str, ...]]:
    lines = _lines(name, data) or []
    return {run for length in _LINES for run in _runs(lines, length)}


def _runs(lines: list[str], length: int = _LINES[0]) -> Iterator[tuple[str, ...]]:
    """Every so many lines in a row that are long enough to be no chance."""
    for start in range(len(lines) - length + 1):
        run = tuple(lines[start : start + length])
        if sum(map(len, run)) >= _ENOUGH:
            yield run


def _stretches(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+", text.replace("\\n", " ").lower())  # in a string, or in JSON, lines end so
    return zip(*(words[start:] for start in range(_STRETCH)), strict=False)


def _numbers(text: str) -> Iterator[str]:
    """Long numbers, whatever is between their digits for the eye."""
    return (match[0] for match in _NUMBER.finditer(re.sub(r"(?<=\d)[_,'](?=\d)", "", text)))


def _flat(text: str) -> str:
    return " ".join(text.split())
