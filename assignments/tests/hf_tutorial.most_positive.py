"""For `grader.check`: the public tests, as `autograder check` runs them. Made by `autograder release stubs`."""

from otter.test_files import test_case

from autograder.desk.kernel import check_item

OK_FORMAT = False
name = "hf_tutorial.most_positive"


@test_case(name="most_positive")
def check(env):
    check_item(name, env)
