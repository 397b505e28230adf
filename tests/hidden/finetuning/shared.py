"""What the tests of `finetuning` share.

Tolerances are five times or more what the right modules in tests/right differ by, over 12 seeds.
"""

import torch

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
VOCABULARY = [*map(chr, range(33, 127)), "Ġ", "Ċ", *(left + right for left, right in MERGES)]
VOCABULARY.insert(END, "<|endoftext|>")

TINY = {"vocab_size": 13, "n_positions": 9, "n_embd": 8, "n_layer": 1, "n_head": 2}


def _config(sizes, dropout=0.0):
    end = min(END, sizes["vocab_size"] - 1)
    dropouts = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), dropout)
    return {**sizes, **dropouts, "bos_token_id": end, "eos_token_id": end}


def _weights(sizes, scale=0.5):
    """Random numbers for every parameter of a GPT-2 of these sizes."""
    width = sizes["n_embd"]
    shapes = {"wte.weight": (sizes["vocab_size"], width), "wpe.weight": (sizes["n_positions"], width)}
    for block in range(sizes["n_layer"]):
        for name, size_in, size_out in (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, 4 * width),
            ("mlp.c_proj", 4 * width, width),
        ):
            shapes |= {f"h.{block}.{name}.weight": (size_in, size_out), f"h.{block}.{name}.bias": (size_out,)}
        for name in ("ln_1", "ln_2"):
            shapes |= {f"h.{block}.{name}.{part}": (width,) for part in ("weight", "bias")}
    shapes |= {f"ln_f.{part}": (width,) for part in ("weight", "bias")}
    return {f"transformer.{name}": scale * torch.randn(*shape) for name, shape in shapes.items()}


def _twins(student, reference, sizes=TINY, dropout=0.0):
    """The same random model for the student and for the solution."""
    weights = _weights(sizes)
    return tuple(each.prop("gpt2", _config(sizes, dropout), weights) for each in (student, reference))


def _tokenizer(target, **settings):
    return target.prop("gpt2_tokenizer", VOCABULARY, MERGES, settings)
