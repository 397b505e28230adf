"""GPT-2's weights, taken from Hugging Face's model."""

import torch

from ..shared import _fill, _packed
from .shared import LOGITS, _fresh, _gpt_weights, _ids, _logits, _sizes


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


def _hugging_face(student, weights, epsilon=1e-5, **sizes):
    """Hugging Face's model of these sizes with these weights."""
    return student.prop("hugging_face", _their_config(epsilon, **sizes), *_packed(weights))


def _loaded(student, epsilon=1e-5, **sizes):
    """What the student's function gives, Hugging Face's model, and the weights by our names."""
    weights = _gpt_weights(_sizes(**sizes))
    theirs = _hugging_face(student, _their_weights(weights), epsilon, **sizes)
    loaded = student.load_gpt2_weights(_fresh(student, **sizes), theirs)
    return student.expect_handle(loaded, about="the result"), theirs, weights


def _expect_their_logits(student, model, weights, tokens, epsilon=1e-5, about="the result", **sizes):
    """The logits are those of a GPT with these weights and this epsilon."""
    student.expect_close(model(tokens), _logits(weights, tokens, _sizes(**sizes), epsilon), atol=LOGITS, about=about)


def test_load_embeddings_and_last_norm(student):
    """The two embeddings and the last norm hold Hugging Face's numbers, and the GPT is given back."""
    weights = _gpt_weights(_sizes(heads=1))
    model, theirs = _fresh(student, heads=1), _hugging_face(student, _their_weights(weights), heads=1)
    loaded = student.expect_handle(student.load_gpt2_weights(model, theirs), about="the result")
    student.expect(student.same(loaded, model), "The result should be the GPT that was handed in, and is another one.")
    names = ("token_embedding.weight", "position_embedding.weight", "norm.weight", "norm.bias")
    for name, there in zip(names, model.gather(*names), strict=True):
        student.expect_equal(there, weights[name], about=name)


def test_load_one_block(student):
    """A model of one block with one head gives the logits of Hugging Face's."""
    model, _, weights = _loaded(student, heads=1)
    _expect_their_logits(student, model, weights, _ids(2, 5), heads=1)


def test_load_several_blocks(student):
    """Every block has its own weights and every head its own columns."""
    sizes = {"vocab": 7, "context": 5, "layers": 2, "heads": 4}
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
    changed = _their_weights(_gpt_weights(_sizes()))
    _fill(student, theirs, changed)
    _expect_their_logits(student, model, weights, _ids(2, 6), about="the logits after Hugging Face's model was changed")
    _fill(student, model, _gpt_weights(_sizes()))
    told = theirs.parameters()
    for name, weight in changed.items():
        student.expect(name in told, f"Hugging Face's {name} is gone.")
        student.expect_equal(told[name].data, weight, about=f"Hugging Face's {name}, after the GPT was changed,")


def test_load_another_epsilon(student):
    """All norms get Hugging Face's layer_norm_epsilon."""
    model, _, weights = _loaded(student, epsilon=0.3)
    _expect_their_logits(student, model, weights, _ids(3, 5), epsilon=0.3)


def test_load_leaves_the_other_model_alone(student):
    """Hugging Face's model is afterwards what it was, and can be trained as before."""
    weights = _their_weights(_gpt_weights(_sizes()))
    theirs = _hugging_face(student, weights, 0.01)
    theirs.train(True)
    student.load_gpt2_weights(_fresh(student), theirs)
    told = theirs.parameters()
    for name, weight in weights.items():
        student.expect(name in told, f"Hugging Face's {name} is gone.")
        student.expect_equal(told[name].data, weight, about=f"Hugging Face's {name}")
        student.expect(told[name].requires_grad, f"Hugging Face's {name} can no longer be trained.")
    epsilon, training = theirs.gather("transformer.ln_f.eps", "training")
    student.expect_close(epsilon, 0.01, atol=1e-6, about="Hugging Face's epsilon")
    student.expect(training, "Hugging Face's model was in training mode and is not any more.")


def test_load_sizes_that_do_not_fit(student):
    """Another vocabulary, model size, number of blocks or too few positions: a ValueError that names an argument."""
    theirs = student.prop("hugging_face", _their_config(layers=2))
    several = ({"vocab": 12, "context": 5}, {"layers": 1, "heads": 4})  # as many numbers as theirs; the same product
    for sizes in ({"vocab": 10}, {"vocab": 12}, {"context": 7}, {"d_model": 4}, {"layers": 1}, {"layers": 3}, *several):
        with student.expect_raises(ValueError, naming=("model", "hugging_face_model")):
            student.load_gpt2_weights(_fresh(student, **{"layers": 2, **sizes}), theirs)


def test_load_heads_that_do_not_fit(student):
    """Another number of heads is a ValueError that names an argument, although all shapes are the same."""
    theirs = student.prop("hugging_face", _their_config(heads=2))
    with student.expect_raises(ValueError, naming=("model", "hugging_face_model")):
        student.load_gpt2_weights(_fresh(student, heads=4), theirs)
