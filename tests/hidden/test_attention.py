"""The instrument for `attention`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Here stands attention itself, in tests/hidden/attention the softmax below it and the heads above it. Every comparison is
with a few lines of library calls on the same numbers, in float32.
"""

import torch

from .attention.shared import GRADIENT, MIXTURE, _attended, _expect_gradients, _mask
from .shared import _strided


def _attend(student, *args, **kwargs):
    """(output, weights) of the student's attention."""
    result = student.scaled_dot_product_attention(*args, **kwargs)
    return student.expect_parts(result, 2, about="the result, (output, weights),")


def _expect_attention(student, *args, atol=MIXTURE, **kwargs):
    """Output and weights are what they should be."""
    output, weights = _attend(student, *args, **kwargs)
    want_output, want_weights = _attended(*args, **kwargs)
    student.expect_close(weights, want_weights, atol=atol, about="weights")
    student.expect_close(output, want_output, atol=atol, about="output")


def _expect_gradients_for(student, args, part, cotangent):
    """Gradients of the output (part 0) or of the weights (part 1) for all that they come from."""
    names = ("query", "key", "value")[: 3 - part]
    got = student.scaled_dot_product_attention.vjp(
        *args, cotangent=(None, cotangent) if part else (cotangent, None), wrt=tuple(range(len(names)))
    )
    inputs = {name: each.requires_grad_() for name, each in zip(names, args, strict=False)}
    _expect_gradients(student, got, _attended(*args)[part], inputs, cotangent, GRADIENT)
    for each in inputs.values():
        each.requires_grad_(False)


# causal_mask


def test_causal_mask_of_two_positions(student):
    """Of two positions the first sees itself, the second sees both."""
    got = student.expect_tensor(student.causal_mask(2), shape=(2, 2), dtype=torch.bool)
    student.expect_equal(got, torch.tensor([[True, False], [True, True]]))


def test_causal_mask_of_many_positions(student):
    """Each position sees itself and all before it, and nothing after it."""
    for length in (5, 200):
        got = student.expect_tensor(student.causal_mask(length), shape=(length, length), dtype=torch.bool)
        student.expect_equal(got, torch.ones(length, length).tril().bool())


def test_causal_mask_of_one_position(student):
    """A single position sees itself, in a mask of one row and one column."""
    got = student.expect_tensor(student.causal_mask(1), shape=(1, 1), dtype=torch.bool)
    student.expect_equal(got, torch.ones(1, 1, dtype=torch.bool))


# scaled_dot_product_attention


def test_attention_to_a_single_key(student):
    """With one key there is nothing to choose: its weight is 1 and the output is its value."""
    query, key, value = torch.randn(3, 1, 1, 4)
    output, weights = _attend(student, query, key, value)
    student.expect_close(weights, torch.ones(1, 1, 1), atol=MIXTURE, about="weights")
    student.expect_close(output, value, atol=MIXTURE, about="output")


def test_attention_weights(student):
    """The weights are the softmax, over the keys, of query times key divided by the root of their size."""
    query, key, value = torch.randn(3, 1, 3, 4)
    _, weights = _attend(student, query, key, value)
    want = _attended(query, key, value)[1]
    student.expect_close(weights, want, atol=MIXTURE, about="weights")


def test_attention_output(student):
    """Each query's output is the mixture of the values by its weights."""
    query, key, value = torch.randn(3, 1, 3, 4)
    output, _ = _attend(student, query, key, value)
    want = _attended(query, key, value)[0]
    student.expect_close(output, want, atol=MIXTURE, about="output")


def test_attention_with_sizes_that_differ(student):
    """Queries and keys may differ in number, and values in size; the scale belongs to the size of query and key."""
    for length, sources, size, value_size in ((3, 5, 4, 7), (1, 4, 3, 1), (4, 1, 2, 3), (2, 3, 1, 2)):
        query, key = torch.randn(2, length, size), torch.randn(2, sources, size)
        _expect_attention(student, query, key, torch.randn(2, sources, value_size))


def test_attention_with_any_batch_dimensions(student):
    """There may be no batch dimension, one, or several, and each entry of the batch is on its own."""
    for batch in ((), (2, 3), (2, 1, 3)):
        query, key = torch.randn(*batch, 4, 5), torch.randn(*batch, 6, 5)
        _expect_attention(student, query, key, torch.randn(*batch, 6, 3))


def test_attention_mask_says_who_may_attend(student):
    """Where the mask is False the weight is exactly 0, and the other keys of that query share the whole."""
    query, key, value = torch.randn(4, 4, 3), torch.randn(4, 5, 3), torch.randn(4, 5, 6)
    mask = _mask(4, 5, allowed=3)
    _, weights = _attend(student, query, key, value, mask)
    weights = student.expect_tensor(weights, shape=(4, 4, 5), about="weights")
    student.expect_equal(weights[:, ~mask], torch.zeros(4, 8), about="weights where the mask is False")
    _expect_attention(student, query, key, value, mask=mask)


def test_attention_does_not_see_the_future(student):
    """Under a causal mask, changing a later key and value must not change an earlier output."""
    query, key, value = torch.randn(3, 2, 5, 4)
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    before, _ = _attend(student, query, key, value, mask)
    changed_key, changed_value = key.clone(), value.clone()
    changed_key[:, 3:] += 3 * torch.randn(2, 2, 4)
    changed_value[:, 3:] -= 50.0
    after, _ = _attend(student, query, changed_key, changed_value, mask)
    before, after = (student.expect_tensor(each, shape=(2, 5, 4), about="output") for each in (before, after))
    student.expect_close(after[:, :3], before[:, :3], atol=MIXTURE, about="the output before the change")
    want = _attended(query, changed_key, changed_value, mask)[0]
    student.expect_close(after, want, atol=3e-4, about="output")  # the values are fifty times larger


def test_attention_gradients(student):
    """Gradients flow to query, key and value, through the output and through the weights."""
    args = (torch.randn(2, 3, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 6), _mask(3, 5, allowed=4))
    for part, cotangent in enumerate((torch.randn(2, 3, 6), torch.randn(2, 3, 5))):
        _expect_gradients_for(student, args, part, cotangent)


def test_attention_without_mask_sees_everything(student):
    """No mask, the mask None and a mask that is all True are the same thing, whatever the mask of the call before."""
    query, key, value = torch.randn(3, 2, 4, 4)
    for extra in ((_mask(4, 4, allowed=2),), (), (None,), (torch.ones(4, 4, dtype=torch.bool),)):
        _expect_attention(student, query, key, value, *extra)


def test_attention_mask_broadcasts(student):
    """A mask needs only to broadcast to the weights: dimensions may be missing or of size 1."""
    query, key, value = torch.randn(2, 3, 2, 5), torch.randn(2, 3, 6, 5), torch.randn(2, 3, 6, 4)
    for shape in ((6,), (2, 6), (3, 1, 6), (2, 1, 1, 6), (2, 1, 2, 6), (1, 3, 2, 6)):
        _expect_attention(student, query, key, value, _mask(*shape, allowed=3))
    column = torch.tensor([[True], [False]]).expand(2, 1, 2, 1)
    _expect_attention(student, query, key, value, mask=column)
    for shape in ((2, 1, 6), (2, 2, 6)):
        mask = _mask(*shape, allowed=2)
        _expect_attention(student, query[:, 0], key[:, 0], value[:, 0], mask=mask)
    _expect_attention(student, query[0, 0], key[0, 0], value[0, 0], _mask(2, 6, allowed=2))


def test_attention_to_nothing_is_zero(student):
    """A query that may attend to nothing gets weights and output of exactly zero; the other queries are as ever."""
    query, key, value = torch.randn(2, 4, 3), torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    mask = _mask(2, 4, 5, allowed=2)
    mask[0, 1] = mask[1, 3] = False
    output, weights = _attend(student, query, key, value, mask)
    output = student.expect_tensor(output, shape=(2, 4, 3), about="output")
    weights = student.expect_tensor(weights, shape=(2, 4, 5), about="weights")
    student.expect_equal(output[[0, 1], [1, 3]], torch.zeros(2, 3), about="output of a query that sees nothing")
    student.expect_equal(weights[[0, 1], [1, 3]], torch.zeros(2, 5), about="weights of a query that sees nothing")
    _expect_attention(student, query, key, value, mask)
    for sources in (5, 1):  # and where no query of all may attend to anything
        nothing = torch.zeros(4, sources, dtype=torch.bool)
        _expect_attention(student, query, key[:, :sources], value[:, :sources], nothing, atol=0.0)


def test_attention_gradients_where_nothing_is_seen(student):
    """Gradients are finite and right when some query may attend to nothing."""
    mask = _mask(2, 4, 5, allowed=2)
    mask[0, 1] = mask[1, 3] = False
    args = (torch.randn(2, 4, 3), torch.randn(2, 5, 3), torch.randn(2, 5, 6), mask)
    for part, cotangent in enumerate((torch.randn(2, 4, 6), torch.randn(2, 4, 5))):
        _expect_gradients_for(student, args, part, cotangent)


def test_attention_masks_the_highest_scores(student):
    """A masked key counts for nothing even where its score is far above, and the allowed far below, all others."""
    query = torch.full((1, 2, 4), 64.0)
    keys = torch.tensor([78.0, -78.125, 78 - 1 / 64, -78.125 + 1 / 64])  # scores: 128 times these, down to -10000
    key = keys[None, :, None].expand(1, 4, 4)
    value = torch.randn(1, 4, 3)
    mask = torch.tensor([[False, True, False, True], [False, True, False, False]])
    _, weights = _attend(student, query, key, value, mask)
    weights = student.expect_tensor(weights, shape=(1, 2, 4), about="weights")
    student.expect_equal(weights[:, ~mask], torch.zeros(1, 5), about="weights where the mask is False")
    # scores of 10000 are 0.001 apart in float32, and round differently when the scale comes before the product
    _expect_attention(student, query, key, value, mask, atol=1e-2)


def test_attention_with_large_scores(student):
    """Scores of some thousands give finite weights, where the best key takes all; those of a hundred are told apart."""
    direction = torch.eye(4)[None, :3]
    query, key = 150 * direction, 100 * direction
    _expect_attention(student, query, key, torch.randn(1, 3, 2))
    _expect_attention(student, query, -key, torch.randn(1, 3, 2))
    # 3000, 4500 and 3600; the values are large, too
    query, key = torch.full((1, 1, 1), 30.0), torch.tensor([100.0, 150.0, 120.0])[None, :, None]
    _expect_attention(student, query, key, 1000 * torch.randn(1, 3, 2))
    near = torch.tensor([3.125, 3.1875, 3.15625])[None, :, None] * torch.tensor([1.0, 0.0, 0.0, 0.0])  # 100, 102, 101
    for sign in (1.0, -1.0):
        query = sign * torch.tensor([[[64.0, 1.0, 0.0, -1.0]]])
        _expect_attention(student, query, near, torch.randn(1, 3, 2), atol=1e-3)


def test_attention_leaves_its_arguments_alone(student):
    """Query, key, value and mask are afterwards what they were."""
    args = (*torch.randn(3, 2, 4, 4), _mask(2, 4, 4, allowed=2))
    _, after = student.scaled_dot_product_attention.after(*args)
    for name, now, before in zip(("query", "key", "value", "mask"), after, args, strict=True):
        student.expect_equal(now, before, about=f"{name} after the call")


def test_attention_of_tensors_that_are_not_contiguous(student):
    """Transposed and expanded arguments give what contiguous ones give."""
    query, key, value = _strided(2, 3, 4, 5), _strided(2, 3, 6, 5), torch.randn(2, 1, 6, 2).expand(2, 3, 6, 2)
    _expect_attention(student, query, key, value, _mask(6, 4, allowed=2).T)
