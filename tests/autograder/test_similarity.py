"""Submissions that resemble each other: what counts, what does not, and the page that shows them."""

import re
from pathlib import Path

import pytest

from autograder.course.similarity import MOST, compare, similar
from autograder.errors import UsageError
from autograder.report.writing import write_similar
from autograder.spec import Item, Spec, Topic, Unit
from autograder.submission import Submission

STUB = '''def nests(trees):
    """How many nests there are."""
    raise NotImplementedError


def given(trees, birds):
    """Was handed out as it stands, with a body of some length that everybody has."""
    found = {}
    for tree in trees:
        for bird in birds:
            if tree.holds(bird) and bird not in found:
                found[bird] = tree.name + str(len(found)) + bird.name
    return sorted(found.items(), key=lambda pair: pair[1])
'''

OWN = """    total, seen = 0, set()
    for number, tree in enumerate(trees):
        if tree.height > 3 and tree.kind not in seen:
            total += sum(branch.load // 2 for branch in tree.branches if branch.alive)
            seen.add((tree.kind, number % 7))
        elif tree.height < 1 or not tree.branches:
            total = max(total - 1, 0)
    return total + len(seen) * 2
"""

OTHER = """    counts = [len(tree.branches) for tree in trees]
    while counts and counts[-1] == 0:
        counts.pop()
    table = dict(zip(range(len(counts)), counts, strict=True))
    best = max(table, key=table.get, default=None)
    return 0 if best is None else table[best] - min(counts) ** 2
"""


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    pytest.importorskip("copydetect", reason="comparing submissions needs copydetect")
    (tmp_path / "assignments").mkdir()
    (tmp_path / "assignments" / "birds.py").write_text(STUB)
    item = Item(id="birds.nests", points=1, tests={"test_a": 1})
    return Unit(tmp_path, Spec(unit="Birds", topics=(Topic(name="birds", title="Birds", items=(item,)),)))


def handed(student: str, body: str) -> Submission:
    return Submission(student, Path(), {"birds.py": STUB.replace("    raise NotImplementedError\n", body).encode()})


def renamed(body: str) -> str:
    """As somebody hides it: other names, other blanks, comments."""
    body = body.replace("total", "n").replace("seen", "met").replace("tree.", "t.").replace(" tree ", " t ")
    return body.replace(" + ", "+").replace("\n", "  # mine\n")


def test_a_copy_is_found_under_other_names_and_comments(unit):
    found = compare(unit, [handed("ada", OWN), handed("bo", OTHER), handed("cy", renamed(OWN))])
    assert [(pair.first, pair.second) for pair in found.pairs] == [("ada", "cy")]
    assert min(found.pairs[0].files[0].shares) > 0.8


def test_what_was_handed_out_is_no_similarity(unit):
    assert compare(unit, [handed("ada", "    raise NotImplementedError\n"), handed("bo", OTHER)]).pairs == ()
    same = handed("ada", "    raise NotImplementedError\n"), handed("bo", "    raise NotImplementedError\n")
    assert compare(unit, same).pairs == ()


def test_what_most_of_the_class_wrote_is_no_similarity(unit):
    few = [handed(f"s{number}", OWN) for number in range(MOST)]
    assert compare(unit, few).pairs
    assert compare(unit, [*few, handed("one more", OWN)]).pairs == ()


def test_the_passages_are_the_file_and_only_the_common_part_is_marked(unit):
    file = compare(unit, [handed("ada", OWN), handed("cy", OWN.replace("\n", "\r\n"))]).pairs[0].files[0]
    text = "".join(passage.text for passage in file.first)
    assert text == STUB.replace("    raise NotImplementedError\n", OWN)
    marked = "".join(passage.text for passage in file.first if passage.shared)
    assert "branch.load // 2" in marked
    assert "sorted(found.items()" not in marked


def test_the_page_stands_alone_and_shows_both_sides(unit, tmp_path):
    body = OWN.replace("total + len", "'</mark><script>alert(1)</script>' and total + len")
    write_similar(compare(unit, [handed("<b>ada", body), handed("cy", body)]), unit, tmp_path / "out")
    page = (tmp_path / "out" / "similar.html").read_text("utf-8")
    assert "Similarity is no proof." in page
    assert page.count("<mark>") == page.count("</mark>") >= 2
    assert "<script" not in page
    assert "<b>ada" not in page
    assert "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'" in page
    assert not re.search(r'(?:href|src)="(?!#)', page)


def test_what_is_no_text_or_too_large_is_told_and_the_others_go_on(unit):
    large = Submission("big", Path(), {"birds.py": b"x = 1\n" * 60_000})
    found = compare(unit, [large, handed("ada", OWN), handed("cy", OWN), Submission("none", Path(), {})])
    assert found.skipped == ("birds.py of big is too large, or no text",)
    assert len(found.pairs) == 1


def test_the_command_says_where_the_page_is_and_that_it_is_no_proof(unit, tmp_path, capsys):
    for student in ("ada", "cy"):
        handed(student, OWN).write_to(tmp_path / "class" / student)
    assert similar(unit, [tmp_path / "class"], tmp_path / "out", "class") == 0
    said = capsys.readouterr().out
    assert "ada  cy  birds.py" in said
    assert "no proof" in said
    assert (tmp_path / "out" / "similar.html").is_file()


def test_without_copydetect_it_is_said_what_is_missing(unit, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "copydetect", None)
    with pytest.raises(UsageError, match="pip install copydetect"):
        compare(unit, [])
