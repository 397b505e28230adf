"""What one sees while a class is graded."""

import io

import pytest
from rich.console import Console

from autograder.course import live
from autograder.course.live import Live


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    return now


def test_it_tells_who_is_graded_for_how_long_and_what_is_left(clock):
    screen = io.StringIO()
    shown = Live(["ada", "bob", "[cyd]", "dan"], Console(file=screen, force_terminal=True, width=160))
    with shown:
        shown.expect(4)
        shown.started(0)
        shown.started(2)
        clock[0] += 60
        shown.tick()
        assert "left" not in screen.getvalue()  # nobody is done: nothing is known
        for number in (0, 2):
            shown.finished(number)
        shown.started(1)
        clock[0] += 20
        shown.tick()
        assert "2/4" in screen.getvalue()
        assert "about 80 s left" in screen.getvalue()
        assert "bob 20 s" in screen.getvalue()
        assert "[cyd] 60 s" in screen.getvalue()
