"""For `grader.check`: the public tests, as `autograder check` runs them. Made by `autograder release stubs`."""

from otter.test_files import test_case

from autograder.desk.kernel import check_item

OK_FORMAT = False
name = "lm_starter_code.report"


@test_case(name="report")
def check(env):
    check_item(name, env)
