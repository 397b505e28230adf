"""What a check of one topic found, and what is different from the check before."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autograder.results import ItemResult, Status


@dataclass(frozen=True)
class Checked:
    """By claim, in order, what became of it; `held` when everything does, `readable` when the file could be checked.

    `results` says the same for programs, an item at a time.
    """

    held: bool
    claims: Mapping[str, Status] = field(default_factory=dict)
    readable: bool = True
    results: tuple[ItemResult, ...] = ()


@dataclass(frozen=True)
class Change:
    """The claims that hold now and did not, and those that do not hold any more."""

    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def change(before: Checked, after: Checked) -> Change:
    """What is different between two checks of one topic; claims that only one of them knows are not compared."""
    both = [claim for claim in after.claims if claim in before.claims]
    held = {claim for claim in both if before.claims[claim] is Status.PASSED}
    holds = {claim for claim in both if after.claims[claim] is Status.PASSED}
    return Change(
        tuple(claim for claim in both if claim in holds - held), tuple(claim for claim in both if claim in held - holds)
    )
