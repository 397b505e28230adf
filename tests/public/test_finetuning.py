"""What `autograder check finetuning` runs: examples that you can check by hand. The marks come from other tests.

The tokenizer has eleven tokens and the models are minute: a *fair* one has weights of 0 and likes all tokens alike.
"""

import math

import torch

VOCABULARY = ["a", "b", "c", ".", "<|endoftext|>", "Ġ", "d", "Ġa", "Ġb", "ab", "!"]
MERGES = [("Ġ", "a"), ("Ġ", "b"), ("a", "b")]
SIZES = {"vocab_size": 11, "n_positions": 16, "n_embd": 4, "n_layer": 1, "n_head": 2}
CONFIG = {**SIZES, "bos_token_id": 4, "eos_token_id": 4}


def _weights(scale):
    """Random numbers of this size for every weight of a model; 0 makes it fair."""
    shapes = {"wte.weight": (11, 4), "wpe.weight": (16, 4), "ln_f.weight": (4,), "ln_f.bias": (4,)}
    for name, size_in, size_out in (
        ("attn.c_attn", 4, 12),
        ("attn.c_proj", 4, 4),
        ("mlp.c_fc", 4, 16),
        ("mlp.c_proj", 16, 4),
    ):
        shapes |= {f"h.0.{name}.weight": (size_in, size_out), f"h.0.{name}.bias": (size_out,)}
    shapes |= {f"h.0.{name}.{part}": (4,) for name in ("ln_1", "ln_2") for part in ("weight", "bias")}
    return {f"transformer.{name}": scale * torch.randn(*shape) for name, shape in shapes.items()}


def _model(student, scale=0.5):
    return student.prop("gpt2", CONFIG, _weights(scale))


def _tokenizer(student):
    return student.prop("gpt2_tokenizer", VOCABULARY, MERGES)


def _batch(rows, labels=None):
    ids = torch.tensor(rows)
    labels = ids if labels is None else torch.tensor(labels)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def _pipe(student):
    folder = student.prop("checkpoint", VOCABULARY, MERGES, CONFIG, _weights(0.5))
    return student.expect_handle(student.TextPipe(folder), about="TextPipe(...)")


def test_pipe_gives_a_list(student):
    """Called with one text, a pipe gives a list of one text, which begins with the prompt."""
    texts = student.expect_parts(_pipe(student)("ab a", max_new_tokens=3), 1, about="the list of texts")
    student.expect(isinstance(texts[0], str), "The list should hold a str.")
    student.expect(texts[0].startswith("ab a"), "The text should begin with the prompt.")


def test_pipe_of_two_prompts(student):
    """Called with two prompts of different length, a pipe gives each what it gets alone."""
    pipe = _pipe(student)
    together = student.expect_parts(pipe(["a", "ab a b."], max_new_tokens=4), 2, about="the list of texts")
    for prompt, text in zip(("a", "ab a b."), together, strict=True):
        alone = student.expect_parts(pipe(prompt, max_new_tokens=4), 1, about="the list of texts")
        student.expect_equal(text, alone[0], about=f"what follows {prompt!r} in a list")


def test_tokenize_two_texts(student):
    """ "ab a!" is ab, a with a space, and !; "c" is padded on the right with the end-of-text token, 4."""
    batch = student.tokenize_batch(_tokenizer(student), ["ab a!", "c"])
    student.expect(isinstance(batch, dict), "The result should be a mapping.")
    student.expect_equal(batch.get("input_ids"), torch.tensor([[9, 7, 10], [2, 4, 4]]), about="input_ids")
    student.expect_equal(batch.get("attention_mask"), torch.tensor([[1, 1, 1], [1, 0, 0]]), about="attention_mask")


def test_tokenize_one_text_alone(student):
    """One text needs no padding, and an end-of-text token that stands in it is text."""
    batch = student.tokenize_batch(_tokenizer(student), ["c<|endoftext|>"])
    student.expect(isinstance(batch, dict), "The result should be a mapping.")
    student.expect_equal(batch.get("input_ids"), torch.tensor([[2, 4]]), about="input_ids")
    student.expect_equal(batch.get("attention_mask"), torch.tensor([[1, 1]]), about="attention_mask")


def test_labels_of_two_rows(student):
    """The second row has two tokens of padding: their labels are -100."""
    ids, mask = torch.tensor([[9, 7, 10], [2, 4, 4]]), torch.tensor([[1, 1, 1], [1, 0, 0]])
    student.expect_equal(student.make_labels(ids, mask), torch.tensor([[9, 7, 10], [2, -100, -100]]))


def test_labels_are_not_shifted(student):
    """Each label stands at the place of its own id: the shift is the model's business."""
    ids = torch.tensor([[5, 6, 7, 8]])
    student.expect_equal(student.make_labels(ids, torch.ones_like(ids)), ids)


def test_group_two_texts(student):
    """Five tokens in blocks of two: the second block crosses the border, and the fifth token is dropped."""
    blocks = student.group_texts({"input_ids": [[1, 2, 3], [4, 5]], "attention_mask": [[1, 1, 1], [1, 1]]}, 2)
    ids = [[1, 2], [3, 4]]
    student.expect_equal(blocks, {"input_ids": ids, "attention_mask": [[1, 1], [1, 1]], "labels": ids})


def test_group_into_one_block(student):
    """Three tokens are one block of three, and no block of four."""
    student.expect_equal(
        student.group_texts({"input_ids": [[7, 8], [9]]}, 3), {"input_ids": [[7, 8, 9]], "labels": [[7, 8, 9]]}
    )
    student.expect_equal(student.group_texts({"input_ids": [[7, 8], [9]]}, 4), {"input_ids": [], "labels": []})


def test_dataloader_of_three_blocks(student):
    """Three blocks in batches of two: one of two, and one of the block that is left."""
    ids = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 0, 1]]
    loader = student.expect_handle(student.make_dataloader({"input_ids": ids, "labels": ids}, 2), about="the result")
    first, second = student.expect_parts(loader.take(9), 2, about="the batches of a pass")
    student.expect_equal(first, {"input_ids": torch.tensor(ids[:2]), "labels": torch.tensor(ids[:2])}, about="batch 0")
    student.expect_equal(second, {"input_ids": torch.tensor(ids[2:]), "labels": torch.tensor(ids[2:])}, about="batch 1")


def test_train_first_loss_of_a_fair_model(student):
    """A model that likes all eleven tokens alike has a first loss of ln 11, whatever the text."""
    loader = student.prop("loader", [_batch([[1, 2, 3, 1]]), _batch([[5, 5, 0]])])
    losses = student.expect_parts(student.train(_model(student, 0.0), loader, 1), 1, about="the list of losses")
    student.expect_close(losses[0], math.log(11), atol=1e-5, about="the first loss")


def test_train_makes_the_loss_smaller(student):
    """On one batch, over and over, the loss becomes smaller; there are as many losses as steps."""
    loader = student.prop("loader", [_batch([[1, 2, 3, 1, 2, 3]])])
    losses = student.train(_model(student), loader, 20, learning_rate=0.02)
    losses = student.expect_parts(losses, 20, about="the list of losses")
    first, last = (student.expect_number(loss, about="a loss") for loss in (losses[0], losses[-1]))
    student.expect(last < first / 2, "After 20 steps on one batch the loss should be less than half of the first.")


def test_perplexity_of_a_fair_model(student):
    """A model that likes all eleven tokens alike has perplexity 11, like a fair die with eleven sides."""
    batches = [_batch([[1, 2, 3, 1]]), _batch([[5, 4, 4], [0, 6, 7]], labels=[[5, 4, -100], [0, 6, 7]])]
    got = student.perplexity(_model(student, 0.0), student.prop("loader", batches))
    student.expect_close(got, 11.0, atol=1e-3)


def test_perplexity_of_nothing_at_all(student):
    """Where all labels are -100 there is nothing to predict: a ValueError that names `dataloader`."""
    loader = student.prop("loader", [_batch([[1, 2, 3]], labels=[[-100, -100, -100]])])
    with student.expect_raises(ValueError, naming=("dataloader",)):
        student.perplexity(_model(student), loader)


def test_generate_begins_with_the_prompt(student):
    """The text is a str that begins with the prompt, its two spaces included."""
    text = student.generate_text(_model(student), _tokenizer(student), "ab  a.", max_new_tokens=4)
    student.expect(isinstance(text, str), "The result should be a str.")
    student.expect(text.startswith("ab  a."), "The text should begin with the prompt, letter by letter.")


def test_generate_no_token(student):
    """With max_new_tokens=0 the text is the prompt; an empty prompt is a ValueError."""
    writer = (_model(student), _tokenizer(student))
    student.expect_equal(student.generate_text(*writer, "ab a", max_new_tokens=0), "ab a")
    with student.expect_raises(ValueError, naming=("prompt",)):
        student.generate_text(*writer, "")


def test_lora_by_hand(student):
    """W x = 1 + 2, b = 1; A x = 3 - 2, B A x = 4; times alpha / rank = 3 that is 12, and 16 in all."""
    layer = student.prop("linear", torch.tensor([[1.0, 2.0]]), torch.tensor([1.0]))
    layer = student.expect_handle(student.LoRALinear(layer, 1, 3), about="LoRALinear(...)")
    layer.set("A", torch.tensor([[3.0, -2.0]]))
    layer.set("B", torch.tensor([[4.0]]))
    student.expect_close(layer(torch.tensor([[1.0, 1.0]])), torch.tensor([[16.0]]), atol=1e-5)


def test_add_lora_counts_what_is_trained(student):
    """With rank 2, a block of size 4 has 2 x (4 + 12) numbers to train at c_attn, and 2 x (4 + 4) at c_proj: 48."""
    model = _model(student)
    student.add_lora.keep()(model, 2, 4)
    sizes = [math.prod(parameter.shape) for parameter in model.parameters().values() if parameter.requires_grad]
    student.expect(sum(sizes) == 48, f"{sum(sizes)} numbers can be trained, not 48.")
