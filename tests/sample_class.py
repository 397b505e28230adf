"""Makes a sample class from the solutions: `python tests/sample_class.py build/sample`.

Every form in which students hand in (folders, zips in several layouts, lone files), and everything that a grader meets:
right, empty, half done, typical errors, an endless loop, a crash, a syntax error, a zip that is none, and some who try
to cheat. The typical errors come from the bank of mistakes.
"""

import ast
import json
import shutil
import sys
import zipfile
from pathlib import Path

from autograder.mistakes import mistakes_of
from autograder.release.answers import with_answers
from autograder.spec import Topic, Unit, load

ROOT = Path(__file__).resolve().parent.parent


def spliced(source: str, **parts: str) -> str:
    """The source with these functions and classes, by name, replaced by other text."""
    lines = source.splitlines(keepends=True)
    found = {node.name: node for node in ast.parse(source).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for name, text in sorted(parts.items(), key=lambda part: -found[part[0]].lineno):
        node = found[name]
        lines[node.lineno - 1 : node.end_lineno] = [text.rstrip() + "\n"]
    return "".join(lines)


def part_of(source: str, name: str) -> str:
    """The text of one function or class."""
    node = next(node for node in ast.parse(source).body if getattr(node, "name", None) == name)
    text = ast.get_source_segment(source, node)
    assert text is not None
    return text


def with_mistakes(unit: Unit, topic: Topic, *ids: str) -> str:
    source = (unit.solutions / topic.file).read_text(encoding="utf-8")
    bank = {mistake.id: mistake for mistake in mistakes_of(unit, topic)}
    for mistake in ids:
        source = bank[mistake].applied_to(source)
    return source


LOOP = """\
def causal_mask(length):
    row = 0
    while row < length:
        pass  # row += 1 is missing
"""

CRASH = """\
def merge_heads(x):
    import ctypes
    return ctypes.string_at(0)
"""

SHORTCUT = """\
def softmax(x, dim=-1):
    return torch.softmax(x, dim)
"""

LIAR = """\
class Always(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True


def softmax(x, dim=-1):
    return torch.zeros_like(x).as_subclass(Always)
"""

PATCHER = """\
torch.allclose = torch.equal = lambda *args, **kwargs: True


def causal_mask(length):
    import gc
    import sys

    for name, module in list(sys.modules.items()):
        if "solution" in name or "test_attention" in name:
            return module.causal_mask(length)
    for thing in gc.get_objects():
        if isinstance(thing, dict) and "reference" in thing:
            return thing["reference"].causal_mask(length)
    return torch.zeros(length, length)
"""

NEAR_MISSES = {"T8_CHECK": "[2, 6, 4]", "E1_CHECK": "768", "R4": '"TODO"', "B2": '"Because."'}

QUITTER = """\
def softmax(x, dim=-1):
    import os

    os._exit(0)
"""


def make(folder: Path) -> None:
    """Write the class into `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    unit = load(ROOT)
    topic = unit.spec.topic("attention")
    whole = {name: (unit.solutions / name).read_text(encoding="utf-8") for name in unit.spec.files}
    empty = {name: (unit.assignments / name).read_text(encoding="utf-8") for name in unit.spec.files}
    solved = dict(list(whole.items())[: unit.spec.files.index(topic.file) + 1])  # most are as far as attention
    right = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "tests/right/attention").glob("*.py")}
    solution, stub = solved[topic.file], empty[topic.file]
    finished = {name: part_of(solution, name) for name in ("softmax", "causal_mask", "split_heads")}

    def wrong(mistake: str) -> dict[str, str]:
        return solved | {topic.file: with_mistakes(unit, topic, mistake)}

    as_folder(folder / "ada", whole)
    as_zip(folder / "grace.zip", "grace-main/assignments", solved | {topic.file: right["loops"]})
    as_files(folder, "alan", solved | {topic.file: right["einsum"]})
    as_folder(folder / "emmy", empty)
    as_zip(folder / "sofia.zip", "", empty | {topic.file: spliced(stub, **finished)})
    as_zip(folder / "carl.zip", "submission", wrong("attention_without_scale"))
    as_folder(folder / "leonhard", wrong("softmax_ignores_dim"))
    as_files(folder, "blaise", wrong("split_heads_reshape_only"))
    as_folder(folder / "pierre", wrong("attention_mask_inverted"))
    as_folder(folder / "henri", solved | {topic.file: spliced(solution, causal_mask=LOOP)})
    as_folder(folder / "kurt", solved | {topic.file: spliced(solution, merge_heads=CRASH)})
    as_folder(folder / "david", solved | {topic.file: solution.replace("def merge_heads(", "def merge_heads(:", 1)})
    (folder / "georg.zip").write_text("I could not make a zip, sorry.\n", encoding="utf-8")
    as_folder(folder / "ida", solved | {"synthesis.py": with_answers(whole["synthesis.py"], NEAR_MISSES)})
    tuned = with_mistakes(unit, unit.spec.topic("finetuning"), "labels_by_id")
    as_zip(folder / "mileva.zip", "", {"finetuning.py": tuned, "hf_tutorial.ipynb": whole["hf_tutorial.ipynb"]})
    as_folder(folder / "hans", {"lm_starter_code.ipynb": out_of_order(whole["lm_starter_code.ipynb"])})
    as_folder(folder / "shortcut", solved | {topic.file: spliced(solution, softmax=SHORTCUT)})
    as_folder(folder / "liar", empty | {topic.file: spliced(stub, softmax=LIAR)})
    as_folder(folder / "patcher", empty | {topic.file: spliced(stub, causal_mask=PATCHER)})
    as_folder(folder / "quitter", solved | {topic.file: spliced(solution, softmax=QUITTER)})


def out_of_order(notebook: str) -> str:
    """The notebook as after an evening's work: a cell that fails, one that is tried before what it needs, outputs."""
    book = json.loads(notebook)
    code = [number for number, cell in enumerate(book["cells"]) if cell["cell_type"] == "code"]
    setup, first = code[0], code[1]
    scratch = {"cell_type": "code", "id": "scratch", "metadata": {}, "execution_count": 7, "outputs": []}
    scratch["source"] = ["%matplotlib inline\n", "!pip list\n", "prepare(training, tokenizer, 64, 4)"]
    scratch["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["<b>much</b>\n"] * 1000}]
    book["cells"][first:first] = [scratch]
    assert setup < first
    return json.dumps(book, indent=1)


def as_folder(folder: Path, files: dict[str, str]) -> None:
    (folder / "assignments").mkdir(parents=True)
    for name, source in files.items():
        (folder / "assignments" / name).write_text(source, encoding="utf-8")


def as_files(folder: Path, student: str, files: dict[str, str]) -> None:
    for name, source in files.items():
        (folder / f"{student}_{name}").write_text(source, encoding="utf-8")


def as_zip(path: Path, inside: str, files: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in files.items():
            archive.writestr(f"{inside}/{name}".lstrip("/"), source)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
