"""report.md: the same as the page, in what GitHub and a forum show."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from autograder.report.markdown import escape

Make = Callable[..., Any]


@pytest.mark.parametrize(
    "text",
    [
        "<b>",
        "[a](b)",
        "![a](b)",
        "`a`",
        "*a*",
        "_a_",
        "~~a~~",
        "$x$",
        "a | b",
        "&lt;",
        "# a",
        "- a",
        "+ a",
        "> a",
        "===",
    ],
)
def test_markdown_escapes_what_would_be_markup(text: str) -> None:
    escaped = escape(text)
    assert escaped.replace("\\", "") == text
    assert not re.search(r"(?<!\\)[<\[\]`*_~$|&]|^[-+#>=]", escaped)


@pytest.mark.parametrize("text", ["@user", "a@b.com", "#12", "x/y#12", "GH-3", "https://a.b", "www.a.b"])
def test_markdown_breaks_what_github_looks_for_in_finished_text(text: str) -> None:
    escaped = escape(text)
    assert escaped.replace("\u2060", "").removeprefix("\\") == text
    assert not re.search(r"@\w|#\d|GH-\d|://|www\.", escaped)


def test_markdown_keeps_all_lines_of_a_message_in_its_list_item(pages: dict[str, str]) -> None:
    lines = pages["report.md"].splitlines()
    at = next(i for i, line in enumerate(lines) if "gpt.py does not import" in line)
    assert lines[at].endswith("\\")
    assert lines[at + 1] == "      return self.norm(self.blocks(x"


def test_markdown_says_the_result(pages: dict[str, str]) -> None:
    assert pages["report.md"].startswith("# Language modelling: Ada Lovelace\n")
    assert "**10.21 of 17.25 marks so far**" in pages["report.md"]
    assert "<script" not in pages["report.md"].replace("\\<", "")
