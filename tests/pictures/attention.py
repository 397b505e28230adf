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
        says="The weights that your function gives on an example sentence, which no check uses, for a head that looks "
        "for the word before, with a causal mask. Each row is a word that looks, each column a word it looks at. In "
        "each row the weights should add up to 1, and right of the diagonal there should be none.",
        rows=WORDS,
        columns=WORDS,
        values=weights,
    )
