"""Decisions as CSV, out and in; how answers are sorted, suggested and compared; what reports show of it all."""

import contextlib
import csv
import io
import json
from fractions import Fraction

import pytest
from click.testing import CliRunner

from autograder.cli import main
from autograder.gradebook import reading, writing
from autograder.gradebook.decisions import Draft, history, latest, record
from autograder.key import Concept
from autograder.review.agreement import quadratic_kappa
from autograder.review.evidence import suggestions
from autograder.review.exchange import bring_in, guarded, rows_of, unguarded
from autograder.review.likeness import arranged
from autograder.review.material import load_material

Q1 = "birds.Q1"
CLASS = {
    "ada": {"Q1": "There is too little food in winter for all of them.", "Q2": "The tail."},
    "=bea": {"Q1": "It is the cold that drives them away.", "Q2": "Its <b>wings</b>."},
}


@pytest.fixture
def there(course):
    return course(CLASS)


def material_of(there):
    return load_material(there.unit, there.engine)


def decide(there, student="ada", reader="ann", item=Q1, **rest):
    material = material_of(there)
    with writing(there.engine) as connection:
        draft = Draft(student, item, material.hashes(item)[student], 0, **rest)
        record(connection, [draft], material.questions[item].rubric, reader)


def taken(there, *rows, columns="student,item,reader,given,adjustment,note,agreed,answer_sha256"):
    return bring_in(material_of(there), there.engine, "\n".join((columns, *rows)) + "\n", "marks.csv")


def stands(there):
    with reading(there.engine) as connection:
        return {(each.student, each.reader): each for each in latest(connection, Q1)}


def test_what_goes_out_comes_in_again_into_another_gradebook_and_changes_nothing_in_its_own(there, course, tmp_path):
    decide(there, given=(1, 2), adjustment=Fraction(-1, 2), note='=1+1\nÄ, "quoted"')
    decide(there, "=bea", "bob", given=())
    decide(there, "ada", "bob", given=(1,), finished=False)  # work that is not finished stays at home
    text, number = rows_of(material_of(there), there.engine)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert number == len(rows) == 2
    assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row.values())
    assert [(row["points"], row["of"], row["state"]) for row in rows] == [
        ("0", "3", "settled"),
        ("2.5", "3", "settled"),
    ]
    again = bring_in(material_of(there), there.engine, text, "out.csv")
    assert (again.kept, again.same, again.problems) == (0, 2, [])
    (tmp_path / "grades").rename(tmp_path / "elsewhere")
    empty = course(CLASS)
    other = bring_in(material_of(empty), empty.engine, text, "out.csv")
    assert (other.kept, other.problems) == (2, [])
    assert rows_of(material_of(empty), empty.engine)[0].count("settled") == 2
    assert stands(empty)["ada", "ann"].note == '=1+1\nÄ, "quoted"'


@pytest.mark.parametrize("text", ["=1", "'=1", "''", "'", "plain", "-1/2", " @x", "it's"])
def test_guarded_text_comes_back_as_it_was(text):
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("nobody,birds.Q1,ann,1,,,,", "student: 'nobody' has no answer to birds.Q1"),
        ("ada,birds.Q9,ann,1,,,,", "item: there is no question 'birds.Q9'"),
        ("ada,birds.Q1,,1,,,,", "reader: is empty"),
        ("ada,birds.Q1,ann,3,,,,", "given: numbers of the rubric, 1 to 2, not '3'"),
        ("ada,birds.Q1,ann,all,,,,", "given: numbers of the rubric"),
        ("ada,birds.Q1,ann,1,much,,,", "adjustment: a number of points"),
        ("ada,birds.Q1,ann,1,1/0,,,", "adjustment: a number of points"),
        ("ada,birds.Q1,ann,1,9,,,", "adjustment: more than all 3 points"),
        ("ada,birds.Q1,ann,1,,,maybe,", "agreed: yes or no, not 'maybe'"),
        ("ada,birds.Q1,ann,1,,,,abc", "answer_sha256: 64 hexadecimal digits"),
        ("ada,birds.Q1", "more or fewer cells"),
        ("ada,birds.Q1,ann,1,,,,,surplus", "more or fewer cells"),
    ],
)
def test_a_wrong_row_is_told_with_its_line_and_costs_no_other(there, row, says):
    done = taken(there, row, "'=bea,birds.Q1,ann,1 2,,,,")
    assert done.kept == 1
    assert len(done.problems) == 1
    assert done.problems[0].startswith("marks.csv: line 2: ")
    assert says in done.problems[0]
    assert list(stands(there)) == [("=bea", "ann")]


def test_a_file_without_the_columns_takes_nothing(there):
    assert taken(there, "ada,1", columns="student,points").problems == [
        "marks.csv: line 1: lacks the column item, reader, given; nothing was taken"
    ]


def test_a_decision_stands_once_in_a_file(there):
    done = taken(there, "ada,birds.Q1,ann,1,,,,", "ada,birds.Q1,ann,2,,,,")
    assert done.kept == 1
    assert "stands in the file twice" in done.problems[0]
    assert stands(there)["ada", "ann"].given == (1,)


def test_what_comes_in_is_a_decision_like_any_other(there):
    decide(there, given=(1,))
    assert taken(there, "ada,birds.Q1,ann,2,,Better.,,").kept == 1
    with reading(there.engine) as connection:
        assert [each.given for each in history(connection, Q1, "ada")] == [(1,), (2,)]


def test_a_decision_on_an_earlier_text_comes_in_as_stale(there):
    done = taken(there, f"ada,birds.Q1,ann,1,,,,{'0' * 64}")
    assert (done.kept, done.stale) == (1, 1)
    assert ",stale," in rows_of(material_of(there), there.engine)[0]


def test_kappa():
    def kappa(*pairs):
        return quadratic_kappa(*(tuple(map(Fraction, side)) for side in zip(*pairs, strict=True)))

    assert kappa((0, 0), (1, 1), (2, 2)) == 1
    assert kappa((0, 2), (2, 0)) == -1
    assert kappa((0, 0), (0, 1), (1, 0), (1, 1)) == 0
    assert kappa((1, 1), (1, 1)) is None
    # By hand: the squares of four answers are 3, those of all sixteen pairs 36, so 1 - (3/4) / (36/16).
    assert kappa((0, 0), (1, 0), (2, 1), (2, 3)) == pytest.approx(2 / 3)


def test_like_texts_stand_in_a_row_and_are_a_group():
    texts = ["a b c d e f", "quite another text, of which nobody else thought", "f e d c b a", "A B, C d e f!", "short"]
    places = arranged(texts)
    assert sorted(place.index for place in places) == [0, 1, 2, 3, 4]
    assert {place.index for place in places if place.group is not None} == {0, 2, 3}
    where = [number for number, place in enumerate(places) if place.group is not None]
    assert where == list(range(where[0], where[0] + 3))
    assert arranged([]) == []


def test_evidence_is_where_words_of_the_rubric_stand():
    rubric = (
        Concept(points=1, says="Softmax makes weights of the scores."),
        Concept(points=1, says="gradients vanish"),
    )
    text = "🦉 The SOFTMAX does not weigh scores"
    (found,) = suggestions(text, rubric)
    assert found.concept == 1
    assert [text[start:end] for start, end in found.spans] == ["SOFTMAX", "weigh", "scores"]


def autograder(there, *arguments):
    """The command, within the folder of the unit."""
    with contextlib.chdir(there.unit.root):
        return CliRunner().invoke(main, arguments)


def results(there, student="ada"):
    data = json.loads((there.folder / student / "results.json").read_text(encoding="utf-8"))
    return data, {item["id"]: item for item in data["items"]}


def page(there, student="ada"):
    folder = there.folder / student
    return (folder / "report.html").read_text(encoding="utf-8") + (folder / "report.md").read_text(encoding="utf-8")


def test_reports_show_marks_once_read_and_the_rest_once_released(there, tmp_path):
    """The command, all the way: report, import, report, release, withhold, export."""
    assert autograder(there, "report", str(there.folder)).exit_code == 0
    before, items = results(there)
    assert (items[Q1]["status"], before["pending"]) == ("needs review", 2)
    assert "waits for a reader" in page(there)

    marks = tmp_path / "marks.csv"
    marks.write_text("student,item,reader,given,note\nada,birds.Q1,ann,1,Ask <b>why</b>.\nada,birds.Q2,ann,2,\n,,,,\n")
    done = autograder(there, "review", str(there.folder), "--import", str(marks))
    assert done.exit_code == 1
    assert f"{marks}: line 4: item: there is no question ''" in done.stderr
    assert "2 decisions kept" in done.stdout

    assert autograder(there, "report", str(there.folder)).exit_code == 0
    after, items = results(there)
    assert after["pending"] == 0
    assert after["score"] == pytest.approx(before["score"] + 4 / 3)
    assert after["max_score"] == pytest.approx(before["max_score"] + 2)
    assert (items[Q1]["status"], items["birds.Q2"]["status"]) == ("partial", "passed")
    assert "partly there, read by a person" in page(there)
    assert "feedback" not in items[Q1]
    secrets = ("not the cold as such", "Ask", "too little food for them", "ann")
    assert not any(secret in page(there) for secret in secrets)

    assert autograder(there, "report", str(there.folder), "--release-answers").exit_code == 0
    _, items = results(there)
    assert [mark["given"] for mark in items[Q1]["feedback"]["rubric"]] == [True, False]
    shown = page(there)
    assert "A person read this answer and gave 2 of 3 points of the rubric; that decides about its marks." in shown
    assert "A person read this answer and found 1 of 2 points of the rubric; no marks hang on it." in shown
    assert "Ask &lt;b&gt;why&lt;/b&gt;." in shown
    assert "too little food for them" in shown  # the model answer
    assert "ann" not in {word.strip(".,:") for word in shown.split()}  # readers' names stay among readers
    other = page(there, "=bea")
    assert "not the cold as such" not in other  # nobody has read hers: it goes on waiting
    assert "Nobody gives marks for what it says" in other
    assert "&lt;b&gt;wings&lt;/b&gt;" in other

    assert autograder(there, "report", str(there.folder), "--withhold-answers").exit_code == 0
    assert not any(secret in page(there) for secret in secrets)
    out = tmp_path / "out.csv"
    assert autograder(there, "review", str(there.folder), "--export", str(out)).stdout.startswith("2 decisions written")
    assert "'=bea" not in out.read_text()


def test_decisions_survive_a_regrade_and_are_stale_when_the_answer_changes(there):
    decide(there, given=(1,))
    there.hand_in(CLASS)
    autograder(there, "report", str(there.folder))
    assert results(there)[1][Q1]["status"] == "partial"
    there.hand_in(CLASS | {"ada": {"Q1": "Another text, and a long one, about the food."}})
    autograder(there, "report", str(there.folder))
    assert results(there)[1][Q1]["status"] == "needs review"
    there.hand_in(CLASS)
    autograder(there, "report", str(there.folder))
    assert results(there)[1][Q1]["status"] == "partial"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--reader", "ann", "--reader", "ann"], "two readers have the same name"),
        (["--reader", " "], "a name of 1 to 60 printable characters"),
        (["--import", "nowhere.csv"], "--import nowhere.csv: cannot be read"),
        (["--import", "a.csv", "--export", "b.csv"], "one of the two"),
    ],
)
def test_what_cannot_be_is_told(there, arguments, says):
    done = autograder(there, "review", str(there.folder), *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_gradebook_is_told(there, tmp_path):
    done = autograder(there, "review", str(tmp_path))
    assert done.exit_code == 2
    assert "there is no gradebook" in done.stderr
