"""The door: what students handed in, made into safe `Submission`s before anything else sees it.

In come folders, zips and lone files, of one student or of a class; out come the unit's files as bytes, one `Submission`
a student, and for each student what was wrong with what they handed in. Nothing is run, parsed or unpacked.

    find       whose is what: one student or a class
    platforms  the file names that Canvas, Moodle and Gradescope make
    home       the folder that holds the unit's files, inside what wraps it
    take       reading the unit's files, and what to tell about them
    store      where their bytes wait, on disk, until they are graded
    tree       one read-only view of a folder, on disk or (archive) in a zip
    names      names that are safe to show and to use as a folder's name
    model      the `Submission` itself
"""

from autograder.submission.find import Form, find_submissions
from autograder.submission.model import Submission

__all__ = ["Form", "Submission", "find_submissions"]
