"""What `autograder check gpt` runs: small numbers that you can check by hand. The marks come from other tests."""

import math

import torch


def _gpt(student, vocab_size=5, context_length=4, d_model=4, num_layers=1, num_heads=2):
    config = student.GPTConfig(vocab_size, context_length, d_model, num_layers, num_heads)
    return student.expect_handle(student.GPT(config), about="GPT(config)")


def _counting_gpt(student):
    """A GPT that always finds id 3 likeliest, then 1: its last norm gives (1, 0, 0, 0), whatever comes in."""
    model = _gpt(student)
    embedding = torch.zeros(5, 4)
    embedding[:, 0] = torch.tensor([0.0, 2.0, -1.0, 3.0, 1.0])
    for name, value in (
        ("norm.weight", torch.zeros(4)),
        ("norm.bias", torch.tensor([1.0, 0.0, 0.0, 0.0])),
        ("token_embedding.weight", embedding),
    ):
        model.set(name, value)
    return model


def _hugging_face(student, **changes):
    """Hugging Face's GPT2LMHeadModel of the sizes of `_gpt`, with the weights that it starts with."""
    config = {"vocab_size": 5, "n_positions": 4, "n_embd": 4, "n_layer": 1, "n_head": 2}
    return student.prop("gpt2", config | {"bos_token_id": None, "eos_token_id": None} | changes)


def test_gelu_far_from_zero(student):
    """Far to the right gelu is x itself, far to the left it is 0, and gelu(0) = 0."""
    x = torch.tensor([0.0, 10.0, -10.0])
    student.expect_close(student.gelu(x), torch.tensor([0.0, 10.0, 0.0]), atol=1e-3)


def test_gelu_of_one(student):
    """gelu(1) is 0.8412, gelu(-1) is less than that by 1."""
    student.expect_close(student.gelu(torch.tensor([1.0, -1.0])), torch.tensor([0.8412, -0.1588]), atol=1e-4)


def test_layer_norm_of_four_numbers(student):
    """The row (1, 1, 5, 5) has mean 3 and standard deviation 2: it becomes (-1, -1, 1, 1)."""
    layer = student.expect_handle(student.LayerNorm(4), about="LayerNorm(4)")
    want = torch.tensor([[[-1.0, -1.0, 1.0, 1.0]]])
    student.expect_close(layer(torch.tensor([[[1.0, 1.0, 5.0, 5.0]]])), want, atol=1e-4)


def test_layer_norm_parameters(student):
    """`weight` starts with ones and `bias` with zeros."""
    layer = student.expect_handle(student.LayerNorm(3), about="LayerNorm(3)")
    student.expect_equal(layer.get("weight"), torch.ones(3), about="weight")
    student.expect_equal(layer.get("bias"), torch.zeros(3), about="bias")


def test_feed_forward_ends_with_down(student):
    """With the weight of `down` 0, the result is the bias of `down`."""
    layer = student.expect_handle(student.FeedForward(2), about="FeedForward(2)")
    layer.set("down.weight", torch.zeros(2, 8))
    layer.set("down.bias", torch.tensor([3.0, -4.0]))
    want = torch.tensor([3.0, -4.0]).expand(1, 2, 2)
    student.expect_close(layer(torch.randn(1, 2, 2)), want, atol=1e-6)


def test_feed_forward_by_hand(student):
    """If `up` gives 1 four times and `down` adds up, the result is 4 times gelu(1), 3.3648."""
    layer = student.expect_handle(student.FeedForward(1), about="FeedForward(1)")
    for name, shape, number in (("up.weight", (4, 1), 0.0), ("up.bias", (4,), 1.0), ("down.weight", (1, 4), 1.0)):
        layer.set(name, torch.full(shape, number))
    layer.set("down.bias", torch.zeros(1))
    student.expect_close(layer(torch.tensor([[[5.0]]])), torch.tensor([[[3.3648]]]), atol=1e-3)


def test_block_that_adds_nothing(student):
    """If `attention.output` and `feed_forward.down` give 0, what comes out is what went in."""
    block = student.expect_handle(student.DecoderBlock(4, 2), about="DecoderBlock(4, 2)")
    for name, shape in (("attention.output", (4, 4)), ("feed_forward.down", (4, 16))):
        block.set(f"{name}.weight", torch.zeros(shape))
        block.set(f"{name}.bias", torch.zeros(4))
    x = torch.randn(2, 3, 4)
    student.expect_close(block(x), x, atol=1e-6)


def test_gpt_shape_of_the_logits(student):
    """Tokens (B, T) give logits (B, T, V)."""
    model = _gpt(student)
    student.expect_tensor(model(torch.tensor([[0, 4, 2], [3, 3, 1]])), shape=(2, 3, 5))


def test_gpt_compares_with_every_token(student):
    """If the last norm always gives (1, 0, 0, 0), the logits are the first column of the token embedding."""
    model = _counting_gpt(student)
    want = torch.tensor([0.0, 2.0, -1.0, 3.0, 1.0]).expand(1, 2, 5)
    student.expect_close(model(torch.tensor([[2, 0]])), want, atol=1e-5)


def test_gpt_of_a_long_text(student):
    """Five tokens do not fit into a context of four: a ValueError that names an argument."""
    model = _gpt(student)
    with student.expect_raises(ValueError, naming=("tokens", "context_length", "config")):
        model(torch.zeros(1, 5, dtype=torch.int64))


def test_load_gives_hugging_faces_logits(student):
    """After loading, your GPT gives the logits of Hugging Face's model."""
    model, theirs = _gpt(student), _hugging_face(student)
    student.load_gpt2_weights(model, theirs)
    tokens = torch.tensor([[0, 4, 2], [3, 3, 1]])
    want = theirs(tokens)["logits"]
    student.expect_close(model(tokens), want, atol=1e-4)


def test_load_a_model_of_another_size(student):
    """Hugging Face's model has another vocabulary: a ValueError that names an argument."""
    with student.expect_raises(ValueError, naming=("model", "hugging_face_model")):
        student.load_gpt2_weights(_gpt(student), _hugging_face(student, vocab_size=6))


def test_greedy_takes_the_likeliest(student):
    """A model that always finds id 3 likeliest goes on with 3 and 3."""
    got = student.greedy_decode(_counting_gpt(student), torch.tensor([[0, 1], [2, 2]]), 2)
    student.expect_equal(got, torch.tensor([[0, 1, 3, 3], [2, 2, 3, 3]]))


def test_top_k_keeps_two(student):
    """k = 2 of (1, 4, 2, 3) keeps 4 and 3."""
    got = student.top_k_filter(torch.tensor([1.0, 4.0, 2.0, 3.0]), 2)
    student.expect_equal(got, torch.tensor([-math.inf, 4.0, -math.inf, 3.0]))


def test_top_p_keeps_enough(student):
    """Of probabilities 0.6, 0.3 and 0.1, p = 0.8 keeps the first two: 0.6 alone is too little."""
    logits = torch.tensor([0.6, 0.3, 0.1]).log()
    got = student.top_p_filter(logits, 0.8)
    student.expect_equal(got, torch.where(torch.tensor([True, True, False]), logits, -math.inf))


def test_top_p_of_one_likely_token(student):
    """With one token at 0.9, p = 0.5 keeps it alone."""
    logits = torch.tensor([[0.05, 0.9, 0.05]]).log()
    got = student.top_p_filter(logits, 0.5)
    student.expect_equal(got, torch.where(torch.tensor([[False, True, False]]), logits, -math.inf))


def test_sample_begins_with_the_prompt(student):
    """The result is the prompt and as many new ids as were asked for."""
    prompt = torch.tensor([[0, 1, 2], [4, 4, 4]])
    got = student.expect_tensor(student.sample(_gpt(student), prompt, 3), shape=(2, 6), dtype=torch.int64)
    student.expect_equal(got[:, :3], prompt, about="the prompt in the result")


def test_sample_with_one_candidate(student):
    """With k = 1 there is nothing to choose: always the likeliest token, here id 3."""
    got = student.sample(_counting_gpt(student), torch.tensor([[0], [2]]), 3, top_k=1)
    student.expect_equal(got, torch.tensor([[0, 3, 3, 3], [2, 3, 3, 3]]))


def test_cache_gives_the_greedy_ids(student):
    """A model that always finds id 3 likeliest goes on with 3 and 3."""
    got = student.generate_with_cache(_counting_gpt(student), torch.tensor([[0, 1], [2, 2]]), 2)
    student.expect_equal(got, torch.tensor([[0, 1, 3, 3], [2, 2, 3, 3]]))
