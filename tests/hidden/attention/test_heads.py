"""Heads: split, merged, and the layer of several."""

import math
from functools import partial

import torch

from ..shared import _merged, _split, _strided
from .shared import LAYER, LAYER_GRADIENT, _expect_gradients, _mask, _through_heads


def _layers(student, d_model, num_heads):
    """The student's layer with random weights and biases, and the function that it should be."""
    layer = student.expect_handle(student.MultiHeadAttention(d_model, num_heads), about="MultiHeadAttention(...)")
    weights = {}
    for name in ("query", "key", "value", "output"):
        weights[f"{name}.weight"] = torch.randn(d_model, d_model) / math.sqrt(d_model)
        weights[f"{name}.bias"] = torch.randn(d_model)
    layer.fill(weights)
    return layer, partial(_through_heads, weights, num_heads)


def _expect_layer_gradients(student, layer, solution, x, mask, wrt):
    """Gradients are those of the function that the layer should be, for x and for parameters."""
    cotangent = torch.randn(x.shape)
    got = layer.vjp(x, mask, cotangent=cotangent, wrt=(0, *wrt))
    inputs = {"x": x.requires_grad_()} | {name: solution.args[0][name].requires_grad_() for name in wrt}
    _expect_gradients(student, got, solution(x, mask), inputs, cotangent, LAYER_GRADIENT)


# split_heads


def test_split_heads_of_one_position(student):
    """The columns of a single position are cut into heads, from left to right."""
    x = torch.randn(1, 1, 6)
    student.expect_equal(student.split_heads(x, 3), _split(x, 3))


def test_split_heads_of_one_sequence(student):
    """Every head keeps all positions, and of each position its own columns."""
    x = torch.randn(1, 4, 6)
    student.expect_equal(student.split_heads(x, 2), _split(x, 2))


def test_split_heads_of_a_batch(student):
    """Head i of sequence b is columns i * D/h to (i + 1) * D/h - 1 of sequence b, for any sizes."""
    for batch, length, heads, size in ((2, 3, 4, 5), (3, 3, 3, 3), (2, 1, 6, 2)):
        x = torch.randn(batch, length, heads * size)
        student.expect_equal(student.split_heads(x, heads), _split(x, heads))


def test_split_heads_into_one_or_into_single_columns(student):
    """One head holds all columns; as many heads as columns hold one each."""
    x = torch.randn(2, 3, 4)
    for heads in (1, 4):
        student.expect_equal(student.split_heads(x, num_heads=heads), _split(x, heads))


def test_split_heads_gradient(student):
    """The gradient of each head flows back to its own columns."""
    x, cotangent = torch.randn(2, 3, 8), torch.randn(2, 4, 3, 2)
    got = student.split_heads.vjp(x, 4, cotangent=cotangent, wrt=(0,))[0]
    student.expect_equal(got, _merged(cotangent), about="the gradient")


def test_split_heads_of_a_tensor_that_is_not_contiguous(student):
    """A transposed or an expanded input is split like any other, and is afterwards what it was."""
    for x in (_strided(2, 3, 8), torch.randn(2, 8, 3).transpose(1, 2), torch.randn(1, 3, 8).expand(2, 3, 8)):
        got, (after, _) = student.split_heads.after(x, 4)
        student.expect_equal(got, _split(x, 4))
        student.expect_equal(after, x, about="x after the call")


def test_split_heads_that_do_not_fit(student):
    """A number of heads that does not divide the columns is a ValueError that names an argument."""
    for shape, heads in (((2, 3, 6), 4), ((2, 8, 4), 8)):
        with student.expect_raises(ValueError, naming=("num_heads", "x")):
            student.split_heads(torch.randn(*shape), heads)


# merge_heads


def test_merge_heads_of_one_position(student):
    """The heads of a single position stand next to each other, in their order."""
    x = torch.randn(1, 3, 1, 2)
    student.expect_equal(student.merge_heads(x), x.flatten()[None, None])


def test_merge_heads_of_one_sequence(student):
    """Row t of the result is row t of every head, one after the other."""
    x = torch.randn(1, 2, 4, 3)
    student.expect_equal(student.merge_heads(x), _merged(x))


def test_merge_heads_of_a_batch(student):
    """Each sequence of a batch is merged on its own, for any sizes."""
    for shape in ((2, 4, 3, 5), (3, 3, 3, 3), (2, 1, 4, 3), (2, 3, 1, 2), (2, 1, 3, 3)):
        x = torch.randn(*shape)
        student.expect_equal(student.merge_heads(x), _merged(x))


def test_merge_heads_undoes_split_heads(student):
    """Merging what was split gives back the columns in their places, whether or not it is contiguous."""
    x = torch.randn(2, 3, 8)
    for heads in (2, 8):
        parts = _split(x, heads)
        student.expect_equal(student.merge_heads(parts), x)
        student.expect_equal(student.merge_heads(parts.contiguous()), x)


def test_merge_heads_gradient(student):
    """The gradient of each column flows back to its own head."""
    x, cotangent = torch.randn(2, 4, 3, 2), torch.randn(2, 3, 8)
    got = student.merge_heads.vjp(x, cotangent=cotangent, wrt=(0,))[0]
    student.expect_equal(got, _split(cotangent, 4), about="the gradient")


def test_merge_heads_leaves_its_input_alone(student):
    """The input, transposed or expanded, is afterwards what it was."""
    for x in (torch.randn(2, 4, 3, 2), _strided(2, 4, 3, 2), torch.randn(1, 4, 1, 2).expand(2, 4, 3, 2)):
        got, (after,) = student.merge_heads.after(x)
        student.expect_equal(got, _merged(x))
        student.expect_equal(after, x, about="x after the call")


# MultiHeadAttention


def test_mha_has_four_linear_layers(student):
    """`query`, `key`, `value` and `output` are linear layers from D to D, with bias, and can be trained."""
    layer = student.expect_handle(student.MultiHeadAttention(6, 2), about="MultiHeadAttention(6, 2)")
    for name in ("query", "key", "value", "output"):
        student.expect_tensor(layer.get(f"{name}.weight"), shape=(6, 6), about=f"{name}.weight")
        student.expect_tensor(layer.get(f"{name}.bias"), shape=(6,), about=f"{name}.bias")
    numbers = sum(math.prod(each.shape) for each in layer.parameters().values() if each.requires_grad)
    student.expect(numbers >= 4 * (6 * 6 + 6), "parameters() does not find all weights and biases of the four layers.")


def test_mha_of_one_position(student):
    """A single position can only attend to itself: the result is the output layer on its value."""
    layer, solution = _layers(student, 6, 2)
    x = torch.randn(1, 1, 6)
    student.expect_close(layer(x), solution(x), atol=LAYER)


def test_mha_with_one_head(student):
    """With one head the layer is attention between three projections of x, and a projection after it."""
    layer, solution = _layers(student, 6, 1)
    x = torch.randn(1, 4, 6)
    student.expect_close(layer(x), solution(x), atol=LAYER)


def test_mha_with_several_heads(student):
    """Each head attends on its own, with the scale of its own size, in each sequence of the batch."""
    for batch, length, d_model, heads in ((2, 5, 12, 3), (3, 3, 3, 3)):
        layer, solution = _layers(student, d_model, heads)
        x = torch.randn(batch, length, d_model)
        student.expect_close(layer(x), solution(x), atol=LAYER)


def test_mha_does_not_see_the_future(student):
    """Under a causal mask, changing a later token must not change an earlier output."""
    layer, solution = _layers(student, 8, 2)
    x, mask = torch.randn(4, 4, 8), torch.ones(4, 4, dtype=torch.bool).tril()
    changed = x.clone()
    changed[:, 2:] = torch.randn(4, 2, 8)
    before = student.expect_tensor(layer(x, mask), shape=(4, 4, 8))
    after = student.expect_tensor(layer(changed, mask), shape=(4, 4, 8))
    student.expect_close(after[:, :2], before[:, :2], atol=LAYER, about="the result before the change")
    student.expect_close(after, solution(changed, mask), atol=LAYER)


def test_mha_with_padding(student):
    """Keys that a padding mask (B, 1, 1, T) hides count for nothing, in each sequence its own."""
    layer, solution = _layers(student, 6, 2)
    x, mask = torch.randn(3, 5, 6), (torch.arange(5) < torch.tensor([[3], [5], [1]]))[:, None, None, :]
    student.expect_close(layer(x, mask=mask), solution(x, mask=mask), atol=LAYER)


def test_mha_gradients(student):
    """Gradients flow to x and through all four layers."""
    layer, solution = _layers(student, 6, 2)
    wrt = tuple(f"{name}.weight" for name in ("query", "key", "value", "output"))
    wrt += ("query.bias", "value.bias", "output.bias")  # the key's bias has no effect on the weights
    _expect_layer_gradients(student, layer, solution, torch.randn(2, 4, 6), _mask(4, 4, allowed=3), wrt)


def test_mha_mask_broadcasts(student):
    """A mask needs only to broadcast to (B, h, T, T): all heads may share it, or each have its own."""
    layer, solution = _layers(student, 6, 2)
    x = torch.randn(2, 4, 6)
    for shape in ((4,), (4, 4), (2, 4, 4), (2, 1, 4, 4), (1, 2, 4, 4), (2, 2, 1, 4)):
        mask = _mask(*shape, allowed=2)
        student.expect_close(layer(x, mask), solution(x, mask), atol=LAYER)


def test_mha_of_a_query_that_sees_nothing(student):
    """A position that may attend to nothing gets the output layer's bias, and gradients stay finite."""
    layer, solution = _layers(student, 6, 3)
    x, mask = torch.randn(2, 4, 6), _mask(2, 1, 4, 4, allowed=2)
    mask[0, 0, 1] = mask[1, 0, 3] = False
    for x_seen, seen in ((x, mask), (x[:, :1], mask[:, :, :1, :1] & False)):
        student.expect_close(layer(x_seen, seen), solution(x_seen, seen), atol=LAYER)
    _expect_layer_gradients(student, layer, solution, x, mask, ("query.weight", "key.weight", "value.weight"))


def test_mha_keeps_nothing_from_one_call_to_the_next(student):
    """One layer takes sequences of any length and batches of any size, with and without mask, in any order."""
    layer, solution = _layers(student, 6, 2)
    for batch, length, mask in ((2, 4, _mask(4, 4, allowed=2)), (3, 20, None), (2, 4, None)):
        x = torch.randn(batch, length, 6)
        student.expect_close(layer(x, mask), solution(x, mask), atol=LAYER)


def test_mha_in_training_and_in_evaluation(student):
    """Nothing is dropped at random and nothing kept: training mode and evaluation mode give the same."""
    layer, solution = _layers(student, 6, 2)
    for mode in (True, False):
        x, mask = torch.randn(2, 4, 6), _mask(4, 4, allowed=2)
        layer.train(mode)
        student.expect_close(layer(x), solution(x), atol=LAYER)
        student.expect_close(layer(x, mask), solution(x, mask), atol=LAYER)


def test_mha_can_learn_when_fresh(student):
    """The weights that a new layer starts with let gradients through to the queries, the values and the output."""
    layer = student.expect_handle(student.MultiHeadAttention(d_model=8, num_heads=2), about="MultiHeadAttention(8, 2)")
    wrt = ("query.weight", "value.weight", "output.weight")
    gradients = layer.vjp(torch.randn(2, 4, 8), cotangent=torch.randn(2, 4, 8), wrt=wrt)
    for name, gradient in zip(wrt, gradients, strict=True):
        student.expect_tensor(gradient, shape=(8, 8), about=f"the gradient of {name}")
        student.expect(bool((gradient != 0).any()), f"the gradient of {name} is zero everywhere")


def test_mha_leaves_its_arguments_alone(student):
    """x and mask, contiguous or not, are afterwards what they were."""
    layer, solution = _layers(student, 6, 2)
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
