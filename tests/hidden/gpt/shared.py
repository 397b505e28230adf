"""What the tests of `gpt` share.

Tolerances are five times or more what the right modules in tests/right differ by, over 60 seeds. Decoded ids are never
compared with each other, since two logits may be equal up to rounding: each new id must have the highest logit found
there, or one not more than CLOSE below it.
"""

import math
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from torch.nn import functional

from ..shared import _fill, _merged, _packed, _split

ENTRY = 3e-6  # of a formula for each entry on its own, results up to 4
LAYER = 3e-5  # of two matrix products in a row, results up to 10
BLOCK = 1e-4  # of a block, results up to 15
LOGITS = 3e-4  # of up to three blocks and the output layer, logits up to 50
GRADIENT = 2e-3  # of sums over all positions of a batch, of size up to 100
CLOSE = 1e-3  # between logits, of which the right modules' differ by less than LOGITS

VOCABULARY = 200  # of the models that decode: many, so that another context has another likeliest token
# after a prompt of one token, of a model that says the last id and 0 in turn, and 0 from its sixth and last position on
ALTERNATING = (VOCABULARY - 1, 0, VOCABULARY - 1, 0, VOCABULARY - 1, 0, 0, 0)

ATTENDING = ("query", "key", "value")
LINEARS = ("attention.query", "attention.key", "attention.value", "attention.output", "feed_forward.up")
LINEARS += ("feed_forward.down",)


class Numbers(NamedTuple):
    """What a parameter is to hold: normally distributed numbers."""

    shape: tuple[int, ...]
    scale: float = 1.0
    mean: float = 0.0


def _linear_parameters(name, into, out):
    return {f"{name}.weight": Numbers((out, into), 1 / math.sqrt(into)), f"{name}.bias": Numbers((out,))}


def _norm_parameters(name, d_model):
    return {f"{name}.weight": Numbers((d_model,), 0.5, 1.0), f"{name}.bias": Numbers((d_model,), 0.5)}


def _block_parameters(d_model, prefix=""):
    """Every parameter of a block, by name."""
    parameters = _norm_parameters(f"{prefix}norm1", d_model) | _norm_parameters(f"{prefix}norm2", d_model)
    for name in LINEARS:
        into, out = (4 if name.endswith("down") else 1) * d_model, (4 if name.endswith("up") else 1) * d_model
        parameters |= _linear_parameters(prefix + name, into, out)
    return parameters


def _gpt_parameters(sizes):
    """Every parameter of a GPT of these sizes, by name."""
    d_model = sizes["d_model"]
    # not of size 1: the student's side has the same seed, and a fresh Embedding could draw the very same numbers
    parameters = {"token_embedding.weight": Numbers((sizes["vocab_size"], d_model), 1.1)}
    parameters["position_embedding.weight"] = Numbers((sizes["context_length"], d_model), 1.1)
    for number in range(sizes["num_layers"]):
        parameters |= _block_parameters(d_model, f"blocks.{number}.")
    return parameters | _norm_parameters("norm", d_model)


@lru_cache
def _ways(parameters):
    """How many numbers each of these parameters is to hold, and the scale and the mean of every number."""
    counts = [math.prod(each.shape) for each in parameters]
    each_way = torch.tensor([(each.scale, each.mean) for each in parameters])
    scale, mean = each_way.repeat_interleave(torch.tensor(counts), dim=0).T
    return counts, scale, mean


def _drawn(parameters):
    """A tensor for each of these parameters, by name. One draw makes all: many small ones would take longer."""
    counts, scale, mean = _ways(tuple(parameters.values()))
    parts = (mean + scale * torch.randn(len(mean))).split(counts)
    return {name: part.view(each.shape) for (name, each), part in zip(parameters.items(), parts, strict=True)}


def _gpt_weights(sizes):
    """Random numbers for every parameter of a GPT of these sizes, by name."""
    return _drawn(_gpt_parameters(sizes))


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
    return _gpt(owner, None, **sizes)


def _gpt(owner, weights, **sizes):
    """A GPT with these weights; those that are not named it starts with."""
    return owner.prop("gpt", owner.GPT, owner.GPTConfig, _sizes(**sizes), *(_packed(weights) if weights else ()))


def _part(weights, name):
    """Weight and bias of a layer; of the module itself without a name."""
    return [weights[f"{name}.{kind}" if name else kind] for kind in ("weight", "bias")]


def _normed(weights, x, name="", epsilon=1e-5):
    """What a LayerNorm with these weights makes of x."""
    return functional.layer_norm(x, x.shape[-1:], *_part(weights, name), epsilon)


def _gelu(x):
    return functional.gelu(x, approximate="tanh")


def _fed_forward(weights, x, prefix=""):
    """What a FeedForward with these weights makes of x."""
    hidden = functional.linear(x, *_part(weights, f"{prefix}up"))
    return functional.linear(_gelu(hidden), *_part(weights, f"{prefix}down"))


def _through_block(weights, x, heads, prefix="", epsilon=1e-5):
    """What a DecoderBlock with these weights makes of x."""
    normed = _normed(weights, x, f"{prefix}norm1", epsilon)
    parts = (functional.linear(normed, *_part(weights, f"{prefix}attention.{name}")) for name in ATTENDING)
    query, key, value = (_split(part, heads) for part in parts)
    mixed = _merged(functional.scaled_dot_product_attention(query, key, value, is_causal=True))
    x = x + functional.linear(mixed, *_part(weights, f"{prefix}attention.output"))
    return x + _fed_forward(weights, _normed(weights, x, f"{prefix}norm2", epsilon), f"{prefix}feed_forward.")


def _logits(weights, tokens, sizes, epsilon=1e-5):
    """What a GPT of these sizes with these weights makes of tokens."""
    vectors = weights["token_embedding.weight"]
    x = vectors[tokens] + weights["position_embedding.weight"][: tokens.shape[1]]
    for number in range(sizes["num_layers"]):
        x = _through_block(weights, x, sizes["num_heads"], f"blocks.{number}.", epsilon)
    return _normed(weights, x, "norm", epsilon) @ vectors.T


def _decoders(student, context=6, layers=1, heads=2):
    """As `_models`, with weights that make the likeliest token depend on all tokens and on where they stand."""
    sizes = {"vocab": VOCABULARY, "context": context, "layers": layers, "heads": heads}
    strong = ("value.weight", "output.weight")
    parameters = _gpt_parameters(_sizes(**sizes))
    for name, each in parameters.items():
        factor = 3.0 if name.endswith(strong) else 0.3 if name.endswith("bias") else 1.0
        parameters[name] = Numbers(each.shape, factor * each.scale, factor * each.mean)
    weights = _drawn(parameters)
    return _gpt(student, weights, **sizes), partial(_logits, weights, sizes=_sizes(**sizes))


def _weights_of(module, names, told):
    """The parameters of these names, given those that `parameters()` has told of."""
    return {name: told[name].data if name in told else module.get(name) for name in names}  # some have two names


def _certain(student, probabilities, context=3):
    """A GPT with these probabilities of the next token, whatever came before."""
    sizes = {"vocab": len(probabilities), "context": context, "d_model": 2, "layers": 1, "heads": 1}
    return _gpt(student, _sure(probabilities, 2), **sizes)


def _make_certain(student, model, probabilities, d_model):
    """As `_certain`, for a model that is there already."""
    _fill(student, model, _sure(probabilities, d_model))


def _make_slightly_likelier(student, model, id):
    """A decoder in which this token is always the likeliest, by a little that is far above rounding."""
    _make_certain(student, model, [1.002 if each == id else 1.0 for each in range(VOCABULARY)], 8)


def _make_alternate(student, model):
    """A decoder of one block for which the position that it reads decides: the likeliest token is ALTERNATING's."""
    first, second = torch.eye(8)[0] - torch.eye(8)[1], torch.eye(8)[2] - torch.eye(8)[3]
    tokens = torch.randn(VOCABULARY, 8) / 100
    tokens[VOCABULARY - 1], tokens[0] = first, second
    silent = {name: torch.zeros(each.shape) for name, each in _block_parameters(8, "blocks.0.").items()}
    last = {"norm.weight": torch.ones(8), "norm.bias": torch.zeros(8), "token_embedding.weight": tokens}
    _fill(student, model, silent | last | {"position_embedding.weight": 10 * torch.stack([first, second] * 3)})


def _sure(probabilities, d_model):
    """The weights of a last norm that always gives (1, 0, 0, ...), and what then makes these probabilities."""
    embedding, first = torch.randn(len(probabilities), d_model), torch.eye(d_model)[0]
    embedding[:, 0] = torch.tensor(probabilities).log()
    return {"norm.weight": torch.zeros(d_model), "norm.bias": first, "token_embedding.weight": embedding}


def _expect_parameters(student, module, parameters):
    """These parameters are there by their names, with their shapes, and an optimizer finds them all."""
    told = module.parameters()
    for name, there in _weights_of(module, parameters, told).items():
        student.expect_tensor(there, shape=parameters[name].shape, about=name)
    found = sum(math.prod(each.shape) for each in told.values() if each.requires_grad)
    student.expect(
        found >= sum(math.prod(each.shape) for each in parameters.values()),
        "parameters() does not find all weights and biases of the parts, or some cannot be trained.",
    )


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


def _prompt(batch, length):
    return _ids(batch, length, VOCABULARY)


def _expect_unchanged(student, model):
    """A fresh model that was handed in is in training mode as before, and can be trained."""
    names = ("token_embedding", "blocks.0.attention.query")
    training, *trained = model.gather("training", *(f"{name}.weight.requires_grad" for name in names))
    student.expect(training, "The model was in training mode and is not any more.")
    student.expect(trained == [True, True], "Some of the model's parameters can no longer be trained.")
