"""Written answers: what is read, what is told, and what it is worth."""

import random
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from autograder.grading import companions, prose
from autograder.key import Check, Miss, load_key
from autograder.release.answers import make_answers_stub, with_answers
from autograder.results import Status
from autograder.spec import Item, load
from autograder.student.answers import MAX_PROBLEMS, read
from autograder.verify import cases, prove

TINY = Path(__file__).parent / "tiny_answers"
UNIT = load(TINY)
TOPIC = UNIT.spec.topic("birds")
SOLVED = (UNIT.solutions / "birds.py").read_text()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("3", 3),
        ("-3.5", -3.5),
        ("50257 * 768", 38597376),
        ("(1 + 2) * 3 / 4 - 2 ** -1", 1.75),
        ("2 ** 10", 1024),
        ("1e-3", 0.001),
        ("[1, (2, 3.0)]", [1, [2, 3.0]]),
        ('"a" "b"', "ab"),
        ('"a" + "b" + "c"', "abc"),
        ("'''two\nlines'''", "two\nlines"),
        ("None", None),
        ("True", True),
        ('"\\ud800"', "?"),
    ],
)
def test_a_literal_is_read(expression, value):
    assert read(f"A = {expression}".encode()).values == {"A": value}


@pytest.mark.parametrize(
    "expression",
    [
        "B",
        "len('x')",
        "__import__('os').system('true')",
        "f'{1}'",
        "10 ** 10 ** 10",
        "9 ** 9 ** 9 ** 9",
        "2 ** 1024",
        "1e308 * 10",
        "(-8) ** 0.5",
        "1 / 0",
        "0 ** -1",
        "1 // 2",
        "'a' * 3",
        "'a' + 1",
        "True + 1",
        "[x for x in (1, 2)]",
        "{1: 2}",
        "b'x'",
        "1j",
        "lambda: 0",
        "...",
        "not 1",
        "3 if 1 else 4",
    ],
)
def test_anything_else_is_told_and_not_read(expression):
    answers = read(f"A = {expression}\nC = 3".encode())
    assert answers.values == {"C": 3}
    assert [(line, name) for line, _, name in answers.problems] == [(1, "A")]
    assert "A is not read" in answers.problems[0][1]


@pytest.mark.parametrize("statement", ["import os", "print('x')", "A += 1", "del A", "x.y = 1", "def f(): pass"])
def test_a_statement_is_told_and_not_run(statement, capsys):
    answers = read(f"A = 1\n{statement}\nB = 2".encode())
    assert answers.values == {"A": 1, "B": 2}
    assert [line for line, *_ in answers.problems] == [2]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("slip", ['A = "it\'s a "map""', "A = (1,", 'A = """open', "A = 1 +", "A = = 3", "A = 1 2"])
def test_a_slip_costs_its_own_answer_alone(slip):
    answers = read(f"# first\nA0 = 0\n{slip}\n# then\nB = 2\nC = 'c'\n".encode())
    assert {"A0": 0, "B": 2, "C": "c"}.items() <= answers.values.items()
    assert "A" not in answers.values
    assert answers.problems
    assert answers.problems[0][0] >= 3
    assert answers.problems[0][2] == "A"


def test_a_name_that_stands_twice_is_told_and_the_later_counts():
    answers = read(b"A = 1\nA = 2\n")
    assert answers.values == {"A": 2}
    assert answers.problems == [(2, "A stands twice; this one counts", "")]


@pytest.mark.parametrize(
    "source",
    [
        "A = " + "(" * 5000 + "1" + ")" * 5000,
        "A = " + "-" * 50_000 + "1",
        "A = " + "[" * 90 + "]" * 90 + "\nA = [" + "1," * 50_000 + "]",
        "A = " + "+".join(["'a'"] * 3000),
        "A = " + "9" * 100_000,
        "A = 1\n" * 20_000,
        "\0",
    ],
    ids=["brackets", "signs", "lists", "sum", "digits", "lines", "nul"],
)
def test_a_monstrous_file_is_survived(source):
    answers = read(source.encode())
    assert len(answers.problems) <= MAX_PROBLEMS


def test_two_thousand_damaged_files_are_read_or_told():
    """Whatever is in them: no crash, and nothing but plain values. Seeded."""
    chance = random.Random(20_261_126)
    for _ in range(2000):
        damaged = bytearray(SOLVED.encode())
        for _ in range(chance.randint(1, 20)):
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.randint(0, 30)] = chance.randbytes(chance.randint(0, 10))
        try:
            answers = read(bytes(damaged))
        except UnicodeDecodeError:
            continue
        assert all(isinstance(value, (str, int, float, list, type(None))) for value in answers.values.values())


NUMBER = Item(id="t.A_CHECK", points=1, form="number")
THREE = Item(id="t.A_CHECK", points=1, form="3 numbers")
WORD = Item(id="t.A_CHECK", points=1, form="word", allowed=("up", "down"))
CHECK = Check(
    tolerance=0.01,
    misses=(
        Miss(id="a", like=["*", 7, "*"], says="seven"),
        Miss(id="b", length=2, says="two"),
        Miss(id="c", contains="left", says="left"),
    ),
)


@pytest.mark.parametrize(
    ("item", "right", "value"),
    [
        (NUMBER, 0.5, 0.505),
        (NUMBER, 3, 3.0),
        (NUMBER, 0.3, 0.1 + 0.2),
        (THREE, [1, 2, 3], [1.001, 2, 3]),
        (THREE, [1, 2, 3], [[1, 2], 3]),
        (WORD, "up", " U p"),
        (WORD, "up", "ＵＰ"),
    ],
)
def test_a_right_companion_passes(item, right, value):
    assert companions.judge(item, CHECK, right, value).status is Status.PASSED


def test_an_accepted_list_may_offer_a_choice_for_an_entry():
    check = Check(accept=([["up", "upwards"], "left"], [1, [2, "two"]]))
    two = Item(id="birds.Q2_CHECK", points=1, form="2 words")
    for value in (["up", "left"], ["Upwards", "left"]):
        assert companions.judge(two, check, ["down", "right"], value).status is Status.PASSED
    for value in (["left", "up"], ["up", "upwards"], ["up"], ["up", "upwards", "left"], [["up", "upwards"], "left"]):
        assert companions.judge(two, check, ["down", "right"], value).status is Status.FAILED


@pytest.mark.parametrize(
    ("item", "right", "value", "named"),
    [
        (NUMBER, 0.5, 0.52, None),
        (NUMBER, 1, True, None),
        (NUMBER, 0.5, "0.5", None),
        (NUMBER, 0.5, [0.5], None),
        (THREE, [1, 2, 3], [1, 7, 3], "seven"),
        (THREE, [1, 2, 3], [1, 2], "two"),
        (THREE, [1, 2, 3], "*", None),
        (THREE, [1, 2, 3], ["*", "*", "*"], None),
        (WORD, "up", "left", "left"),
        (WORD, "up", "down", None),
    ],
)
def test_a_wrong_companion_fails_and_a_near_miss_is_named(item, right, value, named):
    outcome = companions.judge(item, CHECK, right, value)
    assert outcome.status is Status.FAILED
    assert outcome.diagnosis == named


@pytest.mark.parametrize("value", [None, "TODO", "", " todo. ", []])
def test_a_companion_that_is_left_open_is_not_attempted(value):
    assert companions.judge(THREE, CHECK, [1, 2, 3], value).status is Status.NOT_ATTEMPTED


@pytest.mark.parametrize(
    ("item", "value", "says"),
    [
        (NUMBER, 99, ""),
        (NUMBER, [1], "Write a number, not a list of 1."),
        (THREE, [9, 9, 9], ""),
        (THREE, 1, "Write a list of three numbers, not a number."),
        (THREE, [1, 2], "Write a list of three numbers; this is a list of 2."),
        (THREE, [1, 2, "x"], "Write a list of three numbers; there is text in it."),
        (WORD, "Down", ""),
        (WORD, "left", "Write a word (of: up, down); 'left' is none of them."),
    ],
)
def test_the_form_is_told_and_nothing_of_right_and_wrong(item, value, says):
    assert companions.form_problem(item, value) == says


def with_values(**values):
    found = read(SOLVED.encode()).values
    return found | values


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("In winter they find too little to eat there.", Status.PASSED),
        ("TODO", Status.NOT_ATTEMPTED),
        (" todo ", Status.NOT_ATTEMPTED),
        ("", Status.NOT_ATTEMPTED),
        (None, Status.NOT_ATTEMPTED),
        (7, Status.FAILED),
        ("... ?!", Status.NOT_ATTEMPTED),
        ("# TODO", Status.NOT_ATTEMPTED),
        ("TODO, todo!", Status.NOT_ATTEMPTED),
        ("The food.", Status.FAILED),
        ("Why do some birds fly south in autumn?", Status.FAILED),
        ("why do some birds fly south in autumn", Status.FAILED),
        ("Why do some birds fly south in autumn? No idea.", Status.FAILED),
        ("Why do some birds fly south in autumn? Because there is nothing to eat.", Status.PASSED),
        ("Some birds fly south in autumn because of hunger.", Status.PASSED),
        ("One takes them out of the nest, one after the other, and puts them back.", Status.FAILED),
        ("bla bla bla bla bla bla bla bla", Status.FAILED),
        ("Wegen des Hungers, nicht wegen der Kälte.", Status.PASSED),
    ],
)
def test_completion(text, status):
    item = TOPIC.items[0]
    question = load_key(UNIT, TOPIC)["Q1"].question
    assert prose.judge(TOPIC, item, with_values(Q1=text), [question]).status is status


def test_a_question_is_no_answer_in_whichever_form_it_is_copied():
    asked = "Q1. Do some of them leave, and why?"
    for text in (asked, "do some of them leave, and why", "Why do some birds fly south in autumn?"):
        found = prose.judge(TOPIC, TOPIC.items[0], with_values(Q1=text), ["Why do some birds fly south?", asked])
        assert (found.status, found.message) == (Status.FAILED, "This is the question again."), text


def test_prose_is_not_told_to_repeat_itself():
    assert prose.judge(TOPIC, TOPIC.items[0], with_values()).status is Status.PASSED


def test_the_stub_asks_everything_and_answers_nothing():
    stub = (UNIT.assignments / "birds.py").read_text()
    assert stub == make_answers_stub(SOLVED)
    assert set(read(stub.encode()).values.values()) == {"TODO", None}
    comments = [line for line in SOLVED.splitlines() if line.startswith("#")]
    assert [line for line in stub.splitlines() if line.startswith("#")] == comments


def grade(autograder, read_results, tmp_path, **sources):
    unit = shutil.copytree(TINY, tmp_path / "unit")
    for student, source in sources.items():
        folder = unit / "subs" / student
        folder.mkdir(parents=True)
        (folder / "birds.py").write_text(source)
    done = autograder("grade", "subs", "--class", "--out", "out", cwd=unit)
    assert done.returncode == 0, done.stderr
    return read_results(unit / "out"), unit / "out"


def test_marks_of_written_answers(autograder, read_results, tmp_path):
    """Right, empty, a near miss with a slip beside it, and one that would do harm if it were run."""
    results, out = grade(
        autograder,
        read_results,
        tmp_path,
        ada=SOLVED,
        emmy=(UNIT.assignments / "birds.py").read_text(),
        carl=with_answers(SOLVED, {"Q2_CHECK": '["tail", "Wing"]', "Q3": '"broken "quotes" here"', "Q1": '"Food."'}),
        eve=SOLVED + "\nimport os\nos._exit(3)\n",
        max=SOLVED.replace("Q1_CHECK =", "Q1_CHEK ="),
    )
    ada, emmy, carl, eve = (results[name] for name in ("ada", "emmy", "carl", "eve"))
    assert (ada["score"], ada["max_score"], ada["pending"]) == (4, 4, 2)
    assert [item["status"] for item in ada["items"]] == ["needs review", *["passed"] * 5]
    assert (emmy["score"], emmy["max_score"], emmy["pending"]) == (0, 6, 0)
    assert {item["status"] for item in emmy["items"]} == {"not attempted"}

    by_id = {item["id"]: item for item in carl["items"]}
    assert by_id["birds.Q2_CHECK"]["tests"][0]["diagnosis"] == "The two are swapped."
    assert by_id["birds.Q1"]["status"] == "needs review"  # too short to count as complete; a reader decides
    assert (by_id["birds.Q1"]["score"], by_id["birds.Q1"]["pending"]) == (0, 2)
    assert by_id["birds.Q3"]["status"] == "failed"
    assert "not Python" in by_id["birds.Q3"]["tests"][0]["message"]
    assert by_id["birds.Q3_CHECK"]["status"] == "passed"
    assert any("birds.py, line 16: this is not Python" in problem for problem in carl["problems"])

    assert [item["status"] for item in results["max"]["items"]][1] == "not attempted"
    assert results["max"]["problems"] == ["birds.py: Q1_CHEK is none of the names asked for; did you mean Q1_CHECK?"]

    assert eve["score"] == 4
    assert len([problem for problem in eve["problems"] if "nothing in this file is run" in problem]) == 2
    report = (out / "carl" / "report.html").read_text()
    assert "The two are swapped." in report
    assert report.count("answered: completion, not correctness") == 1
    assert "answered: completion, not correctness" in (out / "ada" / "report.md").read_text()
    for secret in ("601.5", "not the cold as such", "many of them would bear"):
        assert all(secret not in path.read_text() for path in (out / "carl").iterdir())


def test_check_tells_the_form_alone(autograder, tmp_path):
    unit = shutil.copytree(TINY, tmp_path / "unit")
    shutil.rmtree(unit / "solutions")
    wrong = with_answers(SOLVED, {"Q1_CHECK": "200.5", "Q2_CHECK": '["wing"]', "Q3": '"TODO"'})
    (unit / "assignments" / "birds.py").write_text(wrong)
    done = autograder("check", "birds", cwd=unit)
    assert done.returncode == 1
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith("  Q")}
    assert lines["Q1"].strip().split("  ")[-1] == "✓ has the right form"
    assert "✗ Write a list of two words" in lines["Q2"]
    assert lines["Q3"].startswith("○ not yet")
    assert "one day" not in done.stdout
    (unit / "assignments" / "birds.py").write_text(SOLVED)
    assert autograder("check", "birds", cwd=unit).returncode == 0


def test_check_tells_that_a_question_is_no_answer(autograder, tmp_path):
    unit = shutil.copytree(TINY, tmp_path / "unit")
    copied = with_answers(SOLVED, {"Q1": '"Why do some birds fly south in autumn?"'})
    (unit / "assignments" / "birds.py").write_text(copied)
    done = autograder("check", "birds", cwd=unit)
    assert done.returncode == 1
    assert "✗ This is the question again." in done.stdout
    assert "5 of 6 are there." in done.stdout
    without = "".join(line for line in copied.splitlines(keepends=True) if not line.startswith("#"))
    (unit / "assignments" / "birds.py").write_text(without)  # then nobody knows the question
    assert "6 of 6 are there." in autograder("check", "birds", cwd=unit).stdout


def test_verify_tries_every_near_miss():
    every = list(cases(UNIT))
    assert {case.name for case in every} >= {"near miss birds/q1_one_day", "near miss birds/q2_swapped"}
    assert prove(UNIT, every, [b"answers"]).wrong == ()


def test_without_readers_companions_carry_all(tmp_path):
    unit = shutil.copytree(TINY, tmp_path / "unit")
    rules = unit / "grading.yml"
    rules.write_text(rules.read_text().replace("unit: Birds", "unit: Birds\nprose: completion"))
    spec = load(unit).spec
    assert sum(item.points for item in spec.items) == 6
    assert {item.id: item.points for item in spec.items if item.form} == {
        f"birds.Q{number}_CHECK": Fraction(5, 3) for number in (1, 2, 3)
    }
    assert not any(item.quality for item in spec.items)
