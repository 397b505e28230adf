"""Counting the words of a text."""


def count_words(text):
    """How often each word stands in `text`, without regard to case: a dict from str to int."""
    # BEGIN SOLUTION: a dict, a loop
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts
    # END SOLUTION


def most_common(text):
    """The word that stands most often in `text`; of several the first by alphabet. ValueError where there is none."""
    # BEGIN SOLUTION
    counts = count_words(text)
    if not counts:
        raise ValueError("text has no word")
    return min(counts, key=lambda word: (-counts[word], word))
    # END SOLUTION
