"""Vectors from a scorer that tells runs of words from broken ones."""

import math
import random

import torch

from .shared import GRADIENT, LOSS, SCORE


def _bound(draws, cells=1):
    """How far a frequency may be from its probability, by chance once in 1e9 (Hoeffding, over so many cells)."""
    return math.sqrt(math.log(2e9 * cells) / (2 * draws))


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
    for batch, n in ((1, 5), (6, 3), (4, 4), (3, 2), (5, 7), (7, 1), (1, 1)):
        windows = torch.randint(11, (batch, n))
        _expect_broken(student, student.corrupt(windows, 11, generator), windows, 11)


def test_corrupt_draws_every_other_id_alike(student):
    """Whatever the window, each of the vocab_size - 1 other ids takes the place of its centre equally often."""
    generator = student.prop("generator", random.getrandbits(60))
    constant, draws = torch.full((1500, 3), 3), 1500
    mixed = torch.tensor([[0, old, 4] for old in (0, 1, 2, 2, 2, 3, 4)]).repeat(draws, 1)  # whatever is frequent there
    for windows in (constant, mixed):
        there = _expect_broken(student, student.corrupt(windows, 5, generator), windows, 5)
        steps = (there - windows[:, 1]) % 5
        for apart in (1, 4):  # as far as four ids, each drawn once, would be; chance makes either once in 1e180 runs
            same = steps[apart:] == steps[:-apart]
            student.expect(bool(same.any() and not same.all()), "the draws depend on each other")
        for old in windows[:, 1].unique().tolist():
            drawn = there[windows[:, 1] == old]
            shares = torch.bincount(drawn, minlength=5) / len(drawn)
            off = (shares - 0.25).abs().where(torch.arange(5) != old, 0.0)
            # 0.09 for 1500 draws and 24 pairs of ids in all: a false alarm once in 1e9 runs
            student.expect(bool(off.max() < _bound(draws, cells=24)), "not every other id is drawn equally often")
    windows = torch.randint(1000, (draws, 3))
    there = _expect_broken(student, student.corrupt(windows, 1000, generator), windows, 1000)
    for found in (there, (there - windows[:, 1] - 1) % 1000):  # the new ids, and how far they are from the old ones
        shares = torch.bincount(found // 250, minlength=4) / draws
        # quarters of 249 or 250 of 999 ids; a false alarm once in 1e9 runs
        off = bool((shares - 0.25).abs().max() < _bound(draws, cells=8) + 0.001)
        student.expect(off, "of many ids, not all are drawn equally often")


def test_corrupt_draws_only_from_the_generator(student):
    """The same generator seed gives the same result, whatever torch's global seed is."""
    windows = torch.randint(20000, (30, 5))
    first = student.corrupt.seeded(1)(windows, 20000, student.prop("generator", 5))
    second = student.corrupt.seeded(2)(windows, 20000, student.prop("generator", 5))
    first = student.expect_tensor(first, shape=(30, 5), dtype=torch.int64)
    student.expect_equal(second, first)
    alone = [student.corrupt.seeded(seed)(windows[:1], 20000, student.prop("generator", 5)) for seed in (1, 2)]
    student.expect_equal(
        alone[1],
        student.expect_tensor(alone[0], shape=(1, 5), dtype=torch.int64),
        about="what comes of a single window",
    )
    for found in (first[:, 2], (first[:, 2] - windows[:, 2]) % 20000):  # 26 or fewer of 30: by chance once in 1e8 runs
        student.expect(len(found.unique()) > 26, "not every window has a draw of its own")


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


SCORER = ("embedding.weight", "hidden.weight", "hidden.bias", "output.weight", "output.bias")


def _scorer(student, vocab_size, embedding_dim, hidden_dim, n=5):
    """(the student's scorer with random weights and biases, those by name)."""
    made = student.NgramScorer(vocab_size, embedding_dim, hidden_dim, **({} if n == 5 else {"n": n}))
    scorer = student.expect_handle(made, "NgramScorer")
    wide, high = n * embedding_dim, hidden_dim
    shapes = ((vocab_size, embedding_dim), (high, wide), (high,), (1, high), (1,))
    weights = {name: torch.randn(shape) for name, shape in zip(SCORER, shapes, strict=True)}
    weights["hidden.weight"] /= math.sqrt(wide)
    weights["output.weight"] /= math.sqrt(high)
    scorer.fill(weights)
    return scorer, weights


def _scores(weights, windows):
    """The equation of the docstring."""
    vectors, hidden, hidden_bias, output, output_bias = (weights[name] for name in SCORER)
    return (torch.tanh(vectors[windows].flatten(1) @ hidden.T + hidden_bias) @ output.T + output_bias)[:, 0]


def test_scorer_has_three_layers(student):
    """`embedding` is (V, E), `hidden` leads from n * E to hidden_dim, `output` from there to 1; n is 5 if not said."""
    scorer = student.expect_handle(student.NgramScorer(7, 4, 6), about="NgramScorer(7, 4, 6)")
    for name, shape in zip(SCORER, ((7, 4), (6, 20), (6,), (1, 6), (1,)), strict=True):
        student.expect_tensor(scorer.get(name), shape=shape, about=name)
    scorer = student.expect_handle(student.NgramScorer(7, 4, 6, n=3), about="NgramScorer(7, 4, 6, n=3)")
    student.expect_tensor(scorer.get("hidden.weight"), shape=(6, 12), about="hidden.weight for n=3")


def test_scorer_of_one_window(student):
    """The score of a single window: embeddings side by side, hidden layer, tanh, output; one number, shape (1,)."""
    scorer, weights = _scorer(student, 8, 3, 4)
    windows = torch.randint(8, (1, 5))
    student.expect_close(scorer(windows), _scores(weights, windows), atol=SCORE)


def test_scorer_of_a_batch(student):
    """Each window of a batch has its own score, for any sizes."""
    for batch, vocab_size, size, hidden, n in ((6, 9, 3, 5, 4), (3, 6, 2, 1, 7), (5, 4, 1, 3, 1), (50, 9, 3, 5, 5)):
        scorer, weights = _scorer(student, vocab_size, size, hidden, n)
        windows = torch.randint(vocab_size, (batch, n))
        student.expect_close(scorer(windows), _scores(weights, windows), atol=SCORE)


def test_scorer_gradients(student):
    """Gradients flow to all layers, and to the embedding of every word that occurs, `<unk>` included."""
    scorer, weights = _scorer(student, 6, 3, 5, 4)
    windows = torch.stack([torch.randperm(6)[:4] for _ in range(5)] + [torch.zeros(4).long()])
    cotangent = torch.randn(6)
    got = scorer.vjp(windows, cotangent=cotangent, wrt=SCORER)
    leaves = [weight.requires_grad_() for weight in weights.values()]
    want = torch.autograd.grad(_scores(weights, windows), leaves, cotangent)
    for name, mine, theirs in zip(SCORER, got, want, strict=True):
        student.expect_close(mine, theirs, atol=3 * GRADIENT, about=f"the gradient of {name}")


def test_scorer_can_learn_when_fresh(student):
    """All five parameters are given out to be trained, and the ranking loss has a gradient for every matrix."""
    scorer = student.expect_handle(student.NgramScorer(12, 6, 8, n=3), about="NgramScorer(12, 6, 8, n=3)")
    shapes = dict(zip(SCORER, ((12, 6), (8, 18), (8,), (1, 8), (1,)), strict=True))
    # whatever their names: a layer may have two
    trained = {tuple(each.shape) for each in scorer.parameters().values() if each.requires_grad}
    for name, shape in shapes.items():
        student.expect(shape in trained, f"parameters() gives out no {name}: it would not be trained")
    valid, broken = torch.randint(12, (2, 64, 3))
    windows = torch.cat([valid, broken])
    scores = student.expect_tensor(scorer(windows), shape=(128,))
    # a pair costs nothing at least half the time only: that none of 64 costs anything happens once in 1e19 runs
    costs = (1 - scores[:64] + scores[64:] > 0).float() / 64
    names = ("embedding.weight", "hidden.weight", "output.weight")
    for name, gradient in zip(names, scorer.vjp(windows, cotangent=torch.cat([-costs, costs]), wrt=names), strict=True):
        student.expect_tensor(gradient, shape=shapes[name], about=f"the gradient of {name}")
        student.expect(bool(torch.isfinite(gradient).all()), f"the gradient of {name} has an entry that is not finite")
        student.expect(bool((gradient != 0).any()), f"the gradient of {name} is all zero: it cannot learn")


def test_scorer_of_windows_that_are_not_contiguous(student):
    """Windows that share their memory, or lie in it in another order, are scored like any others."""
    scorer, weights = _scorer(student, 9, 3, 4, 4)
    for windows in (torch.randint(9, (10,)).unfold(0, 4, 1), torch.randint(9, (4, 6)).T):
        got, (after,) = scorer.after(windows)
        student.expect_close(got, _scores(weights, windows), atol=SCORE)
        student.expect_equal(after, windows, about="windows after the call")


def test_scorer_is_the_same_in_training_and_evaluation(student):
    """Nothing is random in it and nothing stays from one call to the next."""
    scorer, weights = _scorer(student, 9, 3, 30)
    windows = torch.randint(9, (6, 5))
    want = _scores(weights, windows)
    student.expect_close(scorer(windows), want, atol=SCORE)
    student.expect_close(scorer(windows[2:4]), want[2:4], atol=SCORE)
    scorer.train(False)
    student.expect_close(scorer(windows), want, atol=SCORE)


# ranking_loss


def _loss(valid, broken, margin=1.0):
    """The equation of the docstring."""
    return (margin - valid + broken).clamp(min=0).mean()


def test_ranking_loss_of_one_pair(student):
    """A pair that is not a margin apart costs what is missing."""
    valid = torch.randn(1)
    for broken in (valid - 0.3, valid + 0.6):
        student.expect_close(student.ranking_loss(valid, broken), _loss(valid, broken), atol=LOSS)


def test_ranking_loss_of_pairs_that_are_far_apart(student):
    """A pair that is a margin apart, or more, costs nothing."""
    broken = torch.randn(4)
    student.expect_close(
        student.ranking_loss(broken + torch.tensor([1.1, 2.0, 9.0, 1.5]), broken), torch.tensor(0.0), 0.0
    )


def test_ranking_loss_of_many_pairs(student):
    """The loss is the mean over all pairs, of which those that are far enough apart count as 0."""
    for batch in (2, 40):
        valid, broken = 2 * torch.randn(2, batch)
        student.expect_close(student.ranking_loss(valid, broken), _loss(valid, broken), atol=LOSS)


def test_ranking_loss_with_another_margin(student):
    """The margin may be any number."""
    valid, broken = 2 * torch.randn(2, 12)
    for margin in (0.25, 5.0):
        student.expect_close(student.ranking_loss(valid, broken, margin), _loss(valid, broken, margin), atol=LOSS)
    student.expect_close(student.ranking_loss(valid, broken, margin=0.0), _loss(valid, broken, 0.0), atol=LOSS)


def test_ranking_loss_gradient(student):
    """Pairs that cost something pull their scores apart, all with the same force; the others feel nothing."""
    # differences in steps of 0.5 from -3 to 3, none within 0.1 of the margin, where the loss has a corner
    valid, gap = torch.randn(13), torch.arange(13)[torch.randperm(13)] / 2 - 3 + 0.2
    args = (valid, valid - gap)
    got = student.ranking_loss.vjp(*args, cotangent=torch.tensor(2.0), wrt=(0, 1))
    leaves = [each.requires_grad_() for each in args]
    want = torch.autograd.grad(2 * _loss(*leaves), leaves)
    for name, mine, theirs in zip(("valid", "broken"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_ranking_loss_of_large_scores(student):
    """Scores of 1000 and -1000 give a finite, right loss, and the scores are left alone."""
    valid, broken = torch.tensor([1000.0, -1000.0, 1000.0, -1000.0]), torch.tensor([-1000.0, 1000.0, 1000.0, -1000.0])
    got, after = student.ranking_loss.after(valid, broken)
    student.expect_close(got, torch.tensor(2003.0 / 4), atol=1e-3)
    for name, now, before in zip(("valid", "broken"), after, (valid, broken), strict=True):
        student.expect_equal(now, before, about=f"{name} after the call")
