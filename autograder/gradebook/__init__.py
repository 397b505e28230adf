"""The gradebook: what was graded, when, and what came of it, in one database that every report is rendered from.

schema    the tables, and what stands in them
database  opening it (SQLite beside the reports, or PostgreSQL by URL) and transactions
store     saving and loading: runs, submissions, results, written answers
"""

from autograder.gradebook.database import VARIABLE, gradebook_of, open_gradebook, reading, writing
from autograder.gradebook.store import (
    Answer,
    Run,
    begin_run,
    end_run,
    last_run,
    load_answers,
    load_result,
    load_results,
    load_students,
    runs,
    save_result,
)

__all__ = [
    "VARIABLE",
    "Answer",
    "Run",
    "begin_run",
    "end_run",
    "gradebook_of",
    "last_run",
    "load_answers",
    "load_result",
    "load_results",
    "load_students",
    "open_gradebook",
    "reading",
    "runs",
    "save_result",
    "writing",
]
