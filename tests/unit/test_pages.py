"""What the pages for students say is so: links lead somewhere, points and hours add up, plots and commands exist."""

import re
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.spec import load

ROOT = Path(__file__).resolve().parent.parent.parent
ASSIGNMENTS = ROOT / "assignments"
PAGES = sorted(ASSIGNMENTS.glob("*.md"))
UNIT = load(ROOT)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_to_files_lead_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [link for link in links if ":" not in link and not (page.parent / link.split("#")[0]).exists()]
    assert missing == []


def test_the_units_page_tells_of_every_reading():
    """With one address for each; papers, which topics name as their sources, and preprints aside."""
    told = set(LINK.findall((ASSIGNMENTS / "README.md").read_text(encoding="utf-8")))
    links = {link for page in PAGES for link in LINK.findall(page.read_text(encoding="utf-8")) if ":" in link}
    assert {link for link in links if not link.startswith("https://")} == set()
    assert {link for link in links - told if not re.match(r"https://(arxiv|doi)\.org/", link)} == set()


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_formulas_come_out_as_they_are_written(page):
    r"""GitHub reads formulas in dollars as Markdown first: \\ becomes \, and \, a comma; a fence it leaves alone."""
    text = re.sub(r"```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert "$$" not in text
    assert not any(re.search(r"\\[^a-zA-Z]", formula) for formula in re.findall(r"\$[^$\n]+\$", text))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_commands_exist(page):
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"autograder ([a-z]+)\b", text)) <= set(main.commands)
    for topic in re.findall(r"autograder check ([a-z_]+)", text):
        assert UNIT.spec.topic(topic)


def test_the_units_page_names_every_topic_with_its_points():
    rows = re.findall(r"\| `(\w+)\.\w+` \|.*\| (\d+) \|", (ASSIGNMENTS / "README.md").read_text(encoding="utf-8"))
    points = {name: int(number) for name, number in rows}
    assert sum(points.values()) == 100
    for topic in UNIT.spec.topics:
        assert points[topic.name] == sum(item.points for item in topic.items if not item.extra), topic.name


def hours(text):
    """The hours that a text names, such as 2½ or ¼, added up."""
    parts = re.findall(r"(\d*)([¼½¾]?)", text)
    return sum(float(whole or 0) + {"": 0, "¼": 0.25, "½": 0.5, "¾": 0.75}[part] for whole, part in parts)


def test_the_units_page_adds_up_the_hours_of_the_topics():
    page = (ASSIGNMENTS / "README.md").read_text(encoding="utf-8")
    code = 0.0
    for topic, core, everything in re.findall(r"\| `(\w+)\.py` \| (\S+) h / (\S+) h \|", page):
        row = re.search(r"\| time for the code \| (.*) \| (.*) \|", (ASSIGNMENTS / f"{topic}.md").read_text("utf-8"))
        assert (hours(row[1]), hours(row[2])) == (hours(core), hours(everything)), topic
        code += hours(core)
    of_code, of_all = (hours(re.search(rf"(\S+){words}", page)[1]) for words in (" hours of code and 2", " in all"))
    assert (of_code, of_all) == (code, code + 2 + 3 + 5)
    assert code + 2 <= 16  # the core, beside the reading and its questions


def test_the_units_page_names_every_plot():
    plots = re.findall(r'^    "(\w+)": Plot\(', (ASSIGNMENTS / "plots.py").read_text(encoding="utf-8"), re.MULTILINE)
    page = (ASSIGNMENTS / "README.md").read_text(encoding="utf-8")
    assert len(plots) == 6
    assert all(f"`{name}`" in page for name in plots)
