"""The five targets that a test of a student's code may meet, with the same student's file on each."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autograder.mistakes import Edit, Mistake
from autograder.spec import Limits
from autograder.student.jail import Allowance
from autograder.student.workbench import BenchConfig, seed_everything
from autograder.student.worker import WorkerConfig
from autograder.target.inprocess import InProcessTarget
from autograder.target.launcher import Launcher, Spawner, Zygote
from autograder.target.process import ProcessTarget
from autograder.target.proxy import Student

collect_ignore = ["targets", "tiny_unit", "tiny_notebooks"]

HERE = Path(__file__).resolve().parent
PROPS = HERE.parent / "props"
SAMPLES = HERE / "targets"
TOPICS = ("sample", "lies")
PRELOAD = ("numpy", "torch")
SEED = 7
CANARY = "".join(["can", "ary-", "7f3a9c"])
CPU_SECONDS = 60.0  # no test here depends on speed
MISTAKE = Mistake(
    id="m", item="sample.scaled", edits=(Edit(replace="SCALE = 2.0", by="SCALE = 3.0"),), says="", hint=""
)

IN_PROCESS = ("debugger", "solution", "mistake")
PROCESSES = ("zygote", "spawner")


@dataclass(frozen=True)
class Launchers:
    """Both start at once, and import beside each other and beside the tests."""

    zygote: Zygote
    spawner: Spawner


@pytest.fixture(scope="session")
def launchers() -> Iterator[Launchers]:
    os.environ["AUTOGRADER_CANARY"] = CANARY
    with Zygote(PRELOAD) as zygote, Spawner(PRELOAD) as spawner:
        import torch

        torch.set_num_threads(1)
        yield Launchers(zygote, spawner)
    del os.environ["AUTOGRADER_CANARY"]


def process_target(
    launcher: Launcher, file: Path, limits: Limits | None = None, reveal: bool = False, **bench: object
) -> ProcessTarget:
    """A worker for a student's file, not loaded yet; the module is called as the file is."""
    limits = limits or Limits(cpu_seconds=CPU_SECONDS, import_cpu_seconds=CPU_SECONDS)
    config = WorkerConfig(
        BenchConfig(file.stem, str(file.parent), TOPICS, props=str(PROPS), reveal=reveal, **bench),
        Allowance(limits.topic_cpu_seconds, limits.memory_mb, limits.file_mb),
        str(file.parent),
        limits.message_mb << 20,
    )
    return ProcessTarget(launcher, config, limits)


@dataclass
class Targets:
    """One target of each kind for the whole session; a broken worker is replaced."""

    launchers: Launchers
    folder: Path
    ready: dict[str, ProcessTarget | InProcessTarget] = field(default_factory=dict)

    def get(self, kind: str) -> ProcessTarget | InProcessTarget:
        target = self.ready.get(kind)
        if target is None or not getattr(target, "alive", True):
            self.ready[kind] = target = self._made(kind)
            target.load()
        return target

    def _made(self, kind: str) -> ProcessTarget | InProcessTarget:
        folder = self.folder / kind
        if not folder.exists():
            shutil.copytree(SAMPLES, folder)
            if kind == "mistake":
                source = (folder / "sample.py").read_text()
                (folder / "sample.py").write_text(MISTAKE.applied_to(source))
        if kind in PROCESSES:
            return process_target(getattr(self.launchers, kind), folder / "sample.py", reveal=kind == "spawner")
        return InProcessTarget(BenchConfig("sample", str(folder), TOPICS, props=str(PROPS), isolated=False))


@pytest.fixture(scope="session")
def targets(launchers: Launchers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    found = Targets(launchers, tmp_path_factory.mktemp("targets"))
    yield found
    for target in found.ready.values():
        if isinstance(target, ProcessTarget):
            target.close()


def student_of(target: ProcessTarget | InProcessTarget) -> Student:
    """As the suite's fixture does it."""
    target.begin(SEED, CPU_SECONDS)
    seed_everything(SEED)
    return Student(target)


@pytest.fixture(params=[*PROCESSES, *IN_PROCESS])
def student(request: pytest.FixtureRequest, targets: Targets) -> Student:
    """The sample module, on each of the five targets."""
    return student_of(targets.get(request.param))


@pytest.fixture
def model(student: Student):
    """The sample's model, in evaluation mode; it takes and gives two numbers a row."""
    model = student.Model(2)
    model.train(False)
    return model


@pytest.fixture(params=PROCESSES)
def process_student(request: pytest.FixtureRequest, targets: Targets) -> Student:
    """The sample module in a process of its own."""
    return student_of(targets.get(request.param))


class Fresh:
    """Makes students in workers of their own, which end with the test."""

    def __init__(self, launchers: Launchers, folder: Path) -> None:
        self._launchers = launchers
        self._folder = folder
        self._made: list[ProcessTarget] = []

    def target(
        self,
        file: str | Path,
        launcher: Launcher | None = None,
        wall_seconds: float = 600.0,
        reveal: bool = False,
        **rest: object,
    ) -> ProcessTarget:
        """A worker for a file, or a module of the targets folder, not loaded yet; `rest`: limits, and the bench's."""
        path = file if isinstance(file, Path) else self._folder / f"{file}.py"

        class Given(Limits):
            @staticmethod
            def wall_seconds(cpu_seconds: float) -> float:
                return 600.0 if cpu_seconds == CPU_SECONDS else wall_seconds

        limits = {name: rest.pop(name) for name in list(rest) if name in Limits.model_fields}
        given = Given(**{"cpu_seconds": 59.0, "import_cpu_seconds": CPU_SECONDS, **limits})
        made = process_target(launcher or self._launchers.zygote, path, given, reveal, **rest)
        self._made.append(made)
        return made

    def __call__(self, file: str | Path, launcher: Launcher | None = None, **rest: object) -> Student:
        """A student whose module is loaded and whose test has begun."""
        target = self.target(file, launcher, **rest)
        target.load()
        target.begin(SEED, target._limits.cpu_seconds)
        return Student(target)

    def forget(self) -> None:
        """Leave those made so far to their launcher."""
        for target in self._made:
            target._worker.channel.close()
        self._made.clear()

    def close(self) -> None:
        for target in self._made:
            target.close()


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(SAMPLES, tmp_path_factory.mktemp("fresh") / "targets"))


@pytest.fixture
def fresh(launchers: Launchers, sample_folder: Path) -> Iterator[Fresh]:
    made = Fresh(launchers, sample_folder)
    yield made
    made.close()


@pytest.fixture(scope="session")
def canary() -> str:
    """A text that stands in the grader's environment and memory, and nowhere else."""
    return CANARY
