"""Every prop of tests/props/common.py, on all five targets: what it makes there is what the library makes here."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.errors import GraderError
from autograder.target.failures import MissingName, StudentError
from autograder.target.vocabulary import OBJECT as UNSAID  # of a type whose name the student's source does not have

HERE = Path(__file__)
TINY = {
    "vocab_size": 11,
    "n_positions": 6,
    "n_embd": 4,
    "n_layer": 1,
    "n_head": 2,
    "bos_token_id": 0,
    "eos_token_id": 0,
}


def test_every_prop_has_a_test_here():
    tree = ast.parse((HERE.parents[1] / "props" / "common.py").read_text(encoding="utf-8"))
    props = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    here = ast.parse(HERE.read_text(encoding="utf-8"))
    called = {
        node.args[0].value
        for node in ast.walk(here)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "prop"
    }
    assert props <= called


def test_generator(student):
    generator, own = student.prop("generator", 3), torch.Generator().manual_seed(3)
    assert generator.kind in ("Generator", UNSAID)
    for _ in range(2):
        assert student.draw_from(generator, 4).equal(torch.rand(4, generator=own))
    assert generator.method("initial_seed")() == 3


def test_linear(student):
    weight, bias, x = torch.randn(3, 2), torch.randn(3), torch.randn(5, 2)
    assert torch.allclose(student.prop("linear", weight, bias)(x), x @ weight.T + bias)
    layer = student.prop("linear", weight)
    assert torch.allclose(layer(x), x @ weight.T)
    assert layer.get("bias") is None
    assert {name: each.requires_grad for name, each in layer.parameters().items()} == {"weight": True}
    layer.set("weight", torch.zeros(3, 2))
    assert not layer(x).any()


def test_conv1d(student):
    weight, bias, x = torch.randn(2, 3), torch.randn(3), torch.randn(5, 2)
    layer = student.prop("conv1d", weight, bias)
    assert layer.kind in ("Conv1D", UNSAID)
    assert torch.allclose(layer(x), x @ weight + bias)
    assert set(layer.parameters()) == {"weight", "bias"}
    assert layer.get("nf") == 3


def test_fill(student):
    weight, bias = torch.randn(3, 2), torch.randn(3)
    layer = student.prop("linear", torch.zeros(3, 2), torch.zeros(3))
    numbers = torch.cat([weight.flatten(), bias])
    student.prop("fill", layer, '{"weight": [3, 2], "bias": [3]}', numbers)
    assert layer.get("weight").equal(weight)
    assert layer.get("bias").equal(bias)
    with pytest.raises(ValueError, match="weight has shape"):
        student.prop("fill", layer, '{"weight": [2, 3]}', weight.flatten())


def test_what_the_student_wrote_is_filled(student):
    numbers = torch.randn(6)
    model = student.prop("filled", student.Model, [2], '{"first.weight": [2, 2], "unused": [2]}', numbers)
    assert model.get("first.weight").equal(numbers[:4].view(2, 2))
    assert model.get("unused").equal(numbers[4:])
    with pytest.raises(MissingName, match=r"sample\.py has no Nowhere"):
        student.prop("filled", student.Nowhere, [2], "{}", numbers)
    with pytest.raises(GraderError, match="after something else"):
        student.prop("filled", "Model", student.Model)


def test_gpt2(student):
    weights = {"transformer.wte.weight": torch.randn(11, 4), "transformer.h.0.attn.c_attn.bias": torch.randn(12)}
    model = student.prop("gpt2", TINY, weights)
    assert model.kind in ("GPT2LMHeadModel", UNSAID)
    assert model.training is False
    for name, value in weights.items():
        assert model.get(name).equal(value)
    assert model.get("config.n_head") == 2
    ids = torch.tensor([[1, 2, 3]])
    logits = model.keep("past_key_values")(ids)["logits"]
    assert logits.shape == (1, 3, 11)
    assert student.same(model.at("lm_head.weight"), model.at("transformer.wte.weight"))
    (gradient,) = student.logits_of.vjp(model, ids, cotangent=logits, wrt=((model, "transformer.wpe.weight"),))
    assert gradient.shape == (6, 4)
    assert gradient[:3].any()
    assert not gradient[3:].any()
    model.train()
    assert model.training is True


def test_gpt2_is_the_same_for_the_same_seed_and_refuses_unknown_weights(student):
    def weight():
        student._target.begin(5, 60.0)
        return student.prop("gpt2", TINY).get("transformer.wte.weight")

    assert weight().equal(weight())
    with pytest.raises(KeyError, match="wtf"):
        student.prop("gpt2", TINY, {"transformer.wtf.weight": torch.zeros(1)})


def test_tokenizer(student, tmp_path):
    words = ["<|endoftext|>", "l", "o", "w", "lo", "low", "\u0120", "\u0120low"]
    (tmp_path / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nl o\nlo w\n\u0120 low\n")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    tokenizer = student.prop("tokenizer", str(tmp_path))
    encoded = tokenizer("low low")
    assert type(encoded) is dict
    assert encoded["input_ids"] == [5, 7]
    assert set(encoded) == {"input_ids", "attention_mask"}, "no token_type_ids, which change GPT-2's logits"
    assert tokenizer.method("decode")([5, 7]) == "low low"
    assert tokenizer.get("eos_token_id") == 0


def test_loader(student):
    batches = [{"input_ids": torch.tensor([[1, 2], [3, 4]])}, {"input_ids": torch.tensor([[5, 6]])}]
    loader = student.prop("loader", batches)
    assert loader.kind in ("DataLoader", UNSAID)
    assert loader.method("__len__")() == 2
    for _ in range(2):
        assert [batch["input_ids"].tolist() for batch in loader.take(3)] == [[[1, 2], [3, 4]], [[5, 6]]]
    assert loader.get("batch_size") == 2, "as most loaders, it knows how many rows a batch has"
    uneven = student.prop("loader", [batches[1], batches[0], batches[1]])
    assert [batch["input_ids"].tolist() for batch in uneven.take(4)] == [[[5, 6]], [[1, 2], [3, 4]], [[5, 6]]]


def test_function(student):
    array = np.array([[0.5, -1.0], [2.0, 3.0]])
    for name, want in (
        ("sum_of_squares", 0.25 + 1 + 4 + 9),
        ("sum_of_cubes", 0.125 - 1 + 8 + 27),
        ("sum_of_sines", float(np.sin(array).sum())),
        ("product", -3.0),
        ("log_sum_exp", float(np.log(np.exp(array).sum()))),
    ):
        function = student.prop("function", name)
        assert function(array) == pytest.approx(want)
        assert student.apply(function, array) == pytest.approx(want)
        assert type(student.apply(function, array)) is float


def test_dataclass(student):
    config = student.prop("dataclass", "GPTConfig", {"vocab_size": 5, "rates": [0.1, 0.2]})
    assert config.kind in ("GPTConfig", UNSAID)
    assert config.get("vocab_size") == 5
    assert student.attribute_of(config, "rates") == [0.1, 0.2]
    with pytest.raises(AttributeError):
        config.set("vocab_size", 6)


def test_iterator(student):
    iterator = student.prop("iterator", [1, 2, 3])
    assert student.consume(iterator, 2) == [1, 2]
    assert iterator.take(5) == [3]
    with pytest.raises(AttributeError):
        iterator.method("__len__")


def test_repeat(student):
    forever = student.prop("repeat", {"x": torch.ones(2)})
    assert [each["x"].tolist() for each in student.consume(forever, 3)] == [[1, 1]] * 3
    assert len(forever.take(4)) == 4
    assert student.prop("repeat", 1, times=2).take(5) == [1, 1]


def test_a_prop_that_is_not_there(student):
    with pytest.raises(StudentError, match="KeyError"):
        student.prop("unicorn")
