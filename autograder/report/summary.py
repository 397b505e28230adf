"""What a report says, before it has a format: the words, and the order of things on the page.

HTML and Markdown are two renderings of it. Results come in as `for_student` leaves them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from autograder.results import ItemResult, Result, Status, TestResult
from autograder.spec import Unit

ITEM_WORDS = {
    Status.PASSED: "complete",
    Status.PARTIAL: "partly there",
    Status.FAILED: "not yet",
    Status.TIMEOUT: "took too long",
    Status.CRASHED: "crashed",
    Status.NOT_ATTEMPTED: "not started",
    Status.NEEDS_REVIEW: "waits for a reader",
}
CLAIM_WORDS = {
    **ITEM_WORDS,
    Status.PASSED: "holds",
    Status.FAILED: "does not hold yet",
    Status.PARTIAL: "holds in part",
}
MOST_STEPS = 3
_MANY = 3  # items of one status, from which on they are folded away
_BROKEN = {Status.FAILED, Status.TIMEOUT, Status.CRASHED}  # where all of a topic is, for one reason
_SHOWN, _FOLDED_FROM = 3, 4  # of what does not hold: never is a single one folded away


def hundredths(value: Fraction) -> str:
    """Two decimals, rounded half to even from the exact fraction: 1/8 is 0.12."""
    units = round(value * 100)
    return f"{'-' if units < 0 else ''}{abs(units) // 100}.{abs(units) % 100:02d}"


def marks(value: Fraction) -> str:
    """Two decimals at most: 7.5, 10, 0.33."""
    return hundredths(value).rstrip("0").rstrip(".")


def percent(score: Fraction, max_score: Fraction) -> str:
    """How far a bar is filled, 0 to 100."""
    return f"{float(min(max(score / max_score, Fraction(0)), Fraction(1)) * 100):.1f}" if max_score else "0"


def count(number: int | str, noun: str) -> str:
    return f"{number} {noun}" if str(number) == "1" else f"{number} {noun}s"


@dataclass(frozen=True)
class Finding:
    """Claims of one status that share their message: a file that does not import says so once, not once a claim."""

    status: Status
    claims: tuple[str, ...]
    message: str
    diagnosis: str | None


@dataclass(frozen=True)
class ItemView:
    """One item on the page: what does not hold is `open`, what does is `holding`, the rest is only counted.

    `diagnosis` is what is behind all that does not hold, where one thing is.
    """

    result: ItemResult
    open: tuple[Finding, ...]
    holding: tuple[Finding, ...]
    further: str
    diagnosis: str | None = None

    @property
    def first(self) -> tuple[Finding, ...]:
        """What does not hold, as much of it as a reader wants at first; `rest` is the rest."""
        return self.open if len(self.open) <= _FOLDED_FROM else self.open[:_SHOWN]

    @property
    def rest(self) -> tuple[Finding, ...]:
        return self.open[len(self.first) :]

    @property
    def rest_words(self) -> str:
        """`8 more that do not hold yet`."""
        number = sum(len(finding.claims) for finding in self.rest)
        return f"{number} more that {'does' if number == 1 else 'do'} not hold yet"

    @property
    def name(self) -> str:
        return self.result.id.partition(".")[2] or self.result.id

    @property
    def words(self) -> str:
        if self.result.read:
            return f"{ITEM_WORDS[self.result.status]}, read by a person"
        if self.result.prose and self.result.status is Status.PASSED:
            return "answered: completion, not correctness"
        return ITEM_WORDS[self.result.status]

    @property
    def holds(self) -> str:
        """`3 checks hold`, for the line that folds them away."""
        number = sum(len(finding.claims) for finding in self.holding)
        return f"{count(number, 'check')} {'holds' if number == 1 else 'hold'}"

    @property
    def to_come(self) -> str:
        """`3 checks to come`, where nothing is started."""
        return f"{count(sum(len(finding.claims) for finding in self.open), 'check')} to come"

    @property
    def waits(self) -> str:
        """`up to 1.5 more`, which a reader of the answer gives."""
        return f"up to {marks(self.result.pending)} more"

    @property
    def decided(self) -> str:
        """Who decides what, where feedback on a written answer is shown."""
        feedback = self.result.feedback
        if feedback is None:
            return ""
        machine = "A machine only looked whether there is an answer (completion, not correctness)."
        if feedback.points is None:
            return f"{machine} Nobody gives marks for what it says: compare it yourself with what a good answer holds."
        given = f"{marks(feedback.points)} of {sum(mark.points for mark in feedback.marks)} points of the rubric"
        if not self.result.read:
            return f"A person read this answer and found {given}; no marks hang on it. {machine}"
        return f"A person read this answer and gave {given}; that decides about its marks. {machine}"

    @property
    def replaced(self) -> str:
        """The sentence on stand-ins, or nothing."""
        if not self.result.replaced:
            return ""
        names = _listed(self.result.replaced)
        first = "that one" if len(self.result.replaced) == 1 else "those"
        begin = "The marks were earned" if self.result.score else "This was tried"
        return f"{begin} with working versions of {names} in place of yours: fix {first} first."


@dataclass(frozen=True)
class Group:
    """Items of `all` that stand together; those of a `folded` status are shown when somebody asks."""

    folded: Status | None
    items: tuple[ItemView, ...]
    all: tuple[ItemView, ...]

    @property
    def heading(self) -> str:
        """`All 7 items are complete`, `3 items are not started`; of a file that does not import, that it is all."""
        assert self.folded is not None
        if self.folded in _BROKEN:
            return f"None of the {len(self.items)} items could be checked"
        every = "All " if len(self.items) == len(self.all) else ""
        return f"{every}{count(len(self.items), 'item')} are {ITEM_WORDS[self.folded]}"

    @property
    def why(self) -> str:
        """The message that all of their checks share, if they do."""
        told = {finding.message for item in self.items for finding in item.open}
        return told.pop() if len(told) == 1 else ""


@dataclass(frozen=True)
class TopicView:
    """A topic's required items, or all extra credit, under one heading."""

    name: str
    title: str
    items: tuple[ItemView, ...]

    @property
    def groups(self) -> tuple["Group", ...]:
        """What is on the way first; then what is not started and what is complete, folded away where it is much."""
        idle, done = Status.NOT_ATTEMPTED, Status.PASSED
        statuses = {item.result.status for item in self.items}
        everything = Group(next(iter(statuses), None), self.items, self.items)
        if len(self.items) >= _MANY and len(statuses) == 1 and statuses <= _BROKEN and everything.why:
            return (everything,)
        parts = {status: [item for item in self.items if item.result.status is status] for status in (idle, done)}
        folded = {status for status, items in parts.items() if len(items) >= _MANY}
        open_ = Group(None, tuple(item for item in self.items if item.result.status not in folded), self.items)
        return (open_, *(Group(status, tuple(parts[status]), self.items) for status in parts if status in folded))

    @property
    def score(self) -> Fraction:
        return sum((item.result.score for item in self.items), Fraction(0))

    @property
    def max_score(self) -> Fraction:
        return sum((item.result.max_score for item in self.items), Fraction(0))


@dataclass(frozen=True)
class Step:
    """Something to look at next: an item, and the first of its claims that does not hold."""

    item: ItemView
    topic: str
    status: Status
    claim: str
    message: str
    diagnosis: str | None


def topics(result: Result, unit: Unit) -> tuple[TopicView, ...]:
    """The required items by topic, in the order in which they were graded."""
    required = [item for item in result.items if not item.extra]
    return tuple(
        TopicView(name, topic_title(unit, name), tuple(_view(item) for item in required if item.topic == name))
        for name in dict.fromkeys(item.topic for item in required)
    )


def extra_credit(result: Result) -> TopicView:
    """All items of extra credit."""
    return TopicView("extra-credit", "Extra credit", tuple(_view(item) for item in result.items if item.extra))


def topic_title(unit: Unit, name: str) -> str:
    return next((topic.title for topic in unit.spec.topics if topic.name == name), name)


def _view(item: ItemResult) -> ItemView:
    shown = [test for test in item.tests if test.visible]
    further = [test for test in item.tests if not test.visible]
    line = ""
    if further:
        held = sum(test.status is Status.PASSED for test in further)
        line = f"{count(len(further), 'further check')}: {held} {'holds' if held == 1 else 'hold'}"
    diagnoses = {test.diagnosis for test in shown if test.diagnosis}
    diagnosis = diagnoses.pop() if len(diagnoses) == 1 else None
    if diagnosis:  # said once
        shown = [replace(test, diagnosis=None) for test in shown]
    return ItemView(
        item,
        diagnosis=diagnosis,
        open=tuple(_findings(test for test in shown if test.status is not Status.PASSED)),
        holding=tuple(_findings(test for test in shown if test.status is Status.PASSED)),
        further=line,
    )


def _findings(tests: Iterable[TestResult]) -> Iterator[Finding]:
    together: dict[tuple[Status, str, str | None], list[str]] = {}
    for test in tests:
        together.setdefault((test.status, test.message, test.diagnosis), []).append(test.name)
    for (status, message, diagnosis), claims in together.items():
        yield Finding(status, tuple(claims), message, diagnosis)


def next_steps(result: Result, unit: Unit) -> tuple[Step, ...]:
    """Where the next marks are nearest.

    First what other items had to do without, then work that is begun, the most complete first, then what is not
    started, the first of each topic. Nothing is said twice. Extra credit and answers that wait for a reader are no
    steps.
    """
    stood_in = {part for item in result.items for part in item.replaced}
    finished = (Status.PASSED, Status.NEEDS_REVIEW)
    candidates = [item for item in result.items if not item.extra and item.max_score and item.status not in finished]

    def distance(item: ItemResult) -> tuple[bool, bool, Fraction]:
        needed = not stood_in.isdisjoint((item.id, item.id.partition(".")[2], item.topic))
        return not needed, item.status is Status.NOT_ATTEMPTED, -item.score / item.max_score

    steps: dict[object, Step] = {}
    for item in sorted(candidates, key=distance):
        step = _step(_view(item), unit)
        told = item.topic if item.status is Status.NOT_ATTEMPTED else (item.topic, step.message or item.id)
        steps.setdefault(told, step)
    return tuple(steps.values())[:MOST_STEPS]


def _step(item: ItemView, unit: Unit) -> Step:
    topic = topic_title(unit, item.result.topic)
    first = next((finding for finding in item.open if finding.status is not Status.NEEDS_REVIEW), None)
    if first is None:
        return Step(item, topic, item.result.status, "", "", None)
    return Step(item, topic, first.status, first.claims[0], first.message, item.diagnosis or first.diagnosis)


def in_words(result: Result) -> str:
    """The result in a few plain sentences, for under the total."""
    required = [item.status for item in result.items if not item.extra]
    done = required.count(Status.PASSED)
    idle = required.count(Status.NOT_ATTEMPTED)
    waiting = required.count(Status.NEEDS_REVIEW)
    begun = len(required) - done - idle - waiting
    if required and done == len(required):
        said = [f"All {len(required)} items are complete. Well done." if done > 1 else "It is complete. Well done."]
    elif required and idle == len(required):
        said = ["Nothing is started yet, so there is nothing to mark."]
    else:
        parts = [
            f"{done} of {count(len(required), 'item')} {'is' if done == 1 else 'are'} complete",
            f"{begun} {'is' if begun == 1 else 'are'} on the way" if begun else "",
            f"{idle} {'is' if idle == 1 else 'are'} not started" if idle else "",
            f"{waiting} {'waits' if waiting == 1 else 'wait'} for a reader" if waiting else "",
        ]
        said = [_listed([part for part in parts if part]) + "."]
    if result.pending:
        said.append(f"A reader has {count(marks(result.pending), 'mark')} still to give: this is the result so far.")
    if result.extra:
        said.append(f"Extra credit earned: {marks(result.extra)}.")
    if result.late and result.late.days:
        cost = f"{marks(result.penalty)} of {marks(result.earned)} marks"
        said.append(f"It came in late, {count(result.late.days, 'day')} by the rules: {cost} are taken off for that.")
    return " ".join(said)


_LACKING = " was not handed in."


def problems(result: Result) -> tuple[str, ...]:
    """What is to be said of the files; those that are not there are named in one sentence."""
    lacking = [each.removesuffix(_LACKING) for each in result.problems if each.endswith(_LACKING)]
    others = tuple(each for each in result.problems if not each.endswith(_LACKING))
    if len(lacking) < 2:
        return result.problems
    return (*others, f"{len(lacking)} files were not handed in: {_listed(lacking)}.")


def _listed(parts: Iterable[str]) -> str:
    *front, last = parts
    return f"{', '.join(front)} and {last}" if front else last
