"""The instrument for `rnn`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Here stand the language model and its loss, in tests/hidden/rnn the single steps and what is drawn from a model. Numbers
are compared with what torch computes from the docstrings' equations on the same input, in float32.
"""

import torch

from .rnn.shared import GRADIENT, LOGITS, LOSS, PARAMETERS, STATE, _read, _shapes, _weights
from .shared import _fill, _strided

# RNNLanguageModel


def _model(student, vocab_size, embedding_dim, hidden_dim):
    """(the student's model with random parameters, those by name).

    W_s lengthens nothing: else, with one draw in a thousand, rounding grows from step to step beyond all tolerance.
    """
    model = student.expect_handle(student.RNNLanguageModel(vocab_size, embedding_dim, hidden_dim), "RNNLanguageModel")
    weights = _weights(vocab_size, embedding_dim, hidden_dim)
    weights["W_s"] /= torch.linalg.matrix_norm(weights["W_s"], 2)
    _fill(student, model, weights)
    return model, weights


def _run(student, model, *args, **kwargs):
    """(logits, state) of the student's model."""
    return student.expect_parts(model(*args, **kwargs), 2, about="the result, (logits, state),")


def _expect_run(student, model, weights, *args):
    """Logits and state are those of the weights."""
    logits, state = _run(student, model, *args)
    want_logits, want_state = _read(weights, *args)
    student.expect_close(logits, want_logits, atol=LOGITS, about="logits")
    student.expect_close(state, want_state, atol=STATE, about="the last state")


def test_model_has_its_parameters(student):
    """An embedding and five parameters, by their names and with their shapes."""
    model = student.expect_handle(student.RNNLanguageModel(7, 3, 5), about="RNNLanguageModel(7, 3, 5)")
    for name, shape in _shapes(7, 3, 5).items():
        student.expect_tensor(model.get(name), shape=shape, about=name)


def test_model_of_one_token(student):
    """A single token: one step from a state of zeros, and the logits of the new state."""
    model, weights = _model(student, 7, 3, 5)
    _expect_run(student, model, weights, torch.randint(7, (1, 1)))


def test_model_of_one_sequence(student):
    """The state goes from each position to the next, every position has logits, and the last state is given back."""
    model, weights = _model(student, 7, 3, 5)
    _expect_run(student, model, weights, torch.randint(7, (1, 6)))


def test_model_of_a_batch(student):
    """Every sequence of a batch is read on its own, for any sizes."""
    for batch, length, *sizes in ((4, 12, 9, 3, 5), (5, 5, 5, 5, 5), (2, 1, 3, 6, 1), (1, 100, 9, 3, 5)):
        model, weights = _model(student, *sizes)
        _expect_run(student, model, weights, torch.randint(sizes[0], (batch, length)))


def test_model_goes_on_from_a_state(student):
    """A state that is handed in is where the first step begins."""
    model, weights = _model(student, 8, 3, 5)
    for batch, length in ((3, 4), (4, 1), (1, 2)):
        state = torch.rand(batch, 5) * 2 - 1
        state[1:2] = 0.0  # which is a state like any other
        _expect_run(student, model, weights, torch.randint(8, (batch, length)), state)


def test_model_reads_a_text_in_pieces(student):
    """A text in two pieces, the state handed on, gives what the whole text gives."""
    model, weights = _model(student, 8, 4, 6)
    tokens = torch.randint(8, (3, 7))
    want_logits, want_state = _read(weights, tokens)
    first, state = _run(student, model, tokens[:, :4])
    student.expect_close(first, want_logits[:, :4], atol=LOGITS, about="the logits of the first piece")
    second, state = _run(student, model, tokens[:, 4:], state=student.expect_tensor(state, shape=(3, 6), about="state"))
    student.expect_close(second, want_logits[:, 4:], atol=2 * LOGITS, about="the logits of the second piece")
    student.expect_close(state, want_state, atol=2 * STATE, about="the last state")


def test_model_does_not_see_the_future(student):
    """Changing a later token must not change earlier logits."""
    model, weights = _model(student, 9, 4, 6)
    tokens = torch.randint(8, (4, 6))
    changed = tokens.clone()
    changed[:, 4:] = 8
    before, _ = _run(student, model, tokens)
    after, _ = _run(student, model, changed)
    before, after = (student.expect_tensor(each, shape=(4, 6, 9), about="logits") for each in (before, after))
    student.expect_close(after[:, :4], before[:, :4], atol=LOGITS, about="the logits before the change")
    student.expect_close(after, _read(weights, changed)[0], atol=LOGITS, about="logits")


def test_model_gradients(student):
    """Gradients flow through logits and last state to every parameter and to the state that was handed in."""
    model, weights = _model(student, 7, 3, 5)
    tokens, state = torch.randint(7, (3, 11)), torch.rand(3, 5) * 2 - 1
    tokens[0, :7] = torch.randperm(7)  # every token stands somewhere
    names = ("state", *PARAMETERS)
    start = state.clone().requires_grad_()
    leaves = [start, *(weights[name].requires_grad_() for name in PARAMETERS)]
    for cotangent, count in (((torch.randn(3, 11, 7), None), 7), ((None, torch.randn(3, 5)), 5)):
        wrt = (1, *PARAMETERS)[:count]  # the last state does not depend on W_y and b_y
        got = model.vjp(tokens, state, cotangent=cotangent, wrt=wrt)
        part = 1 if cotangent[0] is None else 0
        want = torch.autograd.grad(_read(weights, tokens, start)[part], leaves[:count], cotangent[part])
        for name, mine, theirs in zip(names, got, want, strict=False):
            student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_model_has_a_gradient_when_fresh(student):
    """In a fresh model the loss of a batch has a gradient for every parameter."""
    model = student.expect_handle(student.RNNLanguageModel(11, 6, 8), about="RNNLanguageModel(11, 6, 8)")
    tokens = torch.randint(11, (8, 6))
    logits, _ = _run(student, model, tokens)
    logits = student.expect_tensor(logits, shape=(8, 6, 11), about="logits")
    # the gradient of the mean cross-entropy: probabilities, less 1 at what came next
    cotangent = torch.softmax(logits, dim=-1) - torch.nn.functional.one_hot(tokens.roll(-1, dims=1), 11)
    cotangent[:, -1] = 0.0
    found = model.vjp(tokens, cotangent=(cotangent / 40, None), wrt=PARAMETERS)
    for (name, shape), gradient in zip(_shapes(11, 6, 8).items(), found, strict=True):
        student.expect_tensor(gradient, shape=shape, about=f"the gradient of {name}")
        student.expect(bool(torch.isfinite(gradient).all()), f"the gradient of {name} has an entry that is not finite")
        student.expect(bool((gradient != 0).any()), f"the gradient of {name} is all zero: it cannot learn")


def test_model_learns_a_batch_by_heart(student):
    """200 steps of Adam bring a fresh model below 0.1 nats on 4 x 16 tokens, each of which has only one successor."""
    tokens = torch.randperm(64).reshape(4, 16)
    train = student.prop("adam")
    for learning_rate in (0.03, 0.01):  # some thirty steps for usual initial weights; a second chance for others
        model = student.expect_handle(student.RNNLanguageModel(64, 32, 64), about="RNNLanguageModel(64, 32, 64)")
        student.expect_tensor(_run(student, model, tokens)[0], shape=(4, 16, 64), about="logits")
        losses = train(model, tokens, 200, learning_rate, 0.1)
        if student.expect_number(losses[-1], about="the loss") < 0.1:
            return
    student.expect(
        False, "the loss stays above 0.1: look at the initial weights, and whether all parameters are trained"
    )


def test_model_keeps_nothing_between_calls(student):
    """Without a state every call begins with zeros, whatever was read before; training and evaluation are the same."""
    model, weights = _model(student, 8, 3, 12)
    tokens = torch.randint(8, (5, 5))
    for part in (tokens, tokens, tokens[:2, 1:]):
        _expect_run(student, model, weights, part)
    model.train(False)
    _expect_run(student, model, weights, tokens)
    _expect_run(student, model, weights, tokens, torch.rand(5, 12) * 2 - 1)


def test_model_leaves_its_arguments_alone(student):
    """Tokens and state, contiguous or not, are afterwards what they were, with gradients and without."""
    model, weights = _model(student, 8, 3, 5)
    tokens, state = torch.randint(8, (2, 3)), torch.rand(2, 5)
    _, after = student.prop("without_gradients").after(model, tokens, state)
    student.expect_equal(after[2], state, about="state after the call")
    for tokens, state in (
        (torch.randint(8, (4, 6)), torch.rand(4, 5)),
        (torch.randint(8, (6, 4)).T, _strided(4, 5).tanh()),
    ):
        got, after = model.after(tokens, state)
        logits, last = student.expect_parts(got, 2, about="the result, (logits, state),")
        want_logits, want_state = _read(weights, tokens, state)
        student.expect_close(logits, want_logits, atol=LOGITS, about="logits")
        student.expect_close(last, want_state, atol=STATE, about="the last state")
        student.expect_equal(after[0], tokens, about="tokens after the call")
        student.expect_equal(after[1], state, about="state after the call")


# next_token_loss


def _text(batch, length, vocab_size):
    """Random logits and tokens."""
    return 2 * torch.randn(batch, length, vocab_size), torch.randint(vocab_size, (batch, length))


def _loss(logits, tokens):
    """By torch."""
    return torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:])


def test_next_token_loss_of_two_tokens(student):
    """Of two tokens the second is predicted, from the first position's logits."""
    args = _text(1, 2, 5)
    student.expect_close(student.next_token_loss(*args), _loss(*args), atol=LOSS)


def test_next_token_loss_of_one_sequence(student):
    """Position t predicts token t + 1, and the loss is the mean over all tokens but the first."""
    args = _text(1, 7, 5)
    student.expect_close(student.next_token_loss(*args), _loss(*args), atol=LOSS)


def test_next_token_loss_of_a_batch(student):
    """The mean runs over positions and sequences, for any sizes and every token."""
    for batch, length, vocab_size in ((4, 6, 9), (3, 3, 3), (5, 2, 4), (2, 9, 2)):
        logits, tokens = _text(batch, length, vocab_size)
        tokens[0, :2], tokens[-1, -1] = 0, vocab_size - 1
        want = _loss(logits, tokens)
        student.expect_close(student.next_token_loss(logits, tokens), want, atol=LOSS)


def test_next_token_loss_does_not_use_the_last_logits(student):
    """Nothing follows the last token: its logits do not matter, and neither does the first token."""
    logits, tokens = _text(3, 5, 6)
    before = student.expect_tensor(student.next_token_loss(logits, tokens), shape=())
    other_logits = torch.cat([logits[:, :-1], 5 * torch.randn(3, 1, 6)], dim=1)
    other_tokens = torch.cat([(tokens[:, :1] + 1) % 6, tokens[:, 1:]], dim=1)
    student.expect_close(student.next_token_loss(other_logits, other_tokens), before, atol=LOSS)


def test_next_token_loss_gradient(student):
    """The gradient flows to the logits that predict something."""
    logits, tokens = _text(3, 5, 6)
    got = student.next_token_loss.vjp(logits, tokens, cotangent=torch.tensor(1.0), wrt=(0,))[0]
    want = torch.autograd.grad(_loss(logits.requires_grad_(), tokens), logits)[0]
    student.expect_close(got, want, atol=1e-6, about="the gradient")  # entries up to a twelfth


def test_next_token_loss_of_large_logits(student):
    """Logits of 1000 and -1000 give a finite, right loss, and finite, right gradients."""
    logits, tokens = 1000.0 * (2 * torch.randint(2, (3, 6, 5)) - 1), torch.randint(5, (3, 6))
    likely = logits.index_put((torch.arange(3)[:, None], torch.arange(5), tokens[:, 1:]), torch.tensor(1000.0))
    for each in (likely, logits):  # losses up to 2000 in float32, which has seven digits
        student.expect_close(student.next_token_loss(each, tokens), _loss(each, tokens), atol=5e-3)
    got = student.next_token_loss.vjp(logits, tokens, cotangent=torch.tensor(1.0), wrt=(0,))[0]
    want = torch.autograd.grad(_loss(logits.requires_grad_(), tokens), logits)[0]
    student.expect_close(got, want, atol=1e-5, about="the gradient")


def test_next_token_loss_leaves_its_arguments_alone(student):
    """Logits and tokens, contiguous or not, are afterwards what they were."""
    for logits, tokens in (_text(2, 4, 5), (_strided(2, 4, 5), torch.randint(5, (4, 2)).T)):
        got, after = student.next_token_loss.after(logits, tokens)
        student.expect_close(got, _loss(logits, tokens), atol=LOSS)
        student.expect_equal(after[0], logits, about="logits after the call")
        student.expect_equal(after[1], tokens, about="tokens after the call")


def test_next_token_loss_of_one_token(student):
    """Fewer than two tokens leave nothing to predict: a ValueError that names the tokens."""
    for batch, length in ((1, 1), (3, 1), (2, 0)):
        with student.expect_raises(ValueError, naming=("tokens",)):
            student.next_token_loss(*_text(batch, length, 5))
