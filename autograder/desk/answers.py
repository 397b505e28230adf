"""`autograder check` for written answers: what is answered, and whether each companion has the form that is asked for.

It never tells whether an answer is right: the key is not here, and trying until it fits is not the exercise.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.desk.checked import Checked
from autograder.grading import companions, prose
from autograder.grading.answers import strangers
from autograder.grading.outcome import Outcome, finding_outcome
from autograder.grading.topic import bench_config, worker_config
from autograder.key import question_of
from autograder.report.text import clean
from autograder.results import ItemResult, Status, TestResult, item_status
from autograder.spec import Item, Topic, Unit
from autograder.target.failures import Finding
from autograder.target.launcher import Launcher
from autograder.target.process import ProcessTarget

_UNREAD = Outcome(Status.FAILED, "cannot be read: see above")
_MARKS = {Status.PASSED: ("✓", "green"), Status.NOT_ATTEMPTED: ("○", "yellow")}


@dataclass
class AnswersCheck:
    """One topic of written answers, read in a process of its own."""

    unit: Unit
    topic: Topic
    folder: Path
    console: Console
    launcher: Launcher

    def run(self) -> Checked:
        """Show what there is; it holds when everything is answered in the right form."""
        self.console.print(
            Text(f"\n{self.topic.title}", style="bold"), Text(str(self.folder / self.topic.file), style="dim")
        )
        config = worker_config(self.unit, bench_config(self.unit, self.topic, self.folder), self.folder)
        target = ProcessTarget(self.launcher, config, self.unit.spec.limits)
        try:
            values, problems = target.answers()
        except Finding as error:
            outcome = finding_outcome(error, self.topic.items[0], reveal=True)
            self._complain(f"It cannot be read. {outcome.message}")
            results = tuple(counted(item, {"The file can be read.": outcome}) for item in self.topic.items)
            return Checked(held=False, readable=False, results=results)
        finally:
            target.close()
        source = (self.folder / self.topic.file).read_text(encoding="utf-8-sig", errors="replace")
        questions = prose.questions_above(source)
        for line, what, _ in problems:
            self._complain(f"{self.topic.file}, line {line}: {what}")
        others = strangers(self.topic, values)
        for what in others:
            self._complain(f"{self.topic.file}: {what}")
        unread = {name for _, _, name in problems if name not in values}
        outcomes = {
            item.name: _UNREAD if item.name in unread else self._outcome(item, values, questions.get(item.name, ""))
            for item in self.topic.items
        }
        results = tuple(
            counted(item, {"It is answered, in the form that is asked for.": outcomes[item.name]})
            for item in self.topic.items
        )
        self._show(outcomes)
        held = sum(outcome.status is Status.PASSED for outcome in outcomes.values())
        self.console.print(
            Text(f"{held} of {len(outcomes)} are there.", style="green" if held == len(outcomes) else "bold"),
            Text("Whether they are right is for the marking: nothing here has looked at that.", style="dim"),
            highlight=False,
        )
        all_held = held == len(outcomes) and not problems and not others
        return Checked(all_held, {name: outcome.status for name, outcome in outcomes.items()}, results=results)

    def _show(self, outcomes: dict[str, Outcome]) -> None:
        """A line for each question: the answer, and its companion beside it."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("", "answer (completion, not correctness)", "companion"):
            table.add_column(heading)
        items = {item.name: item for item in self.topic.items}
        for name in dict.fromkeys(map(question_of, outcomes)):
            pair = (name, f"{name}_CHECK")
            cells = [_cell(items[each], outcomes[each]) if each in outcomes else Text() for each in pair]
            table.add_row(f"  {name}", *cells)
        self.console.print(table)

    def _outcome(self, item: Item, values: dict[str, Any], question: str) -> Outcome:
        value = values.get(item.name)
        if item.form is not None:
            if companions.is_open(value):
                return companions.NOT_ANSWERED
            problem = companions.form_problem(item, value)
            return Outcome(Status.FAILED, problem) if problem else Outcome(Status.PASSED)
        return prose.judge(self.topic, item, values, [question] if question else ())

    def _complain(self, text: str) -> None:
        self.console.print(Padding(Text.assemble(("✗ ", "red"), clean(text, 1000, lines=20)), (0, 0, 0, 2)))


def counted(item: Item, outcomes: dict[str, Outcome]) -> ItemResult:
    """The outcomes of public tests, by claim, as a result in which each test counts as one."""
    tests = tuple(
        TestResult(
            test=f"{item.id}.{number}",
            name=claim,
            status=outcome.status,
            score=Fraction(outcome.status is Status.PASSED),
            max_score=Fraction(1),
            visible=True,
            message=outcome.message,
            seconds=round(outcome.seconds, 3),
        )
        for number, (claim, outcome) in enumerate(outcomes.items(), 1)
    )
    score = sum((test.score for test in tests), Fraction(0))
    return ItemResult(item.id, score, Fraction(len(tests)), item.extra, item.level, item_status(tests), tests)


def _cell(item: Item, outcome: Outcome) -> Text:
    symbol, colour = _MARKS.get(outcome.status, ("✗", "red"))
    if outcome.status is Status.PASSED:
        word = "answered" if item.form is None else "has the right form"
    else:
        word = "not yet" if outcome.status is Status.NOT_ATTEMPTED else clean(outcome.message, 300)
    return Text.assemble((f"{symbol} ", colour), (word, "" if symbol == "✗" else "dim"))
