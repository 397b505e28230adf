"""What `autograder check embeddings` runs: small cases that you can check by hand. The marks come from other tests."""

import math

import torch

VOCAB = {"<unk>": 0, "king": 1, "queen": 2, "man": 3, "woman": 4, "bread": 5}
# from man to woman it is one step right and one down, from there to royalty three steps right; bread lies elsewhere
VECTORS = torch.tensor([[1.0, 1, 1], [4, 3, 0], [5, 2, 0], [1, 3, 0], [2, 2, 0], [0, 0, 3]])


def test_build_vocab_of_a_sentence(student):
    """In `to be or not to be to` the word `to` comes first, then `be`, then the others by the alphabet."""
    want = {"<unk>": 0, "to": 1, "be": 2, "not": 3, "or": 4}
    student.expect_equal(student.build_vocab(["to", "be", "or", "not", "to", "be", "to"]), want)


def test_build_vocab_without_rare_words(student):
    """With min_count=2 only words that occur twice or more are left."""
    want = {"<unk>": 0, "to": 1, "be": 2}
    student.expect_equal(student.build_vocab(["to", "be", "or", "not", "to", "be", "to"], min_count=2), want)


def test_encode_a_sentence(student):
    """`king` and `queen` have their ids, `wears` is unknown."""
    got = student.encode(["king", "wears", "queen"], VOCAB)
    student.expect_equal(got, torch.tensor([1, 0, 2]))


def test_ngrams_of_five_words(student):
    """Five ids have three runs of three."""
    want = torch.tensor([[7, 1, 4], [1, 4, 0], [4, 0, 2]])
    student.expect_equal(student.ngrams(torch.tensor([7, 1, 4, 0, 2]), 3), want)


def test_ngrams_of_three_words(student):
    """Three ids have no run of five: the result has no rows, and five columns."""
    got = student.ngrams(torch.tensor([7, 1, 4]))
    student.expect_tensor(got, shape=(0, 5), dtype=torch.int64)


def test_corrupt_changes_nothing_but_the_centre(student):
    """Of five ids those at places 0, 1, 3 and 4 are kept."""
    windows = torch.tensor([[3, 1, 4, 1, 5], [2, 6, 5, 3, 5]])
    got = student.corrupt(windows.clone(), 100, student.prop("generator", 0))
    got = student.expect_tensor(got, shape=(2, 5), dtype=torch.int64)
    student.expect_equal(got[:, [0, 1, 3, 4]], windows[:, [0, 1, 3, 4]], about="the places beside the centre")


def test_corrupt_with_two_words(student):
    """When there are only two ids, 0 becomes 1 and 1 becomes 0."""
    windows = torch.tensor([[0, 0, 1], [0, 1, 1], [1, 0, 0]])
    got = student.corrupt(windows, 2, student.prop("generator", 0))
    student.expect_equal(got, torch.tensor([[0, 1, 1], [0, 0, 1], [1, 1, 0]]))


def test_scorer_gives_one_score_for_each_window(student):
    """Four windows have four scores."""
    scorer = student.expect_handle(student.NgramScorer(10, 3, 8), about="NgramScorer(10, 3, 8)")
    windows = torch.tensor([[1, 2, 3, 4, 5], [9, 8, 7, 6, 5], [0, 0, 0, 0, 0], [1, 2, 7, 4, 5]])
    student.expect_tensor(scorer(windows), shape=(4,))


def test_scorer_by_hand(student):
    """With a single number for each word, and one hidden unit that adds them up, the score can be counted."""
    scorer = student.expect_handle(student.NgramScorer(3, 1, 1, n=2), about="NgramScorer(3, 1, 1, n=2)")
    scorer.set("embedding.weight", torch.tensor([[0.0], [0.25], [0.5]]))
    for name, value in (("hidden.weight", [[1.0, 1.0]]), ("hidden.bias", [0.25])):
        scorer.set(name, torch.tensor(value))
    for name, value in (("output.weight", [[2.0]]), ("output.bias", [1.0])):
        scorer.set(name, torch.tensor(value))
    want = torch.tensor([1 + 2 * math.tanh(1.0), 1 + 2 * math.tanh(0.25)])
    student.expect_close(scorer(torch.tensor([[1, 2], [0, 0]])), want, atol=1e-5)


def test_ranking_loss_of_one_pair_by_hand(student):
    """Scores 0.5 and 0.2 are 0.3 apart, which is 0.7 less than the margin of 1."""
    student.expect_close(student.ranking_loss(torch.tensor([0.5]), torch.tensor([0.2])), torch.tensor(0.7), atol=1e-6)


def test_ranking_loss_of_three_pairs(student):
    """Pairs that lack 0.5, nothing and 2.5 cost 1 in the mean."""
    valid, broken = torch.tensor([1.0, 7.0, -1.0]), torch.tensor([0.5, 2.0, 0.5])
    student.expect_close(student.ranking_loss(valid, broken), torch.tensor(1.0), atol=1e-6)


def test_ranking_loss_of_equal_scores(student):
    """Where both scores are the same, the whole margin is missing."""
    scores = torch.tensor([3.0, -2.0])
    student.expect_close(student.ranking_loss(scores, scores), torch.tensor(1.0), atol=1e-6)


def test_ranking_loss_of_a_good_pair(student):
    """A valid score that is far above the broken one costs nothing."""
    student.expect_close(student.ranking_loss(torch.tensor([5.0]), torch.tensor([0.0])), torch.tensor(0.0), atol=1e-6)


def test_skipgram_pairs_of_three_words(student):
    """With window 1 the word in the middle has two contexts, the others have one."""
    want = torch.tensor([[7, 1], [1, 7], [1, 4], [4, 1]])
    student.expect_equal(student.skipgram_pairs(torch.tensor([7, 1, 4]), 1), want)


def test_skipgram_pairs_of_one_word(student):
    """A single word has no context: no rows, two columns."""
    student.expect_tensor(student.skipgram_pairs(torch.tensor([7]), 2), shape=(0, 2), dtype=torch.int64)


def test_negative_sampling_loss_by_hand(student):
    """Where all products are 0, sigma is a half everywhere: with two negatives that makes 3 ln 2."""
    zeros = torch.zeros(2, 4)
    got = student.negative_sampling_loss(zeros, torch.ones(2, 4), torch.ones(2, 2, 4))
    student.expect_close(got, torch.tensor(3 * math.log(2)), atol=1e-5)


def test_negative_sampling_loss_of_a_good_pair(student):
    """A large product with the context and a very negative one with the negative cost almost nothing."""
    args = torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[[-3.0, -4.0]]])
    student.expect_close(student.negative_sampling_loss(*args), torch.tensor(0.0), atol=1e-5)


def test_cosine_similarity_by_hand(student):
    """(3, 4) with itself 1, with (6, 8) 1, with (4, -3) 0, with (1, 0) 0.6 and with (-3, -4) -1."""
    matrix = torch.tensor([[3.0, 4.0], [6.0, 8.0], [4.0, -3.0], [1.0, 0.0], [-3.0, -4.0]])
    got = student.cosine_similarity(torch.tensor([3.0, 4.0]), matrix)
    student.expect_close(got, torch.tensor([1.0, 1.0, 0.0, 0.6, -1.0]), atol=1e-6)


def test_cosine_similarity_of_a_unit_vector(student):
    """With (1, 0), a row of length 1 has as cosine its first coordinate."""
    got = student.cosine_similarity(torch.tensor([1.0, 0.0]), torch.tensor([[0.6, 0.8]]))
    student.expect_close(got, torch.tensor([0.6]), atol=1e-6)


def test_cosine_similarity_at_a_right_angle(student):
    """(1, 2) and (-2, 1) have nothing in common: 0."""
    got = student.cosine_similarity(torch.tensor([1.0, 2.0]), torch.tensor([[-2.0, 1.0], [4.0, -2.0]]))
    student.expect_close(got, torch.zeros(2), atol=1e-6)


def test_most_similar_to_the_queen(student):
    """`king` points most nearly where `queen` does, then `woman`, then `man`; `bread` points elsewhere."""
    student.expect_equal(student.most_similar("queen", VOCAB, VECTORS, 3), ["king", "woman", "man"])


def test_most_similar_to_bread(student):
    """Of the four words that have nothing in common with `bread`, two are no more than two."""
    got = student.expect_parts(student.most_similar("bread", VOCAB, VECTORS, 2), 2)
    student.expect(
        set(map(str, got)) < {"king", "queen", "man", "woman"}, "The words should be two of king, queen, man and woman."
    )


def test_analogy_of_king_and_queen(student):
    """man is to woman as king is to queen."""
    student.expect_equal(student.analogy("man", "woman", "king", VOCAB, VECTORS), "queen")
