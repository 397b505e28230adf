"""Loading a student's file where a cell of a notebook may end the process that runs it.

An `os._exit`, or a crash in compiled code, tells nobody which cell it was. So the cells are run again, each as a
request of its own, to see which is running when the process ends, and once more without that cell: it costs its own
items and not the notebook. Nothing that the worker says of it is relied on but the number of a cell of its own.
"""

from collections.abc import Callable

from autograder.target.failures import Crashed
from autograder.target.process import ProcessTarget

MOST_ENDED = 3  # cells of a notebook that may be left out


def load(start: Callable[[tuple[int, ...]], ProcessTarget], is_notebook: bool, ended: set[int]) -> None:
    """Start a worker and load the file in it. `start` ends the worker before, and is told which cells to leave out.

    `ended` are the cells that are known to end the process; what is found is added. A process that somebody else may
    have killed is tried again. Raises `Finding` where the file cannot be loaded.
    """
    again = False
    while True:
        target = start(tuple(sorted(ended)))
        try:
            target.load(stepwise=is_notebook and again)
            return
        except Crashed as error:
            if target.cell and len(ended) < MOST_ENDED:
                ended.add(target.cell)
            elif again or not (is_notebook or error.killed):
                raise
            again = True


def left_out(file: str, cell: int) -> str:
    """What to say of a cell that was left out."""
    return f"{file}: cell {cell} ended the Python process (as `os._exit` does), so everything was run without it."
