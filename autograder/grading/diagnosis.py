"""Naming the misconception: what a student's code gave, compared with what each known mistake gives.

When tests of an item fail, everything that its tests asked is asked again of the solution with each mistake of that
item in it. A mistake is named only if it answers *every* request of every test that failed as the student did, and the
solution does not, and if it passes every test that the student's code passed. Errors of one kind are the same answer,
but speak for a mistake only in the same words: many things raise a RuntimeError. Nor does nothing, which whatever
breaks off gives back. So a half-written function, two mistakes at once or random numbers are called nothing. Of several
that fit, a common one is named if it is the only common one; otherwise none. One that is a kind of another that fits
does not count beside it.

Where code draws at random, other weights to start with or another order of draws are no other mistake. Such a test (the
costs tell which) may also fail in the same words with the mistake, but does not speak for it then.

That costs nothing where all tests pass. Else it may cost as much again as the failed tests, or two seconds where that
is more, counted in what the requests cost as written down (see `autograder.grading.costs`), so that it ends at the same
request on every run. Where it ends before every mistake that matters was asked, none is named. Loading a mistaken
solution, once in a job, comes on top.

It runs on the grader's side, on code of the unit's authors alone; the student reads the mistake's sentence and hint.
"""

import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from autograder.errors import GraderError
from autograder.grading.costs import OF_A_TEST, UNKNOWN, Allowance, Cost, Spent, allowance, costs_of, path_of
from autograder.grading.likeness import alike
from autograder.grading.outcome import Outcome
from autograder.grading.recording import Exchange, Record
from autograder.grading.topic import bench_config
from autograder.mistakes import Mistake, mistakes_of
from autograder.results import Status
from autograder.spec import Item, Topic, Unit
from autograder.student.wire import Ref
from autograder.target.failures import Finding, StudentError
from autograder.target.inprocess import InProcessTarget

_SAME = 1e-4  # rounding apart, a mistake gives exactly what the student's same mistake gives
_OTHER = 1e-3  # and what differs from the solution by no more than this may be rounding as well
_CPU_SECONDS = 2  # of one test's replay: only mistakes that never end take as long
SOLUTION = ""
_LACKS = "lacks"  # what was asked for: no kind of error, and like no other answer


# Runs a test of a topic's item on code, with a seed; `Suite.run` is one.
Rerun = Callable[[str, Item, str, InProcessTarget, int], Outcome]


@dataclass(frozen=True)
class _Asked:
    """What a test asked and how it ended, what it costs to ask all of it again, and what that is paid from."""

    test: str
    outcome: Outcome
    record: Record
    cost: Cost
    allowance: Allowance

    @property
    def passed(self) -> bool:
        return self.outcome.status is Status.PASSED


@dataclass
class Diagnoser:
    """Names mistakes; keeps the mutated solutions that it has loaded."""

    unit: Unit
    rerun: Rerun
    _banks: dict[str, tuple[Mistake, ...]] = field(default_factory=dict)
    _loaded: dict[tuple[str, str], InProcessTarget | None] = field(default_factory=dict)
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Take away what was written to load mistakes from."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def name(
        self, topic: Topic, item: Item, outcomes: Mapping[str, Outcome], records: Mapping[str, Record]
    ) -> Mistake | None:
        """The mistake that explains every outcome of the item, if there is exactly one to choose."""
        failed = [test for test, outcome in outcomes.items() if outcome.status is Status.FAILED]
        known = [test for test in outcomes if test in records and records[test].exchanges]
        if not failed or any(test not in known or not records[test].whole for test in failed):
            return None
        if any(outcome.status not in (Status.PASSED, Status.FAILED) for outcome in outcomes.values()):
            return None
        costs = costs_of(path_of(self.unit, topic))
        # Those that failed first, and cheap ones: most mistakes differ there already. The same order on every run.
        order = sorted(known, key=lambda test: (test not in failed, _price(costs.get(test, UNKNOWN))))
        purse = allowance(costs, failed)
        if topic.name not in self._banks:
            self._banks[topic.name] = mistakes_of(self.unit, topic)
        bank = [mistake for mistake in self._banks[topic.name] if mistake.item == item.id]
        asked = [_Asked(test, outcomes[test], records[test], costs.get(test, UNKNOWN), purse) for test in order]
        try:
            chosen = self._fitting(topic, item, bank, asked)
            if len(chosen) != 1 or all(self._is_solved(topic, bank, each) for each in asked[: len(failed)]):
                return None
        except Spent:
            return None
        return chosen[0]

    def _fitting(self, topic: Topic, item: Item, bank: Sequence[Mistake], asked: Sequence[_Asked]) -> list[Mistake]:
        """The common mistakes that explain everything or, where none does, the others; two are enough to stop."""
        for common in (True, False):
            found: list[Mistake] = []
            for mistake in sorted(
                (each for each in bank if each.common is common), key=lambda each: bool(each.kind_of)
            ):
                if any(mistake.kind_of == each.id for each in found):
                    continue  # what is said of that one is true of this one as well
                if self._explains(topic, item, mistake, bank, asked):
                    found.append(mistake)
                if len(found) > 1:
                    break
            if found:
                return found
        return []

    def _explains(
        self, topic: Topic, item: Item, mistake: Mistake, bank: Sequence[Mistake], asked: Sequence[_Asked]
    ) -> bool:
        """Whether the student's code did what it did because of this mistake, as far as all tests of the item tell."""
        speaks = False  # whether one that failed does, for this very mistake
        for each in asked:
            last = None
            if not (each.passed and each.cost.draws):
                last = self._same(topic, mistake.id, bank, each, _SAME)
            if last is not None:
                speaks = speaks or (not each.passed and _speaks(last, each.record.exchanges[-1]))
            elif not (each.passed or each.cost.draws) or not self._ends_alike(topic, item, mistake, bank, each):
                return False
        return speaks

    def _is_solved(self, topic: Topic, bank: Sequence[Mistake], asked: _Asked) -> bool:
        """Whether the solution answers the same, rounding apart; an error in other words may be what is wrong."""
        last = self._same(topic, SOLUTION, bank, asked, _OTHER)
        return last is not None and last.text == asked.record.exchanges[-1].text

    def _same(
        self, topic: Topic, version: str, bank: Sequence[Mistake], asked: _Asked, tolerance: float
    ) -> Exchange | None:
        """The last answer of this version of the solution, if it answers everything as the student's code did."""
        target = self._target(topic, version, bank)
        if target is None:
            return None
        last = None
        with _limited() as expired:
            last = _replay(asked, target, tolerance)
        return None if self._never_ends(expired, topic, version) else last

    def _ends_alike(self, topic: Topic, item: Item, mistake: Mistake, bank: Sequence[Mistake], asked: _Asked) -> bool:
        """Whether the test ends with this mistake as it ended with the student's code, and in the same words."""
        target = self._target(topic, mistake.id, bank)
        if target is None:
            return False
        asked.allowance.spend(OF_A_TEST * asked.cost.milliseconds)
        ended = None
        with _limited() as expired, suppress(GraderError):
            ended = self.rerun(topic.name, item, asked.test, target, asked.record.seed)
        if self._never_ends(expired, topic, mistake.id) or ended is None:
            return False
        return (ended.status, ended.message) == (asked.outcome.status, asked.outcome.message)

    def _never_ends(self, expired: list[bool], topic: Topic, version: str) -> bool:
        """Such a mistake explains nothing but a timeout, and those are not explained: it is not asked again."""
        if expired:
            self._loaded[topic.name, version] = None
        return bool(expired)

    def _target(self, topic: Topic, version: str, bank: Sequence[Mistake]) -> InProcessTarget | None:
        key = (topic.name, version)
        if key not in self._loaded:
            self._loaded[key] = None
            source = (self.unit.solutions / topic.file).read_text(encoding="utf-8")
            for mistake in bank:
                if mistake.id == version:
                    source = mistake.applied_to(source, topic.kind)
            config = bench_config(self.unit, topic, self._folder_with(topic, version, source), isolated=False)
            target = InProcessTarget(config, quiet=True)
            with _limited() as expired, suppress(Finding):
                target.load()
                if not expired:
                    self._loaded[key] = target
        return self._loaded[key]

    def _folder_with(self, topic: Topic, version: str, source: str) -> Path:
        """A folder with the solutions, this topic's changed, and the unit's resources beside it."""
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="autograder-")
        root = Path(self._folder.name, f"{topic.name}-{version}")
        (root / "solutions").mkdir(parents=True)
        files = {*self.unit.spec.files, *(f"{name}.py" for name in topic.below)} - {topic.file}
        for file in files:
            if (self.unit.solutions / file).is_file():
                (root / "solutions" / file).symlink_to(self.unit.solutions / file)
        for resource in self.unit.spec.resources:
            (root / resource).symlink_to(self.unit.root / resource)
        (root / "solutions" / topic.file).write_text(source, encoding="utf-8")
        return root / "solutions"


def _price(cost: Cost) -> float:
    """What it takes to rule a mistake out. Where code draws, an answer that differs does not: the test is run."""
    return cost.milliseconds * (1 + OF_A_TEST * cost.draws)


def cost_of(record: Record, target: InProcessTarget) -> Cost:
    """What it costs in CPU time to ask all of it again, and whether the target draws at random for it."""
    times = []
    for _ in range(2):  # the first may import something
        began = time.process_time()
        deque(_asked_again(record, target), maxlen=0)
        times.append(1000 * (time.process_time() - began))
    again = _asked_again(Record(record.seed ^ 1, record.exchanges), target)
    same = all(_same_answer(one, other, _SAME) for one, other in zip(record.exchanges, again, strict=True))
    return Cost(min(times), draws=not same)


def _replay(asked: _Asked, target: InProcessTarget, tolerance: float) -> Exchange | None:
    """The last answer, if everything is answered as it was; each request is paid for before it is made."""
    exchanges = asked.record.exchanges
    share = asked.cost.milliseconds / len(exchanges)
    own = None
    again = _asked_again(asked.record, target, lambda: asked.allowance.spend(share))
    for exchange, own in zip(exchanges, again, strict=True):
        if not _same_answer(exchange, own, tolerance):
            return None
    return own


def _asked_again(record: Record, target: InProcessTarget, pay: Callable[[], None] = lambda: None) -> Iterator[Exchange]:
    """Every request with its answer by this target."""
    handles: dict[int, Ref] = {}  # what the student's are here
    target.begin(record.seed, 0)
    for exchange in record.exchanges:
        pay()
        try:
            request = _with_handles(exchange.request, handles)
            own = Exchange(request, target.request(request))
        except StudentError as error:
            own = Exchange(exchange.request, error=error.kind, text=error.text)
        except (Finding, KeyError):  # it lacks something, or gave no object where the student's code did
            own = Exchange(exchange.request, error=_LACKS)
        _pair(exchange.answer, own.answer, handles)
        yield own


def _same_answer(one: Exchange, other: Exchange, tolerance: float) -> bool:
    if one.error or other.error:
        return one.error == other.error != _LACKS
    return alike(one.answer, other.answer, tolerance)


def _speaks(own: Exchange, theirs: Exchange) -> bool:
    """Whether two last answers that are the same tell of the same mistake."""
    return own.text == theirs.text if own.error else own.answer is not None


def _pair(theirs: Any, ours: Any, handles: dict[int, Ref]) -> None:
    """Note which handles stand in the same place of two answers, as far as these have the same form."""
    if isinstance(theirs, Ref) and isinstance(ours, Ref):
        handles[theirs.id] = ours
    elif isinstance(theirs, dict) and isinstance(ours, dict):
        for key in theirs.keys() & ours.keys():
            _pair(theirs[key], ours[key], handles)
    elif isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple)):
        for part, mate in zip(theirs, ours, strict=False):
            _pair(part, mate, handles)


def _with_handles(value: Any, handles: Mapping[int, Ref]) -> Any:
    """A request with the student's handles turned into those of the replay."""
    if isinstance(value, Ref):
        return handles[value.id]
    if isinstance(value, dict):
        return {key: _with_handles(part, handles) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_handles(part, handles) for part in value)
    return value


class _Expired(Exception):
    pass


@contextmanager
def _limited() -> Iterator[list[bool]]:
    """A guard against mistakes that never end; the list is filled when it has struck."""
    expired: list[bool] = []

    def strike(_signal: int, _frame: FrameType | None) -> None:
        expired.append(True)
        raise _Expired

    before = signal.signal(signal.SIGVTALRM, strike)
    signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_SECONDS)
    try:
        yield expired
    except _Expired:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
