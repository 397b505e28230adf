"""Answers in prose: whether there is one. What it is worth is for a person to say."""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeGuard

from autograder.grading.outcome import Outcome
from autograder.results import Status
from autograder.spec import Item, Topic

_TOO_LIKE = 0.9  # of the words of the question or of another answer, in order
_CONSTANT = re.compile(r"([A-Za-z_]\w*)\s*(?::[^=]*)?=")
_LETTER = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def is_written(value: Any) -> TypeGuard[str]:
    """Whether anything stands there but the TODO."""
    return isinstance(value, str) and value.strip().strip("#.!: ").casefold() not in ("", "todo")


def questions_above(source: str) -> dict[str, str]:
    """By name, the question that stands in the comment right above each constant, as far as it is still there."""
    questions: dict[str, str] = {}
    comment: list[str] = []
    for line in source.splitlines():
        beginning = _CONSTANT.match(line)
        if line.startswith("#"):
            comment.append(line.lstrip("#").strip())
        else:
            if beginning and comment:
                questions[beginning[1]] = " ".join(comment)
            comment = []
    return questions


def judge(topic: Topic, item: Item, values: Mapping[str, Any], questions: Sequence[str] = ()) -> Outcome:
    """Whether there is an answer to this item at all, among the constants of the file.

    `questions` are the forms in which the question stands somewhere, none if that is unknown.
    """
    value = values.get(item.name)
    if not is_written(value):
        if value is None or isinstance(value, str):
            return Outcome(Status.NOT_ATTEMPTED, "Not answered yet.")
        return Outcome(Status.FAILED, "Write the answer as text, in quotes.")
    words = _words(value)
    if set(words) <= {"todo"}:
        return Outcome(Status.NOT_ATTEMPTED, "There are no words here yet.")
    if len(words) < item.at_least:
        few = "word is" if len(words) == 1 else "words are"
        return Outcome(Status.FAILED, f"{len(words)} {few} too few; at least {item.at_least} are asked for.")
    if len(set(words)) * 3 < len(words) and len(set(words)) < 12:
        return Outcome(Status.FAILED, "These are the same few words again and again.")
    if any(_repeats(words, question, item) for question in questions):
        return Outcome(Status.FAILED, "This is the question again.")
    for other in topic.items:
        text = values.get(other.name)
        if other.completion is not None and other is not item and is_written(text) and _alike(words, _words(text)):
            return Outcome(Status.FAILED, f"This is the answer to {other.name} again.")
    return Outcome(Status.PASSED)


def _words(text: str) -> list[str]:
    return _LETTER.findall(text.casefold())[:2000]


def _repeats(words: list[str], question: str, item: Item) -> bool:
    """Whether the question is all that stands there, with or without its name."""
    forms = {question, question.removeprefix(f"{item.name}.")}
    return any(len(_without(words, _words(form))) < item.at_least for form in forms if _words(form))


def _without(words: list[str], question: list[str]) -> list[str]:
    """The words that are left when the question, nearly whole and in order, is taken out of them."""
    blocks = SequenceMatcher(None, words, question, autojunk=False).get_matching_blocks()
    long = [block for block in blocks if block.size > 1]
    if sum(block.size for block in long) < _TOO_LIKE * len(question):
        return words
    taken = {number for block in long for number in range(block.a, block.a + block.size)}
    return [word for number, word in enumerate(words) if number not in taken]


def _alike(words: list[str], others: list[str]) -> bool:
    """Nearly the same words in the same order; cheap bounds first."""
    matcher = SequenceMatcher(None, words, others, autojunk=False)
    return matcher.real_quick_ratio() > _TOO_LIKE and matcher.quick_ratio() > _TOO_LIKE and matcher.ratio() > _TOO_LIKE
