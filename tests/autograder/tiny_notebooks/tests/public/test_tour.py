"""What a student runs."""


def test_longest_is_a_word(student):
    """`longest` is one word."""
    student.expect_equal(len(student.value("longest").split()), 1, about="the number of words")


def test_shout_of_one(student):
    """One word in capitals."""
    student.expect_equal(student.shout(["oak"]), "OAK", about="the shout")
