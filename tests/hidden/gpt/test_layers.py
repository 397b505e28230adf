"""What the model is made of: GELU, layer norm, the feed-forward network, and the block of all."""

from functools import partial

import torch
from torch.nn import functional

from ..shared import _packed, _strided
from .shared import (
    BLOCK,
    ENTRY,
    LAYER,
    _block_parameters,
    _drawn,
    _expect_gradients,
    _expect_parameters,
    _fed_forward,
    _gelu,
    _linear_parameters,
    _normed,
    _through_block,
)


def _spread(*shape):
    """Rows in which no two entries are close, so that no variance is small and no way of computing it suffers."""
    return torch.rand(shape).argsort(dim=-1) + torch.rand(shape) / 2 - shape[-1] / 2


def _filled(student, weights, name, *args):
    """The student's module `name` with these weights."""
    return student.prop("filled", student[name], list(args), *_packed(weights))


# gelu


def test_gelu_of_a_few_numbers(student):
    """gelu is GPT-2's formula, with tanh."""
    x = torch.tensor([-2.5, -2.0, -1.0, -0.3, 0.0, 0.5, 1.5, 2.2])
    student.expect_close(student.gelu(x), _gelu(x), atol=ENTRY)


def test_gelu_of_any_shape(student):
    """Each entry of a tensor of any shape is on its own."""
    for shape in ((5,), (2, 3, 5), (1, 4, 1), ()):
        x = 2 * torch.randn(shape)
        student.expect_close(student.gelu(x), _gelu(x), atol=ENTRY)


def test_gelu_gradient(student):
    """Gradients flow through gelu."""
    x, cotangent = torch.cat([torch.linspace(-4, 4, 11), 2 * torch.randn(9)]), torch.randn(20)
    got = student.gelu.vjp(x, cotangent=cotangent, wrt=(0,))[0]
    x.requires_grad_()
    (want,) = torch.autograd.grad(_gelu(x), x, cotangent)
    student.expect_close(got, want, atol=10 * ENTRY, about="the gradient")


def test_gelu_of_large_numbers(student):
    """A large number stays as it is, a large negative one becomes 0, and the gradient is finite: 1 and 0."""
    x = torch.tensor([10.0, 100.0, 1000.0, -10.0, -100.0, -1000.0])
    student.expect_close(student.gelu(x), x.clamp(min=0), atol=ENTRY, rtol=1e-6)
    gradient = student.gelu.vjp(x, cotangent=torch.ones(6), wrt=(0,))[0]
    student.expect_close(gradient, (x > 0).float(), atol=ENTRY, about="the gradient")


def test_gelu_leaves_its_input_alone(student):
    """The input is afterwards what it was, and need not be contiguous."""
    x = _strided(3, 4)
    got, (after,) = student.gelu.after(x)
    student.expect_equal(after, x, about="x after the call")
    student.expect_close(got, _gelu(x), atol=ENTRY)


# LayerNorm


def test_layer_norm_of_one_row(student):
    """A fresh LayerNorm gives a row the mean 0 and the (biased) variance 1."""
    layer = student.expect_handle(student.LayerNorm(5), about="LayerNorm(5)")
    x = 2 * _spread(1, 1, 5) + 3
    student.expect_close(layer(x), functional.layer_norm(x, (5,)), atol=LAYER)


def test_layer_norm_starts_with_ones_and_zeros(student):
    """`weight` starts with ones, `bias` with zeros, both are trained; `epsilon` is an attribute, 1e-5 at first."""
    layer = student.expect_handle(student.LayerNorm(5), about="LayerNorm(5)")
    parameters = layer.parameters()
    *found, epsilon = layer.gather("weight", "bias", "epsilon")
    for name, start, mine in zip(("weight", "bias"), (torch.ones(5), torch.zeros(5)), found, strict=True):
        student.expect_equal(mine, start, about=name)
        there = name in parameters and parameters[name].requires_grad
        student.expect(there, f"`{name}` is not a parameter that can be trained.")
    student.expect_close(epsilon, 1e-5, atol=1e-9, about="epsilon")
    for given in (0.25, 0.0):
        layer = student.expect_handle(student.LayerNorm(4, given), about=f"LayerNorm(4, {given})")
        student.expect_close(layer.get("epsilon"), given, atol=1e-9, about="epsilon")


def _norms(student, weights):
    """The student's LayerNorm with these weights, and the function that it should be."""
    layer = _filled(student, weights, "LayerNorm", len(weights["weight"]))
    return layer, partial(_normed, weights)


def test_layer_norm_with_weight_and_bias(student):
    """The normalised row is multiplied by `weight`, and `bias` is added."""
    layer, solution = _norms(student, {"weight": torch.randn(4), "bias": torch.randn(4)})
    x = _spread(1, 3, 4) - 1
    student.expect_close(layer(x), solution(x), atol=LAYER)


def test_layer_norm_of_every_position(student):
    """Every position of every sequence has its own mean and variance, whatever the number of dimensions."""
    layer, solution = _norms(student, {"weight": torch.randn(6), "bias": torch.randn(6)})
    for shape in ((6,), (6, 6, 6), (2, 2, 3, 6)):
        x = _spread(*shape) * (1 + 4 * torch.rand(*shape[:-1], 1)) + 2 * torch.randn(*shape[:-1], 1)
        student.expect_close(layer(x), solution(x), atol=LAYER)


def test_layer_norm_gradients(student):
    """Gradients flow to x, also through its mean and variance, to `weight` and to `bias`."""
    layer, solution = _norms(student, {"weight": torch.randn(5), "bias": torch.randn(5)})
    _expect_gradients(student, layer, solution, _spread(2, 3, 5), (0, "weight", "bias"), (2, 3, 5))


def test_layer_norm_epsilon(student):
    """epsilon is added to the variance, under the root; where the variance is small, that is seen."""
    layer, x = student.expect_handle(student.LayerNorm(6, epsilon=0.5), about="LayerNorm(6, 0.5)"), _spread(2, 3, 6)
    student.expect_close(layer(x), functional.layer_norm(x, (6,), eps=0.5), atol=LAYER)
    layer, x = student.expect_handle(student.LayerNorm(6), about="LayerNorm(6)"), 1e-3 * _spread(4, 6)
    student.expect_close(layer(x), functional.layer_norm(x, (6,)), atol=LAYER)


def test_layer_norm_of_equal_entries(student):
    """A row of equal entries becomes `bias`, and gradients stay finite; large entries do no harm."""
    layer, solution = _norms(student, {"weight": torch.randn(4), "bias": torch.randn(4)})
    x = torch.tensor([[[0.0] * 4, [2.0] * 4, [-1000.0, 1000.0, 3000.0, -2000.0]]])
    student.expect_close(layer(x), solution(x), atol=LAYER)
    gradient = layer.vjp(x, cotangent=torch.randn(1, 3, 4), wrt=(0,))[0]
    gradient = student.expect_tensor(gradient, shape=(1, 3, 4), about="the gradient of x")
    student.expect(bool(torch.isfinite(gradient).all()), "The gradient has an entry that is nan or infinite.")
    alone = student.expect_handle(student.LayerNorm(1), about="LayerNorm(1)")
    student.expect_close(alone(torch.tensor([[2.0], [-0.5]])), torch.zeros(2, 1), atol=LAYER)


def test_layer_norm_in_training_and_in_evaluation(student):
    """Nothing is kept from one call to the next: training mode and evaluation mode give the same."""
    layer, solution = _norms(student, {"weight": torch.randn(4), "bias": torch.randn(4)})
    for training in (True, False):
        x = _spread(2, 3, 4) + 1
        if not training:
            layer.train(False)
        student.expect_close(layer(x), solution(x), atol=LAYER)


def test_layer_norm_leaves_its_input_alone(student):
    """x, contiguous or not, is afterwards what it was."""
    layer, solution = _norms(student, {"weight": torch.randn(4), "bias": torch.randn(4)})
    for x in (_spread(2, 3, 4), _spread(2, 3, 4).mT.contiguous().mT):
        got, (after,) = layer.after(x)
        student.expect_close(got, solution(x), atol=LAYER)
        student.expect_equal(after, x, about="x after the call")


# FeedForward


def _feed_forwards(student, d_model):
    weights = _drawn(_linear_parameters("up", d_model, 4 * d_model) | _linear_parameters("down", 4 * d_model, d_model))
    return _filled(student, weights, "FeedForward", d_model), partial(_fed_forward, weights)


def test_feed_forward_has_two_linear_layers(student):
    """`up` is linear from D to 4D, `down` from 4D to D, both with bias."""
    layer = student.expect_handle(student.FeedForward(3), about="FeedForward(3)")
    _expect_parameters(student, layer, _linear_parameters("up", 3, 12) | _linear_parameters("down", 12, 3))


def test_feed_forward_of_one_position(student):
    """One position goes up, through gelu, and down."""
    layer, solution = _feed_forwards(student, 6)
    x = torch.randn(1, 1, 6)
    student.expect_close(layer(x), solution(x), atol=LAYER)


def test_feed_forward_of_a_batch(student):
    """Every position of every sequence is on its own, whatever the number of dimensions."""
    layer, solution = _feed_forwards(student, 4)
    for shape in ((2, 3, 4), (4,), (2, 1, 3, 4)):
        x = 2 * torch.randn(*shape)
        student.expect_close(layer(x), solution(x), atol=LAYER)


def test_feed_forward_gradients(student):
    """Gradients flow to x and to both layers."""
    layer, solution = _feed_forwards(student, 4)
    wrt = (0, "up.weight", "up.bias", "down.weight", "down.bias")
    _expect_gradients(student, layer, solution, torch.randn(2, 3, 4), wrt, (2, 3, 4))


def test_feed_forward_in_training_and_in_evaluation(student):
    """Nothing is dropped at random, and x stays as it was: training mode and evaluation mode give the same."""
    layer, solution = _feed_forwards(student, 6)
    for training in (True, False):
        x = _strided(2, 4, 6)
        if not training:
            layer.train(False)
        got, (after,) = layer.after(x)
        student.expect_close(got, solution(x), atol=LAYER)
        student.expect_equal(after, x, about="x after the call")


# DecoderBlock


def _blocks(student, d_model=8, heads=2):
    weights = _drawn(_block_parameters(d_model))
    return _filled(student, weights, "DecoderBlock", d_model, heads), partial(_through_block, weights, heads=heads)


def test_block_has_its_parts(student):
    """`norm1`, `attention`, `norm2` and `feed_forward` are there, with all their parameters."""
    block = student.expect_handle(student.DecoderBlock(6, 3), about="DecoderBlock(6, 3)")
    _expect_parameters(student, block, _block_parameters(6))


def test_block_of_one_position(student):
    """A single position attends to itself, then goes through the feed-forward layer; each part adds to x."""
    block, solution = _blocks(student)
    x = 2 * torch.randn(1, 1, 8)
    student.expect_close(block(x), solution(x), atol=BLOCK)


def test_block_of_one_sequence(student):
    """Of a sequence, every position attends to itself and to those before it."""
    block, solution = _blocks(student)
    x = torch.randn(1, 4, 8)
    student.expect_close(block(x), solution(x), atol=BLOCK)


def test_block_of_a_batch(student):
    """Each sequence of a batch is on its own, for any number of heads and positions."""
    block, solution = _blocks(student, 6, 3)
    for batch, length in ((3, 5), (6, 6)):
        x = 2 * torch.randn(batch, length, 6) + 1
        student.expect_close(block(x), solution(x), atol=BLOCK)


def test_block_does_not_see_the_future(student):
    """Changing a later position must not change an earlier result."""
    block, solution = _blocks(student)
    x = torch.randn(2, 5, 8)
    changed = x.clone()
    changed[:, 3:] = 3 * torch.randn(2, 2, 8)
    before, after = student.expect_tensor(block(torch.cat([x, changed])), shape=(4, 5, 8)).split(2)
    student.expect_close(after[:, :3], before[:, :3], atol=BLOCK, about="the result before the change")
    student.expect_close(after, solution(changed), atol=BLOCK)


def test_block_gradients(student):
    """Gradients flow to x and to every part."""
    block, solution = _blocks(student, 6, 2)
    wrt = (0, *(name for name in _block_parameters(6) if name != "attention.key.bias"))  # which has no effect
    _expect_gradients(student, block, solution, torch.randn(2, 3, 6), wrt, (2, 3, 6))


def test_block_keeps_nothing_from_one_call_to_the_next(student):
    """One block takes sequences of any length and batches of any size, in any order."""
    block, solution = _blocks(student)
    for batch, length in ((2, 3), (1, 40), (2, 3)):
        x = torch.randn(batch, length, 8)
        student.expect_close(block(x), solution(x), atol=BLOCK)


def test_block_in_training_and_in_evaluation(student):
    """Nothing is dropped at random, and x, contiguous or not, stays as it was."""
    block, solution = _blocks(student)
    for training, x in ((True, _strided(2, 4, 8)), (False, torch.randn(2, 4, 8))):
        if not training:
            block.train(False)
        got, (after,) = block.after(x)
        student.expect_close(got, solution(x), atol=BLOCK)
        student.expect_equal(after, x, about="x after the call")
