"""`make roads`: a whole class on every road, minutes long, and so not a part of `make test`.

A class on a small unit (right, wrong, in part, extra credit, endless loops, crashes, missing files, cheats, late) and
four real submissions on one topic of the unit itself: each by `autograder grade`, by `otter run`, and by Gradescope's
run_autograder in a folder laid out like its container. Marks are compared item by item.
"""

import csv
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from autograder.mistakes import mistakes_of
from autograder.spec import load

from ..autograder.roads import autograder, gradescope_run, otter_runs, otter_total, own_marks, zipped
from ..autograder.test_grade import CLASS, SOLUTION

ROOT = Path(__file__).resolve().parent.parent.parent
MORE_YML = """
  - name: more
    title: More
    items:
      - id: more.longest
        points: 1
        tests: {test_longest_word: 2, test_longest_of_several: 1}
        public: [test_longest_of_one]
      - id: more.backwards
        points: 2
        extra: true
        tests: {test_backwards: 1}
extra_cap: 5
late:
  deadline: 2026-12-01T12:00:00Z
  per_day: 0.1
  cap: 0.5
"""
MORE = """
def longest(text):
    # BEGIN SOLUTION
    return max(text.split(), key=len)
    # END SOLUTION


def backwards(text):
    # BEGIN SOLUTION
    return text[::-1]
    # END SOLUTION
"""
MORE_TESTS = '''
def test_longest_word(student):
    """The longest word."""
    student.expect_equal(student.longest("a oak b"), "oak", about="the word")


def test_longest_of_several(student):
    """Of several the first."""
    student.expect_equal(student.longest("elm oak"), "elm", about="the word")


def test_backwards(student):
    """From the end to the beginning."""
    student.expect_equal(student.backwards("oak"), "kao", about="the text")
'''
MORE_PUBLIC = '''
def test_longest_of_one(student):
    """Of one word, that one."""
    student.expect_equal(student.longest("oak"), "oak")
'''
LATEST = MORE.replace("key=len", "key=lambda word: (len(word), word)")
NO_EXTRA = MORE.replace("text[::-1]", "text")
# Like others of the class, which take as long.
LEFT_OUT = ("loop-everywhere", "error-at-import", "exit-at-import", "quits", "latin")
CREATED = {"late": "2026-12-03T11:00:00Z", "much-late": "2027-01-01T00:00:00Z"}  # the others in time


def small_unit(root):
    shutil.copytree(ROOT / "tests/autograder/tiny_unit", root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "grading.yml").write_text((root / "grading.yml").read_text() + MORE_YML)
    (root / "solutions/more.py").write_text(MORE)
    (root / "assignments/more.py").write_text(MORE)
    (root / "tests/hidden/test_more.py").write_text(MORE_TESTS)
    (root / "tests/public/test_more.py").write_text(MORE_PUBLIC)
    return root


def small_class(folder):
    files = {name: {"words.py": source, "more.py": NO_EXTRA} for name, source in CLASS.items() if name not in LEFT_OUT}
    files |= {
        "extra": {"words.py": SOLUTION, "more.py": MORE},
        "extra-makes-up": {"words.py": CLASS["wrong-count"], "more.py": MORE},
        "thirds": {"words.py": CLASS["only-most-common"], "more.py": LATEST},
        "lacks-a-file": {"words.py": SOLUTION},
        "only-more": {"more.py": MORE},
        "late": {"words.py": SOLUTION, "more.py": MORE},
        "much-late": {"words.py": CLASS["wrong-count"], "more.py": NO_EXTRA},
        "nothing": {"essay.txt": "I forgot."},
    }
    return written(folder, files)


def written(folder, files):
    for student, sources in files.items():
        for name, source in sources.items():
            path = folder / student / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.encode("latin-1"))
    return folder


def real_unit(root):
    """One topic of the unit itself, one that needs no torch before the student's code."""
    rules = yaml.safe_load((ROOT / "grading.yml").read_text())
    rules["topics"] = [topic for topic in rules["topics"] if topic["name"] == "bptt"]
    rules |= {"preload": ["numpy"], "resources": []}
    root.mkdir()
    (root / "grading.yml").write_text(yaml.safe_dump(rules, sort_keys=False))
    for name in ("tests/props", "tests/mistakes", "tests/pictures", "tests/hidden/bptt"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("solutions/bptt.py", "assignments/bptt.py", "tests/stand_ins/bptt.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for kind in ("public", "hidden"):
        (root / "tests" / kind).mkdir(exist_ok=True)
        shutil.copy(ROOT / "tests" / kind / "test_bptt.py", root / "tests" / kind)
    return root


def real_class(folder):
    unit = load(ROOT)
    topic = unit.spec.topic("bptt")
    solution = (unit.solutions / topic.file).read_text()
    common = [mistake for mistake in mistakes_of(unit, topic) if mistake.common][:2]
    files = {mistake.id: {topic.file: mistake.applied_to(solution)} for mistake in common}
    files |= {"right": {topic.file: solution}, "stub": {topic.file: (unit.assignments / topic.file).read_text()}}
    return written(folder, files)


@pytest.fixture(scope="module", params=["small", "real"])
def setting(request, tmp_path_factory):
    """A unit, a class, our marks before and with lateness, and the two zips."""
    base = tmp_path_factory.mktemp(request.param)
    unit, students = (small_unit, small_class) if request.param == "small" else (real_unit, real_class)
    unit, students = unit(base / "unit"), students(base / "class")
    times = base / "times.csv"
    with open(times, "w", newline="") as file:
        moments = {each.name: CREATED.get(each.name, "2026-12-01T11:59:59Z") for each in students.iterdir()}
        csv.writer(file).writerows([["student", "submitted"], *moments.items()])
    before = own_marks(unit, students, base / "before")
    after = own_marks(unit, students, base / "after", "--submitted", times)
    for road in ("otter", "gradescope"):
        done = autograder("release", road, "--out", base / f"{road}.zip", cwd=unit)
        assert done.returncode == 0, done.stderr
    return base, students, before, after, moments


def test_otter_run_gives_our_marks_before_lateness(setting, tmp_path):
    base, students, before, _, _ = setting
    columns = set()
    zips = {student: zipped(students / student, tmp_path / f"{student}.zip") for student in before}
    runs = otter_runs(base / "otter.zip", zips, tmp_path / "out")
    for student, (row, ours) in before.items():
        status, told, results = runs[student]
        if row["status"] == "not graded":
            assert results is None, student
            assert status != 0, student
            continue
        assert status == 0, (student, told)
        found = {test["name"]: test["score"] for test in results["tests"] if "score" in test}
        columns.add(tuple(found))
        cap = found.pop("cap_on_extra_credit", 0)
        assert found == pytest.approx({item["id"]: item["score"] for item in ours["items"]}, abs=1e-4), student
        assert sum(found.values()) + cap == pytest.approx(ours["score"], abs=1e-3), student
        assert otter_total(results) == pytest.approx(ours["score"], abs=1e-3), student
    assert len(columns) == 1  # else otter grade drops what is not everybody's


def test_gradescope_gives_our_marks_with_lateness(setting, tmp_path):
    base, students, _, after, moments = setting
    for student, (row, ours) in after.items():
        root = tmp_path / student
        root.mkdir()
        # What the jail lets a worker read are the packages of its own Python, so one that borrows ours has no NumPy.
        python = sys.executable if base.name.startswith("real") else None
        _, results = gradescope_run(base / "gradescope.zip", students / student, root, moments[student], python)
        if row["status"] == "not graded":
            assert "score" not in results, student
            continue
        found = {test["name"].removesuffix(" (extra credit)"): test["score"] for test in results["tests"]}
        assert found == pytest.approx({item["id"]: item["score"] for item in ours["items"]}, abs=1e-5), student
        assert results["score"] == pytest.approx(ours["score"], abs=1e-5), student


def test_the_class_holds_what_it_should(setting):
    _, students, before, after, _ = setting
    totals = {student: row["total"] for student, (row, _) in before.items()}
    if "extra" not in totals:
        assert sorted(totals) == sorted(each.name for each in students.iterdir())
        assert len(set(totals.values())) >= 3
        return
    assert len(totals) >= 20
    assert totals["extra"] == "5.00"  # capped: 4.5 and 2 of extra credit
    assert totals["nothing"] == ""
    assert Fraction(after["late"][0]["total"]) == 4  # two days
    assert after["much-late"][1]["score"] == pytest.approx(before["much-late"][1]["score"] / 2)  # the cap
