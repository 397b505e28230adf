"""Vectors by skip-gram with negative sampling."""

import torch
from torch.nn.functional import logsigmoid

from .shared import GRADIENT, LOSS, _every_other

# skipgram_pairs


def _pairs(ids, window):
    """Centre and context of every two positions that are not further apart, in the order of positions."""
    places = torch.arange(len(ids))
    away = (places - places[:, None]).abs()
    return ids[((away > 0) & (away <= window)).nonzero()]


def test_skipgram_pairs_of_neighbours(student):
    """With window 1 each word is paired with the one before it and the one after it, as far as there are any."""
    ids = torch.randperm(20)[:6]
    student.expect_equal(student.skipgram_pairs(ids, 1), _pairs(ids, 1))


def test_skipgram_pairs_of_a_wider_window(student):
    """All positions up to `window` away on either side count, by centre position, then context position."""
    for length, window in ((7, 2), (12, 5), (40, 15)):
        ids = torch.randperm(50)[:length]
        student.expect_equal(student.skipgram_pairs(ids, window), _pairs(ids, window))


def test_skipgram_pairs_of_words_that_repeat(student):
    """Positions count, not words: the same word nearby is context too, and a pair may stand there twice."""
    mixed, same = torch.randint(3, (11,)), torch.full((6,), 4)
    mixed[5] = 0  # `<unk>` is a word like any other
    for ids, window in ((mixed, 1), (mixed, 4), (same, 2), (same[:2], 1)):
        student.expect_equal(student.skipgram_pairs(ids, window=window), _pairs(ids, window))


def test_skipgram_pairs_with_a_window_wider_than_the_text(student):
    """A window may reach over both ends of the text: then every word is paired with all others."""
    for length, window in ((4, 3), (4, 4), (2, 1), (3, 50)):
        ids = torch.randperm(50)[:length]
        student.expect_equal(student.skipgram_pairs(ids, window), _pairs(ids, window))


def test_skipgram_pairs_of_fewer_than_two_words(student):
    """One word, or none, has no pairs: no rows, two columns."""
    for length, window in ((1, 2), (0, 2), (1, 1)):
        got = student.skipgram_pairs(torch.randint(50, (length,)), window)
        student.expect_tensor(got, shape=(0, 2), dtype=torch.int64)


def test_skipgram_pairs_of_ids_that_are_not_contiguous(student):
    """Ids taken from a column of something larger give the same pairs, and are left alone."""
    ids = torch.randint(50, (8,))
    got, (after, _) = student.skipgram_pairs.after(_every_other(ids), 2)
    student.expect_equal(got, _pairs(ids, 2))
    student.expect_equal(after, ids, about="ids after the call")


# negative_sampling_loss


def _vectors_of_pairs(batch, size, negatives):
    return torch.randn(batch, size), torch.randn(batch, size), torch.randn(batch, negatives, size)


def _loss(center, context, negatives):
    """Equation 4 of Mikolov et al."""
    true, false = (center * context).sum(dim=1), torch.einsum("be,bke->bk", center, negatives)
    return -(logsigmoid(true) + logsigmoid(-false).sum(dim=1)).mean()


def test_negative_sampling_loss_of_one_pair(student):
    """One pair and one negative: both terms, with the sign of the second product turned round."""
    args = _vectors_of_pairs(1, 3, 1)
    student.expect_close(student.negative_sampling_loss(*args), _loss(*args), atol=LOSS)


def test_negative_sampling_loss_of_several_negatives(student):
    """The terms of the negatives of a pair are added."""
    for size, negatives in ((4, 5), (1, 7)):
        args = _vectors_of_pairs(1, size, negatives)
        student.expect_close(student.negative_sampling_loss(*args), _loss(*args), atol=LOSS)


def test_negative_sampling_loss_of_a_batch(student):
    """Every pair has its own negatives, and the loss is the mean over the pairs."""
    for batch, size, negatives in ((6, 4, 3), (4, 4, 4), (2, 5, 1), (3, 1, 3), (2, 3, 25)):
        args = _vectors_of_pairs(batch, size, negatives)
        student.expect_close(student.negative_sampling_loss(*args), _loss(*args), atol=LOSS)


def test_negative_sampling_loss_gradient(student):
    """Gradients flow to the centre, the context and the negatives."""
    _expect_gradients_of_negative_sampling(student, _vectors_of_pairs(4, 3, 5), GRADIENT)


def _expect_gradients_of_negative_sampling(student, args, atol):
    got = student.negative_sampling_loss.vjp(*args, cotangent=torch.tensor(1.0), wrt=(0, 1, 2))
    leaves = [each.clone().requires_grad_() for each in args]
    want = torch.autograd.grad(_loss(*leaves), leaves)
    for name, mine, theirs in zip(("center", "context", "negatives"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=atol, about=f"the gradient of {name}")


def _large_products():
    """Vectors with products of 1000 and -1000, in all combinations."""
    center = torch.tensor([[20.0, 10.0], [20.0, 10.0], [-20.0, -10.0], [1.0, 0.0]])
    context = torch.tensor([[40.0, 20.0], [-40.0, -20.0], [40.0, 20.0], [1.0, 0.0]])
    negatives = torch.tensor([[40.0, 20.0], [-40.0, -20.0]]).expand(4, 2, 2).clone()
    negatives[3] = 0.5
    return center, context, negatives


def test_negative_sampling_loss_of_large_products(student):
    """Products of 1000 and -1000 give a finite, right loss."""
    center, context, negatives = _large_products()
    for rows in (slice(None), slice(0, 1), slice(1, 2)):
        args = center[rows], context[rows], negatives[rows]
        # losses up to 2000, and float32 has seven digits
        student.expect_close(student.negative_sampling_loss(*args), _loss(*args), atol=2e-3)


def test_negative_sampling_loss_gradient_of_large_products(student):
    """Products of 1000 and -1000 give finite, right gradients."""
    _expect_gradients_of_negative_sampling(student, _large_products(), 1e-4)  # entries up to 40


def test_negative_sampling_loss_leaves_its_arguments_alone(student):
    """The vectors, contiguous or not, are afterwards what they were."""
    center, context, negatives = (
        torch.randn(4, 3).T,
        torch.randn(1, 4).expand(3, 4),
        torch.randn(4, 3, 5).permute(1, 2, 0),
    )
    got, after = student.negative_sampling_loss.after(center, context, negatives)
    student.expect_close(got, _loss(center, context, negatives), atol=LOSS)
    for name, now, before in zip(("center", "context", "negatives"), after, (center, context, negatives), strict=True):
        student.expect_equal(now, before, about=f"{name} after the call")
