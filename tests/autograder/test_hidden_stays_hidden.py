"""What a hidden test hands over is not shown to the student, whatever the student's code does to carry it there.

Each function of the tour below, called with a hidden text, tries one way into the report. `mark` makes of the hidden
text a word that is found again in whatever is written, cut or not.
"""

import json
from pathlib import Path

import pytest

TINY_UNIT = Path(__file__).with_name("tiny_unit")
TINY_NOTEBOOKS = Path(__file__).with_name("tiny_notebooks")
TINY_ANSWERS = Path(__file__).with_name("tiny_answers")

MOST_COMMON = """

def most_common(text):
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    if not counts:
        raise ValueError("text has no word")
    return min(counts, key=lambda word: (-counts[word], word))
"""

HEAD = """
import os, sys

def mark(text):
    return "LEAK" + "_".join(text.split())

def worker():
    return sys.modules["autograder.student.worker"]

def answer(**told):
    worker()._answer = lambda *_: told

"""

# The body of count_words(text), where text is the hidden input.
LEAKS = {
    "the text of an error": "raise ValueError(mark(text))",
    "the class of an error": "raise type(mark(text), (ValueError,), {})()",
    "an error group": "raise ExceptionGroup(mark(text), [ValueError(mark(text))])",
    "notes of an error": "error = ValueError(mark(text)); error.add_note(mark(text)); raise error",
    "the cause of an error": "raise ValueError(mark(text)) from KeyError(mark(text))",
    "the name of a function": """
    def inner():
        raise ValueError
    inner.__code__ = inner.__code__.replace(co_name=mark(text), co_qualname=mark(text))
    inner()""",
    "the name of a function that is not written": """
    def inner():
        raise NotImplementedError
    inner.__code__ = inner.__code__.replace(co_name=mark(text), co_qualname=mark(text))
    inner()""",
    "the name of a file": "exec(compile('1 / 0', os.path.join(os.path.dirname(__file__), mark(text)), 'exec'))",
    "a file of the student's": """
    path = os.path.join(os.path.dirname(__file__), mark(text) + '.py')
    open(path, 'w').write('def f():' + chr(10) + '    raise ValueError')
    sys.path.append(os.path.dirname(__file__))
    __import__(mark(text)).f()""",
    "a syntax error's own words": "raise SyntaxError(mark(text), (__file__, 3, 1, mark(text)))",
    "a syntax error's file": "exec(compile('(', os.path.join(os.path.dirname(__file__), mark(text)), 'exec'))",
    "the line of an error": """
    exec(compile(chr(10) * 150_000 + 'raise ValueError', __file__, 'exec'))""",
    "the name of a type": "return type(mark(text), (), {})()",
    "the name of a type in a list": "return [type(mark(text), (), {})()]",
    "printed": "print(mark(text)); print(mark(text), file=sys.stderr); os.write(1, mark(text).encode()); return 3",
    "warned": "import warnings; warnings.warn(mark(text)); return 3",
    "returned": "return mark(text)",
    "returned as keys": "return {mark(text): 1}",
    "a name that is missing": "raise sys.modules['autograder.student.workbench'].NoSuchName(mark(text))",
    "a shortcut": "raise sys.modules['autograder.student.traps'].ForbiddenCall(mark(text), 3)",
    "a forged error": "answer(error={'kind': mark(text), 'name': mark(text), 'text': mark(text), "
    "'frames': [[mark(text), 3, mark(text), mark(text), [[mark(text), mark(text)]]]]})",
    "a forged error of the topic's file": "answer(error={'kind': 'ValueError', 'name': mark(text), 'text': '', "
    "'frames': [['words.py', 3, mark(text), mark(text), []]]})",
    "a forged line": "answer(error={'kind': 'ValueError', 'name': 'ValueError', 'text': '', "
    "'frames': [['words.py', 777777777, 'count_words', '', []]]})",
    "a forged shortcut": "answer(forbidden=[mark(text), 3])",
    "a forged shortcut's line": "answer(forbidden=['collections.Counter', 777777777])",
    "a forged missing name": "answer(missing=mark(text))",
    "a forged missing name in form": "answer(missing='words.py has no count_words (cell 3 failed with '"
    " + mark(text) + ')')",
    "a forged missing name with lines": "answer(missing='words.py has no count_words' + chr(10) + mark(text))",
    "a forged fault": "answer(fault=mark(text))",
    "a forged output": "answer(value=None, output=mark(text))",
    "a forged anything": "answer(**{mark(text): mark(text)})",
    "the exit status": "os._exit(77)",  # one number up to 255 is all there is to say
}
LINES = ("777777777", "150001")  # of places that no file has


@pytest.fixture(scope="module")
def written(autograder, tmp_path_factory):
    """(everything that was written for the students, by student and file; the instructor's notes)."""
    folder = tmp_path_factory.mktemp("leaks")
    for number, body in enumerate(LEAKS.values()):
        (folder / "class" / str(number)).mkdir(parents=True)
        source = f"{HEAD}def count_words(text):\n    {body.strip()}{MOST_COMMON}"
        (folder / "class" / str(number) / "words.py").write_text(source)
    done = autograder("grade", folder / "class", "--out", folder / "out", cwd=TINY_UNIT)
    assert done.returncode == 0, done.stderr
    files = {path.relative_to(folder / "out"): path.read_text() for path in (folder / "out").glob("*/*")}
    notes = "".join(text for path, text in files.items() if path.parts[0] == "instructor")
    return {path: text for path, text in files.items() if path.parts[0] != "instructor"}, notes, done.stderr


@pytest.mark.parametrize("way", LEAKS)
def test_no_way_leads_into_the_students_report(written, way):
    files, _, printed = written
    student = str(list(LEAKS).index(way))
    found = {path.name: text for path, text in files.items() if path.parts[0] == student}
    assert found.keys() == {"results.json", "report.html", "report.md"}
    for text in (*found.values(), printed):
        assert "LEAK" not in text
        assert not any(line in text for line in LINES)
    assert json.loads(found["results.json"])["items"][0]["score"] == 0


def test_the_instructor_still_sees_what_an_error_said(written):
    assert "LEAK" in written[1]


def test_the_other_function_keeps_its_marks(written):
    """What the worker says of itself is checked; that costs nobody anything who says what is so."""
    for path, text in written[0].items():
        if path.name == "results.json":
            assert json.loads(text)["items"][1]["score"] == 2.5, path


def test_an_error_in_the_students_own_words_is_told_with_its_place(autograder, read_results, tmp_path):
    (tmp_path / "kim").mkdir()
    source = "class Words:\n    def get(self):\n        raise KeyError('x')\n\n\ndef count_words(text):\n"
    (tmp_path / "kim" / "words.py").write_text(f"{source}    return Words().get()\n{MOST_COMMON}")
    autograder("grade", tmp_path / "kim", "--out", tmp_path / "out", cwd=TINY_UNIT)
    message = read_results(tmp_path / "out")["kim"]["items"][0]["tests"][0]["message"]
    assert message == "Your code raises a KeyError at words.py, line 3, in Words.get."


def test_nothing_hidden_leaves_a_notebook(autograder, tmp_path):
    book = json.loads((TINY_NOTEBOOKS / "solutions" / "tour.ipynb").read_text())
    way = {
        'return " ".join(words).upper()': "raise ValueError('LEAK' + '_'.join(words))",
        'return source.readline().rstrip("\\n")': "return type('LEAK' + source.readline()[:9], (), {})()",
        "longest = max(text.split(), key=len)": "import sys; sys.modules['autograder.student.worker']._answer = "
        "lambda bench, request: {'missing': 'LEAK' + str(request)}",
    }
    for number, (right, leak) in enumerate(way.items()):
        text = json.dumps(book)
        changed = text.replace(json.dumps(right)[1:-1], json.dumps(leak)[1:-1])
        assert changed != text
        (tmp_path / "class" / str(number)).mkdir(parents=True)
        (tmp_path / "class" / str(number) / "tour.ipynb").write_text(changed)
    done = autograder("grade", tmp_path / "class", "--out", tmp_path / "out", cwd=TINY_NOTEBOOKS)
    assert done.returncode == 0, done.stderr
    pages = [path for path in tmp_path.glob("out/*/*") if path.parent.name != "instructor"]
    assert len(pages) == 3 * len(way)
    assert not [path for path in pages if "LEAK" in path.read_text()]


def test_written_answers_show_no_right_answer(autograder, tmp_path):
    """They are never run; and whatever stands there, the report tells only of the student's own words."""
    ways = ["1 / 0", "print(Q1)", "[" * 99 + "]" * 99, "__import__('os').system('true')", "f'{Q1}'", "nothing"]
    for number, way in enumerate(ways):
        source = (TINY_ANSWERS / "solutions" / "birds.py").read_text().replace("601.5", way).replace("[1, 2, 4]", way)
        (tmp_path / "class" / str(number)).mkdir(parents=True)
        (tmp_path / "class" / str(number) / "birds.py").write_text(source)
    done = autograder("grade", tmp_path / "class", "--out", tmp_path / "out", cwd=TINY_ANSWERS)
    assert done.returncode == 0, done.stderr
    for path in tmp_path.glob("out/*/*"):
        assert "601.5" not in path.read_text(), path
        assert "[1, 2, 4]" not in path.read_text(), path
