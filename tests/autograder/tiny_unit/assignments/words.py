"""Counting the words of a text."""


def count_words(text):
    """How often each word stands in `text`, without regard to case: a dict from str to int."""
    # TODO: a dict, a loop
    raise NotImplementedError


def most_common(text):
    """The word that stands most often in `text`; of several the first by alphabet. ValueError where there is none."""
    # TODO
    raise NotImplementedError
