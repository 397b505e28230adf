"""The two families of errors: the grader's own fault, and the submission's.

A `GraderError` is loud, ends in an exit status, and never becomes a mark of 0. A `SubmissionError` costs what it
touches, carries a message that the student understands, and leaves every other submission alone. What goes wrong
*inside* the student's code is a third thing, the outcome of a call: see `autograder.target.failures`.
"""


class GraderError(Exception):
    """The grader, the unit or the command line is at fault."""


class UsageError(GraderError):
    """The command line or grading.yml is wrong: exit status 2. The message may have several lines, one an error."""


class SubmissionError(Exception):
    """A submission that cannot be taken in at all; the message is shown to the student."""
