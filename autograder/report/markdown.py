"""report.md: the student's report for a README, a terminal or GitHub's job summary.

Every string from outside goes through `escape`, after which it can be no HTML, link, image, table, mention or issue
number. Student text stands in lists and paragraphs only, and the lines of a message stay inside their list item.
"""

import re
from collections.abc import Iterator

from autograder.report import summary
from autograder.report.for_student import for_student
from autograder.report.progress import Progress
from autograder.report.summary import Finding, ItemView, Step, TopicView, marks
from autograder.results import Feedback, Result, Status
from autograder.spec import Unit

SYMBOLS = {
    Status.PASSED: "✅",
    Status.PARTIAL: "🟡",
    Status.FAILED: "❌",
    Status.TIMEOUT: "⏳",
    Status.CRASHED: "💥",
    Status.NOT_ATTEMPTED: "⬜",
    Status.NEEDS_REVIEW: "👤",
}
_JOINER = "\u2060"  # seen by no one; breaks what GitHub looks for in finished text: mentions, issues, addresses
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~$^&!]")
_AT_START = re.compile(r"^(\s*)([-+=#:>]|\d+(?=[.)]))")
_SOUGHT = re.compile(r"(@|#(?=\w)|\b[Gg][Hh]-(?=\d)|:(?=//)|\bwww(?=\.))")


def escape(text: str, newline: str = " ") -> str:
    """Text that Markdown shows as it stands; line ends become `newline`."""
    return newline.join(_escaped_line(line) for line in text.split("\n"))


def _escaped_line(line: str) -> str:
    line = _SPECIAL.sub(r"\\\g<0>", line.strip())
    start = _AT_START.match(line)
    if start and start[2].isdigit():
        line = f"{start[0]}\\{line[start.end() :]}"
    elif start:
        line = f"{start[1]}\\{line[len(start[1]) :]}"
    return _SOUGHT.sub(rf"\g<0>{_JOINER}", line)


def render(result: Result, unit: Unit, progress: Progress | None = None) -> str:
    result = for_student(result)
    lines = [f"# {escape(unit.spec.unit)}: {escape(result.student)}", ""]
    lines += _graded(result, unit, progress) if result.graded else _not_graded(result)
    lines += ["---", "", *_footer(result)]
    return "\n".join(lines) + "\n"


def _not_graded(result: Result) -> Iterator[str]:
    yield from ("**Not graded.** There are no marks yet; this is not a 0.", "")
    yield from ("## Why", "")
    yield from [f"- {_block(problem)}" for problem in summary.problems(result)] or ["- No reason was recorded."]
    yield from ("", "## What to do", "")
    yield "- If the reason is about your files, put that right and hand them in again."
    yield "- If it is not, your work is fine where it is: show this page to whoever runs the course."
    yield ""


def _graded(result: Result, unit: Unit, progress: Progress | None) -> Iterator[str]:
    so_far = " so far" if result.pending else ""
    yield from (f"**{marks(result.score)} of {marks(result.max_score)} marks{so_far}**", "")
    yield from (summary.in_words(result), "")
    if result.problems:
        yield from ("## About what you handed in", "")
        yield from (f"- ⚠️ {_block(problem)}" for problem in summary.problems(result))
        yield ""
    if progress:
        yield from _progress(progress)
    steps = summary.next_steps(result, unit)
    if steps:
        yield from ("## What to look at next", "")
        for number, step in enumerate(steps, 1):
            yield from _step(number, step)
        yield ""
    for topic in (*summary.topics(result, unit), summary.extra_credit(result)):
        if topic.items:
            yield from _topic(topic)


def _progress(progress: Progress) -> Iterator[str]:
    yield from (progress.in_words, "")
    for heading, ids, rest in progress.lists:
        yield f"- {heading}: {', '.join(map(escape, ids))}{' ' + rest if rest else ''}"
    yield ""


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"{number}. **{escape(step.item.name)}** in {escape(step.topic)}"
    if step.claim:
        yield f"   - {escape(step.claim)} ({summary.CLAIM_WORDS[step.status]})"
        yield from _explanation(step.message, step.diagnosis, " " * 5)


def _topic(topic: TopicView) -> Iterator[str]:
    yield from (f"## {escape(topic.title)}: {marks(topic.score)} of {marks(topic.max_score)}", "")
    for group in topic.groups:
        if group.folded and group.folded is not Status.PASSED:
            yield f"- {SYMBOLS[group.folded]} {group.heading}: {', '.join(escape(item.name) for item in group.items)}"
            yield from _explanation(group.why, None, "  ")
        else:
            for item in group.items:
                yield from _item(item)
    yield ""


def _item(item: ItemView) -> Iterator[str]:
    result = item.result
    further = " (further)" if result.level == "further" else ""
    waiting = f", {item.waits}" if result.pending else ""
    score = f"{marks(result.score)} of {marks(result.max_score)}{waiting}"
    yield f"- {SYMBOLS[result.status]} **{escape(item.name)}**{further}: {item.words}, {score}"
    if item.replaced:
        yield f"  - 🔁 {escape(item.replaced)}"
    if result.status is Status.NOT_ATTEMPTED and item.open:
        message = next((finding.message for finding in item.open if finding.message), "")
        yield f"  - {item.to_come}. {_block(message, ' ' * 4)}".rstrip()
    else:
        yield from _explanation("", item.diagnosis, "  ")
        for finding in item.open:
            yield from _finding(finding)
    for finding in item.holding:
        yield from _finding(finding)
    if item.further:
        yield f"  - {item.further}"
    if result.feedback is not None:
        yield from _feedback(result.feedback, item.decided)


def _feedback(feedback: Feedback, decided: str) -> Iterator[str]:
    yield f"  - {decided}"
    for mark in feedback.marks:
        found = "" if mark.given is None else "found: " if mark.given else "not found: "
        yield f"    - {found}{escape(mark.says)} ({summary.count(mark.points, 'point')})"
    if feedback.note:
        yield f"  - The reader says: {_block(feedback.note, ' ' * 4)}"
    yield f"  - A model answer: {_block(feedback.model, ' ' * 4)}"


def _finding(finding: Finding) -> Iterator[str]:
    for claim in finding.claims:
        yield f"  - {SYMBOLS[finding.status]} {escape(claim)} ({summary.CLAIM_WORDS[finding.status]})"
    yield from _explanation(finding.message, finding.diagnosis, " " * 4)


def _explanation(message: str, diagnosis: str | None, indent: str) -> Iterator[str]:
    if message:
        yield f"{indent}- {_block(message, indent + '  ')}"
    if diagnosis:
        yield f"{indent}- 💡 *{escape(diagnosis)}*"


def _block(text: str, indent: str = "  ") -> str:
    """Several lines inside one list item: hard breaks, each line indented to the item's text."""
    return escape(text, newline=f"\\\n{indent}")


def _footer(result: Result) -> Iterator[str]:
    if result.graded and result.isolation:
        yield f"Your code ran on its own, apart from the checks: {escape(', '.join(result.isolation))}.  "
    yield f"Submission `{result.submission_sha256[:12] or 'unknown'}`, grader {escape(result.grader_version)}."
