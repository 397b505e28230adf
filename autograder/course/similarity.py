"""Which submissions resemble each other: for a person to look at, never a mark and never a proof.

copydetect makes the fingerprints: names become V, comments and blanks go, and every run of K characters of what is
left is one print (Schleimer, Wilkerson and Aiken 2003). Taken out before anything is compared: what the handed-out stub
holds, and what more than MOST submissions hold, since that is how the exercise is solved (MOSS does the same, with the
same limit). Of notebooks the code cells are compared, of written answers the text as it stands.

Students' files are read as text here and never run. Nothing but `compare` imports copydetect.
"""

import io
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import UsageError
from autograder.spec import Topic, Unit
from autograder.student import notebook
from autograder.submission import Submission

if TYPE_CHECKING:
    from copydetect import CodeFingerprint

K = {"module": 25, "notebook": 25, "answers": 40}  # characters in one print
MOST = 10
FEWEST = 80  # shared prints that a pair needs to be shown: some four lines of code
PAIRS = 30
MAX_CHARS = 200_000  # of one file; a larger one is not compared


@dataclass(frozen=True)
class Passage:
    """A piece of a file, and whether the other file of the pair has it too."""

    text: str
    shared: bool


@dataclass(frozen=True)
class SharedFile:
    """One of the unit's files as both have it, and the share of each one's own work that the other has too."""

    name: str
    first: tuple[Passage, ...]
    second: tuple[Passage, ...]
    shares: tuple[float, float]
    prints: int


@dataclass(frozen=True)
class Pair:
    """Two submissions that share more than chance explains, the file with the most in common first."""

    first: str
    second: str
    files: tuple[SharedFile, ...]

    @property
    def prints(self) -> int:
        """How much they share: the number of fingerprints, about that of characters without names and blanks."""
        return sum(file.prints for file in self.files)


@dataclass(frozen=True)
class Similarity:
    """What was found: the pairs, most in common first, and what could not be compared."""

    pairs: tuple[Pair, ...]
    students: int
    skipped: tuple[str, ...] = ()


def compare(unit: Unit, submissions: Sequence[Submission]) -> Similarity:
    """Compare every submission with every other, file by file. `UsageError` where copydetect is not installed."""
    try:
        import copydetect  # noqa: F401  # heavy: with it comes matplotlib
    except ImportError:
        raise UsageError("comparing submissions needs copydetect: pip install copydetect") from None
    skipped: list[str] = []
    found: dict[tuple[int, int], list[SharedFile]] = {}
    for topic in unit.spec.topics:
        for pair, shared in _compare_files(unit, topic, submissions, skipped):
            found.setdefault(pair, []).append(shared)
    pairs = [
        Pair(
            submissions[one].student,
            submissions[other].student,
            tuple(sorted(files, key=lambda file: -file.prints)),
        )
        for (one, other), files in found.items()
    ]
    pairs.sort(key=lambda pair: (-pair.prints, pair.first, pair.second))
    return Similarity(tuple(pairs[:PAIRS]), len(submissions), tuple(skipped))


def _compare_files(
    unit: Unit, topic: Topic, submissions: Sequence[Submission], skipped: list[str]
) -> Iterator[tuple[tuple[int, int], SharedFile]]:
    from copydetect.detector import compare_files
    from copydetect.utils import get_token_coverage

    stub_path = unit.assignments / topic.file
    stub = _prints(topic, stub_path.read_bytes()) if stub_path.is_file() else None
    prints: dict[int, Any] = {}
    for number, submission in enumerate(submissions):
        if topic.file in submission.files:
            made = _prints(topic, submission.files[topic.file])
            if made is None:
                skipped.append(f"{topic.file} of {submission.student} is too large, or no text")
                continue
            _keep(made, made.hashes - (stub.hashes if stub else set()))
            made.token_coverage = int(get_token_coverage(made.hash_idx, made.k, len(made.filtered_code)))
            prints[number] = made
    common = {print_ for print_, owners in _owners(prints).items() if len(owners) > MOST}
    for made in prints.values():
        _keep(made, made.hashes - common)
    shared = Counter(
        pair for owners in _owners(prints).values() if len(owners) > 1 for pair in itertools.combinations(owners, 2)
    )
    for (one, other), count in shared.most_common(PAIRS * 4):
        if count < FEWEST:
            return
        _, shares, (first, second) = compare_files(prints[one], prints[other])
        left, right = (_passages(prints[who].raw_code, slices) for who, slices in ((one, first), (other, second)))
        yield (one, other), SharedFile(topic.file, left, right, (float(shares[0]), float(shares[1])), count)


def _prints(topic: Topic, data: bytes) -> "CodeFingerprint | None":
    from copydetect import CodeFingerprint

    text = _text(topic, data)
    if text is None or len(text) > MAX_CHARS:
        return None
    is_code = topic.kind != "answers"
    # Every print is kept (a window of 1): those that copydetect would choose of them depend on Python's hash seed.
    return CodeFingerprint(topic.file, K[topic.kind], 1, filter=is_code, language="python", fp=io.StringIO(text))


def _text(topic: Topic, data: bytes) -> str | None:
    if topic.kind == "notebook":
        try:
            text = "\n\n".join(cell.source for cell in notebook.read(data))
        except notebook.NotANotebook:
            return None
    else:
        text = data.decode("utf-8-sig", "replace")
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n") + "\n"  # as Pygments would make it, or its places would not be ours


def _keep(made: Any, hashes: set[int]) -> None:
    made.hashes = hashes
    made.hash_idx = {print_: places for print_, places in made.hash_idx.items() if print_ in hashes}


def _owners(prints: dict[int, Any]) -> dict[int, list[int]]:
    owners: dict[int, list[int]] = {}
    for number, made in prints.items():
        for print_ in made.hashes:
            owners.setdefault(print_, []).append(number)
    return owners


def _passages(code: str, slices: Any) -> tuple[Passage, ...]:
    """The whole text, cut where sharing begins and ends."""
    passages, at = [], 0
    for start, end in zip(slices[0].tolist(), slices[1].tolist(), strict=True):
        begin = max(int(start), at)
        if int(end) <= begin:
            continue
        passages += [Passage(code[at:begin], False), Passage(code[begin : int(end)], True)]
        at = int(end)
    passages.append(Passage(code[at:], False))
    return tuple(passage for passage in passages if passage.text)


def similar(unit: Unit, paths: Sequence[Path], out: Path, form: str) -> int:
    """`autograder similar`: compare a class, write similar.html into `out`, and say what was found."""
    from typing import cast

    from rich.console import Console

    from autograder.report.text import clean
    from autograder.report.writing import write_similar
    from autograder.submission import Form, find_submissions

    console = Console(highlight=False, markup=False)
    submissions = find_submissions(paths, unit.spec.files, cast(Form, form))
    found = compare(unit, submissions)
    write_similar(found, unit, out)
    for told in found.skipped:
        console.print(f"not compared: {clean(told, 200)}")
    for pair in found.pairs[:10]:
        files = ", ".join(file.name for file in pair.files)
        console.print(f"{pair.prints:>6}  {clean(pair.first, 40)}  {clean(pair.second, 40)}  {files}")
    console.print(f"{len(found.pairs)} pairs of {found.students} submissions are in {out / 'similar.html'}.")
    console.print("Similarity is no proof. Read both sides, and ask before you judge.")
    return 0
