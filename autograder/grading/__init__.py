"""From submissions to results.

`suite` holds the tests, `topic` runs those of one topic, `session` grades one submission, `batch` a class.
"""
