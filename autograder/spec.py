"""grading.yml, read into types: the only place for marks, limits and rules.

`load` reads the file, checks it against the unit's test files, and raises `UsageError` with one line an error, each
with file, line and key. Test files are parsed, not imported, so this is quick and runs nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from autograder.errors import UsageError
from autograder.rules.rule_file import RuleFile

FILE_NAME = "grading.yml"

Kind = Literal["public", "hidden"]  # of tests
Visibility = Literal["visible", "hidden", "after_due_date", "after_published"]


def _exact(value: object) -> Fraction:
    """0.75, 2 and "1/3" as the fractions that they look like."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
        raise ValueError(f"must be a number, got {value!r}")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"must be a number, got {value!r}") from None


def _positive(value: Fraction) -> Fraction:
    if value <= 0:
        raise ValueError(f"must be positive, got {value}")
    return value


def _share(value: Fraction) -> Fraction:
    if not 0 < value <= 1:
        raise ValueError(f"must be a share of the marks, more than 0 and at most 1, got {value}")
    return value


def _threshold(value: Fraction) -> Fraction:
    if not 0 <= value <= 1:
        raise ValueError(f"must be from 0 to 1, got {value}")
    return value


def _moment(value: object) -> datetime:
    """A point in time that is the same wherever it is read."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"must be a time such as 2026-12-11T23:59:00+01:00, got {value!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"must say its time zone, as in {moment.isoformat()}+01:00 or {moment.isoformat()}Z")
    return moment


Points = Annotated[Fraction, BeforeValidator(_exact), AfterValidator(_positive)]
Share = Annotated[Fraction, BeforeValidator(_exact), AfterValidator(_share)]
Threshold = Annotated[Fraction, BeforeValidator(_exact), AfterValidator(_threshold)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Preload = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*( \S+)*)?$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Limits(Strict):
    """What a student's process may use. CPU seconds are those of one test, summed over its threads.

    `scratch_mb` and `scratch_files` are for all that a worker writes; `submission_seconds` by the clock for everything
    that is asked of one submission, so that code which is a little slow in every call ends as well.
    """

    cpu_seconds: Annotated[float, Field(gt=0)] = 5.0
    import_cpu_seconds: Annotated[float, Field(gt=0)] = 10.0
    topic_cpu_seconds: Annotated[int, Field(gt=0)] = 120
    memory_mb: Annotated[int, Field(gt=0)] = 4096
    file_mb: Annotated[int, Field(gt=0)] = 32
    scratch_mb: Annotated[int, Field(gt=0)] = 256
    scratch_files: Annotated[int, Field(gt=0)] = 2000
    message_mb: Annotated[int, Field(gt=0)] = 64
    submission_seconds: Annotated[float, Field(gt=0)] = 1800.0

    @staticmethod
    def wall_seconds(cpu_seconds: float) -> float:
        """Generous, so that load on the machine changes no mark."""
        return max(20.0, 10 * cpu_seconds)


class LateRules(Strict):
    """What lateness costs: `per_day` of the marks for each day begun after the deadline, `cap` of them at most.

    Later than the deadline by no more than the grace costs nothing; later than that, days count from the deadline.
    """

    deadline: Annotated[datetime, BeforeValidator(_moment)]
    per_day: Share
    cap: Share = Fraction(1)
    grace_minutes: Annotated[int, Field(ge=0)] = 0


class Forbidden(Strict):
    """Names of library functions that a topic's file may not call, since writing them is the exercise."""

    names: tuple[str, ...]
    why: str = "writing it is the exercise"


class Item(Strict):
    """Something that earns marks: hidden tests with weights, and the public tests that a student runs.

    A written answer has no tests. One in prose earns `completion` when it is an answer at all, of `at_least` so many
    words, and `quality` from a reader, if one is asked for. A worked companion has a `form` that anybody may know, and
    is compared with the right answer. `picture` is a function of tests/pictures/TOPIC.py that shows in the report what
    the student's own functions give.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*\.[A-Za-z_]\w*$")]
    points: Points
    extra: bool = False
    level: Literal["core", "further"] = "core"
    tests: dict[str, Points] = {}
    completion: Points | None = None
    quality: Points | None = None
    at_least: Annotated[int, Field(gt=0)] = 5
    form: Annotated[str, Field(pattern=r"^(number|word|(\d+ )?(numbers|words))$")] | None = None
    allowed: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    builds_on: tuple[str, ...] = ()
    visibility: Visibility | None = None
    cpu_seconds: Annotated[float, Field(gt=0)] | None = None
    picture: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_points(cls, data: Any) -> Any:
        """The points of prose are those of its parts."""
        if not isinstance(data, dict) or "completion" not in data:
            return data
        if "points" in data:
            raise ValueError("points: prose has `completion` and `quality` instead")
        try:
            parts = [_exact(data[part]) for part in ("completion", "quality") if part in data]
        except ValueError:
            return data | {"points": 1}  # told where the part stands
        return data | {"points": sum(parts, Fraction(0))}

    @property
    def name(self) -> str:
        """The function or class: `softmax` of `attention.softmax`."""
        return self.id.split(".")[1]

    def worth(self) -> dict[str, Fraction]:
        """The points that each of its tests carries."""
        total = sum(self.tests.values())
        return {test: self.points * weight / total for test, weight in self.tests.items()}


class Topic(Strict):
    """One file that students hand in and its items, in the order in which a student meets them.

    A `module` is imported, the code cells of a `notebook` are run as one module, and `answers` are read as literals.
    `preload` is imported or called (see `autograder.student.preloading`) before any student's code, beside what the
    whole unit preloads.
    """

    name: Name
    title: str
    items: tuple[Item, ...]
    kind: Literal["module", "notebook", "answers"] = "module"
    forbidden: Forbidden | None = None
    handout: str | None = None
    preload: tuple[Preload, ...] = ()

    @property
    def file(self) -> str:
        return f"{self.name}.{'ipynb' if self.kind == 'notebook' else 'py'}"

    @property
    def below(self) -> frozenset[str]:
        """The other topics that its items build on."""
        return frozenset(other.split(".")[0] for item in self.items for other in item.builds_on) - {self.name}


class Verify(Strict):
    """What `autograder verify` demands of the hidden tests. Shares are numbers from 0 to 1."""

    caught: Threshold = Fraction(1)  # of the bank of mistakes
    right: Threshold = Fraction(1)  # of the different right solutions, at full marks
    mutants: Threshold = Fraction(0)  # of each item's mutants, killed by a test rather than explained
    sharpness: Threshold = Fraction(4, 5)  # of the mistakes that a test caught by tests/mistakes/*.caught.csv
    idle_tests: Annotated[int, Field(ge=0)] = 0  # tests that catch no mistake of their item
    named: Threshold = Fraction(4, 5)  # with --names: of the common mistakes in different right solutions
    wrong_names: Annotated[int, Field(ge=0)] = 0  # with --names: names of something else, two mistakes at once included


class Spec(Strict):
    """The whole of grading.yml."""

    unit: str
    topics: tuple[Topic, ...]
    preload: tuple[Preload, ...] = ()
    resources: tuple[str, ...] = ()
    threads: Annotated[int, Field(gt=0)] = 1
    limits: Limits = Limits()
    verify: Verify = Verify()
    visibility: Visibility = "visible"
    extra_cap: Points | None = None
    late: LateRules | None = None  # None: lateness costs nothing and is not told
    prose: Literal["read", "completion"] = "read"  # by a person; or nobody reads, and companions get those points

    @property
    def items(self) -> Iterator[Item]:
        return (item for topic in self.topics for item in topic.items)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that a student hands in."""
        return tuple(topic.file for topic in self.topics)

    @property
    def importable(self) -> tuple[str, ...]:
        """The modules that files import from each other: the topics, and what items build on beside them."""
        below = (name for topic in self.topics for name in sorted(topic.below))
        return tuple(dict.fromkeys((*(topic.name for topic in self.topics), *below)))

    def files_seen_by(self, topic: Topic) -> tuple[str, ...]:
        """The student's files that lie beside a topic's worker: its own and, unless it is only read, all modules."""
        others = (each.file for each in self.topics if each.kind == "module" and topic.kind != "answers")
        return tuple(dict.fromkeys((topic.file, *others)))

    def preload_for(self, topics: Iterable[Topic]) -> tuple[str, ...]:
        """What is imported before students' code where these topics are run, each module once; answers need nothing."""
        topics = [topic for topic in topics if topic.kind != "answers"]
        if not topics:
            return ()
        return tuple(dict.fromkeys((*self.preload, *(name for topic in topics for name in topic.preload))))

    def topic(self, name: str) -> Topic:
        for topic in self.topics:
            if topic.name == name:
                return topic
        raise UsageError(f"no topic {name!r}; there are: {', '.join(topic.name for topic in self.topics)}")

    def item(self, item_id: str) -> Item:
        return next(item for item in self.items if item.id == item_id)


@dataclass(frozen=True)
class Unit:
    """A unit on disk: its root folder and its rules."""

    root: Path
    spec: Spec

    @property
    def assignments(self) -> Path:
        return self.root / "assignments"

    @property
    def solutions(self) -> Path:
        return self.root / "solutions"

    @property
    def props(self) -> Path:
        return self.root / "tests" / "props"

    @property
    def stand_ins(self) -> Path:
        return self.root / "tests" / "stand_ins"

    @property
    def pictures(self) -> Path:
        return self.root / "tests" / "pictures"

    def tests(self, kind: Kind) -> Path:
        return self.root / "tests" / kind

    def suite(self, kind: Kind, topic: str) -> tuple[Path, ...]:
        """A topic's test files: test_TOPIC.py, then those of the folder TOPIC beside it, if there is one, by name."""
        return self.tests(kind) / f"test_{topic}.py", *sorted((self.tests(kind) / topic).glob("test_*.py"))

    def topic_of(self, path: Path) -> str:
        """The topic that a file of the unit is named for, or the folder it lies in; a name of no topic where it is not.

        solutions/TOPIC.ipynb, tests/props/TOPIC.py, tests/hidden/test_TOPIC.py, tests/hidden/TOPIC/test_some.py
        """
        top, *below = path.relative_to(self.root).parts
        return Path(below[1] if top == "tests" else below[0]).stem.removeprefix("test_")

    def has_hidden(self, topic: Topic) -> bool:
        """Whether what marks come from is here: it is not in a student's copy."""
        if topic.kind == "answers":
            return (self.solutions / topic.file).is_file()
        return self.suite("hidden", topic.name)[0].is_file()


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds a grading.yml."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise UsageError(f"no {FILE_NAME} in {start.resolve()} or above it: run this inside the unit's folder")


def load(root: Path, rules: str = FILE_NAME) -> Unit:
    """Read and check the unit in `root`; `UsageError` tells everything that is wrong, a line each."""
    from autograder.rules.consistency import inconsistent, without_stand_in
    from autograder.rules.variants import Variant, without_readers

    file = RuleFile.read(root / rules)
    if "based_on" in file.data:
        base = str(file.data["based_on"])
        unit = load(root, base) if base != rules else None
        try:
            variant = Variant.model_validate(file.data)
            if unit is None:
                raise UsageError(file.line(("based_on",), "a file cannot be based on itself"))
            varied = Unit(root, variant.of(unit.spec))
            if lacking := without_stand_in(varied):
                what = (
                    f"leaves out {', '.join(lacking)}, which others build on: tests/stand_ins must have a file for it"
                )
                raise UsageError(file.line(("topics",), what))
            return varied
        except ValidationError as error:
            raise UsageError("\n".join(file.wrong(error))) from None
    try:
        unit = Unit(root, Spec.model_validate(file.data))
    except ValidationError as error:
        raise UsageError("\n".join(file.wrong(error))) from None
    wrong = [*file.duplicates, *(file.line(loc, text) for loc, text in inconsistent(unit))]
    if wrong:
        raise UsageError("\n".join(wrong))
    return Unit(root, without_readers(unit.spec)) if unit.spec.prose == "completion" else unit
