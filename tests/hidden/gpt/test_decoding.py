"""The likeliest token, again and again: with a cache and without."""

import torch

from .shared import (
    ALTERNATING,
    LOGITS,
    VOCABULARY,
    _decoders,
    _expect_greedy,
    _expect_unchanged,
    _fresh,
    _ids,
    _make_alternate,
    _prompt,
)

# greedy_decode


def test_greedy_one_token(student):
    """The new token is the one with the highest logit after the last position."""
    model, solution = _decoders(student)
    for length in (4, 1):
        tokens = _prompt(1, length)
        _expect_greedy(student, solution, student.greedy_decode(model, tokens, 1), tokens, 1)


def test_greedy_several_tokens(student):
    """Each new token is part of what the next one follows."""
    model, solution = _decoders(student)
    tokens = _prompt(1, 2)
    _expect_greedy(student, solution, student.greedy_decode(model, tokens, 3), tokens, 3)


def test_greedy_of_a_batch(student):
    """Each sequence of a batch goes on on its own, and no token ends it."""
    model, solution = _decoders(student)
    tokens = _prompt(4, 5).T
    _expect_greedy(student, solution, student.greedy_decode(model, tokens, 2), tokens, 2)
    _make_alternate(student, model)
    want = torch.tensor([[5, *ALTERNATING], [VOCABULARY - 1, *ALTERNATING]])
    student.expect_equal(student.greedy_decode(model, want[:, :1], 8), want)


def test_greedy_beyond_the_context(student):
    """The model sees the last `context_length` ids, no more and no fewer, however long prompt and result are."""
    model, solution = _decoders(student)
    for length, count in ((5, 3), (9, 1)):
        tokens = _prompt(12, length)
        _expect_greedy(student, solution, student.greedy_decode(model, tokens, count), tokens, count)


def test_greedy_of_no_new_token(student):
    """With `max_new_tokens` 0 the result is the prompt."""
    tokens = _ids(2, 9)  # all of it, beyond the context as well
    student.expect_equal(student.greedy_decode(_fresh(student), tokens, 0), tokens)


def test_greedy_leaves_its_tokens_alone(student):
    """The prompt, here as long as the context, is afterwards what it was, and the model, too."""
    model, solution = _decoders(student)
    tokens = _prompt(2, 6)
    got, after = student.greedy_decode.after(model, tokens, 2)
    _expect_greedy(student, solution, got, tokens, 2)
    student.expect_equal(after[1], tokens, about="tokens after the call")
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS, about="the model's logits after the call")
    _expect_unchanged(student, model)


# generate_with_cache


def test_cache_one_token(student):
    """One new token, after prompts of several lengths."""
    model, solution = _decoders(student)
    for length in (1, 5):
        tokens = _prompt(1, length)
        _expect_greedy(student, solution, student.generate_with_cache(model, tokens, 1), tokens, 1)


def test_cache_several_tokens(student):
    """Several new tokens; the next call on the same model, with another prompt, begins anew."""
    model, solution = _decoders(student, context=9, layers=2)
    for length, count in ((2, 3), (5, 2)):
        tokens = _prompt(1, length)
        got = student.generate_with_cache(model, tokens, count)
        _expect_greedy(student, solution, got, tokens, count, context=9)


def test_cache_of_a_batch(student):
    """Each sequence of a batch goes on on its own, for any number of blocks and heads."""
    model, solution = _decoders(student, context=8, layers=2, heads=4)
    tokens = _prompt(8, 6)  # so long, since a mask that is missing changes only what the second block reads
    got = student.generate_with_cache(model, tokens, 2)
    _expect_greedy(student, solution, got, tokens, 2, context=8)


def test_cache_beyond_the_context(student):
    """Beyond the context the ids are still those of greedy decoding: the last `context_length` ids count."""
    model, solution = _decoders(student)
    for length, count in ((4, 4), (6, 2), (11, 2)):
        tokens = _prompt(12, length)
        _expect_greedy(student, solution, student.generate_with_cache(model, tokens, count), tokens, count)
    _make_alternate(student, model)
    want = torch.tensor([[5, *ALTERNATING], [VOCABULARY - 1, *ALTERNATING]])  # no id ends anything
    student.expect_equal(student.generate_with_cache(model, want[:, :1], 8), want)


def test_cache_computes_no_position_twice(student):
    """While all fits into the context, no position goes twice through a block's key or value layer."""
    model, solution = _decoders(student, context=6, layers=2)
    layers = [f"blocks.{number}.attention.{layer}" for number in (0, 1) for layer in ("key", "value")]
    seen, tokens = student.prop("inputs_of", model, layers), _prompt(1, 2)
    got = student.generate_with_cache(model, tokens, 5)
    _expect_greedy(student, solution, got, tokens, 5)
    called = student.expect_parts(seen.take(len(layers)), len(layers), about="what the layers are given")
    for inputs in called:
        student.expect(isinstance(inputs, list), "What a layer is given is not what it was.")
        rows = [student.expect_tensor(each, about="what a layer is given").reshape(-1, 8) for each in inputs]
        rows = torch.cat([torch.zeros(0, 8), *rows])
        # two positions differ in eight random numbers: closer than this with probability below 1e-20
        once = len(rows) <= 100 and not (torch.pdist(rows) < 1e-3).any()
        student.expect(once, "A position's key or value is computed more than once.")
    # of a batch, and where the context is not filled: products with the weights, which need not be made by the layer
    products, tokens = student.prop("rows_through", model, layers), _prompt(2, 2)
    got = student.generate_with_cache(model, tokens, 3)
    for count in products.take(len(layers)):  # 4 positions, or all 5
        student.expect(count <= 2 * 5, "A position's key or value is computed more than once.")
    _expect_greedy(student, solution, got, tokens, 3)


def test_cache_leaves_its_tokens_alone(student):
    """The prompt is afterwards what it was; with `max_new_tokens` 0 the result is the prompt."""
    model, solution = _decoders(student)
    tokens = _prompt(6, 2).T
    got, after = student.generate_with_cache.after(model, tokens, 2)
    _expect_greedy(student, solution, got, tokens, 2)
    student.expect_equal(after[1], tokens, about="tokens after the call")
    for prompt in (tokens, _prompt(1, 9)):
        student.expect_equal(student.generate_with_cache(model, prompt, 0), prompt)
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS, about="the model's logits after the call")
    _expect_unchanged(student, model)
