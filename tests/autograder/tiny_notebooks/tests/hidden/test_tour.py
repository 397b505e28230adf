"""What marks come from."""

import random


def test_longest(student, reference):
    """`longest` is the longest word of the poem."""
    student.expect_equal(student.value("longest"), reference.value("longest"), about="longest")


def test_shout(student, reference):
    """Every word in capitals, with blanks between."""
    words = ["".join(random.choices("abc", k=3)) for _ in range(3)]
    student.expect_equal(student.shout(words), reference.shout(words), about="the shout")


def test_first_line(student, reference):
    """The first line of a file, beside the folder of the notebook."""
    student.expect_equal(student.first_line("../data/poem.txt"), "The oak is tall", about="the line")
    student.expect_equal(reference.first_line("../data/poem.txt"), "The oak is tall", about="the line")


def test_first_line_of_a_prop(student, reference):
    """The first line of an open file."""
    for each in (student, reference):
        student.expect_equal(each.first_line(each.prop("poem", "../data/poem.txt")), "The oak is tall", about="line")


def test_counts(student, reference):
    """`counts` says how often each word of the poem stands in it."""
    student.expect_equal(student.value("counts"), reference.value("counts"), about="counts")
