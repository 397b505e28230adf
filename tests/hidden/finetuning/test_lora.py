"""LoRA: one layer, and a whole model."""

from dataclasses import dataclass

import torch

from .shared import LOGITS, SUMS, TINY, _logits, _model, _weights

DEEP = {**TINY, "n_layer": 3}

# LoRALinear


@dataclass(frozen=True)
class _Layer:
    """The student's wrapped layer, and the numbers that are in it: a weight of (in, out), A and B."""

    wrapped: object
    weight: torch.Tensor
    bias: torch.Tensor
    down: torch.Tensor
    up: torch.Tensor
    scale: float

    def __call__(self, x):
        """What the layer should give."""
        return x @ self.weight + self.bias + self.scale * (x @ self.down.T @ self.up.T)


def _lora(student, size_in, size_out, rank, alpha, conv=False, bias=True, fill=True):
    """The student's layer, with random numbers; those of A and B are the student's own unless `fill`."""
    weight, offset = torch.randn(size_in, size_out), torch.randn(size_out) if bias else None
    down, up = torch.randn(rank, size_in), torch.randn(size_out, rank)
    layer = student.prop("conv1d", weight, offset) if conv else student.prop("linear", weight.T.contiguous(), offset)
    wrapped = student.expect_handle(student.LoRALinear(layer, rank, alpha), about="LoRALinear(...)")
    if fill:
        wrapped.fill({"A": down, "B": up})
    return _Layer(wrapped, weight, offset if bias else torch.zeros(size_out), down, up, alpha / rank)


def test_lora_of_a_linear(student):
    """W x + b, and alpha / rank times B A x added to it, for a Linear."""
    for rank, alpha in ((1, 1), (2, 2), (3, 1.5)):
        layer = _lora(student, 5, 4, rank, alpha)
        layer.wrapped.train(rank == 2)  # the correction counts in either mode
        x = torch.randn(2, 5)
        student.expect_close(layer.wrapped(x), layer(x), atol=SUMS)


def test_lora_of_a_conv1d(student):
    """The same for GPT-2's Conv1D, whose weight is stored the other way round, also where it is square."""
    for size_in, size_out, rank, alpha in ((3, 6, 2, 4), (5, 5, 2, 1)):
        layer = _lora(student, size_in, size_out, rank, alpha, conv=True)
        x = torch.randn(2, 4, size_in)
        student.expect_close(layer.wrapped(x), layer(x), atol=SUMS)


def test_lora_shapes(student):
    """A is (rank, in) and B is (out, rank), for a Linear and for a Conv1D."""
    for conv in (False, True):
        layer = _lora(student, 7, 4, 3, 6, conv=conv, fill=False)
        student.expect_tensor(layer.wrapped.get("A"), shape=(3, 7), about="A")
        student.expect_tensor(layer.wrapped.get("B"), shape=(4, 3), about="B")


def test_lora_begins_as_the_layer_itself(student):
    """At first B is zeros, so that the layer gives what it gave before, and A is random; what they become counts."""
    begun = []
    for conv in (False, True):
        layer = _lora(student, 6, 5, 2, 8, conv=conv, fill=False)
        student.expect_equal(layer.wrapped.get("B"), torch.zeros(5, 2), about="B at the start")
        down = student.expect_tensor(layer.wrapped.get("A"), shape=(2, 6), about="A")
        varied = len(set(down.flatten().tolist())) > 6  # of 12 random float32 numbers
        student.expect(varied, "A should be random at the start.")
        begun.append(down)
        x = torch.randn(3, 6)
        layer.wrapped.train(conv)
        student.expect_close(layer.wrapped(x), x @ layer.weight + layer.bias, atol=SUMS)
        layer.wrapped.fill({"A": layer.down, "B": layer.up})
        student.expect_close(layer.wrapped(x), layer(x), atol=SUMS, about="the result after A and B have changed")
    student.expect(not torch.equal(*begun), "Two layers begin with the same A.")


def test_lora_trains_a_and_b_alone(student):
    """W and b are frozen: A and B are the only parameters that need a gradient."""
    for conv, bias in ((False, True), (True, True), (False, False)):
        layer = _lora(student, 6, 5, 2, 8, conv=conv, bias=bias)
        shapes = sorted(parameter.shape for parameter in layer.wrapped.parameters().values() if parameter.requires_grad)
        student.expect(shapes == [(2, 6), (5, 2)], "The parameters that are trained should be A and B, and no others.")


def test_lora_gradients(student):
    """Gradients flow to A, to B, and through both ways to x."""
    for conv in (False, True):
        layer = _lora(student, 4, 6, 3, 2, conv=conv)
        x, cotangent = torch.randn(2, 3, 4), torch.randn(2, 3, 6)
        got = layer.wrapped.vjp(x, cotangent=cotangent, wrt=(0, "A", "B"))
        wrt = [tensor.requires_grad_() for tensor in (x.clone(), layer.down, layer.up)]
        want = torch.autograd.grad(layer(wrt[0]), wrt, cotangent)
        for name, mine, theirs in zip(("x", "A", "B"), got, want, strict=True):
            student.expect_close(mine, theirs, atol=SUMS, rtol=SUMS, about=f"the gradient of {name}")


def test_lora_of_a_linear_without_bias(student):
    """A Linear may have no bias, and x any number of dimensions."""
    for shape in ((4,), (3, 4), (2, 1, 3, 4)):
        layer = _lora(student, 4, 3, 2, 3, bias=False)
        x = torch.randn(*shape)
        student.expect_close(layer.wrapped(x), layer(x), atol=SUMS)


# add_lora


def _with_lora(student, rank, alpha):
    """The student's model with corrections, before any of them was trained, and the weights that it had."""
    weights = _weights(DEEP)
    model = _model(student, weights, sizes=DEEP)
    returned = student.expect_handle(student.add_lora.keep()(model, rank, alpha), about="add_lora(...)")
    student.expect(student.same(returned, model), "add_lora should return the model that it was given.")
    return model, weights


def _corrections(rank, width=DEEP["n_embd"]):
    """Name and shape of every A and B of a model."""
    for block in range(DEEP["n_layer"]):
        for name, size_out in (("c_attn", 3 * width), ("c_proj", width)):
            yield f"transformer.h.{block}.attn.{name}.A", (rank, width)
            yield f"transformer.h.{block}.attn.{name}.B", (size_out, rank)


def test_add_lora_changes_nothing_at_first(student):
    """A model with fresh corrections gives the logits that it gave before."""
    model, weights = _with_lora(student, rank=2, alpha=3)
    ids = torch.randint(DEEP["vocab_size"], (2, 6))
    student.expect_close(model(ids)["logits"], _logits(weights, ids), atol=LOGITS, about="the logits")
    for name, shape in _corrections(rank=2):
        student.expect_tensor(model.get(name), shape=shape, about=name)


def test_add_lora_to_both_layers_of_every_block(student):
    """Each block's `attn.c_attn` and `attn.c_proj` have an A and a B that do their work."""
    for rank, alpha in ((2, 3), (1, 4)):
        model, weights = _with_lora(student, rank, alpha)
        numbers = {name: 0.5 * torch.randn(*shape) for name, shape in _corrections(rank)}
        model.fill(numbers)
        for name in (name.removesuffix(".A") for name in numbers if name.endswith(".A")):
            weights[f"{name}.weight"] += alpha / rank * (numbers[f"{name}.B"] @ numbers[f"{name}.A"]).T
        ids = torch.randint(DEEP["vocab_size"], (2, 6))
        student.expect_close(model(ids)["logits"], _logits(weights, ids), atol=LOGITS, about="the logits")


def test_add_lora_leaves_nothing_else_to_train(student):
    """The corrections can be trained, and nothing else: embeddings, norms and all other layers are frozen."""
    model, _ = _with_lora(student, rank=2, alpha=3)
    wanted = [shape for _, shape in _corrections(rank=2)]
    trained = student.prop("trained_shapes", model).take(9 * len(wanted))
    right = sorted(trained) == sorted(wanted)
    student.expect(right, "What can be trained should be the A and B of the attention layers, alone.")
