"""What the tests of `finetuning` share.

Tolerances are five times or more what the right modules in tests/right differ by, over 12 seeds.
"""

import functools
import math

import torch
from torch.nn import functional

from ..shared import _merged

LOSS = 1e-5  # of losses up to 10: 1e-6 was seen
STEP = 0.02  # of the learning rate, for a weight after some steps: 0.001, where GRADIENT holds
GRADIENT = 1e-3  # AdamW divides by a gradient's size, and with it its rounding, 1e-8: weights of smaller ones drift,
DRIFT = 0.005  # so that later losses do, by up to so much of the learning rate: 0.0005;
TREMBLING = 1e-6  # and of those that are as small as their rounding, a step goes this way or that: none is used
SUMS = 1e-4  # of a layer's results up to 50, and their gradients
LOGITS = 1e-3  # of three blocks and the output layer, logits up to 50
MARGIN = 1e-2  # between the two highest of logits up to 30

END = 40  # the id of the end-of-text token
MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("Ġ", "a"), ("i", "n"), ("in", "g"), ("Ġ", "k"), ("Ġk", "ing")]
VOCABULARY = [*map(chr, range(33, 127)), "Ġ", "Ċ", *(left + right for left, right in MERGES), "Ã", "©"]
VOCABULARY.insert(END, "<|endoftext|>")
HALVES = (len(VOCABULARY) - 2, len(VOCABULARY) - 1)  # the ids of the two bytes of é

TINY = {"vocab_size": 13, "n_positions": 9, "n_embd": 8, "n_layer": 1, "n_head": 2}


def _config(sizes, dropout=0.0):
    end = min(END, sizes["vocab_size"] - 1)
    dropouts = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), dropout)
    return {**sizes, **dropouts, "bos_token_id": end, "eos_token_id": end}


def _weights(sizes, scale=0.5):
    """Random numbers for every parameter of a GPT-2 of these sizes, in the model's own order."""
    width = sizes["n_embd"]
    shapes = {"wte.weight": (sizes["vocab_size"], width), "wpe.weight": (sizes["n_positions"], width)}
    block = {
        "ln_1": (width,),
        "attn.c_attn": (width, 3 * width),
        "attn.c_proj": (width, width),
        "ln_2": (width,),
        "mlp.c_fc": (width, 4 * width),
        "mlp.c_proj": (4 * width, width),
    }
    layers = {f"h.{n}.{name}": shape for n in range(sizes["n_layer"]) for name, shape in block.items()}
    for name, shape in {**layers, "ln_f": (width,)}.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[-1:]}
    numbers = scale * torch.randn(sum(map(math.prod, shapes.values())))
    return _named(numbers, {f"transformer.{name}": shape for name, shape in shapes.items()})


def _named(numbers, shapes):
    """The parts of one tensor, by name: `_flat` the other way round."""
    parts = numbers.split([math.prod(shape) for shape in shapes.values()])
    return {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def _flat(weights):
    """All numbers in one tensor, which crosses the wire in a third of the time."""
    return torch.cat([weight.flatten() for weight in weights.values()])


def _model(student, weights, dropout=0.0, sizes=TINY):
    """The student's GPT-2 with these weights."""
    return student.prop("gpt2", _config(sizes, dropout), _flat(weights))


def _tokenizer(target, **settings):
    return target.prop("gpt2_tokenizer", VOCABULARY, MERGES, settings)


@functools.cache
def _own_tokenizer():
    """The grader's own; nobody changes its settings."""
    from transformers import GPT2Tokenizer

    ids = {token: number for number, token in enumerate(VOCABULARY)}
    return GPT2Tokenizer(vocab=ids, merges=MERGES)


def _ids(text):
    return _own_tokenizer()(text)["input_ids"]


def _logits(weights, ids, heads=2):
    """(B, T, V): what a GPT-2 with these weights says after each of the ids (B, T).

    Written out, since a GPT2LMHeadModel takes ten times as long to make, and five times to call.
    """

    def linear(x, name):
        return x @ weights[f"transformer.{name}.weight"] + weights[f"transformer.{name}.bias"]

    def norm(x, name):
        weight, bias = weights[f"transformer.{name}.weight"], weights[f"transformer.{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], weight, bias)

    table = weights["transformer.wte.weight"]
    x = table[ids] + weights["transformer.wpe.weight"][: ids.shape[1]]
    block = 0
    while f"transformer.h.{block}.ln_1.weight" in weights:
        qkv = linear(norm(x, f"h.{block}.ln_1"), f"h.{block}.attn.c_attn").unflatten(2, (3, heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + linear(_merged(mixed), f"h.{block}.attn.c_proj")
        wide = functional.gelu(linear(norm(x, f"h.{block}.ln_2"), f"h.{block}.mlp.c_fc"), approximate="tanh")
        x = x + linear(wide, f"h.{block}.mlp.c_proj")
        block += 1
    return norm(x, "ln_f") @ table.T


def _loss(weights, batch, reduction="mean"):
    """The loss of a GPT-2 with these weights on a batch, nan where there is nothing to predict."""
    logits, labels = _logits(weights, batch["input_ids"])[:, :-1], batch["labels"][:, 1:]
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction=reduction)
