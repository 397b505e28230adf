"""The instrument for `embeddings`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Ids, words and vocabularies are compared exactly, numbers with the solution's on the same input, in float32. Tolerances
are five times or more what the right modules in tests/right differ by, over 1000 seeds. Words that are to be found lie
so far apart that no rounding changes their order.
"""

import math
import random

import pytest
import torch

LOSS = 2e-5  # of means and sums of a few terms up to ten
GRADIENT = 1e-5  # of the same; entries up to three
SCORE = 1e-5  # of two small linear layers, results up to three
COSINE = 3e-6  # of results between -1 and 1, however they are made

WORDS = ["ale", "bread", "crown", "dagger", "elm", "fire", "gown", "hall", "ink", "jest", "knight", "lord", "moon"]


def _shuffled(tokens):
    """The same tokens in another order."""
    return random.sample(list(tokens), len(list(tokens)))


def _vocab(words):
    """`<unk>` and the words, ids in this order."""
    return {word: index for index, word in enumerate(["<unk>", *words])}


def _every_other(ids):
    """The same ids in a tensor that is not contiguous: between them lie others."""
    return torch.stack([ids, ids + 1], dim=-1).flatten(-2)[..., ::2]


def _bound(draws, cells=1):
    """How far a frequency may be from its probability, by chance once in 1e9 (Hoeffding, over so many cells)."""
    return math.sqrt(math.log(2e9 * cells) / (2 * draws))


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
    """Words are not changed, and the order of ties is that of their code points: capitals before small letters."""
    words = ["!", "'tis", "10", "9", "Zounds", "art", "thou", "zounds", "École", "éclair"]
    student.expect_equal(student.build_vocab(_shuffled(words * 2)), _vocab(words))
    counted = _shuffled(["The"] * 3 + ["the"] * 4 + ["THE"] * 2)
    student.expect_equal(student.build_vocab(counted, min_count=3), _vocab(["the", "The"]))


def test_build_vocab_does_not_count_a_literal_unk(student):
    """`<unk>` among the tokens, often or once, is not a word: it is 0 as ever, and no id is lost to it."""
    for times, min_count in ((9, 1), (1, 1), (1, 2), (3, 2)):
        tokens = _shuffled(["<unk>"] * times + ["elm"] * 2 + ["ale"] * 4)
        student.expect_equal(student.build_vocab(tokens, min_count), _vocab(["ale", "elm"]))


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


def test_ngrams_of_a_text(student, reference):
    """Without n, every run of five ids is a row, each beginning one place after the one before."""
    ids = torch.randint(50, (12,))
    student.expect_equal(student.ngrams(ids), reference.ngrams(ids))


def test_ngrams_of_any_length(student, reference):
    """n may be any number from one to the length of the text."""
    for length, n in ((9, 3), (9, 2), (9, 1), (7, 7), (4, 4), (1, 1), (2, 1), (30, 8)):
        ids = torch.randint(50, (length,))
        student.expect_equal(student.ngrams(ids, n), reference.ngrams(ids, n))
    student.expect_equal(student.ngrams(ids, n=6), reference.ngrams(ids, 6))


def test_ngrams_of_a_text_that_is_too_short(student):
    """Fewer than n ids give no run: no rows, n columns."""
    for length, n in ((4, 5), (1, 5), (0, 5), (2, 3), (0, 1), (3, 20)):
        got = student.ngrams(torch.randint(50, (length,)), n)
        student.expect_tensor(got, shape=(0, n), dtype=torch.int64)


def test_ngrams_of_ids_that_are_not_contiguous(student, reference):
    """Ids taken from a column of something larger give the same runs, and are left alone."""
    ids = torch.randint(50, (9,))
    got, (after, _) = student.ngrams.after(_every_other(ids), 4)
    student.expect_equal(got, reference.ngrams(ids, 4))
    student.expect_equal(after, ids, about="ids after the call")


@pytest.mark.parametrize("n", [0, -1])
def test_ngrams_of_no_length(student, n):
    """n below 1 is a ValueError that names it."""
    with student.expect_raises(ValueError, naming=("n",)):
        student.ngrams(torch.randint(50, (6,)), n)


# corrupt


def _expect_broken(student, got, windows, vocab_size):
    """Windows of the same shape with another id of the vocabulary in the centre, and nothing else changed."""
    got = student.expect_tensor(got, shape=windows.shape, dtype=torch.int64)
    centre = windows.shape[1] // 2
    others = torch.arange(windows.shape[1]) != centre
    student.expect_equal(got[:, others], windows[:, others], about="the ids beside the centre")
    there = got[:, centre]
    student.expect(bool((there != windows[:, centre]).all()), "the centre of some window is still what it was")
    student.expect(bool(((there >= 0) & (there < vocab_size)).all()), "some id does not belong to the vocabulary")
    return there


def test_corrupt_changes_the_centre(student):
    """Index n // 2 of each window gets a different id of the vocabulary; the other places keep theirs."""
    windows = torch.randint(7, (40, 5))
    _expect_broken(student, student.corrupt(windows, 7, student.prop("generator", 1)), windows, 7)


def test_corrupt_leaves_its_input_alone(student):
    """The windows that are handed in are afterwards what they were."""
    windows = torch.randint(9, (3, 5))
    got, (after, *_) = student.corrupt.after(windows, 9, student.prop("generator", 1))
    student.expect_equal(after, windows, about="windows after the call")
    _expect_broken(student, got, windows, 9)


def test_corrupt_windows_of_any_length(student):
    """For every n, even or odd, the centre is index n // 2; there may be one window only."""
    generator = student.prop("generator", 2)
    for batch, n in ((1, 5), (6, 3), (4, 4), (3, 2), (5, 7), (7, 1), (1, 1), (8, 6)):
        windows = torch.randint(11, (batch, n))
        _expect_broken(student, student.corrupt(windows, 11, generator), windows, 11)


def test_corrupt_draws_every_other_id_alike(student):
    """Whatever the window, each of the vocab_size - 1 other ids takes the place of its centre equally often."""
    generator = student.prop("generator", random.getrandbits(60))
    constant, draws = torch.full((1500, 3), 3), 1500
    mixed = torch.tensor([[0, old, 4] for old in range(5)]).repeat(draws, 1)
    for windows in (constant, mixed):
        there = _expect_broken(student, student.corrupt(windows, 5, generator), windows, 5)
        for old in windows[:, 1].unique().tolist():
            shares = torch.bincount(there[windows[:, 1] == old], minlength=5) / draws
            off = (shares - 0.25).abs().where(torch.arange(5) != old, 0.0)
            # 0.09 for 1500 draws and 24 pairs of ids in all: a false alarm once in 1e9 runs
            student.expect(bool(off.max() < _bound(draws, cells=24)), "not every other id is drawn equally often")


def test_corrupt_draws_only_from_the_generator(student):
    """The same generator seed gives the same result, whatever torch's global seed is."""
    windows = torch.randint(1000, (30, 5))
    first = student.corrupt.seeded(1)(windows, 1000, student.prop("generator", 5))
    second = student.corrupt.seeded(2)(windows, 1000, student.prop("generator", 5))
    student.expect_equal(second, student.expect_tensor(first, shape=(30, 5), dtype=torch.int64))


def test_corrupt_draws_from_the_generator(student):
    """Another generator, or the same one once more, gives another result, whatever torch's global seed is."""
    windows = torch.randint(1000, (30, 5))
    generators = student.prop("generator", 5), student.prop("generator", 6)
    results = [student.corrupt.seeded(1)(windows, 1000, each) for each in (*generators, generators[0])]
    first, *others = [student.expect_tensor(each, shape=(30, 5), dtype=torch.int64) for each in results]
    for other in others:  # equal by chance once in 1e89 runs
        student.expect(not torch.equal(first, other), "the result is the same, although the generator is not")


def test_corrupt_without_a_generator(student):
    """With None for the generator, torch's global one is drawn from."""
    windows = torch.randint(1000, (30, 5))
    results = []
    for seed in (1, 1, None):
        if seed is not None:
            student.prop("global_seed", seed)
        results.append(student.corrupt(windows, 1000, generator=None))
        _expect_broken(student, results[-1], windows, 1000)
    student.expect_equal(results[1], results[0], about="what comes of one global seed")
    student.expect(not torch.equal(results[2], results[1]), "every call gives the same")  # once in 1e89 runs


def test_corrupt_with_two_ids(student):
    """Of two ids, the other one is all there is."""
    windows = torch.randint(2, (20, 3))
    want = windows.clone()
    want[:, 1] = 1 - want[:, 1]
    student.expect_equal(student.corrupt(windows, 2, student.prop("generator", 1)), want)


def test_corrupt_windows_that_are_not_contiguous(student):
    """Windows that share their memory, or lie in it in another order, are broken one by one and left alone."""
    ids = torch.randint(9, (14,))
    generator = student.prop("generator", 3)
    for windows in (ids.unfold(0, 5, 1), torch.randint(9, (5, 8)).T, ids[:5].expand(6, 5)):
        got, (after, *_) = student.corrupt.after(windows, 9, generator)
        student.expect_equal(after, windows, about="windows after the call")
        _expect_broken(student, got, windows, 9)


# NgramScorer


def _scorers(student, reference, vocab_size, embedding_dim, hidden_dim, **rest):
    """The student's scorer and the solution's, with the same random weights and biases."""
    scorer = student.expect_handle(student.NgramScorer(vocab_size, embedding_dim, hidden_dim, **rest), "NgramScorer")
    solution = reference.NgramScorer(vocab_size, embedding_dim, hidden_dim, **rest)
    values = {}
    for name, parameter in solution.parameters().items():
        value = torch.randn(parameter.shape)
        values[name] = value / math.sqrt(value.shape[1]) if name in {"hidden.weight", "output.weight"} else value
    for each in (scorer, solution):
        each.fill(values)
    return scorer, solution


SCORER = ("embedding.weight", "hidden.weight", "hidden.bias", "output.weight", "output.bias")


def test_scorer_has_three_layers(student):
    """`embedding` is (V, E), `hidden` leads from n * E to hidden_dim, `output` from there to 1; n is 5 if not said."""
    for n, rest in ((5, {}), (3, {"n": 3})):
        scorer = student.expect_handle(student.NgramScorer(7, 4, 6, **rest), about="NgramScorer(...)")
        for name, shape in zip(SCORER, ((7, 4), (6, 4 * n), (6,), (1, 6), (1,)), strict=True):
            student.expect_tensor(scorer.get(name), shape=shape, about=name)


def test_scorer_of_one_window(student, reference):
    """The score of a single window: embeddings side by side, hidden layer, tanh, output; one number, shape (1,)."""
    scorer, solution = _scorers(student, reference, 8, 3, 4)
    windows = torch.randint(8, (1, 5))
    student.expect_close(scorer(windows), solution(windows), atol=SCORE)


def test_scorer_of_a_batch(student, reference):
    """Each window of a batch has its own score, for any sizes."""
    for batch, vocab_size, size, hidden, n in ((6, 9, 3, 5, 4), (4, 5, 4, 4, 4), (3, 6, 2, 1, 7), (5, 4, 1, 3, 1)):
        scorer, solution = _scorers(student, reference, vocab_size, size, hidden, n=n)
        windows = torch.randint(vocab_size, (batch, n))
        student.expect_close(scorer(windows), solution(windows), atol=SCORE)


def test_scorer_gradients(student, reference):
    """Gradients flow to all layers, and to the embedding of every word that occurs, `<unk>` included."""
    scorer, solution = _scorers(student, reference, 6, 3, 5, n=4)
    windows, cotangent = (
        torch.stack([torch.randperm(6)[:4] for _ in range(5)] + [torch.zeros(4).long()]),
        torch.randn(6),
    )
    got = scorer.vjp(windows, cotangent=cotangent, wrt=SCORER)
    want = solution.vjp(windows, cotangent=cotangent, wrt=SCORER)
    for name, mine, theirs in zip(SCORER, got, want, strict=True):
        student.expect_close(mine, theirs, atol=3 * GRADIENT, about=f"the gradient of {name}")


def test_scorer_can_learn_when_fresh(student):
    """In a fresh scorer the ranking loss of a batch has a gradient for every weight matrix and every embedding."""
    scorer = student.expect_handle(student.NgramScorer(12, 6, 8, n=3), about="NgramScorer(12, 6, 8, n=3)")
    valid, broken = torch.randint(12, (2, 64, 3))
    windows = torch.cat([valid, broken])
    scores = student.expect_tensor(scorer(windows), shape=(128,))
    # a pair costs nothing at least half the time only: that none of 64 costs anything happens once in 1e19 runs
    costs = (1 - scores[:64] + scores[64:] > 0).float() / 64
    names = ("embedding.weight", "hidden.weight", "output.weight")
    for name, gradient in zip(names, scorer.vjp(windows, cotangent=torch.cat([-costs, costs]), wrt=names), strict=True):
        student.expect_tensor(gradient, shape=scorer.get(name).shape, about=f"the gradient of {name}")
        student.expect(bool(torch.isfinite(gradient).all()), f"the gradient of {name} has an entry that is not finite")
        student.expect(bool((gradient != 0).any()), f"the gradient of {name} is all zero: it cannot learn")


def test_scorer_of_windows_that_are_not_contiguous(student, reference):
    """Windows that share their memory, or lie in it in another order, are scored like any others."""
    scorer, solution = _scorers(student, reference, 9, 3, 4, n=4)
    for windows in (torch.randint(9, (10,)).unfold(0, 4, 1), torch.randint(9, (4, 6)).T):
        got, (after,) = scorer.after(windows)
        student.expect_close(got, solution(windows), atol=SCORE)
        student.expect_equal(after, windows, about="windows after the call")


def test_scorer_is_the_same_in_training_and_evaluation(student, reference):
    """Nothing is random in it and nothing stays from one call to the next."""
    scorer, solution = _scorers(student, reference, 9, 3, 4)
    windows = torch.randint(9, (6, 5))
    want = solution(windows)
    for mode in (False, True, True):
        scorer.train(mode)
        student.expect_close(scorer(windows), want, atol=SCORE)
    student.expect_close(scorer(windows[2:4]), want[2:4], atol=SCORE)


# ranking_loss


def test_ranking_loss_of_one_pair(student, reference):
    """A pair that is not a margin apart costs what is missing."""
    valid = torch.randn(1)
    student.expect_close(
        student.ranking_loss(valid, valid - 0.3), reference.ranking_loss(valid, valid - 0.3), atol=LOSS
    )
    student.expect_close(
        student.ranking_loss(valid, valid + 0.6), reference.ranking_loss(valid, valid + 0.6), atol=LOSS
    )


def test_ranking_loss_of_pairs_that_are_far_apart(student):
    """A pair that is a margin apart, or more, costs nothing."""
    broken = torch.randn(4)
    student.expect_close(
        student.ranking_loss(broken + torch.tensor([1.1, 2.0, 9.0, 1.5]), broken), torch.tensor(0.0), 0.0
    )


def test_ranking_loss_of_many_pairs(student, reference):
    """The loss is the mean over all pairs, of which those that are far enough apart count as 0."""
    for batch in (2, 5, 40):
        valid, broken = 2 * torch.randn(2, batch)
        student.expect_close(student.ranking_loss(valid, broken), reference.ranking_loss(valid, broken), atol=LOSS)


def test_ranking_loss_with_another_margin(student, reference):
    """The margin may be any number."""
    valid, broken = 2 * torch.randn(2, 12)
    for margin in (0.25, 2.0, 5.0, 0.0):
        want = reference.ranking_loss(valid, broken, margin)
        student.expect_close(student.ranking_loss(valid, broken, margin), want, atol=LOSS)
        student.expect_close(student.ranking_loss(valid, broken, margin=margin), want, atol=LOSS)


def test_ranking_loss_gradient(student, reference):
    """Pairs that cost something pull their scores apart, all with the same force; the others feel nothing."""
    # differences in steps of 0.5 from -3 to 3, none within 0.1 of the margin, where the loss has a corner
    valid, gap = torch.randn(13), torch.arange(13)[torch.randperm(13)] / 2 - 3 + 0.2
    args = (valid, valid - gap)
    got = student.ranking_loss.vjp(*args, cotangent=torch.tensor(2.0), wrt=(0, 1))
    want = reference.ranking_loss.vjp(*args, cotangent=torch.tensor(2.0), wrt=(0, 1))
    for name, mine, theirs in zip(("valid", "broken"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_ranking_loss_of_large_scores(student):
    """Scores of 1000 and -1000 give a finite, right loss, and the scores are left alone."""
    valid, broken = torch.tensor([1000.0, -1000.0, 1000.0, -1000.0]), torch.tensor([-1000.0, 1000.0, 1000.0, -1000.0])
    got, after = student.ranking_loss.after(valid, broken)
    student.expect_close(got, torch.tensor(2003.0 / 4), atol=1e-3)
    for name, now, before in zip(("valid", "broken"), after, (valid, broken), strict=True):
        student.expect_equal(now, before, about=f"{name} after the call")


# skipgram_pairs


def test_skipgram_pairs_of_neighbours(student, reference):
    """With window 1 each word is paired with the one before it and the one after it, as far as there are any."""
    ids = torch.randperm(20)[:6]
    student.expect_equal(student.skipgram_pairs(ids, 1), reference.skipgram_pairs(ids, 1))


def test_skipgram_pairs_of_a_wider_window(student, reference):
    """All positions up to `window` away on either side count, by centre position, then context position."""
    for length, window in ((7, 2), (12, 3), (15, 5)):
        ids = torch.randperm(50)[:length]
        student.expect_equal(student.skipgram_pairs(ids, window), reference.skipgram_pairs(ids, window))


def test_skipgram_pairs_of_words_that_repeat(student, reference):
    """Positions count, not words: the same word nearby is context too, and a pair may stand there twice."""
    for ids in (torch.randint(3, (11,)), torch.full((6,), 4), torch.tensor([5, 5])):
        for window in (1, 2, 4):
            student.expect_equal(student.skipgram_pairs(ids, window=window), reference.skipgram_pairs(ids, window))


def test_skipgram_pairs_with_a_window_wider_than_the_text(student, reference):
    """A window may reach over both ends of the text: then every word is paired with all others."""
    for length, window in ((4, 3), (4, 4), (4, 9), (2, 1), (2, 5), (3, 50)):
        ids = torch.randperm(50)[:length]
        student.expect_equal(student.skipgram_pairs(ids, window), reference.skipgram_pairs(ids, window))


def test_skipgram_pairs_of_fewer_than_two_words(student):
    """One word, or none, has no pairs: no rows, two columns."""
    for length, window in ((1, 2), (0, 2), (1, 1), (0, 1)):
        got = student.skipgram_pairs(torch.randint(50, (length,)), window)
        student.expect_tensor(got, shape=(0, 2), dtype=torch.int64)


def test_skipgram_pairs_of_ids_that_are_not_contiguous(student, reference):
    """Ids taken from a column of something larger give the same pairs, and are left alone."""
    ids = torch.randint(50, (8,))
    got, (after, _) = student.skipgram_pairs.after(_every_other(ids), 2)
    student.expect_equal(got, reference.skipgram_pairs(ids, 2))
    student.expect_equal(after, ids, about="ids after the call")


# negative_sampling_loss


def _vectors_of_pairs(batch, size, negatives):
    return torch.randn(batch, size), torch.randn(batch, size), torch.randn(batch, negatives, size)


def test_negative_sampling_loss_of_one_pair(student, reference):
    """One pair and one negative: both terms, with the sign of the second product turned round."""
    args = _vectors_of_pairs(1, 3, 1)
    student.expect_close(student.negative_sampling_loss(*args), reference.negative_sampling_loss(*args), atol=LOSS)


def test_negative_sampling_loss_of_several_negatives(student, reference):
    """The terms of the negatives of a pair are added."""
    for size, negatives in ((4, 5), (3, 2), (1, 7)):
        args = _vectors_of_pairs(1, size, negatives)
        student.expect_close(student.negative_sampling_loss(*args), reference.negative_sampling_loss(*args), atol=LOSS)


def test_negative_sampling_loss_of_a_batch(student, reference):
    """Every pair has its own negatives, and the loss is the mean over the pairs."""
    for batch, size, negatives in ((6, 4, 3), (4, 4, 4), (2, 5, 1), (3, 1, 3)):
        args = _vectors_of_pairs(batch, size, negatives)
        student.expect_close(student.negative_sampling_loss(*args), reference.negative_sampling_loss(*args), atol=LOSS)


def test_negative_sampling_loss_gradient(student, reference):
    """Gradients flow to the centre, the context and the negatives."""
    args = _vectors_of_pairs(4, 3, 5)
    _expect_gradients_of_negative_sampling(student, reference, args, GRADIENT)


def _expect_gradients_of_negative_sampling(student, reference, args, atol):
    got = student.negative_sampling_loss.vjp(*args, cotangent=torch.tensor(1.0), wrt=(0, 1, 2))
    want = reference.negative_sampling_loss.vjp(*args, cotangent=torch.tensor(1.0), wrt=(0, 1, 2))
    for name, mine, theirs in zip(("center", "context", "negatives"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=atol, about=f"the gradient of {name}")


def _large_products():
    """Vectors with products of 1000 and -1000, in all combinations."""
    center = torch.tensor([[20.0, 10.0], [20.0, 10.0], [-20.0, -10.0], [1.0, 0.0]])
    context = torch.tensor([[40.0, 20.0], [-40.0, -20.0], [40.0, 20.0], [1.0, 0.0]])
    negatives = torch.tensor([[40.0, 20.0], [-40.0, -20.0]]).expand(4, 2, 2).clone()
    negatives[3] = 0.5
    return center, context, negatives


def test_negative_sampling_loss_of_large_products(student, reference):
    """Products of 1000 and -1000 give a finite, right loss."""
    center, context, negatives = _large_products()
    for rows in (slice(None), slice(0, 1), slice(1, 2)):
        args = center[rows], context[rows], negatives[rows]
        # losses up to 2000, and float32 has seven digits
        student.expect_close(student.negative_sampling_loss(*args), reference.negative_sampling_loss(*args), atol=2e-3)


def test_negative_sampling_loss_gradient_of_large_products(student, reference):
    """Products of 1000 and -1000 give finite, right gradients."""
    _expect_gradients_of_negative_sampling(student, reference, _large_products(), 1e-4)  # entries up to 40


def test_negative_sampling_loss_leaves_its_arguments_alone(student, reference):
    """The vectors, contiguous or not, are afterwards what they were."""
    center, context, negatives = (
        torch.randn(4, 3).T,
        torch.randn(1, 4).expand(3, 4),
        torch.randn(4, 3, 5).permute(1, 2, 0),
    )
    got, after = student.negative_sampling_loss.after(center, context, negatives)
    student.expect_close(got, reference.negative_sampling_loss(center, context, negatives), atol=LOSS)
    for name, now, before in zip(("center", "context", "negatives"), after, (center, context, negatives), strict=True):
        student.expect_equal(now, before, about=f"{name} after the call")


# cosine_similarity


def _arrows(*shape):
    """Vectors in all directions, neither short nor long."""
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1) * (0.5 + 1.5 * torch.rand(*shape[:-1], 1))


def test_cosine_similarity_of_one_row(student, reference):
    """The product of two vectors, divided by the lengths of both."""
    vector, matrix = _arrows(4), _arrows(1, 4)
    student.expect_close(student.cosine_similarity(vector, matrix), reference.cosine_similarity(vector, matrix), COSINE)


def test_cosine_similarity_of_many_rows(student, reference):
    """Every row of the matrix is compared with the vector, each with its own length."""
    for rows, size in ((7, 3), (5, 5), (2, 6), (6, 1)):
        vector, matrix = _arrows(size), _arrows(rows, size)
        want = reference.cosine_similarity(vector, matrix)
        student.expect_close(student.cosine_similarity(vector, matrix), want, COSINE)


def test_cosine_similarity_does_not_depend_on_length(student, reference):
    """Long and short vectors give the same: only the direction counts, and the opposite one gives -1."""
    vector, matrix = _arrows(6), _arrows(5, 6)
    want = reference.cosine_similarity(vector, matrix)
    for factor in (0.01, 1000.0):
        # an epsilon of 1e-8 in the divisor, which is allowed, shifts a cosine of vectors this short by 1e-6
        student.expect_close(student.cosine_similarity(factor * vector, matrix), want, atol=2e-5)
        student.expect_close(student.cosine_similarity(vector, factor * matrix), want, atol=2e-5)
    both_short = student.cosine_similarity(0.01 * vector, 0.01 * matrix)  # the same epsilon shifts it by 1e-4
    student.expect_close(both_short, want, atol=1e-3)
    lengths = torch.tensor([3.0, -0.5, 1.0, -20.0])
    student.expect_close(student.cosine_similarity(vector, lengths[:, None] * vector), lengths.sign(), COSINE)


def test_cosine_similarity_gradient(student, reference):
    """Gradients flow to the vector and to the matrix."""
    vector, matrix, cotangent = _arrows(4), _arrows(5, 4), torch.randn(5)
    got = student.cosine_similarity.vjp(vector, matrix, cotangent=cotangent, wrt=(0, 1))
    want = reference.cosine_similarity.vjp(vector, matrix, cotangent=cotangent, wrt=(0, 1))
    for name, mine, theirs in zip(("vector", "matrix"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=3 * GRADIENT, about=f"the gradient of {name}")


def test_cosine_similarity_of_zero_vectors(student, reference):
    """A row of zeros gets 0 and the other rows what they always get; a vector of zeros gets 0 with every row."""
    vector, matrix = _arrows(4), _arrows(5, 4)
    matrix[[1, 4]] = 0.0
    got = student.expect_tensor(student.cosine_similarity(vector, matrix), shape=(5,))
    student.expect_equal(got[[1, 4]], torch.zeros(2), about="what rows of zeros get")
    student.expect_close(got, reference.cosine_similarity(vector, matrix), COSINE)
    student.expect_equal(student.cosine_similarity(torch.zeros(4), matrix), torch.zeros(5))


def test_cosine_similarity_leaves_its_arguments_alone(student, reference):
    """Vector and matrix, contiguous or not, are afterwards what they were."""
    for vector, matrix in ((_arrows(3), _arrows(4, 3)), (_every_other(_arrows(3)), _arrows(3, 4).T)):
        got, after = student.cosine_similarity.after(vector, matrix)
        student.expect_close(got, reference.cosine_similarity(vector, matrix), COSINE)
        student.expect_equal(after[0], vector, about="vector after the call")
        student.expect_equal(after[1], matrix, about="matrix after the call")


# most_similar and analogy


def _map(rows, unknown):
    """(vocab, vectors) of words and their vectors, with ids in a random order; `unknown` is the vector of `<unk>`."""
    words = _shuffled(rows)
    return _vocab(words), torch.stack([unknown, *(rows[word] for word in words)])


def _around(cosines, unknown=0.0):
    """(vocab, vectors) in which the second of WORDS and those after it lie at these cosines from the first.

    Their lengths are random, from a tenth to ten, so that neither products nor distances follow the cosines.
    """
    basis = torch.linalg.qr(torch.randn(16, 16)).Q
    rows = [basis[0]]
    for cosine in (*cosines, unknown):
        side = torch.nn.functional.normalize(torch.randn(15), dim=0) @ basis[1:]
        rows.append(cosine * basis[0] + math.sqrt(1 - cosine**2) * side)
    lengths = 10 ** (2 * torch.rand(len(rows), 1) - 1)
    *rows, last = lengths * torch.stack(rows)
    return _map(dict(zip(WORDS, rows, strict=False)), last)


def test_most_similar_finds_the_nearest(student):
    """With k = 1 the one word comes that lies nearest by direction."""
    vocab, vectors = _around(random.sample([0.9, 0.6, 0.3, 0.0, -0.5], 5))
    best = max(
        WORDS[1:6], key=lambda word: float(torch.cosine_similarity(vectors[vocab["ale"]], vectors[vocab[word]], 0))
    )
    student.expect_equal(student.most_similar("ale", vocab, vectors, 1), [best])


def test_most_similar_in_order(student):
    """The nearest word comes first, and the list has k words."""
    for k in (2, 3, 4):
        vocab, vectors = _around([0.8, 0.6, 0.4, 0.2, 0.0, -0.3])
        student.expect_equal(student.most_similar("ale", vocab, vectors, k), WORDS[1 : k + 1])
        student.expect_equal(student.most_similar("ale", vocab, vectors, k=k), WORDS[1 : k + 1])


def test_most_similar_of_many_words(student):
    """Without k it is five words, those of negative cosine after the others, and never `<unk>`."""
    vocab, vectors = _around([0.95, 0.7, 0.2, -0.1, -0.4, -0.6, -0.9], unknown=0.99)
    student.expect_equal(student.most_similar("ale", vocab, vectors), WORDS[1:6])
    vocab, vectors = _around([0.99 - 0.1 * place for place in range(12)], unknown=0.5)
    student.expect_equal(student.most_similar("ale", vocab, vectors), WORDS[1:6])
    student.expect_equal(student.most_similar("ale", vocab, vectors, 9), WORDS[1:10])


def test_most_similar_leaves_out_the_word_itself(student):
    """The word is not in its own list, also where others point exactly the same way, or it is all zeros."""
    vocab, vectors = _around([0.5, 0.2, -0.3, 0.4], unknown=0.1)
    same = [vocab[word] for word in WORDS[:3]]
    vectors[same] = vectors[vocab["ale"]].clone()
    for word in WORDS[:3]:
        got = student.most_similar(word, vocab, vectors, 2)
        _expect_words(student, got, set(WORDS[:3]) - {word})
    vectors[same] = 0.0
    vectors[vocab["dagger"]] = -vectors[vocab["elm"]]
    _expect_words(student, student.most_similar("bread", vocab, vectors, 9), {"ale", "crown", "dagger", "elm"})
    _expect_words(student, student.most_similar("elm", vocab, vectors, 9), {"ale", "bread", "crown", "dagger"})


def _expect_words(student, got, words):
    """These words, in any order, each once."""
    student.expect(isinstance(got, (list, tuple)), "the result is no list")
    student.expect(all(isinstance(word, str) for word in got), "the list should hold words")
    student.expect(len(got) == len(words), f"{len(got)} words; expected {len(words)}")
    student.expect(set(got) == words, "not the right words")


def test_most_similar_when_there_are_not_k(student):
    """With fewer than k other words, all of them come, in order, and nothing else."""
    vocab, vectors = _around([0.7, 0.1, -0.4], unknown=0.9)
    for k in (3, 4, 5, 6, 50):
        student.expect_equal(student.most_similar("ale", vocab, vectors, k), WORDS[1:4])
    student.expect_equal(student.most_similar("ale", *_around([], unknown=0.3)), [])


def test_most_similar_uses_the_ids_of_the_vocabulary(student):
    """The vector of a word is the row of its id, in whatever order the vocabulary lists its words."""
    vocab, vectors = _around([0.9, 0.6, 0.3, 0.0, -0.3, -0.6], unknown=0.8)
    student.expect_equal(student.most_similar("ale", dict(reversed(vocab.items())), vectors, 4), WORDS[1:5])


def test_most_similar_of_an_unknown_word(student):
    """A word that is not in the vocabulary is a KeyError."""
    with student.expect_raises(KeyError):
        student.most_similar("wine", *_around([0.9, 0.6, 0.3]))


def test_most_similar_leaves_its_arguments_alone(student):
    """Vocabulary and vectors are afterwards what they were."""
    vocab, vectors = _around([0.9, 0.6, 0.3, 0.0])
    got, after = student.most_similar.after("ale", vocab, vectors, 3)
    student.expect_equal(got, WORDS[1:4])
    student.expect_equal(after[1], vocab, about="vocab after the call")
    student.expect_equal(after[2], vectors, about="vectors after the call")


def _points(text):
    """Words and their coordinates, of which those that are not said are 0: "man 1, woman 1 2"."""
    return {word: [float(each) for each in place] for word, *place in (entry.split() for entry in text.split(","))}


def _analogy(rows, unknown=(0, 0, 0, 0, 0, 1)):
    """(vocab, vectors) of words at these places, in a random basis of a space that is larger."""
    basis = torch.linalg.qr(torch.randn(12, 12)).Q
    place = {word: torch.tensor(numbers) @ basis[: len(numbers)] for word, numbers in rows.items()}
    return _map(place, torch.tensor(unknown, dtype=torch.float32) @ basis[:6])


# woman - man + king is 1 2 3; beside it stands what other signs would give
PARALLELOGRAM = _points(
    "man 1, woman 1 2, king 1 0 3, queen 1 2 3, reversed 1 -2 3, difference 0 2, negated -1 -2 -3, no-a 2 2 3,"
    "sum 3 2 3, a+b-c 1 2 -3, c-b 0 -2 3, hall 0 0 1 2, ink 0 1 0 0 2 1"
)


def test_analogy_completes_a_parallelogram(student):
    """man is to woman as king is to the word at woman - man + king."""
    student.expect_equal(student.analogy("man", "woman", "king", *_analogy(PARALLELOGRAM)), "queen")


def test_analogy_in_any_direction(student):
    """The same four words answer each other's questions."""
    for question in ("woman man queen king", "man king woman queen", "king queen man woman"):
        a, b, c, d = question.split()
        student.expect_equal(student.analogy(a, b, c, *_analogy(PARALLELOGRAM)), d)


def test_analogy_of_the_raw_vectors(student):
    """The vectors are added and taken away as they are, long or short, and not normalised before."""
    rows = "a 4, b 0 1, c 0 0 2, raw -2 0.5 1 0.1, normalised -1 1 1, half -4 0.5 2 0 2, only-c -1 0.25 2, hall 1 1 1 1"
    student.expect_equal(student.analogy("a", "b", "c", *_analogy(_points(rows))), "raw")


def test_analogy_by_cosine(student):
    """The direction decides: not the distance from b - a + c, and not the product with it."""
    rows = _points("a 1, b 1 1, c 0 0 1, direction 0 4 4 0 0.2, close 0 0.9 0.9 0.5, long 0 30 30 40")
    for factor in (1, -1):
        signed = {word: [factor * each for each in place] for word, place in rows.items()}
        student.expect_equal(student.analogy("a", "b", "c", *_analogy(signed)), "direction")


def test_analogy_never_answers_with_the_question(student):
    """a, b, c and `<unk>` are never the answer, however near they are and however far the others."""
    rows = _points("a 1, b 3 0.1, c 1 0 0.1, found 4 0 0 3, hall 1 0 0 3, ink -5")
    for a, b, c in ("abc", "cba"):
        vocab, vectors = _analogy(rows, unknown=(3, 0.1, 0.1, 0, 0, 0))
        student.expect_equal(student.analogy(a, b, c, vocab, vectors), "found")
    rows = _points("a 1, b 2 1, c 1 1, far -1 -1 0 0.1, found -1 -1 0 1")  # all that is left points away
    student.expect_equal(student.analogy("a", "b", "c", *_analogy(rows)), "found")


@pytest.mark.parametrize("question", ["wine woman king", "man wine king", "man woman wine"])
def test_analogy_of_an_unknown_word(student, question):
    """Whichever of the three words is not in the vocabulary, it is a KeyError."""
    with student.expect_raises(KeyError):
        student.analogy(*question.split(), *_analogy(PARALLELOGRAM))


def test_analogy_leaves_its_arguments_alone(student):
    """Any order of the vocabulary serves; vocabulary and vectors are afterwards what they were."""
    vocab, vectors = _analogy(PARALLELOGRAM)
    vocab = dict(reversed(vocab.items()))
    got, after = student.analogy.after("man", "woman", "king", vocab, vectors)
    student.expect_equal(got, "queen")
    student.expect_equal(after[3], vocab, about="vocab after the call")
    student.expect_equal(after[4], vectors, about="vectors after the call")
