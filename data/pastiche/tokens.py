"""From text to words and back. Words are what the grammar speaks of; a model may cut the text as it likes."""

import re

BREAK = "/"
WORD = r"[A-Za-z]+(?:'[a-z]+)?|[.,;:?!]"


def words(text: str) -> list[str]:
    """The words and punctuation marks of a text in small letters, for the embeddings: ["good", "morrow", ",", ...]"""
    return re.findall(WORD, text.lower())


def documents(text: str) -> list[str]:
    """The documents of a file: what stands between blank lines."""
    return [document for document in text.strip("\n").split("\n\n") if document]


def render(tokens: list[str]) -> str:
    """The grammar's words as text: spaces, and capitals where a line or a sentence begins."""
    text = ""
    for token in tokens:
        if token == BREAK:
            text += "\n"
        elif re.fullmatch("[.,;:?!]", token):
            text += token
        else:
            begins = not text or text[-1] in "\n.?!"
            text += ("" if not text or text[-1] == "\n" else " ") + (token[0].upper() + token[1:] if begins else token)
    return text


def parse(text: str, proper: set[str]) -> list[str]:
    """The one sequence of words that renders to this text; `proper` are those that always have a capital.

    ValueError with the line where the text is not as `render` writes: then the grammar gives it probability 0.
    """
    found = [BREAK if token == "\n" else token for token in re.findall(WORD + r"|\n", text)]
    tokens = [token if token in proper else token.lower() for token in found]
    if (again := render(tokens)) != text:
        pairs = zip(again.split("\n"), text.split("\n"), strict=False)
        line = next((theirs for ours, theirs in pairs if ours != theirs), text[-60:])
        raise ValueError(f"not a text of this grammar: {line!r} is not written as it would be")
    return tokens
