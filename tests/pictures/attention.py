"""What a report shows of a student's attention. Sentence and head are fixed and public: no hidden test uses them."""

import torch

from autograder.pictures import heat_map

WORDS = ("the", "queen", "wears", "her", "golden", "crown")
STRENGTH = 6.0  # of a score before it is divided by sqrt(d): enough for a preference, too little for a certainty


def attention_map(student):
    """The weights of one head that looks for the word before: the key says "I am t", the query asks for t - 1."""
    identity = torch.eye(len(WORDS))
    query = STRENGTH * identity.roll(-1, dims=1)
    query[0] = 0.0  # nobody is before the first
    mask = torch.ones(len(WORDS), len(WORDS), dtype=torch.bool).tril()
    result = student.scaled_dot_product_attention(query, identity, identity, mask)
    _, weights = student.expect_parts(result, 2)
    return heat_map(
        title="Where your attention looks",
        says="What your function gives for an example that no check uses: a head that looks for the word before, and "
        "may not look ahead. A row for each word that looks, a column for each word it looks at. A row should add up "
        "to 1, with nothing right of the diagonal.",
        rows=WORDS,
        columns=WORDS,
        values=weights,
    )
