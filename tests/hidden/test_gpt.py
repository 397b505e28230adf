"""The instrument for `gpt`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Models are compared with a few lines of library calls, `_logits` and what it is made of, everything else with the
solution, in float32; weights are random everywhere, since fresh biases and norms hide half of what can go wrong.
Tolerances are five times or more what the right modules in tests/right differ by, over 60 seeds. Decoded ids are never
compared with each other, since two logits may be equal up to rounding: each new id must have the highest logit found
there, or one not more than CLOSE below it.
"""

import math
from functools import partial

import torch
from torch.nn import functional

ENTRY = 3e-6  # of a formula for each entry on its own, results up to 4
LAYER = 3e-5  # of two matrix products in a row, results up to 10
BLOCK = 1e-4  # of a block, results up to 15
LOGITS = 3e-4  # of up to three blocks and the output layer, logits up to 50
GRADIENT = 2e-3  # of sums over all positions of a batch, of size up to 100
CLOSE = 1e-3  # between logits, of which the right modules' differ by less than LOGITS

VOCABULARY = 200  # of the models that decode: many, so that another context has another likeliest token

ATTENDING = ("query", "key", "value")
LINEARS = ("attention.query", "attention.key", "attention.value", "attention.output", "feed_forward.up")
LINEARS += ("feed_forward.down",)


def _strided(*shape):
    """Random numbers in a tensor that is not contiguous: its dimensions lie in memory in the opposite order."""
    return torch.randn(*reversed(shape)).permute(*reversed(range(len(shape))))


def _spread(*shape):
    """Rows in which no two entries are close, so that no variance is small and no way of computing it suffers."""
    return torch.rand(shape).argsort(dim=-1) + torch.rand(shape) / 2 - shape[-1] / 2


def _linear_weights(name, into, out):
    return {f"{name}.weight": torch.randn(out, into) / math.sqrt(into), f"{name}.bias": torch.randn(out)}


def _norm_weights(name, d_model):
    return {f"{name}.weight": 1 + torch.randn(d_model) / 2, f"{name}.bias": torch.randn(d_model) / 2}


def _block_weights(d_model, prefix=""):
    """Every parameter of a block, by name."""
    weights = _norm_weights(f"{prefix}norm1", d_model) | _norm_weights(f"{prefix}norm2", d_model)
    for name in LINEARS:
        into, out = (4 if name.endswith("down") else 1) * d_model, (4 if name.endswith("up") else 1) * d_model
        weights |= _linear_weights(prefix + name, into, out)
    return weights


def _gpt_weights(sizes):
    """Every parameter of a GPT of these sizes, by name."""
    d_model = sizes["d_model"]
    # not of size 1: the student's side has the same seed, and a fresh Embedding could draw the very same numbers
    weights = {"token_embedding.weight": 1.1 * torch.randn(sizes["vocab_size"], d_model)}
    weights["position_embedding.weight"] = 1.1 * torch.randn(sizes["context_length"], d_model)
    for number in range(sizes["num_layers"]):
        weights |= _block_weights(d_model, f"blocks.{number}.")
    return weights | _norm_weights("norm", d_model)


def _sizes(vocab=11, context=6, d_model=8, layers=1, heads=2):
    return {
        "vocab_size": vocab,
        "context_length": context,
        "d_model": d_model,
        "num_layers": layers,
        "num_heads": heads,
    }


def _fresh(owner, **sizes):
    """A GPT with the weights that it starts with."""
    return owner.expect_handle(owner.GPT(owner.GPTConfig(**_sizes(**sizes))), about="GPT(...)")


def _part(weights, name):
    """Weight and bias of a layer; of the module itself without a name."""
    return [weights[f"{name}.{kind}" if name else kind] for kind in ("weight", "bias")]


def _normed(weights, x, name="", epsilon=1e-5):
    """What a LayerNorm with these weights makes of x."""
    return functional.layer_norm(x, x.shape[-1:], *_part(weights, name), epsilon)


def _fed_forward(weights, x, prefix=""):
    """What a FeedForward with these weights makes of x."""
    hidden = functional.linear(x, *_part(weights, f"{prefix}up"))
    return functional.linear(functional.gelu(hidden, approximate="tanh"), *_part(weights, f"{prefix}down"))


def _through_block(weights, x, heads, prefix="", epsilon=1e-5):
    """What a DecoderBlock with these weights makes of x."""
    normed = _normed(weights, x, f"{prefix}norm1", epsilon)
    parts = (functional.linear(normed, *_part(weights, f"{prefix}attention.{name}")) for name in ATTENDING)
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in parts)
    mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2).flatten(2)
    x = x + functional.linear(mixed, *_part(weights, f"{prefix}attention.output"))
    return x + _fed_forward(weights, _normed(weights, x, f"{prefix}norm2", epsilon), f"{prefix}feed_forward.")


def _logits(weights, tokens, sizes, epsilon=1e-5):
    """What a GPT of these sizes with these weights makes of tokens."""
    vectors = weights["token_embedding.weight"]
    x = vectors[tokens] + weights["position_embedding.weight"][: tokens.shape[1]]
    for number in range(sizes["num_layers"]):
        x = _through_block(weights, x, sizes["num_heads"], f"blocks.{number}.", epsilon)
    return _normed(weights, x, "norm", epsilon) @ vectors.T


def _filled(student, weights, name, *args):
    """The student's module `name` with these weights."""
    module = student.expect_handle(student[name](*args), about=f"{name}(...)")
    _fill(student, module, weights)
    return module


def _models(student, **sizes):
    """The student's GPT with random weights, and the function that it should be."""
    weights = _gpt_weights(_sizes(**sizes))
    model = _fresh(student, **sizes)
    _fill(student, model, weights)
    return model, partial(_logits, weights, sizes=_sizes(**sizes))


def _decoders(student, context=6, layers=1, heads=2):
    """As `_models`, with weights that make the likeliest token depend on all tokens and on where they stand."""
    sizes = {"vocab": VOCABULARY, "context": context, "layers": layers, "heads": heads}
    strong = ("value.weight", "output.weight")
    weights = {
        name: weight * (3.0 if name.endswith(strong) else 0.3 if name.endswith("bias") else 1.0)
        for name, weight in _gpt_weights(_sizes(**sizes)).items()
    }
    model = _fresh(student, **sizes)
    _fill(student, model, weights)
    return model, partial(_logits, weights, sizes=_sizes(**sizes))


def _expect_parameters(student, module, weights):
    """The parameters are there by these names, with the shapes of these weights."""
    told = module.parameters()
    for name, want in weights.items():
        there = told[name].data if name in told else module.get(name)  # it may have another name as well
        student.expect_tensor(there, shape=want.shape, about=name)


def _packed(weights):
    """Weights by name as names with shapes, and all numbers in one tensor."""
    flat = torch.cat([weight.flatten() for weight in weights.values()])
    return {name: list(weight.shape) for name, weight in weights.items()}, flat


def _fill(owner, model, weights):
    """Copies weights into the parameters of a model."""
    owner.prop("fill", model, *_packed(weights))


def _ids(batch, length, vocab=11):
    return torch.randint(vocab, (batch, length))


def _expect_gradients(student, module, solution, x, wrt, shape):
    """Gradients of the result, for the argument and for parameters, are those of the solution."""
    cotangent = torch.randn(*shape)
    got = module.vjp(x, cotangent=cotangent, wrt=wrt)
    weights = solution.args[0]
    inputs = [(x if name == 0 else weights[name]).requires_grad_() for name in wrt]
    want = torch.autograd.grad(solution(x), inputs, cotangent)
    for name, mine, theirs in zip(wrt, got, want, strict=True):
        about = "the gradient of " + ("x" if name == 0 else name)
        student.expect_close(mine, theirs, atol=GRADIENT, rtol=1e-4, about=about)


def _expect_greedy(student, solution, got, tokens, count, context=6):
    """The tokens, and `count` more, each of which has the highest logit after those before it."""
    batch, length = tokens.shape
    got = student.expect_tensor(got, shape=(batch, length + count), dtype=torch.int64)
    student.expect_equal(got[:, :length], tokens, about="the prompt in the result")
    student.expect(
        bool(((got >= 0) & (got < VOCABULARY)).all()), "The result holds an id that is not in the vocabulary."
    )
    logits = []
    if count and length <= context:  # one pass for all new tokens whose whole past fits into the context
        logits = list(solution(got[:, : min(length + count - 1, context)])[:, length - 1 :].unbind(dim=1))
    windows = [got[:, end - context : end] for end in range(max(length, context + 1), length + count)]
    if windows:
        logits += list(solution(torch.cat(windows))[:, -1].split(batch))
    for number, row in enumerate(logits):
        chosen = row.gather(1, got[:, length + number, None])
        close = bool((row - chosen < CLOSE).all())
        student.expect(close, f"New token {number + 1} is not the likeliest one after those before it.")


# gelu


def test_gelu_of_a_few_numbers(student, reference):
    """gelu is GPT-2's formula, with tanh."""
    x = torch.tensor([-2.5, -2.0, -1.0, -0.3, 0.0, 0.5, 1.5, 2.2])
    student.expect_close(student.gelu(x), reference.gelu(x), atol=ENTRY)


def test_gelu_of_any_shape(student, reference):
    """Each entry of a tensor of any shape is on its own."""
    for shape in ((5,), (1, 1), (3, 4), (2, 3, 5), ()):
        x = 2 * torch.randn(shape)
        student.expect_close(student.gelu(x), reference.gelu(x), atol=ENTRY)


def test_gelu_gradient(student, reference):
    """Gradients flow through gelu."""
    x, cotangent = torch.cat([torch.linspace(-4, 4, 11), 2 * torch.randn(9)]), torch.randn(20)
    got = student.gelu.vjp(x, cotangent=cotangent, wrt=(0,))[0]
    want = reference.gelu.vjp(x, cotangent=cotangent, wrt=(0,))[0]
    student.expect_close(got, want, atol=10 * ENTRY, about="the gradient")


def test_gelu_of_large_numbers(student):
    """A large number stays as it is, a large negative one becomes 0, and the gradient is finite: 1 and 0."""
    x = torch.tensor([10.0, 100.0, 1000.0, -10.0, -100.0, -1000.0])
    student.expect_close(student.gelu(x), x.clamp(min=0), atol=ENTRY, rtol=1e-6)
    gradient = student.gelu.vjp(x, cotangent=torch.ones(6), wrt=(0,))[0]
    student.expect_close(gradient, (x > 0).float(), atol=ENTRY, about="the gradient")


def test_gelu_leaves_its_input_alone(student, reference):
    """The input is afterwards what it was, and need not be contiguous."""
    x = _strided(3, 4)
    got, (after,) = student.gelu.after(x)
    student.expect_equal(after, x, about="x after the call")
    student.expect_close(got, reference.gelu(x), atol=ENTRY)


# LayerNorm


def test_layer_norm_of_one_row(student, reference):
    """A fresh LayerNorm gives a row the mean 0 and the (biased) variance 1."""
    layer = student.expect_handle(student.LayerNorm(5), about="LayerNorm(5)")
    x = 2 * _spread(1, 1, 5) + 3
    student.expect_close(layer(x), reference.LayerNorm(5)(x), atol=LAYER)


def test_layer_norm_starts_with_ones_and_zeros(student):
    """`weight` starts with ones, `bias` with zeros, both are trained; `epsilon` is an attribute, 1e-5 at first."""
    layer = student.expect_handle(student.LayerNorm(5), about="LayerNorm(5)")
    parameters = layer.parameters()
    for name, start in (("weight", torch.ones(5)), ("bias", torch.zeros(5))):
        student.expect_equal(layer.get(name), start, about=name)
        there = name in parameters and parameters[name].requires_grad
        student.expect(there, f"`{name}` is not a parameter that can be trained.")
    student.expect_close(layer.get("epsilon"), 1e-5, atol=1e-9, about="epsilon")
    layer = student.expect_handle(student.LayerNorm(4, 0.25), about="LayerNorm(4, 0.25)")
    student.expect_close(layer.get("epsilon"), 0.25, atol=1e-9, about="epsilon")


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
    for shape in ((6,), (3, 6), (2, 4, 6), (1, 1, 6), (6, 6, 6), (2, 2, 3, 6)):
        x = _spread(*shape) * (1 + 4 * torch.rand(*shape[:-1], 1)) + 2 * torch.randn(*shape[:-1], 1)
        student.expect_close(layer(x), solution(x), atol=LAYER)


def test_layer_norm_gradients(student):
    """Gradients flow to x, also through its mean and variance, to `weight` and to `bias`."""
    layer, solution = _norms(student, {"weight": torch.randn(5), "bias": torch.randn(5)})
    _expect_gradients(student, layer, solution, _spread(2, 3, 5), (0, "weight", "bias"), (2, 3, 5))


def test_layer_norm_epsilon(student, reference):
    """epsilon is added to the variance, under the root; where the variance is small, that is seen."""
    for epsilon, scale in ((0.5, 1.0), (1e-12, 1e-3)):
        layer = student.expect_handle(student.LayerNorm(6, epsilon=epsilon), about="LayerNorm(6, epsilon)")
        x = scale * _spread(2, 3, 6)
        student.expect_close(layer(x), reference.LayerNorm(6, epsilon=epsilon)(x), atol=LAYER)
    layer, x = student.expect_handle(student.LayerNorm(6), about="LayerNorm(6)"), 1e-3 * _spread(4, 6)
    student.expect_close(layer(x), reference.LayerNorm(6)(x), atol=LAYER)


def test_layer_norm_of_equal_entries(student):
    """A row of equal entries becomes `bias`, and gradients stay finite; large entries do no harm."""
    layer, solution = _norms(student, {"weight": torch.randn(4), "bias": torch.randn(4)})
    x = torch.tensor([[[0.0] * 4, [2.0] * 4, [-1000.0, 1000.0, 3000.0, -2000.0]]])
    student.expect_close(layer(x), solution(x), atol=LAYER)
    gradient = layer.vjp(x, cotangent=torch.randn(1, 3, 4), wrt=(0,))[0]
    gradient = student.expect_tensor(gradient, shape=(1, 3, 4), about="the gradient of x")
    student.expect(bool(torch.isfinite(gradient).all()), "The gradient has an entry that is nan or infinite.")


def test_layer_norm_in_training_and_in_evaluation(student):
    """Nothing is kept from one call to the next: training mode and evaluation mode give the same."""
    layer, solution = _norms(student, {"weight": torch.randn(4), "bias": torch.randn(4)})
    for mode in (True, False, True):
        x = _spread(2, 3, 4) + 1
        layer.train(mode)
        student.expect_close(layer(x), solution(x), atol=LAYER)


def test_layer_norm_leaves_its_input_alone(student):
    """x, contiguous or not, is afterwards what it was."""
    layer, solution = _norms(student, {"weight": torch.randn(4), "bias": torch.randn(4)})
    for x in (_spread(2, 3, 4), _spread(2, 3, 4).mT.contiguous().mT, _spread(1, 1, 4).expand(2, 3, 4)):
        got, (after,) = layer.after(x)
        student.expect_close(got, solution(x), atol=LAYER)
        student.expect_equal(after, x, about="x after the call")


# FeedForward


def _feed_forwards(student, d_model):
    weights = _linear_weights("up", d_model, 4 * d_model) | _linear_weights("down", 4 * d_model, d_model)
    return _filled(student, weights, "FeedForward", d_model), partial(_fed_forward, weights)


def test_feed_forward_has_two_linear_layers(student):
    """`up` is linear from D to 4D, `down` from 4D to D, both with bias."""
    layer = student.expect_handle(student.FeedForward(3), about="FeedForward(3)")
    _expect_parameters(student, layer, _linear_weights("up", 3, 12) | _linear_weights("down", 12, 3))


def test_feed_forward_of_one_position(student):
    """One position goes up, through gelu, and down."""
    layer, solution = _feed_forwards(student, 6)
    x = torch.randn(1, 1, 6)
    student.expect_close(layer(x), solution(x), atol=LAYER)


def test_feed_forward_of_a_batch(student):
    """Every position of every sequence is on its own, whatever the number of dimensions."""
    layer, solution = _feed_forwards(student, 4)
    for shape in ((2, 3, 4), (4, 4, 4), (1, 5, 4), (3, 4), (4,), (2, 1, 3, 4)):
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
    for mode in (False, True):
        x = _strided(2, 4, 6)
        layer.train(mode)
        got, (after,) = layer.after(x)
        student.expect_close(got, solution(x), atol=LAYER)
        student.expect_equal(after, x, about="x after the call")


# DecoderBlock


def _blocks(student, d_model=8, heads=2):
    weights = _block_weights(d_model)
    return _filled(student, weights, "DecoderBlock", d_model, heads), partial(_through_block, weights, heads=heads)


def test_block_has_its_parts(student):
    """`norm1`, `attention`, `norm2` and `feed_forward` are there, with all their parameters."""
    block = student.expect_handle(student.DecoderBlock(6, 3), about="DecoderBlock(6, 3)")
    _expect_parameters(student, block, _block_weights(6))


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
    for batch, length, d_model, heads in ((3, 5, 6, 3), (6, 6, 6, 1)):
        block, solution = _blocks(student, d_model, heads)
        x = 2 * torch.randn(batch, length, d_model) + 1
        student.expect_close(block(x), solution(x), atol=BLOCK)


def test_block_does_not_see_the_future(student):
    """Changing a later position must not change an earlier result."""
    block, solution = _blocks(student)
    x = torch.randn(2, 5, 8)
    changed = x.clone()
    changed[:, 3:] = 3 * torch.randn(2, 2, 8)
    before, after = (student.expect_tensor(block(each), shape=(2, 5, 8)) for each in (x, changed))
    student.expect_close(after[:, :3], before[:, :3], atol=BLOCK, about="the result before the change")
    student.expect_close(after, solution(changed), atol=BLOCK)


def test_block_gradients(student):
    """Gradients flow to x and to every part."""
    block, solution = _blocks(student, 6, 2)
    wrt = (0, *(name for name in _block_weights(6) if name != "attention.key.bias"))  # which has no effect
    _expect_gradients(student, block, solution, torch.randn(2, 3, 6), wrt, (2, 3, 6))


def test_block_keeps_nothing_from_one_call_to_the_next(student):
    """One block takes sequences of any length and batches of any size, in any order."""
    block, solution = _blocks(student)
    for batch, length in ((2, 5), (3, 2), (1, 7)):
        x = torch.randn(batch, length, 8)
        student.expect_close(block(x), solution(x), atol=BLOCK)


def test_block_in_training_and_in_evaluation(student):
    """Nothing is dropped at random, and x, contiguous or not, stays as it was."""
    block, solution = _blocks(student)
    for mode, x in ((False, torch.randn(2, 4, 8)), (True, _strided(2, 4, 8))):
        block.train(mode)
        got, (after,) = block.after(x)
        student.expect_close(got, solution(x), atol=BLOCK)
        student.expect_equal(after, x, about="x after the call")


# GPT


def test_gpt_has_its_parts(student):
    """The attributes are there by their names, with all their parameters, and as many blocks as there are layers."""
    model = _fresh(student, layers=3)
    _expect_parameters(student, model, _gpt_weights(_sizes(layers=3)))
    student.expect(len(model.at("blocks").take(9)) == 3, "There should be as many blocks as the config says.")
    for name, size in _sizes(layers=3).items():
        student.expect_equal(model.get(f"config.{name}"), size, about=f"config.{name}")


def test_gpt_of_one_token(student):
    """One token: its vector and the first position's are added, go through a block and the norm, and give logits."""
    model, solution = _models(student)
    tokens = _ids(1, 1)
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS)


def test_gpt_of_one_sequence(student):
    """Every token of a sequence gets the vector of its own position."""
    model, solution = _models(student)
    tokens = _ids(1, 5)
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS)


def test_gpt_of_a_batch(student):
    """Each sequence of a batch is on its own, for any sizes and any number of blocks."""
    for batch, length, sizes in (
        (6, 6, {"vocab": 6, "d_model": 6, "heads": 1}),
        (3, 5, {"vocab": 5, "context": 9, "d_model": 6, "layers": 3, "heads": 3}),
    ):
        model, solution = _models(student, **sizes)
        tokens = _ids(batch, length, sizes.get("vocab", 11))
        student.expect_close(model(tokens), solution(tokens), atol=LOGITS)


def test_gpt_does_not_see_the_future(student):
    """Changing a later token must not change an earlier position's logits."""
    model, solution = _models(student)
    tokens = _ids(3, 6)
    changed = tokens.clone()
    changed[:, 4:] = (tokens[:, 4:] + torch.randint(1, 11, (3, 2))) % 11
    before = student.expect_tensor(model(tokens), shape=(3, 6, 11))
    after = student.expect_tensor(model(changed), shape=(3, 6, 11))
    student.expect_close(after[:, :4], before[:, :4], atol=LOGITS, about="the logits before the change")
    student.expect_close(after, solution(changed), atol=LOGITS)


def test_gpt_gradients(student):
    """Gradients flow to every parameter; to the token embedding both as input and as output layer."""
    model, solution = _models(student, vocab=7, d_model=6, layers=2)
    names = _gpt_weights(_sizes(vocab=7, d_model=6, layers=2))
    wrt = tuple(name for name in names if not name.endswith("key.bias"))  # which has no effect
    tokens = torch.randperm(8).view(2, 4) % 7  # every id stands somewhere
    _expect_gradients(student, model, solution, tokens, wrt, (2, 4, 7))


def test_gpt_fills_its_context(student):
    """As many tokens as `context_length` are fine."""
    model, solution = _models(student, context=3)
    tokens = _ids(2, 3)
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS)


def test_gpt_keeps_nothing_from_one_call_to_the_next(student):
    """One model takes sequences of any length and batches of any size, in any order and in either mode."""
    model, solution = _models(student)
    for batch, length, mode in ((2, 5, True), (3, 2, False)):
        tokens = _ids(batch, length)
        model.train(mode)
        student.expect_close(model(tokens), solution(tokens), atol=LOGITS)


def test_gpt_leaves_its_tokens_alone(student):
    """The tokens, contiguous or not, are afterwards what they were."""
    model, solution = _models(student)
    for tokens in (_ids(4, 2).T, _ids(3, 6)[:, 1::2]):
        got, (after,) = model.after(tokens)
        student.expect_close(got, solution(tokens), atol=LOGITS)
        student.expect_equal(after, tokens, about="tokens after the call")


def test_gpt_lets_gradients_through_when_fresh(student):
    """The weights that a new model starts with give every parameter a gradient that is not all zero."""
    model = _fresh(student, layers=2)
    names = tuple(name for name in _gpt_weights(_sizes(layers=2)) if not name.endswith("key.bias"))
    gradients = model.vjp(_ids(3, 6), cotangent=torch.randn(3, 6, 11), wrt=names)
    for name, gradient in zip(names, gradients, strict=True):
        student.expect(gradient is not None, f"No gradient flows to {name}.")
        found = student.expect_tensor(gradient, about=f"the gradient of {name}")
        student.expect(bool(torch.isfinite(found).all()), f"The gradient of {name} is not finite.")
        student.expect(bool((found != 0).any()), f"The gradient of {name} is zero everywhere.")


def test_gpt_learns(student):
    """A new model of two blocks learns 4 x 16 tokens by heart within 200 steps of Adam."""
    model = _fresh(student, vocab=64, context=16, d_model=24, layers=2)
    tokens = torch.randperm(64).view(4, 16)  # every token stands once: the next one is determined
    student.prop("adam_steps", model, tokens, steps=200, learning_rate=0.02, enough=0.07)
    logits = student.expect_tensor(model(tokens), shape=(4, 16, 64))
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    student.expect(loss.item() < 0.1, "After 200 steps of Adam the loss is still above 0.1.")


def test_gpt_of_too_many_tokens(student):
    """More tokens than `context_length` are a ValueError that names an argument."""
    model = _fresh(student, context=5)
    for batch, length in ((1, 6), (2, 9)):
        with student.expect_raises(ValueError, naming=("tokens", "context_length", "config")):
            model(_ids(batch, length))


# load_gpt2_weights


def _their_config(epsilon=1e-5, **sizes):
    """The config of a GPT2LMHeadModel of these sizes."""
    sizes = _sizes(**sizes)
    names = {"vocab_size": "vocab_size", "context_length": "n_positions", "d_model": "n_embd"}
    names |= {"num_layers": "n_layer", "num_heads": "n_head"}
    config = {theirs: sizes[ours] for ours, theirs in names.items()}
    return config | {"layer_norm_epsilon": epsilon, "bos_token_id": None, "eos_token_id": None}


def _turned(weight):
    """A matrix turned from (out, in) to (in, out); a bias as it is."""
    return weight.T.contiguous() if weight.ndim == 2 else weight


def _their_weights(weights):
    """The parameters of a GPT under the names and in the layout of Hugging Face's GPT2LMHeadModel."""
    names = {"token_embedding": "wte", "position_embedding": "wpe", "norm": "ln_f", "norm1": "ln_1", "norm2": "ln_2"}
    names |= {"attention.output": "attn.c_proj", "feed_forward.up": "mlp.c_fc", "feed_forward.down": "mlp.c_proj"}
    theirs = {}
    for name, weight in weights.items():
        _, number, inner = name.split(".", 2) if name.startswith("blocks.") else ("", "", name)
        layer, kind = inner.rsplit(".", 1)
        prefix = f"transformer.h.{number}." if number else "transformer."
        if layer == "attention.query":
            parts = [weights[name.replace("query", part)] for part in ("query", "key", "value")]
            theirs[f"{prefix}attn.c_attn.{kind}"] = _turned(torch.cat(parts))
        elif layer in names:
            linear = inner in ("attention.output.weight", "feed_forward.up.weight", "feed_forward.down.weight")
            theirs[f"{prefix}{names[layer]}.{kind}"] = _turned(weight) if linear else weight
    return theirs


def _loaded(student, epsilon=1e-5, **sizes):
    """The student's GPT after loading, Hugging Face's model, and the weights by our names."""
    weights = _gpt_weights(_sizes(**sizes))
    theirs = student.prop("hugging_face", _their_config(epsilon, **sizes), _their_weights(weights))
    model = _fresh(student, **sizes)
    loaded = student.expect_handle(student.load_gpt2_weights(model, theirs), about="the result")
    student.expect(student.same(loaded, model), "The result should be the GPT that was handed in, and is another one.")
    return model, theirs, weights


def _expect_their_logits(student, model, weights, tokens, epsilon=1e-5, **sizes):
    """The logits are those of a GPT with these weights and this epsilon."""
    student.expect_close(model(tokens), _logits(weights, tokens, _sizes(**sizes), epsilon), atol=LOGITS)


def test_load_embeddings_and_last_norm(student):
    """The two embeddings and the last norm hold Hugging Face's numbers, and the GPT is given back."""
    model, _, weights = _loaded(student, heads=1)
    for name in ("token_embedding.weight", "position_embedding.weight", "norm.weight", "norm.bias"):
        student.expect_equal(model.get(name), weights[name], about=name)


def test_load_one_block(student):
    """A model of one block with one head gives the logits of Hugging Face's."""
    model, _, weights = _loaded(student, heads=1)
    _expect_their_logits(student, model, weights, _ids(2, 5), heads=1)


def test_load_several_blocks(student):
    """Every block has its own weights and every head its own columns."""
    sizes = {"vocab": 7, "context": 5, "d_model": 12, "layers": 3, "heads": 4}
    model, _, weights = _loaded(student, **sizes)
    _expect_their_logits(student, model, weights, _ids(3, 4, 7), **sizes)


def test_load_so_that_it_can_be_trained(student):
    """Gradients flow to what was loaded."""
    model, _, weights = _loaded(student)
    names = [name for name in weights if not name.endswith("key.bias")]  # which has no effect
    gradients = model.vjp(_ids(2, 4), cotangent=torch.randn(2, 4, 11), wrt=names)
    for name, gradient in zip(names, gradients, strict=True):
        student.expect(gradient is not None, f"No gradient flows to {name}.")
        found = student.expect_tensor(gradient, shape=weights[name].shape, about=f"the gradient of {name}")
        student.expect(bool((found != 0).any()), f"The gradient of {name} is zero everywhere.")


def test_load_shares_no_memory(student):
    """Changing Hugging Face's model afterwards does not change the GPT, nor the other way round."""
    model, theirs, weights = _loaded(student)
    _fill(student, theirs, _their_weights(_gpt_weights(_sizes())))
    told = model.parameters()
    for name, weight in weights.items():
        there = told[name].data if name in told else model.get(name)  # it may have another name as well
        student.expect_equal(there, weight, about=f"{name}, after Hugging Face's model was changed,")
    before = theirs.parameters()
    _fill(student, model, _gpt_weights(_sizes()))
    for name, weight in theirs.parameters().items():
        student.expect_equal(weight.data, before[name].data, about=f"Hugging Face's {name}, after the GPT was changed,")


def test_load_another_epsilon(student):
    """All norms get Hugging Face's layer_norm_epsilon."""
    model, _, weights = _loaded(student, epsilon=0.3, layers=2)
    _expect_their_logits(student, model, weights, _ids(3, 5), epsilon=0.3, layers=2)
    for norm in ("norm", "blocks.0.norm1", "blocks.1.norm2"):
        student.expect_close(model.get(f"{norm}.epsilon"), 0.3, atol=1e-6, about=f"{norm}.epsilon")


def test_load_leaves_the_other_model_alone(student):
    """Hugging Face's model is afterwards what it was, and can be trained as before."""
    weights = _their_weights(_gpt_weights(_sizes()))
    theirs = student.prop("hugging_face", _their_config(0.01), weights)
    student.load_gpt2_weights(_fresh(student), theirs)
    told = theirs.parameters()
    for name, weight in weights.items():
        student.expect(name in told, f"Hugging Face's {name} is gone.")
        student.expect_equal(told[name].data, weight, about=f"Hugging Face's {name}")
        student.expect(told[name].requires_grad, f"Hugging Face's {name} can no longer be trained.")
    student.expect_close(theirs.get("transformer.ln_f.eps"), 0.01, atol=1e-6, about="Hugging Face's epsilon")
    student.expect(not theirs.training, "Hugging Face's model was in evaluation mode and is not any more.")


def test_load_sizes_that_do_not_fit(student):
    """Another vocabulary, model size, number of blocks or too few positions: a ValueError that names an argument."""
    theirs = student.prop("gpt2", _their_config(layers=2))
    for sizes in ({"vocab": 10}, {"vocab": 12}, {"context": 7}, {"d_model": 4}, {"layers": 1}, {"layers": 3}):
        with student.expect_raises(ValueError, naming=("model", "hugging_face_model")):
            student.load_gpt2_weights(_fresh(student, **{"layers": 2, **sizes}), theirs)


def test_load_heads_that_do_not_fit(student):
    """Another number of heads is a ValueError that names an argument, although all shapes are the same."""
    theirs = student.prop("gpt2", _their_config(heads=2))
    for heads in (4, 1):
        with student.expect_raises(ValueError, naming=("model", "hugging_face_model")):
            student.load_gpt2_weights(_fresh(student, heads=heads), theirs)


# greedy_decode


def _prompt(batch, length):
    return _ids(batch, length, VOCABULARY)


def test_greedy_one_token(student):
    """The new token is the one with the highest logit after the last position."""
    model, solution = _decoders(student)
    for length in (4, 1):
        tokens = _prompt(1, length)
        _expect_greedy(student, solution, student.greedy_decode(model, tokens, 1), tokens, 1)


def test_greedy_several_tokens(student):
    """Each new token is part of what the next one follows."""
    model, solution = _decoders(student)
    for length, count in ((1, 4), (3, 2)):
        tokens = _prompt(1, length)
        _expect_greedy(student, solution, student.greedy_decode(model, tokens, count), tokens, count)


def test_greedy_of_a_batch(student):
    """Each sequence of a batch goes on on its own."""
    model, solution = _decoders(student)
    for tokens in (_prompt(5, 2), _prompt(4, 6).T):
        _expect_greedy(student, solution, student.greedy_decode(model, tokens, 2), tokens, 2)


def test_greedy_beyond_the_context(student):
    """The model sees the last `context_length` ids, no more and no fewer, however long prompt and result are."""
    model, solution = _decoders(student)
    for length, count in ((5, 4), (9, 2), (2, 8)):
        tokens = _prompt(4, length)
        _expect_greedy(student, solution, student.greedy_decode(model, tokens, count), tokens, count)


def test_greedy_of_no_new_token(student):
    """With `max_new_tokens` 0 the result is the prompt."""
    tokens = _ids(2, 3)
    student.expect_equal(student.greedy_decode(_fresh(student), tokens, 0), tokens)


def test_greedy_leaves_its_tokens_alone(student):
    """The prompt is afterwards what it was, and the model has learned nothing."""
    model, solution = _decoders(student)
    tokens = _prompt(2, 3)
    got, after = student.greedy_decode.after(model, tokens, 2)
    _expect_greedy(student, solution, got, tokens, 2)
    student.expect_equal(after[1], tokens, about="tokens after the call")
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS, about="the model's logits after the call")


# top_k_filter


def test_top_k_of_one_row(student, reference):
    """The k highest logits stay as they are, the rest become -inf."""
    logits = torch.randn(1, 7)
    for k in (3, 1, 6):
        student.expect_equal(student.top_k_filter(logits, k), reference.top_k_filter(logits, k))


def test_top_k_of_every_row(student, reference):
    """Every row has its own k highest, whatever the number of dimensions and the sign of the logits."""
    for shape, shift in (((4, 6), 0.0), ((6,), 5.0), ((2, 3, 5), -20.0), ((5, 5), 20.0)):
        logits = torch.randn(*shape) + shift
        student.expect_equal(student.top_k_filter(logits, 2), reference.top_k_filter(logits, 2))


def test_top_k_keeps_ties(student):
    """Logits that equal the k-th highest are kept as well."""
    logits = torch.tensor([[1.0, 3.0, 2.0, 2.0, 0.0], [5.0, 5.0, 5.0, 5.0, 5.0], [4.0, -1.0, 4.0, 4.0, 0.5]])
    logits = logits[:, torch.randperm(5)]
    for k, lowest in ((1, (3.0, 5.0, 4.0)), (2, (2.0, 5.0, 4.0)), (4, (1.0, 5.0, 0.5))):
        want = torch.where(logits >= torch.tensor(lowest)[:, None], logits, -math.inf)
        student.expect_equal(student.top_k_filter(logits, k), want)


def test_top_k_more_than_there_are(student):
    """k equal to V, or more, keeps all."""
    logits = torch.randn(3, 4)
    for k in (4, 5, 100):
        student.expect_equal(student.top_k_filter(logits, k), logits)


def test_top_k_gradient(student):
    """The gradient flows to what was kept, and is 0 elsewhere."""
    logits, cotangent = torch.randn(3, 6), torch.randn(3, 6)
    got = student.top_k_filter.vjp(logits, 2, cotangent=cotangent, wrt=(0,))[0]
    kept = logits >= logits.sort(dim=-1).values[:, 4:5]
    student.expect_equal(got, torch.where(kept, cotangent, 0.0), about="the gradient")


def test_top_k_leaves_its_input_alone(student, reference):
    """The logits, contiguous or not, are afterwards what they were; large ones and -inf do no harm."""
    large = 1000 * torch.randn(3, 5)
    large[:, 2] = -math.inf
    for logits in (torch.randn(3, 5), _strided(3, 5), large):
        got, after = student.top_k_filter.after(logits, 3)
        student.expect_equal(got, reference.top_k_filter(logits, 3))
        student.expect_equal(after[0], logits, about="logits after the call")


def test_top_k_less_than_one(student):
    """k less than 1 is a ValueError that names an argument."""
    for k in (0, -3):
        with student.expect_raises(ValueError, naming=("k",)):
            student.top_k_filter(torch.randn(2, 4), k)


# top_p_filter: all sums of probabilities keep 0.01 away from p


def _shuffled(probabilities, *shape):
    """Rows of logits with these probabilities, each in an order and with a shift of its own."""
    order = torch.rand(*shape, len(probabilities)).argsort(dim=-1)
    return torch.tensor(probabilities).log()[order] + 5 * torch.randn(*shape, 1)


def test_top_p_of_one_row(student, reference):
    """The fewest highest logits stay whose probabilities sum to at least p; the rest become -inf."""
    for p in (0.3, 0.5, 0.8, 0.9):
        logits = _shuffled((0.42, 0.3, 0.15, 0.08, 0.05), 1)
        student.expect_equal(student.top_p_filter(logits, p), reference.top_p_filter(logits, p))


def test_top_p_of_every_row(student, reference):
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
        student.expect_equal(student.top_p_filter(logits, p), reference.top_p_filter(logits, p))


def test_top_p_of_little(student):
    """At least the highest logit is kept, even for p = 0."""
    logits = _shuffled((0.5, 0.3, 0.2), 3)
    want = torch.where(logits == logits.amax(dim=-1, keepdim=True), logits, -math.inf)
    for p in (0.0, 0.001, 0.4):
        student.expect_equal(student.top_p_filter(logits, p), want)


def test_top_p_of_equal_logits(student):
    """Of equal logits no more stay than are needed; which of them is free."""
    for p, count in ((0.45, 2), (0.6, 3), (0.1, 1), (0.9, 4)):
        got = student.expect_tensor(student.top_p_filter(torch.full((2, 4), 1.5), p), shape=(2, 4))
        kept = torch.isfinite(got)
        student.expect(bool((kept.sum(dim=-1) == count).all()), "The number of tokens that are kept is not the fewest.")
        student.expect_equal(got, torch.where(kept, 1.5, -math.inf))


def test_top_p_one_keeps_all(student):
    """p = 1 keeps all, also what has almost no probability."""
    for logits in (3 * torch.randn(3, 6), torch.tensor([[1000.0, -1000.0, 0.0, 999.0], [0.0, -200.0, 50.0, -90.0]])):
        student.expect_equal(student.top_p_filter(logits, 1.0), logits)
    logits = torch.randn(4)
    student.expect_equal(student.top_p_filter(logits, 1), logits)


def test_top_p_of_filtered_logits(student, reference):
    """Logits that are -inf already, or of any size, do no harm."""
    logits = _shuffled((0.5, 0.3, 0.2), 4)
    logits = torch.cat([torch.full((4, 2), -math.inf), logits], dim=1)[:, torch.randperm(5)]
    for each in (logits, torch.tensor([[1000.0, 998.0, -1000.0], [-1000.0, -999.0, -1000.5]])):
        student.expect_equal(student.top_p_filter(each, 0.7), reference.top_p_filter(each, 0.7))


def test_top_p_gradient(student, reference):
    """The gradient flows to what was kept, and is 0 elsewhere."""
    logits, cotangent = _shuffled((0.4, 0.3, 0.2, 0.1), 3), torch.randn(3, 4)
    got = student.top_p_filter.vjp(logits, 0.5, cotangent=cotangent, wrt=(0,))[0]
    kept = torch.isfinite(reference.top_p_filter(logits, 0.5))
    student.expect_equal(got, torch.where(kept, cotangent, 0.0), about="the gradient")


def test_top_p_leaves_its_input_alone(student, reference):
    """The logits, contiguous or not, are afterwards what they were."""
    for logits in (_shuffled((0.6, 0.25, 0.15), 4), _shuffled((0.6, 0.25, 0.15), 4).T.contiguous().T):
        got, after = student.top_p_filter.after(logits, 0.7)
        student.expect_equal(got, reference.top_p_filter(logits, 0.7))
        student.expect_equal(after[0], logits, about="logits after the call")


def test_top_p_outside_its_range(student):
    """p below 0 or above 1 is a ValueError that names an argument."""
    for p in (-0.1, 1.01, 50):
        with student.expect_raises(ValueError, naming=("p",)):
            student.top_p_filter(torch.randn(2, 4), p)


# sample

ROWS, STEPS = 400, 2


def _surprise(count, draws, probability):
    """How astonishing so many of so many draws are: by Chernoff's bound their chance is at most exp(-surprise)."""
    share = count / draws
    return draws * sum(
        part * math.log(part / expected) if expected else math.inf
        for part, expected in ((share, probability), (1 - share, 1 - probability))
        if part
    )


# A share of draws is wrong where it is too large or too small with a chance of exp(-26): by chance, in all the shares
# that these tests look at (31, on two sides each), once in 3e9 runs.
TOO_SURPRISING = 26


def _certain(student, probabilities, context=3):
    """A GPT with these probabilities of the next token, whatever came before: the last norm gives always (1, 0)."""
    model = _fresh(student, vocab=len(probabilities), context=context, d_model=2, layers=1, heads=1)
    embedding = torch.randn(len(probabilities), 2)
    embedding[:, 0] = torch.tensor(probabilities).log()
    fixed = {"norm.weight": torch.zeros(2), "norm.bias": torch.tensor([1.0, 0.0]), "token_embedding.weight": embedding}
    _fill(student, model, fixed)
    return model


def _draws(student, model, **options):
    """800 draws: (ROWS, STEPS) new ids."""
    got = student.sample(model, torch.zeros(ROWS, 1, dtype=torch.int64), STEPS, **options)
    got = student.expect_tensor(got, shape=(ROWS, 1 + STEPS), dtype=torch.int64)
    student.expect(not got[:, 0].any(), "The result should begin with the prompt.")
    return got[:, 1:]


def _expect_shares(student, drawn, shares):
    """Each id is drawn about as often as it should be, and an id of share 0 never."""
    for id, share in enumerate(shares):
        count = int((drawn == id).sum())
        student.expect(share > 0 or count == 0, "A token is drawn that should have been filtered out.")
        believable = _surprise(count, drawn.numel(), share) < TOO_SURPRISING
        student.expect(believable, "The tokens are not drawn as often as their probabilities say.")


def test_sample_with_temperature_zero_is_greedy(student):
    """With temperature 0 each new token is the likeliest one, in each sequence of a batch."""
    model, solution = _decoders(student)
    for tokens, count, options in ((_prompt(4, 2), 3, {}), (_prompt(2, 3), 1, {"top_k": 3, "top_p": 0.9})):
        got = student.sample(model, tokens, count, temperature=0.0, **options)
        _expect_greedy(student, solution, got, tokens, count)
    got = student.sample(_certain(student, (0.3, 0.4, 0.3)), torch.zeros(20, 1, dtype=torch.int64), 2, temperature=0)
    got = student.expect_tensor(got, shape=(20, 3), dtype=torch.int64)
    student.expect(bool((got[:, 1:] == 1).all()), "With temperature 0 a token is drawn that is not the likeliest.")


def test_sample_by_the_probabilities(student):
    """Without options, tokens are drawn as often as their probabilities say, each draw on its own."""
    drawn = _draws(student, _certain(student, (0.1, 0.6, 0.3)))
    _expect_shares(student, drawn, (0.1, 0.6, 0.3))
    both = int(((drawn[:, 0] == 1) & (drawn[:, 1] == 1)).sum())
    student.expect(_surprise(both, ROWS, 0.36) < TOO_SURPRISING, "Two draws of one sequence depend on each other.")
    # one of 51 comes half of the time: at temperature 0.8 in 73 of 100, at 1.25 in 28
    count = int((_draws(student, _certain(student, (0.5, *[0.01] * 50))) == 0).sum())
    believable = _surprise(count, ROWS * STEPS, 0.5) < TOO_SURPRISING
    student.expect(believable, "The tokens are not drawn as often as their probabilities say.")


def test_sample_with_temperature(student):
    """The logits are divided by the temperature: a low one makes likely tokens likelier, a high one evens out."""
    for temperature, probabilities in ((0.3, (0.35, 0.65)), (3.0, (0.05, 0.95))):
        drawn = _draws(student, _certain(student, probabilities), temperature=temperature)
        powers = [probability ** (1 / temperature) for probability in probabilities]
        _expect_shares(student, drawn, [power / sum(powers) for power in powers])


def test_sample_from_the_top_k(student):
    """Only the k likeliest tokens are drawn, by their probabilities."""
    drawn = _draws(student, _certain(student, (0.1, 0.2, 0.3, 0.4)), top_k=2)
    _expect_shares(student, drawn, (0.0, 0.0, 3 / 7, 4 / 7))


def test_sample_from_the_top_p(student):
    """Only the fewest likeliest tokens whose probabilities sum to p are drawn."""
    drawn = _draws(student, _certain(student, (0.2, 0.15, 0.4, 0.25)), top_p=0.6)
    _expect_shares(student, drawn, (0.0, 0.0, 8 / 13, 5 / 13))


def test_sample_with_filters_at_their_limits(student):
    """A top-p of 0 leaves the likeliest token alone; a top-k greater than V, and a top-p of 1, leave all."""
    model = _certain(student, (0.25, 0.3, 0.45))
    _expect_shares(student, _draws(student, model, top_p=0.0), (0.0, 0.0, 1.0))
    _expect_shares(student, _draws(student, model, top_k=5, top_p=1.0), (0.25, 0.3, 0.45))


def test_sample_of_no_new_token(student):
    """With `max_new_tokens` 0 the result is the prompt, whatever the other arguments."""
    model, tokens = _fresh(student), _ids(2, 3)
    for options in ({}, {"temperature": 0}, {"top_k": 2, "top_p": 0.5}):
        student.expect_equal(student.sample(model, tokens, 0, **options), tokens)


def test_sample_filters_in_order(student):
    """First the temperature, then top-k, then top-p of what is left."""
    model = _certain(student, (0.3, 0.2, 0.5))
    _expect_shares(student, _draws(student, model, temperature=2.0, top_p=0.45), (0.4365, 0.0, 0.5635))
    _expect_shares(student, _draws(student, model, temperature=0.5, top_p=0.6), (0.0, 0.0, 1.0))
    model = _certain(student, (0.2, 0.1, 0.4, 0.3))
    _expect_shares(student, _draws(student, model, top_k=2, top_p=0.5), (0.0, 0.0, 1.0, 0.0))


def test_sample_beyond_the_context(student):
    """The model sees the last `context_length` ids, no more and no fewer."""
    model, solution = _decoders(student)
    for length, count, options in ((5, 4, {"top_k": 1}), (9, 2, {"top_k": 1}), (8, 1, {"temperature": 0})):
        tokens = _prompt(4, length)
        got, after = student.sample.after(model, tokens, count, **options)
        _expect_greedy(student, solution, got, tokens, count)
        student.expect_equal(after[1], tokens, about="tokens after the call")


def test_sample_draws_from_its_generator(student):
    """The generator decides alone: the global seed changes nothing, the generator's seed and its use do."""
    model, tokens = _certain(student, (0.25, 0.25, 0.25, 0.25)), _ids(20, 1, 4)

    def drawn(seed, generator):
        got = student.sample.seeded(seed)(model, tokens, 2, generator=generator)
        return student.expect_tensor(got, shape=(20, 3), dtype=torch.int64)

    used = student.prop("generator", 5)
    first, again = drawn(1, used), drawn(2, student.prop("generator", 5))
    student.expect_equal(again, first, about="the result with the same generator seed and another global seed")
    # 40 draws from four equal tokens are the same with probability 4^-40 < 1e-24
    for other in (drawn(1, student.prop("generator", 6)), drawn(1, used)):
        student.expect(not torch.equal(other, first), "A generator in another state gives the same tokens.")
    repeats = torch.equal(first[:, 1], first[:, 2])  # by chance: 4^-20 < 1e-12
    student.expect(not repeats, "With a generator every step draws the same tokens.")


def test_sample_without_generator_draws_from_torchs(student):
    """Without a generator torch's global one decides: the same seed gives the same tokens, another seed others."""
    model, tokens = _certain(student, (0.25, 0.25, 0.25, 0.25)), _ids(20, 1, 4)

    def drawn(seed):
        student.prop("seed_torch", seed)  # and not those of Python and NumPy, which go on
        return student.expect_tensor(student.sample(model, tokens, 2), shape=(20, 3), dtype=torch.int64)

    first = drawn(3)
    student.expect_equal(drawn(3), first, about="the result with the same global seed")
    # 40 draws from four equal tokens are the same with probability 4^-40 < 1e-24
    student.expect(not torch.equal(drawn(4), first), "Another global seed gives the same tokens.")


def test_sample_with_negative_temperature(student):
    """A temperature below 0 is a ValueError that names an argument."""
    with student.expect_raises(ValueError, naming=("temperature",)):
        student.sample(_fresh(student), _ids(1, 2), 2, temperature=-0.5)


# generate_with_cache


def test_cache_one_token(student):
    """One new token, after prompts of several lengths."""
    model, solution = _decoders(student, layers=2)
    for length in (1, 5):
        tokens = _prompt(1, length)
        _expect_greedy(student, solution, student.generate_with_cache(model, tokens, 1), tokens, 1)


def test_cache_several_tokens(student):
    """Several new tokens; the next call on the same model, with another prompt, begins anew."""
    model, solution = _decoders(student, context=9, layers=2)
    for length, count in ((2, 3), (5, 3)):
        tokens = _prompt(1, length)
        got = student.generate_with_cache(model, tokens, count)
        _expect_greedy(student, solution, got, tokens, count, context=9)
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS, about="the model's logits after the call")


def test_cache_of_a_batch(student):
    """Each sequence of a batch goes on on its own, for any number of blocks and heads."""
    model, solution = _decoders(student, context=8, layers=3, heads=4)
    tokens = _prompt(4, 3)
    got = student.generate_with_cache(model, tokens, 3)
    _expect_greedy(student, solution, got, tokens, 3, context=8)


def test_cache_beyond_the_context(student):
    """Beyond the context the ids are still those of greedy decoding: the last `context_length` ids count."""
    model, solution = _decoders(student, layers=2)
    for length, count in ((4, 5), (6, 2), (9, 2)):
        tokens = _prompt(4, length)
        _expect_greedy(student, solution, student.generate_with_cache(model, tokens, count), tokens, count)


def test_cache_computes_no_position_twice(student):
    """While all fits into the context, no position goes twice through a block's key or value layer."""
    model, solution = _decoders(student, context=7, layers=2)
    places = [f"blocks.{number}.attention.{layer}" for number in (0, 1) for layer in ("key", "value")]
    seen = [student.prop("inputs_of", model.at(place)) for place in places]
    tokens = _prompt(1, 4)
    products = student.prop("rows_through", *(model.at(place) for place in places))
    got = student.generate_with_cache(model, tokens, 4)
    counts = products.take(4)
    _expect_greedy(student, solution, got, tokens, 4, context=7)
    for inputs, count in zip(seen, counts, strict=True):
        rows = [student.expect_tensor(each, about="what a layer is given").reshape(-1, 8) for each in inputs.take(200)]
        if not rows:  # the student multiplies by the weights without calling the layer: 7 positions, or all 8
            student.expect(count <= 8, "A position's key or value is computed more than once.")
        else:
            distances = torch.pdist(torch.cat(rows))
            # two positions differ in eight random numbers: closer than this with probability below 1e-20
            student.expect(not (distances < 1e-3).any(), "A position's key or value is computed more than once.")


def test_cache_leaves_its_tokens_alone(student):
    """The prompt is afterwards what it was; with `max_new_tokens` 0 the result is the prompt."""
    model, solution = _decoders(student)
    tokens = _prompt(3, 2).T
    got, after = student.generate_with_cache.after(model, tokens, 2)
    _expect_greedy(student, solution, got, tokens, 2)
    student.expect_equal(after[1], tokens, about="tokens after the call")
    student.expect_equal(student.generate_with_cache(model, tokens, 0), tokens)
