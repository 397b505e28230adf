"""The engine: grades submissions with hidden pytest suites, each student's code in a process of its own.

The way of a submission: `spec` reads grading.yml, `submission` takes files in, `grading` runs the tests of
`tests/hidden` against a `target` (the proxy of a worker in `student`), and `report` renders the one `Result`.
"""

__version__ = "0.1.0"
