"""The instrument for `attention`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Every comparison is with the solution on the same numbers, in float32. Tolerances are five times or more what the right
modules in tests/right differ by, over 1000 seeds: that is the rounding of different orders of operations.
"""

import math

import torch

ROUNDING = 2e-6  # of a softmax, whose entries are at most 1: 1.2e-7 was seen
MIXTURE = 1e-5  # of sums of a few products of size one: 1.1e-6
GRADIENT = 3e-5  # the same with some more terms: 2.4e-6
LAYER = 3e-5  # of three matrix products in a row, results up to 4: 2.4e-6
LAYER_GRADIENT = 2e-4  # of sums over all positions of a batch, of size up to twenty: 2.7e-5


def _strided(*shape):
    """Random numbers in a tensor that is not contiguous: its dimensions lie in memory in the opposite order."""
    return torch.randn(*reversed(shape)).permute(*reversed(range(len(shape))))


def _mask(*shape, allowed):
    """A random mask with exactly so many True in each row."""
    return torch.rand(*shape).argsort(dim=-1) < allowed


def _attend(student, *args, **kwargs):
    """(output, weights) of the student's attention."""
    result = student.scaled_dot_product_attention(*args, **kwargs)
    return student.expect_parts(result, 2, about="the result, (output, weights),")


def _expect_attention(student, reference, *args, atol=MIXTURE, **kwargs):
    """Output and weights are those of the solution."""
    output, weights = _attend(student, *args, **kwargs)
    want_output, want_weights = reference.scaled_dot_product_attention(*args, **kwargs)
    student.expect_close(weights, want_weights, atol=atol, about="weights")
    student.expect_close(output, want_output, atol=atol, about="output")


def _layers(student, reference, d_model, num_heads):
    """The student's layer and the solution's, with the same random weights and biases."""
    layer = student.expect_handle(student.MultiHeadAttention(d_model, num_heads), about="MultiHeadAttention(...)")
    solution = reference.MultiHeadAttention(d_model, num_heads)
    values = {}
    for name in ("query", "key", "value", "output"):
        values[f"{name}.weight"] = torch.randn(d_model, d_model) / math.sqrt(d_model)
        values[f"{name}.bias"] = torch.randn(d_model)
    for each in (layer, solution):
        each.fill(values)
    return layer, solution


# softmax


def test_softmax_of_one_row(student, reference):
    """Each entry of a row becomes exp of it, divided by the sum of exp over the row."""
    x = torch.randn(5)
    student.expect_close(student.softmax(x), reference.softmax(x), atol=ROUNDING)


def test_softmax_of_each_row_of_a_matrix(student, reference):
    """Without `dim`, every row of a matrix is normalised on its own, along the last dimension."""
    x = torch.randn(3, 4)
    student.expect_close(student.softmax(x), reference.softmax(x), atol=ROUNDING)


def test_softmax_along_the_dimension_asked_for(student, reference):
    """`dim` says along which dimension the entries compete, counted from the front or, negative, from the back."""
    x = torch.randn(2, 3, 4)
    for dim in (0, 1, 2, -1, -2, -3):
        student.expect_close(student.softmax(x, dim=dim), reference.softmax(x, dim=dim), atol=ROUNDING)
    student.expect_close(student.softmax(x, 1), reference.softmax(x, 1), atol=ROUNDING)


def test_softmax_of_any_shape(student, reference):
    """The input may have one to four dimensions, some of size 1, and the result has its shape."""
    for shape in ((4,), (1,), (3, 1), (1, 4), (4, 4), (1, 3, 1), (2, 1, 3, 4)):
        x = torch.randn(*shape)
        student.expect_close(student.softmax(x), reference.softmax(x), atol=ROUNDING)
        student.expect_close(student.softmax(x, dim=0), reference.softmax(x, dim=0), atol=ROUNDING)


def test_softmax_of_minus_infinity_is_zero(student, reference):
    """An entry of -inf gets exactly 0, and the rest of its row shares the whole, however negative the rest is."""
    x = torch.randn(4, 5)
    x[1] -= 9990.0
    hidden = _mask(4, 5, allowed=2)
    x[hidden] = -math.inf
    got = student.expect_tensor(student.softmax(x), shape=(4, 5))
    student.expect_equal(got[hidden], torch.zeros(8), about="what -inf entries get")
    # at -1e4 float32 numbers are 0.001 apart, so exp(x - logsumexp(x)), which is allowed, is off by as much
    student.expect_close(got, reference.softmax(x), atol=2e-3)
    student.expect_close(got[[0, 2, 3]], reference.softmax(x)[[0, 2, 3]], atol=ROUNDING)


def test_softmax_gradient(student, reference):
    """Gradients flow through softmax, along whichever dimension it runs."""
    x, cotangent = torch.randn(3, 4), torch.randn(3, 4)
    for dim in (0, -1):
        got = student.softmax.vjp(x, dim=dim, cotangent=cotangent, wrt=(0,))
        want = reference.softmax.vjp(x, dim=dim, cotangent=cotangent, wrt=(0,))
        student.expect_close(got[0], want[0], atol=GRADIENT, about="the gradient")


def test_softmax_of_large_entries(student, reference):
    """Entries of 10000 and of -10000 give finite, right results, in one tensor with small ones too."""
    x = torch.tensor([[1e4, 1e4 - 1, -1e4], [-1e4, 1 - 1e4, 2 - 1e4], [0.0, 1.0, -1.0], [-1e4, 0.0, 1e4]])
    # at 1e4 float32 numbers are 0.001 apart, so exp(x - logsumexp(x)), which is allowed, is off by as much
    student.expect_close(student.softmax(x), reference.softmax(x), atol=2e-3)
    student.expect_close(student.softmax(x.T, dim=0), reference.softmax(x.T, dim=0), atol=2e-3)
    y = 200 * torch.randn(6, 5)
    student.expect_close(student.softmax(y), reference.softmax(y), atol=3e-4)  # the same at 1000: 0.0001 apart


def test_softmax_where_all_is_minus_infinity(student, reference):
    """Where all entries are -inf the result is zeros, not nan, and other rows are as ever."""
    x = torch.randn(2, 3, 4)
    x[0, 1] = -math.inf
    x[1, :, 2] = -math.inf
    for dim in (-1, 1):
        got = student.expect_tensor(student.softmax(x, dim=dim), shape=(2, 3, 4))
        want = reference.softmax(x, dim=dim)
        student.expect_equal(got[torch.isneginf(x)], torch.zeros(7), about="what -inf entries get")
        student.expect_close(got, want, atol=ROUNDING)
    nothing = torch.full((3,), -math.inf)
    student.expect_equal(student.softmax(nothing), torch.zeros(3))


def test_softmax_gradient_where_entries_are_minus_infinity(student, reference):
    """Gradients stay finite where entries are -inf, and where all of a row is."""
    x, cotangent = torch.randn(4, 5), torch.randn(4, 5)
    x[_mask(4, 5, allowed=2)] = -math.inf
    x[2] = -math.inf
    got = student.softmax.vjp(x, cotangent=cotangent, wrt=(0,))[0]
    want = reference.softmax.vjp(x, cotangent=cotangent, wrt=(0,))[0]
    got = student.expect_tensor(got, shape=(4, 5), about="the gradient")
    student.expect(bool(torch.isfinite(got).all()), "the gradient has an entry that is nan or infinite")
    there = torch.isfinite(x)
    student.expect_close(got[there], want[there], atol=GRADIENT, about="the gradient at finite entries")


def test_softmax_leaves_its_input_alone(student, reference):
    """The input is afterwards what it was, and need not be contiguous."""
    x = _strided(3, 4, 2)
    got, (after,) = student.softmax.after(x)
    student.expect_equal(after, x, about="x after the call")
    student.expect_close(got, reference.softmax(x), atol=ROUNDING)
    row = torch.randn(1, 4).expand(3, 4)
    student.expect_close(student.softmax(row), reference.softmax(row), atol=ROUNDING)


# causal_mask


def test_causal_mask_of_two_positions(student):
    """Of two positions the first sees itself, the second sees both."""
    got = student.expect_tensor(student.causal_mask(2), shape=(2, 2), dtype=torch.bool)
    student.expect_equal(got, torch.tensor([[True, False], [True, True]]))


def test_causal_mask_of_many_positions(student, reference):
    """Each position sees itself and all before it, and nothing after it."""
    for length in (5, 33):
        got = student.expect_tensor(student.causal_mask(length), shape=(length, length), dtype=torch.bool)
        student.expect_equal(got, reference.causal_mask(length))


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


def test_attention_weights(student, reference):
    """The weights are the softmax, over the keys, of query times key divided by the root of their size."""
    query, key, value = torch.randn(3, 1, 3, 4)
    _, weights = _attend(student, query, key, value)
    want = reference.scaled_dot_product_attention(query, key, value)[1]
    student.expect_close(weights, want, atol=MIXTURE, about="weights")


def test_attention_output(student, reference):
    """Each query's output is the mixture of the values by its weights."""
    query, key, value = torch.randn(3, 1, 3, 4)
    output, _ = _attend(student, query, key, value)
    want = reference.scaled_dot_product_attention(query, key, value)[0]
    student.expect_close(output, want, atol=MIXTURE, about="output")


def test_attention_with_sizes_that_differ(student, reference):
    """Queries and keys may differ in number, and values in size; the scale belongs to the size of query and key."""
    for length, sources, size, value_size in ((3, 5, 4, 7), (6, 2, 5, 3), (1, 4, 3, 1), (4, 1, 2, 3)):
        query, key = torch.randn(2, length, size), torch.randn(2, sources, size)
        _expect_attention(student, reference, query, key, torch.randn(2, sources, value_size))


def test_attention_with_any_batch_dimensions(student, reference):
    """There may be no batch dimension, one, or several, and each entry of the batch is on its own."""
    for batch in ((), (3,), (2, 3), (2, 1, 3)):
        query, key = torch.randn(*batch, 4, 5), torch.randn(*batch, 6, 5)
        _expect_attention(student, reference, query, key, torch.randn(*batch, 6, 3))


def test_attention_mask_says_who_may_attend(student, reference):
    """Where the mask is False the weight is exactly 0, and the other keys of that query share the whole."""
    query, key, value = torch.randn(4, 4, 3), torch.randn(4, 5, 3), torch.randn(4, 5, 6)
    mask = _mask(4, 5, allowed=3)
    _, weights = _attend(student, query, key, value, mask)
    weights = student.expect_tensor(weights, shape=(4, 4, 5), about="weights")
    student.expect_equal(weights[:, ~mask], torch.zeros(4, 8), about="weights where the mask is False")
    _expect_attention(student, reference, query, key, value, mask=mask)


def test_attention_does_not_see_the_future(student, reference):
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
    want = reference.scaled_dot_product_attention(query, changed_key, changed_value, mask)[0]
    student.expect_close(after, want, atol=3e-4, about="output")  # the values are fifty times larger


def test_attention_gradients(student, reference):
    """Gradients flow to query, key and value, through the output and through the weights."""
    args = (torch.randn(2, 3, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 6), _mask(3, 5, allowed=4))
    through_output, through_weights = (torch.randn(2, 3, 6), None), (None, torch.randn(2, 3, 5))
    for cotangent, wrt in ((through_output, (0, 1, 2)), (through_weights, (0, 1))):
        got = student.scaled_dot_product_attention.vjp(*args, cotangent=cotangent, wrt=wrt)
        want = reference.scaled_dot_product_attention.vjp(*args, cotangent=cotangent, wrt=wrt)
        for name, mine, theirs in zip(("query", "key", "value"), got, want, strict=False):
            student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_attention_without_mask_sees_everything(student, reference):
    """No mask, the mask None and a mask that is all True are the same thing."""
    query, key, value = torch.randn(3, 2, 4, 4)
    for extra in ((), (None,), (torch.ones(4, 4, dtype=torch.bool),)):
        _expect_attention(student, reference, query, key, value, *extra)


def test_attention_mask_broadcasts(student, reference):
    """A mask needs only to broadcast to the weights: dimensions may be missing or of size 1."""
    query, key, value = torch.randn(2, 3, 2, 5), torch.randn(2, 3, 6, 5), torch.randn(2, 3, 6, 4)
    for shape in ((6,), (1, 6), (2, 6), (3, 1, 6), (3, 2, 6), (2, 1, 1, 6), (2, 1, 2, 6), (1, 3, 2, 6), (2, 3, 2, 6)):
        _expect_attention(student, reference, query, key, value, _mask(*shape, allowed=3))
    column = torch.tensor([[True], [False]])
    for mask in (column, column.expand(2, 1, 2, 1), _mask(2, 1, 1, 6, allowed=3).expand(2, 3, 2, 6)):
        _expect_attention(student, reference, query, key, value, mask=mask)
    for shape in ((2, 1, 6), (2, 2, 6), (1, 2, 6)):
        mask = _mask(*shape, allowed=2)
        _expect_attention(student, reference, query[:, 0], key[:, 0], value[:, 0], mask=mask)
    _expect_attention(student, reference, query[0, 0], key[0, 0], value[0, 0], _mask(2, 6, allowed=2))


def test_attention_to_nothing_is_zero(student, reference):
    """A query that may attend to nothing gets weights and output of exactly zero; the other queries are as ever."""
    query, key, value = torch.randn(2, 4, 3), torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    mask = _mask(2, 4, 5, allowed=2)
    mask[0, 1] = mask[1, 3] = False
    output, weights = _attend(student, query, key, value, mask)
    output = student.expect_tensor(output, shape=(2, 4, 3), about="output")
    weights = student.expect_tensor(weights, shape=(2, 4, 5), about="weights")
    student.expect_equal(output[[0, 1], [1, 3]], torch.zeros(2, 3), about="output of a query that sees nothing")
    student.expect_equal(weights[[0, 1], [1, 3]], torch.zeros(2, 5), about="weights of a query that sees nothing")
    _expect_attention(student, reference, query, key, value, mask)


def test_attention_gradients_where_nothing_is_seen(student, reference):
    """Gradients are finite and right when some query may attend to nothing."""
    mask = _mask(2, 4, 5, allowed=2)
    mask[0, 1] = mask[1, 3] = False
    args = (torch.randn(2, 4, 3), torch.randn(2, 5, 3), torch.randn(2, 5, 6), mask)
    cotangent = (torch.randn(2, 4, 6), torch.randn(2, 4, 5))
    got = student.scaled_dot_product_attention.vjp(*args, cotangent=cotangent, wrt=(0, 1, 2))
    want = reference.scaled_dot_product_attention.vjp(*args, cotangent=cotangent, wrt=(0, 1, 2))
    for name, mine, theirs in zip(("query", "key", "value"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_attention_masks_the_highest_scores(student, reference):
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
    _expect_attention(student, reference, query, key, value, mask, atol=1e-2)


def test_attention_with_large_scores(student, reference):
    """Scores of some thousands give finite weights, where the best key takes all; those of a hundred are told apart."""
    direction = torch.eye(4)[None, :3]
    query, key = 150 * direction, 100 * direction
    _expect_attention(student, reference, query, key, torch.randn(1, 3, 2))
    _expect_attention(student, reference, query, -key, torch.randn(1, 3, 2))
    near = torch.tensor([3.125, 3.1875, 3.15625])[None, :, None] * torch.tensor([1.0, 0.0, 0.0, 0.0])  # 100, 102, 101
    for sign in (1.0, -1.0):
        query = sign * torch.tensor([[[64.0, 1.0, 0.0, -1.0]]])
        _expect_attention(student, reference, query, near, torch.randn(1, 3, 2), atol=1e-3)


def test_attention_leaves_its_arguments_alone(student):
    """Query, key, value and mask are afterwards what they were."""
    args = (*torch.randn(3, 2, 4, 4), _mask(2, 4, 4, allowed=2))
    _, after = student.scaled_dot_product_attention.after(*args)
    for name, now, before in zip(("query", "key", "value", "mask"), after, args, strict=True):
        student.expect_equal(now, before, about=f"{name} after the call")


def test_attention_of_tensors_that_are_not_contiguous(student, reference):
    """Transposed and expanded arguments give what contiguous ones give."""
    query, key, value = _strided(2, 3, 4, 5), _strided(2, 3, 6, 5), torch.randn(2, 1, 6, 2).expand(2, 3, 6, 2)
    _expect_attention(student, reference, query, key, value, _mask(6, 4, allowed=2).T)


# split_heads


def test_split_heads_of_one_position(student, reference):
    """The columns of a single position are cut into heads, from left to right."""
    x = torch.randn(1, 1, 6)
    student.expect_equal(student.split_heads(x, 3), reference.split_heads(x, 3))


def test_split_heads_of_one_sequence(student, reference):
    """Every head keeps all positions, and of each position its own columns."""
    x = torch.randn(1, 4, 6)
    student.expect_equal(student.split_heads(x, 2), reference.split_heads(x, 2))


def test_split_heads_of_a_batch(student, reference):
    """Head i of sequence b is columns i * D/h to (i + 1) * D/h - 1 of sequence b, for any sizes."""
    for batch, length, heads, size in ((2, 3, 4, 5), (3, 3, 3, 3), (2, 4, 2, 1), (3, 2, 6, 2), (2, 1, 2, 3)):
        x = torch.randn(batch, length, heads * size)
        student.expect_equal(student.split_heads(x, heads), reference.split_heads(x, heads))


def test_split_heads_into_one_or_into_single_columns(student, reference):
    """One head holds all columns; as many heads as columns hold one each."""
    x = torch.randn(2, 3, 4)
    for heads in (1, 4):
        student.expect_equal(student.split_heads(x, num_heads=heads), reference.split_heads(x, heads))


def test_split_heads_gradient(student, reference):
    """The gradient of each head flows back to its own columns."""
    x, cotangent = torch.randn(2, 3, 8), torch.randn(2, 4, 3, 2)
    got = student.split_heads.vjp(x, 4, cotangent=cotangent, wrt=(0,))[0]
    student.expect_equal(got, reference.merge_heads(cotangent), about="the gradient")


def test_split_heads_of_a_tensor_that_is_not_contiguous(student, reference):
    """A transposed or an expanded input is split like any other, and is afterwards what it was."""
    for x in (_strided(2, 3, 8), torch.randn(2, 8, 3).transpose(1, 2), torch.randn(1, 3, 8).expand(2, 3, 8)):
        got, (after, _) = student.split_heads.after(x, 4)
        student.expect_equal(got, reference.split_heads(x, 4))
        student.expect_equal(after, x, about="x after the call")


def test_split_heads_that_do_not_fit(student):
    """A number of heads that does not divide the columns is a ValueError that names an argument."""
    for shape, heads in (((2, 3, 6), 4), ((1, 4, 10), 4), ((2, 8, 4), 8)):
        with student.expect_raises(ValueError, naming=("num_heads", "x")):
            student.split_heads(torch.randn(*shape), heads)


# merge_heads


def test_merge_heads_of_one_position(student):
    """The heads of a single position stand next to each other, in their order."""
    x = torch.randn(1, 3, 1, 2)
    student.expect_equal(student.merge_heads(x), x.flatten()[None, None])


def test_merge_heads_of_one_sequence(student, reference):
    """Row t of the result is row t of every head, one after the other."""
    x = torch.randn(1, 2, 4, 3)
    student.expect_equal(student.merge_heads(x), reference.merge_heads(x))


def test_merge_heads_of_a_batch(student, reference):
    """Each sequence of a batch is merged on its own, for any sizes."""
    for shape in ((2, 4, 3, 5), (3, 3, 3, 3), (2, 2, 4, 1), (3, 6, 2, 2), (2, 1, 4, 3), (2, 3, 1, 2)):
        x = torch.randn(*shape)
        student.expect_equal(student.merge_heads(x), reference.merge_heads(x))


def test_merge_heads_undoes_split_heads(student, reference):
    """Merging what was split gives back the columns in their places, whether or not it is contiguous."""
    x = torch.randn(2, 3, 8)
    for heads in (1, 2, 8):
        parts = reference.split_heads(x, heads)
        student.expect_equal(student.merge_heads(parts), x)
        student.expect_equal(student.merge_heads(parts.contiguous()), x)


def test_merge_heads_gradient(student, reference):
    """The gradient of each column flows back to its own head."""
    x, cotangent = torch.randn(2, 4, 3, 2), torch.randn(2, 3, 8)
    got = student.merge_heads.vjp(x, cotangent=cotangent, wrt=(0,))[0]
    student.expect_equal(got, reference.split_heads(cotangent, 4), about="the gradient")


def test_merge_heads_leaves_its_input_alone(student, reference):
    """The input, transposed or expanded, is afterwards what it was."""
    for x in (torch.randn(2, 4, 3, 2), _strided(2, 4, 3, 2), torch.randn(1, 4, 1, 2).expand(2, 4, 3, 2)):
        got, (after,) = student.merge_heads.after(x)
        student.expect_equal(got, reference.merge_heads(x))
        student.expect_equal(after, x, about="x after the call")


# MultiHeadAttention


def test_mha_has_four_linear_layers(student):
    """`query`, `key`, `value` and `output` are linear layers from D to D, with bias."""
    layer = student.expect_handle(student.MultiHeadAttention(6, 2), about="MultiHeadAttention(6, 2)")
    for name in ("query", "key", "value", "output"):
        student.expect_tensor(layer.get(f"{name}.weight"), shape=(6, 6), about=f"{name}.weight")
        student.expect_tensor(layer.get(f"{name}.bias"), shape=(6,), about=f"{name}.bias")


def test_mha_of_one_position(student, reference):
    """A single position can only attend to itself: the result is the output layer on its value."""
    layer, solution = _layers(student, reference, 6, 2)
    x = torch.randn(1, 1, 6)
    student.expect_close(layer(x), solution(x), atol=LAYER)


def test_mha_with_one_head(student, reference):
    """With one head the layer is attention between three projections of x, and a projection after it."""
    layer, solution = _layers(student, reference, 6, 1)
    x = torch.randn(1, 4, 6)
    student.expect_close(layer(x), solution(x), atol=LAYER)


def test_mha_with_several_heads(student, reference):
    """Each head attends on its own, with the scale of its own size, in each sequence of the batch."""
    for batch, length, d_model, heads in ((2, 5, 12, 3), (3, 3, 9, 3), (2, 4, 4, 4)):
        layer, solution = _layers(student, reference, d_model, heads)
        x = torch.randn(batch, length, d_model)
        student.expect_close(layer(x), solution(x), atol=LAYER)


def test_mha_does_not_see_the_future(student, reference):
    """Under a causal mask, changing a later token must not change an earlier output."""
    layer, solution = _layers(student, reference, 8, 2)
    x, mask = torch.randn(4, 4, 8), torch.ones(4, 4, dtype=torch.bool).tril()
    changed = x.clone()
    changed[:, 2:] = torch.randn(4, 2, 8)
    before = student.expect_tensor(layer(x, mask), shape=(4, 4, 8))
    after = student.expect_tensor(layer(changed, mask), shape=(4, 4, 8))
    student.expect_close(after[:, :2], before[:, :2], atol=LAYER, about="the result before the change")
    student.expect_close(after, solution(changed, mask), atol=LAYER)


def test_mha_with_padding(student, reference):
    """Keys that a padding mask (B, 1, 1, T) hides count for nothing, in each sequence its own."""
    layer, solution = _layers(student, reference, 6, 2)
    x, mask = torch.randn(3, 5, 6), (torch.arange(5) < torch.tensor([[3], [5], [1]]))[:, None, None, :]
    student.expect_close(layer(x, mask=mask), solution(x, mask=mask), atol=LAYER)


def test_mha_gradients(student, reference):
    """Gradients flow to x and through all four layers."""
    layer, solution = _layers(student, reference, 6, 2)
    x, mask, cotangent = torch.randn(2, 4, 6), _mask(4, 4, allowed=3), torch.randn(2, 4, 6)
    wrt = (0, *(f"{name}.weight" for name in ("query", "key", "value", "output")))
    wrt += ("query.bias", "value.bias", "output.bias")  # the key's bias has no effect on the weights
    got = layer.vjp(x, mask, cotangent=cotangent, wrt=wrt)
    want = solution.vjp(x, mask, cotangent=cotangent, wrt=wrt)
    for name, mine, theirs in zip(("x", *wrt[1:]), got, want, strict=True):
        student.expect_close(mine, theirs, atol=LAYER_GRADIENT, about=f"the gradient of {name}")


def test_mha_mask_broadcasts(student, reference):
    """A mask needs only to broadcast to (B, h, T, T): all heads may share it, or each have its own."""
    layer, solution = _layers(student, reference, 6, 2)
    x = torch.randn(2, 4, 6)
    for shape in (
        (4,),
        (1, 4),
        (4, 4),
        (2, 4, 4),
        (1, 1, 4, 4),
        (2, 1, 4, 4),
        (1, 2, 4, 4),
        (2, 2, 4, 4),
        (2, 2, 1, 4),
    ):
        mask = _mask(*shape, allowed=2)
        student.expect_close(layer(x, mask), solution(x, mask), atol=LAYER)


def test_mha_of_a_query_that_sees_nothing(student, reference):
    """A position that may attend to nothing gets the output layer's bias, and gradients stay finite."""
    layer, solution = _layers(student, reference, 6, 3)
    x, mask, cotangent = torch.randn(2, 4, 6), _mask(2, 1, 4, 4, allowed=2), torch.randn(2, 4, 6)
    mask[0, 0, 1] = mask[1, 0, 3] = False
    student.expect_close(layer(x, mask), solution(x, mask), atol=LAYER)
    wrt = (0, "query.weight", "key.weight", "value.weight")
    got = layer.vjp(x, mask, cotangent=cotangent, wrt=wrt)
    for mine, theirs in zip(got, solution.vjp(x, mask, cotangent=cotangent, wrt=wrt), strict=True):
        student.expect_close(mine, theirs, atol=LAYER_GRADIENT, about="a gradient")


def test_mha_keeps_nothing_from_one_call_to_the_next(student, reference):
    """One layer takes sequences of any length and batches of any size, with and without mask, in any order."""
    layer, solution = _layers(student, reference, 6, 2)
    for batch, length, mask in ((2, 5, _mask(5, 5, allowed=2)), (3, 2, None), (1, 7, None), (2, 5, None)):
        x = torch.randn(batch, length, 6)
        student.expect_close(layer(x, mask), solution(x, mask), atol=LAYER)


def test_mha_in_training_and_in_evaluation(student, reference):
    """Nothing is dropped at random: training mode and evaluation mode give the same."""
    layer, solution = _layers(student, reference, 6, 2)
    x = torch.randn(2, 4, 6)
    for mode in (False, True):
        layer.train(mode)
        student.expect_close(layer(x), solution(x), atol=LAYER)


def test_mha_can_learn_when_fresh(student):
    """The weights that a new layer starts with let gradients through to the queries, the values and the output."""
    layer = student.expect_handle(student.MultiHeadAttention(d_model=8, num_heads=2), about="MultiHeadAttention(8, 2)")
    wrt = ("query.weight", "value.weight", "output.weight")
    gradients = layer.vjp(torch.randn(2, 4, 8), cotangent=torch.randn(2, 4, 8), wrt=wrt)
    for name, gradient in zip(wrt, gradients, strict=True):
        student.expect_tensor(gradient, shape=(8, 8), about=f"the gradient of {name}")
        student.expect(bool((gradient != 0).any()), f"the gradient of {name} is zero everywhere")


def test_mha_leaves_its_arguments_alone(student, reference):
    """x and mask, contiguous or not, are afterwards what they were."""
    layer, solution = _layers(student, reference, 6, 2)
    for x in (torch.randn(2, 4, 6), _strided(2, 4, 6), torch.randn(1, 4, 6).expand(2, 4, 6)):
        mask = _mask(4, 4, allowed=2).T
        got, after = layer.after(x, mask)
        student.expect_close(got, solution(x, mask), atol=LAYER)
        for name, now, before in zip(("x", "mask"), after, (x, mask), strict=True):
            student.expect_equal(now, before, about=f"{name} after the call")


def test_mha_heads_that_do_not_fit(student):
    """A number of heads that does not divide the model size is a ValueError that names an argument."""
    for d_model, heads in ((6, 4), (10, 3), (4, 8)):
        with student.expect_raises(ValueError, naming=("num_heads", "d_model")):
            student.MultiHeadAttention(d_model, heads)
