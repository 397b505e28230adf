"""What a student runs."""


def test_count_of_one_word(student):
    """One word stands once."""
    student.expect_equal(student.count_words("oak"), {"oak": 1}, about="the counts")


def test_most_common_of_one(student):
    """Of one word, that one."""
    student.expect_equal(student.most_common("oak"), "oak", about="the word")
