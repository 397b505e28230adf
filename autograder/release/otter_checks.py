"""Test files for `grader.check` of otter-grader in the notebooks: assignments/tests/ITEM.py, one an item.

They hold no test of their own: each hands the kernel's variables to `autograder.desk.kernel`, which runs what
`autograder check` runs.
"""

from autograder.spec import Item, Unit

FOLDER = "tests"  # in assignments/: where otter looks, beside the notebook
_FILE = '''\
"""For `grader.check`: the public tests, as `autograder check` runs them. Made by `autograder release stubs`."""

from otter.test_files import test_case

from autograder.desk.kernel import check_item

OK_FORMAT = False
name = "{id}"


@test_case(name="{name}")
def check(env):
    check_item(name, env)
'''


def check_files(unit: Unit) -> dict[str, str]:
    """The files, by their name in assignments/."""
    return {f"{FOLDER}/{item.id}.py": _FILE.format(id=item.id, name=item.name) for item in checked_in_notebooks(unit)}


def checked_in_notebooks(unit: Unit) -> list[Item]:
    """The items of notebooks that have public tests."""
    notebooks = (topic for topic in unit.spec.topics if topic.kind == "notebook")
    return [item for topic in notebooks for item in topic.items if item.public]
