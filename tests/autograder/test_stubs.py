"""The stub maker, and that stubs do not drift from solutions."""

import pytest

from autograder.errors import GraderError
from autograder.release.stubs import make_stub

SOLUTION = '''def double(x: int) -> int:
    """Twice x."""
    # BEGIN SOLUTION: add it to itself
    y = x + x
    return y
    # END SOLUTION


class Pair:
    def __init__(self, a):
        super().__init__()
        # BEGIN SOLUTION
        self.a = a
        # END SOLUTION
'''

STUB = '''def double(x: int) -> int:
    """Twice x."""
    # TODO: add it to itself
    raise NotImplementedError


class Pair:
    def __init__(self, a):
        super().__init__()
        # TODO
        raise NotImplementedError
'''


def test_regions_become_todos_and_all_else_stays():
    assert make_stub(SOLUTION) == STUB


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (
            SOLUTION.replace("    # END SOLUTION\n\n", "\n"),
            ":11: # BEGIN SOLUTION inside the region that begins in line 3",
        ),
        (SOLUTION.rsplit("        # END", 1)[0], ":12: # BEGIN SOLUTION without an end"),
        (SOLUTION.replace("    # BEGIN SOLUTION: add it to itself\n", ""), ":5: # END SOLUTION without a beginning"),
        ("x = 1\n", "no region"),
    ],
)
def test_markers_that_do_not_pair_are_told_with_their_line(broken, says):
    with pytest.raises(GraderError, match=r"solutions/x\.py") as error:
        make_stub(broken, "solutions/x.py")
    assert says in str(error.value)


def test_a_stub_that_drifts_is_found_and_mended(autograder, tiny_unit):
    stub = tiny_unit / "assignments" / "words.py"
    before = stub.read_text()
    stub.write_text(before.replace("without regard to case", "as they are written"))
    done = autograder("release", "stubs", "--check", cwd=tiny_unit)
    assert done.returncode == 1
    assert "words.py" in done.stdout
    assert autograder("release", "stubs", cwd=tiny_unit).returncode == 0
    assert stub.read_text() == before
    assert autograder("release", "stubs", "--check", cwd=tiny_unit).returncode == 0
