"""The instrument for `embeddings`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Here a text becomes ids and runs of them; in tests/hidden/embeddings stand both ways to train vectors on those, and what
vectors are near to each other. Ids, words and vocabularies are compared exactly, numbers with what torch computes from
the docstring's equation on the same input, in float32.
"""

import torch

from .embeddings.shared import WORDS, _every_other, _shuffled, _vocab

# build_vocab


def test_build_vocab_by_falling_count(student):
    """`<unk>` is 0, then the words follow, the most frequent first."""
    tokens = _shuffled(["elm"] * 2 + ["ale"] + ["fire"] * 4 + ["crown"] * 3)
    student.expect_equal(student.build_vocab(tokens), _vocab(["fire", "crown", "elm", "ale"]))


def test_build_vocab_ties_alphabetically(student):
    """Words of the same count stand in alphabetical order, wherever they come first in the text."""
    for often, seldom in ((3, 1), (4, 2), (12, 9)):
        tokens = _shuffled(WORDS[3:8] * seldom + WORDS[8:] * often + WORDS[:3] * seldom)
        student.expect_equal(student.build_vocab(tokens), _vocab(WORDS[8:] + WORDS[:8]))


def test_build_vocab_leaves_out_rare_words(student):
    """A word that occurs min_count times is kept, one that occurs less often is not, and ids have no gaps."""
    tokens = _shuffled(["elm"] * 2 + ["ale"] * 5 + ["fire"] * 3 + ["crown"] * 4 + ["gown", "hall", "ink"])
    kept = ["ale", "crown", "fire", "elm", "gown", "hall", "ink"]
    for min_count, left in ((1, 7), (2, 4), (3, 3), (4, 2), (5, 1)):
        student.expect_equal(student.build_vocab(tokens, min_count), _vocab(kept[:left]))
    student.expect_equal(student.build_vocab(tokens, min_count=3), _vocab(kept[:3]))


def test_build_vocab_keeps_words_as_they_are(student):
    """No word is changed or left out, and ties are in the order of all code points: capitals before small letters."""
    words = [
        "",
        " ale",
        "!",
        "'tis",
        "10",
        "9",
        "</s>",
        "<UNK>",
        "Zounds",
        "ark",
        "art",
        "arts",
        "e\u0301",
        "thou",
        "zounds",
    ]
    words += [
        "École",
        "\u00e9",
        "éclair",
        "\uff21",
        "\U0001f600",
    ]  # é in two ways; two that UTF-16 has in another order
    student.expect_equal(student.build_vocab(words[::-1] + _shuffled(words)), _vocab(words))
    many = [f"{number:03}" for number in range(200)]
    student.expect_equal(student.build_vocab(_shuffled(many)), _vocab(many))
    counted = _shuffled(["The"] * 3 + ["the"] * 4 + ["THE"] * 2)
    student.expect_equal(student.build_vocab(counted, min_count=3), _vocab(["the", "The"]))


def test_build_vocab_does_not_count_a_literal_unk(student):
    """`<unk>` among the tokens, often or once, is no word: it is 0, no id is lost to it, and it stays where it is."""
    for times, min_count in ((9, 1), (1, 1), (1, 2), (3, 2)):
        tokens = _shuffled(["<unk>"] * times + ["elm"] * 2 + ["ale"] * 4)
        got, (after, _) = student.build_vocab.after(tokens, min_count)
        student.expect_equal(got, _vocab(["ale", "elm"]))
        student.expect_equal(after, tokens, about="tokens after the call")


def test_build_vocab_of_few_words(student):
    """Without words, or with rare ones only, `<unk>` is left; the tokens are afterwards what they were."""
    student.expect_equal(student.build_vocab([]), {"<unk>": 0})
    tokens = ["fire", "elm", "fire"]
    got, (after,) = student.build_vocab.after(tokens)
    student.expect_equal(got, {"<unk>": 0, "fire": 1, "elm": 2})
    student.expect_equal(after, tokens, about="tokens after the call")
    student.expect_equal(student.build_vocab(tokens, 3), {"<unk>": 0})


# encode


def test_encode_known_words(student):
    """Every word becomes its id, in the order of the text."""
    order = torch.randperm(6)
    tokens = [WORDS[place] for place in order]
    student.expect_equal(student.encode(tokens, _vocab(WORDS)), order + 1)


def test_encode_unknown_words(student):
    """A word that is not in the vocabulary becomes 0, and takes up its place like any other."""
    tokens = ["ale", "wine", "crown", "ale", "Ale", "wine", "bread", "<unk>", "wine"]
    student.expect_equal(student.encode(tokens, _vocab(WORDS)), torch.tensor([1, 0, 3, 1, 0, 0, 2, 0, 0]))
    student.expect_equal(student.encode(["wine"], _vocab(WORDS)), torch.tensor([0]))


def test_encode_uses_the_ids_of_the_vocabulary(student):
    """Ids are those of the vocabulary, whatever the order of its words; tokens and vocabulary stay the same."""
    vocab = {"elm": 7, "ale": 40, "<unk>": 0, "fire": 2}
    tokens = ["fire", "elm", "wine", "ale", "fire"]
    got, (tokens_after, vocab_after) = student.encode.after(tokens, vocab)
    student.expect_equal(got, torch.tensor([2, 7, 0, 40, 2]))
    student.expect_equal(tokens_after, tokens, about="tokens after the call")
    student.expect_equal(vocab_after, vocab, about="vocab after the call")


# ngrams


def test_ngrams_of_a_single_run(student):
    """As many ids as n give one run: all of them."""
    ids = torch.randint(50, (5,))
    student.expect_equal(student.ngrams(ids), ids[None])


def test_ngrams_of_a_text(student):
    """Without n, every run of five ids is a row, each beginning one place after the one before."""
    for length in (12, 200):
        ids = torch.randint(50, (length,))
        student.expect_equal(student.ngrams(ids), ids.unfold(0, 5, 1))


def test_ngrams_of_any_length(student):
    """n may be any number from one to the length of the text."""
    for length, n in ((9, 3), (9, 1), (4, 4), (1, 1), (2, 1)):
        ids = torch.randint(50, (length,))
        student.expect_equal(student.ngrams(ids, n), ids.unfold(0, n, 1))
    ids = torch.randint(50, (30,))
    student.expect_equal(student.ngrams(ids, n=8), ids.unfold(0, 8, 1))


def test_ngrams_of_a_text_that_is_too_short(student):
    """Fewer than n ids give no run: no rows, n columns."""
    for length, n in ((4, 5), (3, 5), (5, 8), (0, 5), (2, 3), (0, 1), (3, 20)):
        got = student.ngrams(torch.randint(50, (length,)), n)
        student.expect_tensor(got, shape=(0, n), dtype=torch.int64)


def test_ngrams_of_ids_that_are_not_contiguous(student):
    """Ids taken from a column of something larger give the same runs, and are left alone."""
    ids = torch.randint(50, (9,))
    got, (after, _) = student.ngrams.after(_every_other(ids), 4)
    student.expect_equal(got, ids.unfold(0, 4, 1))
    student.expect_equal(after, ids, about="ids after the call")


def test_ngrams_of_no_length(student):
    """n below 1 is a ValueError that names it."""
    for n in (0, -1):
        with student.expect_raises(ValueError, naming=("n",)):
            student.ngrams(torch.randint(50, (6,)), n)
