"""A second rule file: a part of the unit, with other marks."""

import shutil
from pathlib import Path

import pytest

from autograder.errors import UsageError
from autograder.spec import load

TINY = Path(__file__).parent / "tiny_answers"


@pytest.fixture
def unit(tmp_path):
    folder = Path(shutil.copytree(TINY, tmp_path / "unit"))
    rules = folder / "grading.yml"
    other = rules.read_text().partition("topics:\n")[2].replace("birds", "trees").replace("Birds", "Trees")
    rules.write_text(rules.read_text() + other)
    return folder


def short(unit, text):
    (unit / "short.yml").write_text(text)
    return load(unit, "short.yml").spec


def test_a_variant_grades_some_topics_and_scales_their_points(unit):
    spec = short(unit, "based_on: grading.yml\ntopics: [trees]\ntotal: 100\n")
    assert [topic.name for topic in spec.topics] == ["trees"]
    assert sum(item.points for item in spec.items) == 100
    whole = {item.name: item.points for item in load(unit).spec.topic("birds").items}
    assert {item.name: item.points * 6 / 100 for item in spec.items} == whole
    prose = spec.item("trees.Q1")
    assert prose.completion + prose.quality == prose.points


def test_a_variant_may_do_without_readers(unit):
    spec = short(unit, "based_on: grading.yml\nprose: completion\ntotal: 24\n")
    assert sum(item.points for item in spec.items) == 24
    assert not any(item.quality for item in spec.items)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("based_on: short.yml", "cannot be based on itself"),
        ("based_on: other.yml", "other.yml: cannot be read"),
        ("based_on: grading.yml\ntopics: [stones]", "no topic stones"),
        ("based_on: grading.yml\ntopics: []", "name at least one"),
        ("based_on: grading.yml\ntotal: 0", "short.yml:2: total: must be positive"),
        ("based_on: grading.yml\nunit: X", "short.yml:2: unit: unknown key"),
    ],
)
def test_what_is_wrong_with_a_variant_is_told(unit, text, says):
    with pytest.raises(UsageError, match=says):
        short(unit, text)


def test_grade_takes_the_rules(autograder, read_results, unit):
    (unit / "short.yml").write_text("based_on: grading.yml\ntopics: [birds]\ntotal: 100\n")
    folder = unit / "subs" / "ada"
    shutil.copytree(unit / "solutions", folder, ignore=shutil.ignore_patterns("*.yml"))
    done = autograder("grade", "subs", "--class", "--out", "out", "--rules", "short.yml", cwd=unit)
    assert done.returncode == 0, done.stderr
    result = read_results(unit / "out")["ada"]
    assert result["score"] + result["pending"] == pytest.approx(100)
