"""Makes tests/public/fingerprints.json: the public tests are run on every mistake, each in a process of its own."""

import json
from collections.abc import Iterator, Sequence

from autograder.desk.check import SEED
from autograder.desk.start import launcher_for
from autograder.grading.fingerprints import Found, Table, path_of, read_table, table_of
from autograder.grading.recording import Recorder
from autograder.grading.scratch import made_scratch
from autograder.grading.suite import Suite, collect
from autograder.grading.topic import bench_config, worker_config
from autograder.mistakes import Mistake, mistakes_of
from autograder.results import Status
from autograder.spec import Item, Topic, Unit
from autograder.submission import Submission
from autograder.target.failures import Finding
from autograder.target.launcher import Launcher
from autograder.target.process import ProcessTarget


def write_fingerprints(unit: Unit, names: Sequence[str], only_check: bool) -> bool:
    """Make the file again, or only look; whether it was not what it should be. Other topics' part stays as it is."""
    topics = [unit.spec.topic(name) for name in names] or list(unit.spec.topics)
    ids = {item.id for topic in topics for item in topic.items}
    table = {item: rows for item, rows in read_table(unit).items() if item not in ids} | make_table(unit, topics)
    made = json.dumps(table, indent=0, sort_keys=True) + "\n"
    path = path_of(unit)
    differs = not path.is_file() or path.read_text(encoding="utf-8") != made
    if differs and not only_check:
        path.write_text(made, encoding="utf-8")
    return differs


def make_table(unit: Unit, topics: Sequence[Topic]) -> Table:
    """The table of all mistakes of these topics."""
    topics = [topic for topic in topics if topic.kind != "answers"]
    with launcher_for(unit, topics) as launcher:

        def body(suite: Suite[Table]) -> Table:
            return table_of([each for topic in topics for each in _found(unit, topic, suite, launcher)])

        return collect(unit, "public", [topic.name for topic in topics], body)


def _found(unit: Unit, topic: Topic, suite: Suite[Table], launcher: Launcher) -> Iterator[tuple[Item, Mistake, Found]]:
    files = {name: (unit.solutions / name).read_bytes() for name in unit.spec.files}
    items = {item.id: item for item in topic.items}
    for mistake in mistakes_of(unit, topic):
        changed = mistake.applied_to(files[topic.file].decode(), topic.kind).encode()
        submission = Submission(mistake.id, unit.solutions, files | {topic.file: changed})
        with made_scratch(unit, topic, submission) as scratch:
            folder = scratch / "assignments"
            config = worker_config(unit, bench_config(unit, topic, folder, reveal=True), folder)
            target = ProcessTarget(launcher, config, unit.spec.limits)
            try:
                target.load()
                yield items[mistake.item], mistake, _run(topic, items[mistake.item], suite, target)
            except Finding:
                continue  # it does not even load
            finally:
                target.close()


def _run(topic: Topic, item: Item, suite: Suite[Table], target: ProcessTarget) -> Found:
    found = {}
    for test in item.public:
        recorder = Recorder(target)
        outcome = suite.run(topic.name, item, test, recorder, SEED, reveal=True)
        found[test] = (outcome, recorder.record)
        if outcome.status in (Status.TIMEOUT, Status.CRASHED):
            break
    return found
