"""The instrument for `rnn`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Numbers are compared with the solution's on the same input, in float32; tolerances are five times or more what the right
modules in tests/right differ by, over 1000 seeds. `sample` is tested with a model made of library calls, whose greedy
choices are clear by far more than rounding, so it suffers from nobody's fault but its own.
"""

import math
import random

import pytest
import torch

STATE = 3e-6  # of states, which lie between -1 and 1
LOGITS = 1e-5  # of sums of a dozen terms, results up to four
GRADIENT = 3e-5  # of sums over all positions of a batch, entries up to ten
LOSS = 5e-6  # of means of a few terms up to ten

PARAMETERS = ("embedding.weight", "W_x", "W_s", "b_s", "W_y", "b_y")


def _strided(*shape):
    """Random numbers in a tensor that is not contiguous: its dimensions lie in memory in the opposite order."""
    return torch.randn(*reversed(shape)).permute(*reversed(range(len(shape))))


def _weights(vocab_size, embedding_dim, hidden_dim):
    """Random parameters, by name, of a size that keeps states between the extremes."""
    v, e, h = vocab_size, embedding_dim, hidden_dim
    shapes = dict(zip(PARAMETERS, ((v, e), (e, h), (h, h), (h,), (h, v), (v,)), strict=True))
    fan_in = {"W_x": e, "W_s": h, "W_y": h}
    return {name: torch.randn(shape) / math.sqrt(fan_in.get(name, 1.5)) for name, shape in shapes.items()}


def _surprise(count, draws, probability):
    """How astonishing so many of so many draws are: by Chernoff's bound their chance is at most exp(-surprise)."""
    share = count / draws
    return draws * sum(
        part * math.log(part / expected) if expected else math.inf
        for part, expected in ((share, probability), (1 - share, 1 - probability))
        if part
    )


# A share of draws is wrong where it is too large or too small with a chance of exp(-26): by chance, in all the shares
# that these tests look at (17, on two sides each), once in 6e9 runs.
TOO_SURPRISING = 26


# initial_state


def test_initial_state_is_zero(student):
    """Before the first word the state of a single sequence is zeros."""
    student.expect_equal(student.initial_state(1, 4), torch.zeros(1, 4))


def test_initial_state_of_a_batch(student):
    """There is one row of zeros for each sequence of the batch."""
    for batch, size in ((3, 5), (5, 3), (4, 4), (2, 1), (16, 33)):
        student.expect_equal(student.initial_state(batch, size), torch.zeros(batch, size))
    student.expect_equal(student.initial_state(batch_size=3, hidden_dim=2), torch.zeros(3, 2))


# rnn_step


def _step(batch, size, hidden):
    """Random x, state, W_x, W_s and b_s."""
    state, w_x, w_s = torch.rand(batch, hidden) * 2 - 1, torch.randn(size, hidden), torch.randn(hidden, hidden)
    return torch.randn(batch, size), state, w_x / math.sqrt(size), w_s / math.sqrt(hidden), torch.randn(hidden)


def test_rnn_step_from_nothing(student, reference):
    """From a state of zeros the new state is tanh of x W_x + b_s."""
    x, state, *weights = _step(1, 3, 4)
    args = (x, torch.zeros_like(state), *weights)
    student.expect_close(student.rnn_step(*args), reference.rnn_step(*args), atol=STATE)


def test_rnn_step_from_a_state(student, reference):
    """The new state depends on the old one by way of W_s, rows times matrix."""
    args = _step(1, 3, 4)
    student.expect_close(student.rnn_step(*args), reference.rnn_step(*args), atol=STATE)


def test_rnn_step_of_a_batch(student, reference):
    """Every row of a batch makes its own step, for any sizes."""
    for batch, size, hidden in ((5, 3, 4), (4, 4, 4), (3, 2, 3), (2, 6, 1), (3, 1, 5)):
        args = _step(batch, size, hidden)
        student.expect_close(student.rnn_step(*args), reference.rnn_step(*args), atol=STATE)


def test_rnn_step_gradients(student, reference):
    """Gradients flow to x, to the state and to all three weights."""
    args, cotangent = _step(4, 3, 5), torch.randn(4, 5)
    got = student.rnn_step.vjp(*args, cotangent=cotangent, wrt=range(5))
    want = reference.rnn_step.vjp(*args, cotangent=cotangent, wrt=range(5))
    for name, mine, theirs in zip(("x", "state", "W_x", "W_s", "b_s"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_rnn_step_of_large_numbers(student, reference):
    """Large inputs drive the state to 1 and -1, and not beyond."""
    x, state, w_x, w_s, b_s = _step(3, 4, 6)
    for args in ((1e4 * x, state, w_x, w_s, b_s), (x, state, w_x, 1e4 * w_s, b_s), (x, state, w_x, w_s, 1e4 * b_s)):
        # sums of 10000 are 0.001 apart in float32, which tanh feels where they happen to be near 0
        student.expect_close(student.rnn_step(*args), reference.rnn_step(*args), atol=2e-2)


def test_rnn_step_leaves_its_arguments_alone(student, reference):
    """Contiguous or not, the arguments are afterwards what they were."""
    for args in (
        _step(2, 3, 4),
        (_strided(2, 3), torch.rand(1, 4).expand(2, 4), _strided(3, 4), _strided(4, 4), torch.randn(4)),
    ):
        got, after = student.rnn_step.after(*args)
        student.expect_close(got, reference.rnn_step(*args), atol=STATE)
        for name, now, before in zip(("x", "state", "W_x", "W_s", "b_s"), after, args, strict=True):
            student.expect_equal(now, before, about=f"{name} after the call")


# RNNLanguageModel


def _models(student, reference, vocab_size, embedding_dim, hidden_dim):
    """The student's model and the solution's, with the same random parameters.

    W_s lengthens nothing: else, with one draw in a thousand, rounding grows from step to step beyond all tolerance.
    """
    model = student.expect_handle(student.RNNLanguageModel(vocab_size, embedding_dim, hidden_dim), "RNNLanguageModel")
    solution = reference.RNNLanguageModel(vocab_size, embedding_dim, hidden_dim)
    weights = _weights(vocab_size, embedding_dim, hidden_dim)
    weights["W_s"] /= torch.linalg.matrix_norm(weights["W_s"], 2)
    shapes, numbers = (
        {name: list(value.shape) for name, value in weights.items()},
        torch.cat([value.flatten() for value in weights.values()]),
    )
    for owner, each in ((student, model), (reference, solution)):
        owner.prop("fill", each, shapes, numbers)
    return model, solution


def _run(student, model, *args, **kwargs):
    """(logits, state) of the student's model."""
    return student.expect_parts(model(*args, **kwargs), 2, about="the result, (logits, state),")


def _expect_run(student, model, solution, *args):
    """Logits and state are those of the solution."""
    logits, state = _run(student, model, *args)
    want_logits, want_state = solution(*args)
    student.expect_close(logits, want_logits, atol=LOGITS, about="logits")
    student.expect_close(state, want_state, atol=STATE, about="the last state")


def test_model_has_its_parameters(student):
    """An embedding and five parameters, by their names and with their shapes."""
    model = student.expect_handle(student.RNNLanguageModel(7, 3, 5), about="RNNLanguageModel(7, 3, 5)")
    for name, shape in zip(PARAMETERS, ((7, 3), (3, 5), (5, 5), (5,), (5, 7), (7,)), strict=True):
        student.expect_tensor(model.get(name), shape=shape, about=name)


def test_model_of_one_token(student, reference):
    """A single token: one step from a state of zeros, and the logits of the new state."""
    model, solution = _models(student, reference, 7, 3, 5)
    _expect_run(student, model, solution, torch.randint(7, (1, 1)))


def test_model_of_one_sequence(student, reference):
    """The state goes from each position to the next, every position has logits, and the last state is given back."""
    model, solution = _models(student, reference, 7, 3, 5)
    _expect_run(student, model, solution, torch.randint(7, (1, 6)))


def test_model_of_a_batch(student, reference):
    """Every sequence of a batch is read on its own, for any sizes."""
    for batch, length, *sizes in ((4, 12, 9, 3, 5), (5, 5, 5, 5, 5), (2, 1, 3, 6, 1)):
        model, solution = _models(student, reference, *sizes)
        _expect_run(student, model, solution, torch.randint(sizes[0], (batch, length)))


def test_model_goes_on_from_a_state(student, reference):
    """A state that is handed in is where the first step begins."""
    model, solution = _models(student, reference, 8, 3, 5)
    for batch, length in ((3, 4), (4, 1), (1, 2)):
        _expect_run(student, model, solution, torch.randint(8, (batch, length)), torch.rand(batch, 5) * 2 - 1)


def test_model_reads_a_text_in_pieces(student, reference):
    """A text in two pieces, the state handed on, gives what the whole text gives."""
    model, solution = _models(student, reference, 8, 4, 6)
    tokens = torch.randint(8, (3, 7))
    want_logits, want_state = solution(tokens)
    first, state = _run(student, model, tokens[:, :4])
    student.expect_close(first, want_logits[:, :4], atol=LOGITS, about="the logits of the first piece")
    second, state = _run(student, model, tokens[:, 4:], state=student.expect_tensor(state, shape=(3, 6), about="state"))
    student.expect_close(second, want_logits[:, 4:], atol=2 * LOGITS, about="the logits of the second piece")
    student.expect_close(state, want_state, atol=2 * STATE, about="the last state")


def test_model_does_not_see_the_future(student, reference):
    """Changing a later token must not change earlier logits."""
    model, solution = _models(student, reference, 9, 4, 6)
    tokens = torch.randint(8, (4, 6))
    changed = tokens.clone()
    changed[:, 4:] = 8
    before, _ = _run(student, model, tokens)
    after, _ = _run(student, model, changed)
    before, after = (student.expect_tensor(each, shape=(4, 6, 9), about="logits") for each in (before, after))
    student.expect_close(after[:, :4], before[:, :4], atol=LOGITS, about="the logits before the change")
    student.expect_close(after, solution(changed)[0], atol=LOGITS, about="logits")


def test_model_gradients(student, reference):
    """Gradients flow through logits and last state to every parameter and to the state that was handed in."""
    model, solution = _models(student, reference, 7, 3, 5)
    tokens, state = torch.randint(7, (3, 11)), torch.rand(3, 5) * 2 - 1
    tokens[0, :7] = torch.randperm(7)  # every token stands somewhere
    names = ("state", *PARAMETERS)
    for cotangent, count in (((torch.randn(3, 11, 7), None), 7), ((None, torch.randn(3, 5)), 5)):
        wrt = (1, *PARAMETERS)[:count]  # the last state does not depend on W_y and b_y
        got = model.vjp(tokens, state, cotangent=cotangent, wrt=wrt)
        want = solution.vjp(tokens, state, cotangent=cotangent, wrt=wrt)
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
    for name, gradient in zip(PARAMETERS, found, strict=True):
        student.expect_tensor(gradient, shape=model.get(name).shape, about=f"the gradient of {name}")
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


def test_model_keeps_nothing_between_calls(student, reference):
    """Without a state every call begins with zeros, whatever was read before; training and evaluation are the same."""
    model, solution = _models(student, reference, 8, 3, 5)
    tokens = torch.randint(8, (3, 5))
    for mode, part in ((True, tokens), (True, tokens), (False, tokens[:2, 1:]), (True, tokens[:1])):
        model.train(mode)
        _expect_run(student, model, solution, part)


def test_model_leaves_its_arguments_alone(student, reference):
    """Tokens and state, contiguous or not, are afterwards what they were."""
    model, solution = _models(student, reference, 8, 3, 5)
    for tokens, state in (
        (torch.randint(8, (4, 6)), torch.rand(4, 5)),
        (torch.randint(8, (6, 4)).T, _strided(4, 5).tanh()),
    ):
        got, after = model.after(tokens, state)
        logits, last = student.expect_parts(got, 2, about="the result, (logits, state),")
        want_logits, want_state = solution(tokens, state)
        student.expect_close(logits, want_logits, atol=LOGITS, about="logits")
        student.expect_close(last, want_state, atol=STATE, about="the last state")
        student.expect_equal(after[0], tokens, about="tokens after the call")
        student.expect_equal(after[1], state, about="state after the call")


# next_token_loss


def _text(batch, length, vocab_size):
    """Random logits and tokens."""
    return 2 * torch.randn(batch, length, vocab_size), torch.randint(vocab_size, (batch, length))


def test_next_token_loss_of_two_tokens(student, reference):
    """Of two tokens the second is predicted, from the first position's logits."""
    args = _text(1, 2, 5)
    student.expect_close(student.next_token_loss(*args), reference.next_token_loss(*args), atol=LOSS)


def test_next_token_loss_of_one_sequence(student, reference):
    """Position t predicts token t + 1, and the loss is the mean over all tokens but the first."""
    args = _text(1, 7, 5)
    student.expect_close(student.next_token_loss(*args), reference.next_token_loss(*args), atol=LOSS)


def test_next_token_loss_of_a_batch(student, reference):
    """The mean runs over positions and sequences, for any sizes and every token."""
    for batch, length, vocab_size in ((4, 6, 9), (3, 3, 3), (5, 2, 4), (2, 9, 2)):
        logits, tokens = _text(batch, length, vocab_size)
        tokens[0, :2], tokens[-1, -1] = 0, vocab_size - 1
        want = reference.next_token_loss(logits, tokens)
        student.expect_close(student.next_token_loss(logits, tokens), want, atol=LOSS)


def test_next_token_loss_does_not_use_the_last_logits(student):
    """Nothing follows the last token: its logits do not matter, and neither does the first token."""
    logits, tokens = _text(3, 5, 6)
    before = student.expect_tensor(student.next_token_loss(logits, tokens), shape=())
    logits[:, -1] += 5 * torch.randn(3, 6)
    tokens[:, 0] = (tokens[:, 0] + 1) % 6
    student.expect_close(student.next_token_loss(logits, tokens), before, atol=LOSS)


def test_next_token_loss_gradient(student, reference):
    """The gradient flows to the logits that predict something."""
    logits, tokens = _text(3, 5, 6)
    got = student.next_token_loss.vjp(logits, tokens, cotangent=torch.tensor(1.0), wrt=(0,))[0]
    want = reference.next_token_loss.vjp(logits, tokens, cotangent=torch.tensor(1.0), wrt=(0,))[0]
    student.expect_close(got, want, atol=1e-6, about="the gradient")  # entries up to a twelfth


def test_next_token_loss_of_large_logits(student, reference):
    """Logits of 1000 and -1000 give a finite, right loss, and finite, right gradients."""
    logits, tokens = 1000.0 * (2 * torch.randint(2, (3, 6, 5)) - 1), torch.randint(5, (3, 6))
    # losses up to 2000 in float32, which has seven digits
    student.expect_close(student.next_token_loss(logits, tokens), reference.next_token_loss(logits, tokens), atol=5e-3)
    got = student.next_token_loss.vjp(logits, tokens, cotangent=torch.tensor(1.0), wrt=(0,))[0]
    want = reference.next_token_loss.vjp(logits, tokens, cotangent=torch.tensor(1.0), wrt=(0,))[0]
    student.expect_close(got, want, atol=1e-5, about="the gradient")


def test_next_token_loss_leaves_its_arguments_alone(student, reference):
    """Logits and tokens, contiguous or not, are afterwards what they were."""
    for logits, tokens in (_text(2, 4, 5), (_strided(2, 4, 5), torch.randint(5, (4, 2)).T)):
        got, after = student.next_token_loss.after(logits, tokens)
        student.expect_close(got, reference.next_token_loss(logits, tokens), atol=LOSS)
        student.expect_equal(after[0], logits, about="logits after the call")
        student.expect_equal(after[1], tokens, about="tokens after the call")


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (3, 1), (2, 0)])
def test_next_token_loss_of_one_token(student, batch, length):
    """Fewer than two tokens leave nothing to predict: a ValueError that names the tokens."""
    with student.expect_raises(ValueError, naming=("tokens",)):
        student.next_token_loss(*_text(batch, length, 5))


# sample


def _clear_prompts(reference, weights, length, new):
    """Two prompts after which each greedy choice is ahead by 0.05 or more, and what they are continued to.

    More than half of all prompts are of that kind: that fewer than 2 of 100 are happens less than once in 1e20 runs.
    Of long ones it makes a difference to leave out the first two ids; fewer than two where 30 clear ones hold no more.
    """
    model = reference.prop("language_model", weights)
    telling, others = [], 0
    while len(telling) < 2 and others < 30:
        prompt = torch.randint(len(weights["b_y"]), (length,)).tolist()
        want = reference.sample(model, prompt, new, temperature=0)
        best = model(torch.tensor([want]), None)[0][0, length - 1 : -1].topk(2).values
        if bool((best[:, 0] - best[:, 1] > 0.05).all()):
            rest = reference.sample(model, prompt[2:], new, temperature=0) if length > 2 else []
            if rest[-new:] == want[-new:]:
                others += 1
            else:
                telling.append((prompt, want))
    return telling


def _expect_ids(student, got, want):
    """These ids, and as integers (a tensor without dimensions may hold one)."""
    student.expect_equal(got, want)
    whole = all(isinstance(id, int) or not id.is_floating_point() for id in got if not isinstance(id, float))
    student.expect(whole and not any(isinstance(id, float) for id in got), "Some ids are floats; expected integers.")


def _remembering(vocab_size=11):
    """Weights of a model that remembers for long what it has read."""
    weights = _weights(vocab_size, 6, 12)
    return weights | {"W_s": 1.3 * weights["W_s"], "W_y": 4 * weights["W_y"]}


def _next_in_a_circle(vocab_size, sureness):
    """Weights of a model that expects 1 after 0, 2 after 1 ... and 0 after the last, and remembers nothing."""
    eye, zeros = torch.eye(vocab_size), torch.zeros(vocab_size)
    values = (5 * eye, eye, 0 * eye, zeros, sureness * eye.roll(1, dims=1), zeros)
    return dict(zip(PARAMETERS, values, strict=True))


def _always(logits):
    """Weights of a model that gives the same logits at every position."""
    size = len(logits)
    weights = _next_in_a_circle(size, 0.0)
    return weights | {"b_y": torch.tensor(logits)}


def test_sample_greedily(student, reference):
    """At temperature 0 the likeliest id comes next, and is read in its turn."""
    weights = _remembering()
    model = student.prop("language_model", weights)
    for new in (1, 5):
        for prompt, want in _clear_prompts(reference, weights, 1, new):
            _expect_ids(student, student.sample(model, prompt, new, temperature=0), want)


def test_sample_remembers_what_it_has_read(student, reference):
    """All of the prompt is read, once and in order, and the state goes on from each new id to the next."""
    for length, new in ((2, 5), (7, 4)):
        prompts = []
        while len(prompts) < 2:  # most models remember for long enough
            weights = _remembering()
            prompts = _clear_prompts(reference, weights, length, new)
        model = student.prop("language_model", weights)
        for prompt, want in prompts:
            _expect_ids(student, student.sample(model, prompt, new, 0.0), want)


def _expect_draws(student, logits, probabilities, **extra):
    """120 draws follow the probabilities."""
    model = student.prop("language_model", _always(logits))
    got = student.sample(model, [2, 1], 120, generator=_generator(student), **extra)
    got = student.expect_parts(got, 122, about="the prompt and 120 new ids")
    drawn = torch.tensor([int(student.expect_number(each, about="an id")) for each in got[2:]])
    student.expect(bool(((drawn >= 0) & (drawn < 4)).all()), "Some id does not belong to the vocabulary.")
    for count, probability in zip(torch.bincount(drawn, minlength=4).tolist(), probabilities, strict=True):
        believable = _surprise(count, 120, probability) < TOO_SURPRISING
        student.expect(believable, "The ids do not come as often as they should.")
    equal = int((drawn[1:] == drawn[:-1]).sum())
    # an id follows itself with a chance of a half or more: that it never does, or always, comes once in 1e11 runs
    student.expect(0 < equal < 119, "The draws depend on each other.")


def _generator(student):
    return student.prop("generator", random.getrandbits(60))


def test_sample_draws_by_probability(student):
    """At temperature 1 each id comes as often as its probability says, and the draws differ from each other."""
    probabilities = [0.02, 0.8, 0.06, 0.12]
    _expect_draws(student, [5 + math.log(each) for each in probabilities], probabilities)
    # one of 51 comes half of the time: at temperature 0.5 in 98 of 100, at 2 in 12
    model = student.prop("language_model", _always([math.log(50.0)] + [0.0] * 50))
    got = student.expect_parts(student.sample(model, [2], 300, generator=_generator(student)), 301)
    count = sum(int(student.expect_number(each, about="an id")) == 0 for each in got[1:])
    student.expect(_surprise(count, 300, 0.5) < TOO_SURPRISING, "The ids do not come as often as they should.")


def test_sample_at_high_temperature(student):
    """The logits are divided by the temperature before softmax: a high one flattens."""
    # at temperature 1 or 3 the second would come always, at 81 in 29 of 100
    _expect_draws(student, [0.0, 18.0, 0.0, 0.0], [0.0963, 0.7112, 0.0963, 0.0963], temperature=9)


def test_sample_at_low_temperature(student):
    """A low temperature sharpens."""
    # at temperature 1 or 0.1 the first would come in at most 29 of 100, at 0.0001 always
    _expect_draws(student, [0.02, 0.0, 0.0, 0.0], [0.7112, 0.0963, 0.0963, 0.0963], temperature=0.01)


def test_sample_draws_only_from_the_generator(student):
    """The same generator seed gives the same ids, whatever torch's global seed is."""
    model = student.prop("language_model", _always([0.0] * 16))
    first = student.sample.seeded(1)(model, [3], 12, generator=student.prop("generator", 5))
    second = student.sample.seeded(2)(model, [3], 12, generator=student.prop("generator", 5))
    student.expect_equal(second, list(student.expect_parts(first, 13)))


def test_sample_draws_from_the_generator(student):
    """Another generator, or the same one once more, gives other ids, whatever torch's global seed is."""
    model = student.prop("language_model", _always([0.0] * 16))
    generators = student.prop("generator", 5), student.prop("generator", 6)
    results = [student.sample.seeded(1)(model, [3], 12, generator=each) for each in (*generators, generators[0])]
    first, *others = [[student.expect_number(each) for each in student.expect_parts(got, 13)] for got in results]
    for other in others:  # equal by chance once in 1e14 runs
        student.expect(first != other, "the ids are the same, although the generator is not")


def test_sample_without_a_generator(student):
    """Without a generator torch's global one is drawn from."""
    model = student.prop("language_model", _always([0.0] * 16))
    results = []
    for seed in (1, 1, None):
        if seed is not None:
            student.prop("global_seed", seed)
        results.append(student.expect_parts(student.sample(model, [3], 12), 13))
    student.expect_equal(results[1], list(results[0]), about="what comes of one global seed")
    student.expect(tuple(results[2][1:]) != tuple(results[1][1:]), "every call gives the same")  # once in 1e14 runs


def test_sample_stops_at_the_end_token(student):
    """After the end token has come nothing follows; it is kept. It may be any id, 0 included, or never come."""
    model = student.prop("language_model", _next_in_a_circle(6, 40.0))
    for end, want in ((5, [2, 3, 4, 5]), (3, [2, 3]), (0, [2, 3, 4, 5, 0]), (1, [2, 3, 4, 5, 0, 1])):
        student.expect_equal(student.sample(model, [2], 9, temperature=0, end_token=end), want)
        # the next id has a probability of 1 - 1e-16
        student.expect_equal(student.sample(model, [2], 9, generator=_generator(student), end_token=end), want)
    for end in (1, 50):
        student.expect_equal(student.sample(model, [2], 3, temperature=0, end_token=end), [2, 3, 4, 5])


def test_sample_after_an_end_token_in_the_prompt(student):
    """An end token in the prompt, at its end too, stops nothing; the next one does."""
    model = student.prop("language_model", _next_in_a_circle(4, 40.0))
    for prompt, want in (([3], [3, 0, 1, 2, 3]), ([3, 1], [3, 1, 2, 3]), ([1, 3, 3], [1, 3, 3, 0, 1, 2, 3])):
        student.expect_equal(student.sample(model, prompt, 9, temperature=0, end_token=3), want)
    student.expect_equal(student.sample(model, [0], 3, temperature=0, end_token=0), [0, 1, 2, 3])


def test_sample_nothing(student):
    """With max_new_tokens 0 the prompt comes back, whatever the other arguments."""
    model = student.prop("language_model", _next_in_a_circle(4, 40.0))
    for extra in ({}, {"temperature": 0}, {"end_token": 1}, {"generator": _generator(student)}):
        student.expect_equal(student.sample(model, [1, 2], 0, **extra), [1, 2])


def test_sample_with_large_logits(student):
    """Logits of 1000 and -1000, and low temperatures, make a sure choice and no nan."""
    weights = _next_in_a_circle(5, 1000.0)
    for offset in (0.0, -1000.0):
        model = student.prop("language_model", weights | {"b_y": torch.full((5,), offset)})
        for temperature in (1.0, 0.25):
            got = student.sample(model, [1], 6, temperature, _generator(student))
            student.expect_equal(got, [1, 2, 3, 4, 0, 1, 2])


def test_sample_leaves_its_arguments_alone(student):
    """The prompt is afterwards what it was."""
    model = student.prop("language_model", _next_in_a_circle(4, 40.0))
    got, after = student.sample.after(model, [1, 2], 3)
    student.expect_equal(got, [1, 2, 3, 0, 1])
    student.expect_equal(after[1], [1, 2], about="prompt after the call")


@pytest.mark.parametrize(("prompt", "temperature", "name"), [([], 1.0, "prompt"), ([1, 2], -0.5, "temperature")])
def test_sample_of_bad_arguments(student, prompt, temperature, name):
    """An empty prompt and a temperature below 0 are ValueErrors that name the argument."""
    model = student.prop("language_model", _next_in_a_circle(4, 40.0))
    with student.expect_raises(ValueError, naming=(name,)):
        student.sample(model, prompt, 3, temperature)


# gru_step


def _gru(batch, size, hidden):
    """Random x, state, W_x, W_s, b_x and b_s."""
    x, state = torch.randn(batch, size), torch.rand(batch, hidden) * 2 - 1
    w_x, w_s = torch.randn(size, 3 * hidden) / math.sqrt(size), torch.randn(hidden, 3 * hidden) / math.sqrt(hidden)
    return x, state, w_x, w_s, *torch.randn(2, 3 * hidden)


GRU = ("x", "state", "W_x", "W_s", "b_x", "b_s")


def test_gru_step_from_nothing(student, reference):
    """From a state of zeros, without biases, the new state is (1 - z) * n."""
    x, state, w_x, w_s, b_x, b_s = _gru(1, 3, 4)
    args = (x, 0 * state, w_x, w_s, 0 * b_x, 0 * b_s)
    student.expect_close(student.gru_step(*args), reference.gru_step(*args), atol=STATE)


def test_gru_step_from_a_state(student, reference):
    """Gates in the order reset, update, new; reset acts on s W_sn + b_sn; update keeps the old state."""
    args = _gru(1, 3, 4)
    student.expect_close(student.gru_step(*args), reference.gru_step(*args), atol=STATE)


def test_gru_step_of_a_batch(student, reference):
    """Every row of a batch makes its own step, for any sizes."""
    for batch, size, hidden in ((5, 3, 4), (4, 4, 4), (3, 12, 3), (2, 6, 1), (3, 1, 5)):
        args = _gru(batch, size, hidden)
        student.expect_close(student.gru_step(*args), reference.gru_step(*args), atol=STATE)


def test_gru_step_gradients(student, reference):
    """Gradients flow to all six arguments."""
    args, cotangent = _gru(4, 3, 5), torch.randn(4, 5)
    got = student.gru_step.vjp(*args, cotangent=cotangent, wrt=range(6))
    want = reference.gru_step.vjp(*args, cotangent=cotangent, wrt=range(6))
    for name, mine, theirs in zip(GRU, got, want, strict=True):
        student.expect_close(mine, theirs, atol=GRADIENT, about=f"the gradient of {name}")


def test_gru_step_with_gates_wide_open(student, reference):
    """With an update gate of 1 the state stays as it is, with one of 0 it is all new; large numbers are no harm."""
    x, state, w_x, w_s, b_x, b_s = _gru(3, 2, 4)
    for large in (1000.0, -1000.0):
        for gate in range(3):
            bias = b_x.clone()
            bias[4 * gate : 4 * gate + 4] = large
            args = (x, state, w_x, w_s, bias, b_s)
            student.expect_close(student.gru_step(*args), reference.gru_step(*args), atol=STATE)


def test_gru_step_leaves_its_arguments_alone(student, reference):
    """Contiguous or not, the arguments are afterwards what they were."""
    strided = (_strided(2, 3), torch.rand(1, 4).expand(2, 4), _strided(3, 12), _strided(4, 12), *torch.randn(2, 12))
    for args in (_gru(2, 3, 4), strided):
        got, after = student.gru_step.after(*args)
        student.expect_close(got, reference.gru_step(*args), atol=STATE)
        for name, now, before in zip(GRU, after, args, strict=True):
            student.expect_equal(now, before, about=f"{name} after the call")
