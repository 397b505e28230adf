"""What may be drawn: the top k, the top p."""

import math

import torch

from ..shared import _strided


def _top_k(logits, k):
    return torch.where(logits >= logits.sort(dim=-1, descending=True).values[..., k - 1, None], logits, -math.inf)


def _top_p(logits, p):
    """For p < 1: a token stays if those before it, from the likeliest down, do not yet reach p."""
    chances, order = logits.double().softmax(dim=-1).sort(dim=-1, descending=True)
    kept = torch.zeros(logits.shape, dtype=torch.bool).scatter(-1, order, chances.cumsum(dim=-1) - chances < p)
    return torch.where(kept, logits, -math.inf)


# top_k_filter


def test_top_k_of_one_row(student):
    """The k highest logits stay as they are, the rest become -inf."""
    logits = torch.randn(1, 7)
    for k in (3, 1, 6):
        student.expect_equal(student.top_k_filter(logits, k), _top_k(logits, k))


def test_top_k_of_every_row(student):
    """Every row has its own k highest, whatever the number of dimensions and the sign of the logits."""
    for shape, shift in (((4, 6), 0.0), ((6,), 5.0), ((2, 3, 5), -20.0), ((5, 5), 20.0)):
        logits = torch.randn(*shape) + shift
        student.expect_equal(student.top_k_filter(logits, 2), _top_k(logits, 2))


def test_top_k_keeps_ties(student):
    """Logits that equal the k-th highest are kept as well."""
    logits = torch.tensor([[1.0, 3.0, 2.0, 2.0, 0.0], [5.0, 5.0, 5.0, 5.0, 5.0], [4.0, -1.0, 4.0, 4.0, 0.5]])
    logits = logits[:, torch.randperm(5)]
    for k, lowest in ((1, (3.0, 5.0, 4.0)), (2, (2.0, 5.0, 4.0)), (4, (1.0, 5.0, 0.5))):
        want = torch.where(logits >= torch.tensor(lowest)[:, None], logits, -math.inf)
        student.expect_equal(student.top_k_filter(logits, k), want)
    close = torch.tensor([1.0, 0.9999, 1.0001])  # no ties
    student.expect_equal(student.top_k_filter(close, 2), torch.tensor([1.0, -math.inf, 1.0001]))


def test_top_k_more_than_there_are(student):
    """k equal to V, or more, keeps all."""
    logits = torch.randn(3, 4)
    for k in (4, 5, 1000):
        student.expect_equal(student.top_k_filter(logits, k), logits)


def test_top_k_gradient(student):
    """The gradient flows to what was kept; none comes from what is -inf, and none arrives there."""
    logits = torch.randn(3, 6)
    cotangent = torch.where(logits >= logits.sort(dim=-1).values[:, 4:5], torch.randn(3, 6), 0.0)
    for k, wanted in ((2, cotangent), (9, torch.randn(3, 6))):
        got = student.top_k_filter.vjp(logits, k, cotangent=wanted, wrt=(0,))[0]
        student.expect_equal(got, wanted, about="the gradient")


def test_top_k_leaves_its_input_alone(student):
    """The logits, contiguous or not, are afterwards what they were; large ones and -inf do no harm."""
    large = 1000 * torch.randn(3, 5)
    large[:, 2] = -math.inf
    for logits in (torch.randn(3, 5), _strided(3, 5), large):
        got, after = student.top_k_filter.after(logits, 3)
        student.expect_equal(got, _top_k(logits, 3))
        student.expect_equal(after[0], logits, about="logits after the call")


def test_top_k_less_than_one(student):
    """k less than 1 is a ValueError that names an argument."""
    for k in (0, -3):
        with student.expect_raises(ValueError, naming=("k",)):
            student.top_k_filter(torch.randn(2, 4), k)


# top_p_filter: all sums of probabilities keep 0.001 away from p


def _shuffled(probabilities, *shape):
    """Rows of logits with these probabilities, each in an order and with a shift of its own."""
    order = torch.rand(*shape, len(probabilities)).argsort(dim=-1)
    return torch.tensor(probabilities).log()[order] + 5 * torch.randn(*shape, 1)


def test_top_p_of_one_row(student):
    """The fewest highest logits stay whose probabilities sum to at least p; the rest become -inf."""
    for p in (0.3, 0.5, 0.8):
        logits = _shuffled((0.42, 0.3, 0.15, 0.08, 0.05), 1)
        student.expect_equal(student.top_p_filter(logits, p), _top_p(logits, p))


def test_top_p_of_every_row(student):
    """Every row keeps its own, some rows more than others, whatever the number of dimensions."""
    flat, steep = (0.23, 0.21, 0.2, 0.19, 0.17), (0.92, 0.03, 0.025, 0.015, 0.01)
    rows = torch.cat([_shuffled(flat, 3), _shuffled(steep, 3)])[torch.randperm(6)]
    for logits, p in (
        (rows, 0.6),
        (rows[:5], 0.94),
        (rows.view(2, 3, 5), 0.89),
        (rows[0], 0.6),
        (rows[None, :, None], 0.7),
    ):
        student.expect_equal(student.top_p_filter(logits, p), _top_p(logits, p))


def test_top_p_of_little(student):
    """At least the highest logit is kept, even for p = 0."""
    logits = _shuffled((0.5, 0.3, 0.2), 3)
    want = torch.where(logits == logits.amax(dim=-1, keepdim=True), logits, -math.inf)
    for p in (0.0, 0.4):
        student.expect_equal(student.top_p_filter(logits, p), want)
    student.expect_equal(student.top_p_filter(logits[0, :1], 0.0), logits[0, :1])


def test_top_p_of_equal_logits(student):
    """Of equal logits, few or many, no more stay than are needed; which of them is free."""
    for tokens, p, count in ((4, 0.45, 2), (4, 0.6, 3), (4, 0.1, 1), (200, 0.0175, 4), (200, 0.9925, 199)):
        got = student.expect_tensor(student.top_p_filter(torch.full((2, tokens), 1.5), p), shape=(2, tokens))
        kept = torch.isfinite(got)
        student.expect(bool((kept.sum(dim=-1) == count).all()), "The number of tokens that are kept is not the fewest.")
        student.expect_equal(got, torch.where(kept, 1.5, -math.inf))


def test_top_p_one_keeps_all(student):
    """p = 1 keeps all, also what has almost no probability, however sums are rounded."""
    for logits in (3 * torch.randn(40, 200), torch.tensor([[1000.0, -1000.0, 0.0, 999.0], [0.0, -200.0, 50.0, -90.0]])):
        student.expect_equal(student.top_p_filter(logits, 1.0), logits)
    logits = torch.randn(4)
    student.expect_equal(student.top_p_filter(logits, 1), logits)


def test_top_p_of_filtered_logits(student):
    """Logits that are -inf already, or of any size, do no harm."""
    logits = _shuffled((0.5, 0.3, 0.2), 4)
    logits = torch.cat([torch.full((4, 2), -math.inf), logits], dim=1)[:, torch.randperm(5)]
    for each in (logits, torch.tensor([[1000.0, 998.0, -1000.0], [-1000.0, -999.0, -1000.5]])):
        student.expect_equal(student.top_p_filter(each, 0.7), _top_p(each, 0.7))


def test_top_p_gradient(student):
    """The gradient flows to what was kept; none comes from what is -inf, and none arrives there."""
    logits = _shuffled((0.4, 0.3, 0.2, 0.1), 3)
    cotangent = torch.where(torch.isfinite(_top_p(logits, 0.5)), torch.randn(3, 4), 0.0)
    for p, wanted in ((0.5, cotangent), (1.0, torch.randn(3, 4))):
        got = student.top_p_filter.vjp(logits, p, cotangent=wanted, wrt=(0,))[0]
        student.expect_equal(got, wanted, about="the gradient")


def test_top_p_leaves_its_input_alone(student):
    """The logits, contiguous or not, are afterwards what they were."""
    for logits in (_shuffled((0.6, 0.25, 0.15), 4), _shuffled((0.6, 0.25, 0.15), 4).T.contiguous().T):
        got, after = student.top_p_filter.after(logits, 0.7)
        student.expect_equal(got, _top_p(logits, 0.7))
        student.expect_equal(after[0], logits, about="logits after the call")


def test_top_p_outside_its_range(student):
    """p below 0 or above 1 is a ValueError that names an argument."""
    for p in (-0.1, -0.0001, 1.0001, 50):
        with student.expect_raises(ValueError, naming=("p",)):
            student.top_p_filter(torch.randn(2, 4), p)
