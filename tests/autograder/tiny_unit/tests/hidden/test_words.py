"""What marks come from. The words are drawn at random, so that nobody can learn them by heart."""

import random


def _word():
    return "".join(random.choice("abcdefgh") for _ in range(8))


def test_count_of_two_words(student, reference):
    """Each word is counted as often as it stands there."""
    text = " ".join([_word(), _word()] * random.randint(2, 5))
    student.expect_equal(student.count_words(text), reference.count_words(text), about="the counts")


def test_count_is_blind_to_case(student, reference):
    """Oak and oak are the same word."""
    text = f"{_word().upper()} {_word()}"
    student.expect_equal(student.count_words(text), reference.count_words(text), about="the counts")


def test_count_of_nothing(student):
    """A text without words has no counts."""
    student.expect_equal(student.count_words("  "), {}, about="the counts")


def test_most_common_of_three(student):
    """The word that stands most often."""
    often = _word()
    student.expect_equal(student.most_common(f"{_word()} {often} {_word()} {often}"), often, about="the word")


def test_most_common_breaks_ties_by_alphabet(student):
    """Of words that stand equally often, the first by alphabet."""
    words = sorted([_word(), _word(), _word()], reverse=True)
    student.expect_equal(student.most_common(" ".join(words)), words[-1], about="the word")


def test_most_common_of_nothing(student):
    """A text without words raises a ValueError that names the argument."""
    with student.expect_raises(ValueError, naming=["text"]):
        student.most_common("")
