"""What `autograder check attention` runs: small numbers that you can check by hand. The marks come from other tests."""

import math

import torch


def test_softmax_of_equal_entries(student):
    """Four equal entries share the whole: a quarter each, however large they are."""
    student.expect_close(student.softmax(torch.zeros(4)), torch.full((4,), 0.25), atol=1e-6)
    student.expect_close(student.softmax(torch.full((4,), 1000.0)), torch.full((4,), 0.25), atol=1e-6)


def test_softmax_of_two_entries(student):
    """softmax of (0, ln 4) is (1, 4) / 5."""
    x = torch.tensor([0.0, math.log(4)])
    student.expect_close(student.softmax(x), torch.tensor([0.2, 0.8]), atol=1e-6)


def test_softmax_down_the_columns(student):
    """With dim=0 the columns of a matrix sum to 1, not the rows."""
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, math.log(4), math.log(9)]])
    want = torch.tensor([[0.5, 0.2, 0.1], [0.5, 0.8, 0.9]])
    student.expect_close(student.softmax(x, dim=0), want, atol=1e-6)


def test_softmax_with_minus_infinity(student):
    """An entry of -inf gets nothing, and a row of nothing but -inf gets nothing at all."""
    x = torch.tensor([[0.0, -math.inf, 0.0], [-math.inf, -math.inf, -math.inf]])
    want = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]])
    student.expect_close(student.softmax(x), want, atol=1e-6)


def test_causal_mask_of_three_positions(student):
    """Row t is True up to and with column t."""
    want = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
    student.expect_equal(student.causal_mask(3), want)


def test_attention_with_equal_scores(student):
    """A query that likes all keys equally gets the mean of their values."""
    query, key = torch.zeros(1, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    value = torch.tensor([[2.0, 0.0, 4.0], [4.0, 6.0, 0.0]])
    result = student.scaled_dot_product_attention(query, key, value)
    output, weights = student.expect_parts(result, 2, about="the result, (output, weights),")
    student.expect_close(weights, torch.tensor([[0.5, 0.5]]), atol=1e-6, about="weights")
    student.expect_close(output, torch.tensor([[3.0, 3.0, 2.0]]), atol=1e-6, about="output")


def test_attention_of_one_query_to_two_keys(student):
    """Products 4 ln 9 and 0, divided by the root of 16, give weights of 9/10 and 1/10."""
    query, key = torch.zeros(1, 16), torch.zeros(2, 16)
    query[0, 5], key[0, 5] = 4.0, math.log(9)
    value = torch.tensor([[10.0, 0.0], [0.0, 20.0]])
    result = student.scaled_dot_product_attention(query, key, value)
    output, weights = student.expect_parts(result, 2, about="the result, (output, weights),")
    student.expect_close(weights, torch.tensor([[0.9, 0.1]]), atol=1e-6, about="weights")
    student.expect_close(output, torch.tensor([[9.0, 2.0]]), atol=1e-5, about="output")


def test_attention_with_a_mask(student):
    """True means may attend: the first query sees only the first key, the second only the last two."""
    query, key = torch.zeros(2, 4), torch.ones(3, 4)
    value = torch.tensor([[1.0], [2.0], [6.0]])
    mask = torch.tensor([[True, False, False], [False, True, True]])
    result = student.scaled_dot_product_attention(query, key, value, mask)
    output, weights = student.expect_parts(result, 2, about="the result, (output, weights),")
    want = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    student.expect_close(weights, want, atol=1e-6, about="weights")
    student.expect_close(output, torch.tensor([[1.0], [4.0]]), atol=1e-5, about="output")


def test_split_heads_into_one_head(student):
    """One head holds everything: only a dimension of size 1 is new."""
    x = torch.arange(8.0).reshape(1, 2, 4)
    student.expect_equal(student.split_heads(x, 1), x.reshape(1, 1, 2, 4))


def test_split_heads_into_two_heads(student):
    """Two positions with columns 0 1 2 3 and 4 5 6 7: the first head gets 0 1 and 4 5, the second 2 3 and 6 7."""
    x = torch.arange(8.0).reshape(1, 2, 4)
    want = torch.tensor([[[[0.0, 1.0], [4.0, 5.0]], [[2.0, 3.0], [6.0, 7.0]]]])
    student.expect_equal(student.split_heads(x, 2), want)


def test_split_heads_with_a_remainder(student):
    """Four columns cannot be cut into three heads: a ValueError that names an argument."""
    with student.expect_raises(ValueError, naming=("num_heads", "x")):
        student.split_heads(torch.zeros(1, 2, 4), 3)


def test_merge_heads_of_one_head(student):
    """One head is the whole: only the dimension of size 1 goes."""
    x = torch.arange(8.0).reshape(1, 1, 2, 4)
    student.expect_equal(student.merge_heads(x), x.reshape(1, 2, 4))


def test_merge_heads_of_two_heads(student):
    """Heads that hold 0 1, 4 5 and 2 3, 6 7 merge into rows 0 1 2 3 and 4 5 6 7."""
    x = torch.tensor([[[[0.0, 1.0], [4.0, 5.0]], [[2.0, 3.0], [6.0, 7.0]]]])
    student.expect_equal(student.merge_heads(x), torch.arange(8.0).reshape(1, 2, 4))


def test_mha_shape_of_the_result(student):
    """What goes in as (B, T, D) comes out as (B, T, D)."""
    layer = student.expect_handle(student.MultiHeadAttention(8, 2), about="MultiHeadAttention(8, 2)")
    student.expect_tensor(layer(torch.randn(2, 3, 8)), shape=(2, 3, 8))


def test_mha_of_equal_positions(student):
    """Where all positions are equal, attending changes nothing: what is left is value, then output."""
    layer = student.expect_handle(student.MultiHeadAttention(4, 2), about="MultiHeadAttention(4, 2)")
    for name, scale in (("value", 3.0), ("output", 2.0)):
        layer.set(f"{name}.weight", scale * torch.eye(4))
        layer.set(f"{name}.bias", torch.zeros(4))
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).expand(1, 3, 4)
    student.expect_close(layer(x), 6 * x, atol=1e-4)


def test_mha_with_a_remainder(student):
    """A model of size 8 cannot have 3 heads: a ValueError that names an argument."""
    with student.expect_raises(ValueError, naming=("num_heads", "d_model")):
        student.MultiHeadAttention(8, 3)
