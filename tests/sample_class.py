"""Makes a sample class from the solutions: `python tests/sample_class.py build/sample`.

Every form in which students hand in (folders, zips in several layouts, lone files), and everything that a grader meets:
right, empty, half done, typical errors, an endless loop, a crash, a syntax error, a zip that is none, and some who try
to cheat. The typical errors come from the bank of mistakes.
"""

import ast
import shutil
import sys
import zipfile
from pathlib import Path

from autograder.mistakes import mistakes_of
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
    solution = (unit.solutions / topic.file).read_text(encoding="utf-8")
    stub = (unit.assignments / topic.file).read_text(encoding="utf-8")
    finished = {name: part_of(solution, name) for name in ("softmax", "causal_mask", "split_heads")}

    as_folder(folder / "ada", solution)
    right = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "tests/right/attention").glob("*.py")}
    as_zip(folder / "grace.zip", "grace-main/assignments/attention.py", right["loops"])
    (folder / "alan_attention.py").write_text(right["einsum"], encoding="utf-8")
    as_folder(folder / "emmy", stub)
    as_zip(folder / "sofia.zip", "attention.py", spliced(stub, **finished))
    as_zip(folder / "carl.zip", "submission/attention.py", with_mistakes(unit, topic, "attention_without_scale"))
    as_folder(folder / "leonhard", with_mistakes(unit, topic, "softmax_ignores_dim"))
    reshaped = with_mistakes(unit, topic, "split_heads_reshape_only")
    (folder / "blaise_attention.py").write_text(reshaped, encoding="utf-8")
    as_folder(folder / "pierre", with_mistakes(unit, topic, "attention_mask_inverted"))
    as_folder(folder / "henri", spliced(solution, causal_mask=LOOP))
    as_folder(folder / "kurt", spliced(solution, merge_heads=CRASH))
    as_folder(folder / "david", solution.replace("def merge_heads(", "def merge_heads(:", 1))
    (folder / "georg.zip").write_text("I could not make a zip, sorry.\n")
    as_folder(folder / "shortcut", spliced(solution, softmax=SHORTCUT))
    as_folder(folder / "liar", spliced(stub, softmax=LIAR))
    as_folder(folder / "patcher", spliced(stub, causal_mask=PATCHER))
    as_folder(folder / "quitter", spliced(solution, softmax=QUITTER))


def as_folder(folder: Path, source: str) -> None:
    (folder / "assignments").mkdir(parents=True)
    (folder / "assignments" / "attention.py").write_text(source, encoding="utf-8")


def as_zip(path: Path, name: str, source: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, source)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
