"""What the pages for students say is so: links lead somewhere, points add up, plots and commands exist."""

import re
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.spec import load

ROOT = Path(__file__).resolve().parent.parent.parent
ASSIGNMENTS = ROOT / "assignments"
PAGES = sorted(ASSIGNMENTS.glob("*.md"))
UNIT = load(ROOT)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_to_files_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if ":" not in link and not (page.parent / link.split("#")[0]).exists()]
    assert missing == []


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


def test_the_units_page_names_every_plot():
    plots = re.findall(r'^    "(\w+)": Plot\(', (ASSIGNMENTS / "plots.py").read_text(encoding="utf-8"), re.MULTILINE)
    page = (ASSIGNMENTS / "README.md").read_text(encoding="utf-8")
    assert len(plots) == 6
    assert all(f"`{name}`" in page for name in plots)
