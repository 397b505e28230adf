"""The unit's functions, made of library calls."""

import collections


def count_words(text):
    return dict(collections.Counter(text.lower().split()))
