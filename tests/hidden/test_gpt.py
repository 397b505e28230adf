"""The instrument for `gpt`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Here stands the model, in tests/hidden/gpt the layers that it is made of, GPT-2's weights, and what is decoded with it.
Models are compared with a few lines of library calls, `_logits` and what it is made of, everything else with the
solution, in float32; weights are random everywhere, since fresh biases and norms hide half of what can go wrong.
"""

from functools import partial

import torch

from .gpt.shared import (
    LOGITS,
    _expect_gradients,
    _expect_parameters,
    _fresh,
    _gpt,
    _gpt_parameters,
    _gpt_weights,
    _ids,
    _logits,
    _sizes,
    _weights_of,
)


def _models(student, **sizes):
    """The student's GPT with random weights, and the function that it should be."""
    weights = _gpt_weights(_sizes(**sizes))
    return _gpt(student, weights, **sizes), partial(_logits, weights, sizes=_sizes(**sizes))


def test_gpt_has_its_parts(student):
    """The attributes are there by their names, with all their parameters, and as many blocks as there are layers."""
    sizes = _sizes(layers=2, heads=4)
    model = _fresh(student, layers=2, heads=4)
    _expect_parameters(student, model, _gpt_parameters(sizes))
    student.expect(len(model.at("blocks").take(9)) == 2, "There should be as many blocks as the config says.")
    for name, there in zip(sizes, model.gather(*(f"config.{name}" for name in sizes)), strict=True):
        student.expect_equal(there, sizes[name], about=f"config.{name}")


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
    model, solution = _models(student, vocab=6, context=9, d_model=6, layers=3, heads=3)
    tokens = _ids(6, 6, 6)
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS)


def test_gpt_does_not_see_the_future(student):
    """Changing a later token must not change an earlier position's logits."""
    model, solution = _models(student)
    tokens = _ids(3, 6)
    changed = tokens.clone()
    changed[:, 4:] = (tokens[:, 4:] + torch.randint(1, 11, (3, 2))) % 11
    before, after = student.expect_tensor(model(torch.cat([tokens, changed])), shape=(6, 6, 11)).split(3)
    student.expect_close(after[:, :4], before[:, :4], atol=LOGITS, about="the logits before the change")
    student.expect_close(after, solution(changed), atol=LOGITS)


def test_gpt_gradients(student):
    """Gradients flow to every parameter; to the token embedding both as input and as output layer."""
    model, solution = _models(student, vocab=7, d_model=6, layers=2)
    names = _gpt_parameters(_sizes(vocab=7, d_model=6, layers=2))
    wrt = tuple(name for name in names if not name.endswith("key.bias"))  # which has no effect
    tokens = torch.randperm(8).view(2, 4) % 7  # every id stands somewhere
    _expect_gradients(student, model, solution, tokens, wrt, (2, 4, 7))


def test_gpt_fills_its_context(student):
    """As many tokens as `context_length` are fine, whatever the config of a model that is made later."""
    model, solution = _models(student, context=3)
    _fresh(student, context=2)
    tokens = _ids(2, 3)
    student.expect_close(model(tokens), solution(tokens), atol=LOGITS)


def test_gpt_keeps_nothing_from_one_call_to_the_next(student):
    """One model takes sequences of any length and batches of any size, in any order and in either mode."""
    model, solution = _models(student)
    for batch, length, training in ((2, 5, True), (3, 2, False)):
        tokens = _ids(batch, length)
        if not training:
            model.train(False)
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
    model = _fresh(student)
    names = tuple(name for name in _gpt_parameters(_sizes()) if not name.endswith("key.bias"))
    right = _ids(3, 6)
    wrong = (right + torch.randint(1, 11, (3, 6))) % 11
    # as of a loss, whose gradient sums to 0 over the logits of a position: were the tokens' vectors all equal, the two
    # would cancel without rounding, and nothing would flow; of other weights, noise hides that nothing should
    cotangent = torch.nn.functional.one_hot(wrong, 11).float() - torch.nn.functional.one_hot(right, 11)
    gradients = model.vjp(_ids(3, 6), cotangent=cotangent, wrt=names)
    for name, gradient in zip(names, gradients, strict=True):
        student.expect(gradient is not None, f"No gradient flows to {name}.")
        found = student.expect_tensor(gradient, about=f"the gradient of {name}")
        student.expect(bool(torch.isfinite(found).all()), f"The gradient of {name} is not finite.")
        student.expect(bool((found != 0).any()), f"The gradient of {name} is zero everywhere.")


def test_gpt_learns(student):
    """A new model of one block learns 4 x 16 tokens by heart in 200 steps of Adam, with its parts and no others."""
    sizes = {"vocab": 64, "context": 16, "d_model": 16}
    model = _fresh(student, **sizes)
    tokens = torch.randperm(64).view(4, 16)  # every token stands once: the next one is determined
    student.prop("adam_steps", model, tokens, steps=200, learning_rate=0.06, enough=0.09)
    logits = student.expect_tensor(model(tokens), shape=(4, 16, 64))
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    student.expect(loss.item() < 0.1, "After 200 steps of Adam the loss is still above 0.1.")
    # a part that should not be there, such as a bias of the output layer, may begin as nothing, but has learned by now
    weights = _weights_of(model, _gpt_parameters(_sizes(**sizes)), model.parameters())
    about = "the logits, by what was learned,"
    student.expect_close(logits, _logits(weights, tokens, _sizes(**sizes)), atol=LOGITS, rtol=1e-4, about=about)


def test_gpt_of_too_many_tokens(student):
    """More tokens than `context_length` are a ValueError that names an argument, in training and in evaluation."""
    model = _fresh(student, context=5)
    for training in (True, False):
        model.train(training)
        with student.expect_raises(ValueError, naming=("tokens", "context_length", "config")):
            model(_ids(2, 6))
