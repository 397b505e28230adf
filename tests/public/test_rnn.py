"""What `autograder check rnn` runs: small cases that you can check by hand. The marks come from other tests."""

import math

import torch


def _circle():
    """Weights of a model that expects 1 after 0, 2 after 1, 3 after 2 and 0 after 3, and is almost certain of it."""
    eye, zeros = torch.eye(4), torch.zeros(4)
    weights = {"embedding.weight": 5 * eye, "W_x": eye, "W_s": 0 * eye, "b_s": zeros, "b_y": zeros}
    return weights | {"W_y": 30 * eye.roll(1, dims=1)}


def test_initial_state_of_two_sequences(student):
    """Two sequences, a memory of three numbers: two rows of three zeros."""
    student.expect_equal(student.initial_state(2, 3), torch.zeros(2, 3))


def test_rnn_step_of_a_bias(student):
    """Where input and state are zeros, the new state is tanh of the bias."""
    zeros, bias = torch.zeros(2, 2), torch.tensor([1.0, -2.0])
    got = student.rnn_step(zeros, zeros, torch.ones(2, 2), torch.ones(2, 2), bias)
    student.expect_close(got, torch.tensor([[math.tanh(1), math.tanh(-2)]]).expand(2, 2), atol=1e-6)


def test_rnn_step_by_hand(student):
    """x = (1, 2), state = (0.5), W_x = (0.25, 0.5), W_s = (2), b_s = (-1): the sum is 0.25 + 1 + 1 - 1 = 1.25."""
    args = [[1.0, 2.0]], [[0.5]], [[0.25], [0.5]], [[2.0]], [-1.0]
    got = student.rnn_step(*(torch.tensor(each) for each in args))
    student.expect_close(got, torch.tensor([[math.tanh(1.25)]]), atol=1e-6)


def test_model_shapes(student):
    """Tokens (B, T) give logits (B, T, V) and a state (B, H)."""
    model = student.expect_handle(student.RNNLanguageModel(11, 3, 5), about="RNNLanguageModel(11, 3, 5)")
    result = model(torch.tensor([[1, 2, 3, 10], [0, 0, 7, 1]]))
    logits, state = student.expect_parts(result, 2, about="the result, (logits, state),")
    student.expect_tensor(logits, shape=(2, 4, 11), about="logits")
    student.expect_tensor(state, shape=(2, 5), about="the last state")


def test_model_that_counts(student):
    """With weights of 1 and tiny inputs the state adds up what it has read; the logits are the state and twice it."""
    model = student.expect_handle(student.RNNLanguageModel(2, 1, 1), about="RNNLanguageModel(2, 1, 1)")
    weights = {"embedding.weight": [[0.001], [0.01]], "W_x": [[1.0]], "W_s": [[1.0]], "b_s": [0.0]}
    for name, value in (weights | {"W_y": [[1.0, 2.0]], "b_y": [0.0, 0.0]}).items():
        model.set(name, torch.tensor(value))
    result = model(torch.tensor([[0, 0, 1]]))
    logits, state = student.expect_parts(result, 2, about="the result, (logits, state),")
    want = torch.tensor([[[0.001, 0.002], [0.002, 0.004], [0.012, 0.024]]])
    student.expect_close(logits, want, atol=1e-5, about="logits")  # tanh of numbers this small is the number itself
    student.expect_close(state, torch.tensor([[0.012]]), atol=1e-5, about="the last state")


def test_next_token_loss_of_equal_logits(student):
    """Who knows nothing about five tokens loses ln 5 nats at each."""
    tokens = torch.tensor([[1, 2, 4, 0], [3, 3, 1, 2]])
    student.expect_close(student.next_token_loss(torch.zeros(2, 4, 5), tokens), torch.tensor(math.log(5)), atol=1e-5)


def test_next_token_loss_of_who_knows_it_all(student):
    """Logits that are large at the token that comes next lose nothing."""
    tokens = torch.tensor([[1, 2, 0, 2]])
    logits = torch.zeros(1, 4, 3)
    logits[0, [0, 1, 2], [2, 0, 2]] = 50.0
    student.expect_close(student.next_token_loss(logits, tokens), torch.tensor(0.0), atol=1e-5)


def test_next_token_loss_of_a_single_token(student):
    """A text of one token has nothing to predict: a ValueError that names the tokens."""
    with student.expect_raises(ValueError, naming=("tokens",)):
        student.next_token_loss(torch.zeros(2, 1, 5), torch.zeros(2, 1, dtype=torch.int64))


def test_sample_goes_round(student):
    """A model that counts from 0 to 3 and begins again, asked to go on from 2."""
    model = student.prop("language_model", _circle())
    student.expect_equal(student.sample(model, [2], 4, temperature=0), [2, 3, 0, 1, 2])
    student.expect_equal(student.sample(model, [2], 4), [2, 3, 0, 1, 2])


def test_sample_up_to_the_end(student):
    """The same model with 3 as its end token."""
    model = student.prop("language_model", _circle())
    student.expect_equal(student.sample(model, [1], 4, temperature=0, end_token=3), [1, 2, 3])


def test_sample_without_a_prompt(student):
    """An empty prompt is a ValueError that names it."""
    with student.expect_raises(ValueError, naming=("prompt",)):
        student.sample(student.prop("language_model", _circle()), [], 4)


def test_gru_step_of_nothing(student):
    """With weights of zero both gates are a half and the new memory is 0: half of the state is left."""
    state = torch.tensor([[0.5, -1.0], [0.25, 0.75]])
    zeros = torch.zeros(3, 6), torch.zeros(2, 6), torch.zeros(6), torch.zeros(6)
    student.expect_close(student.gru_step(torch.ones(2, 3), state, *zeros), state / 2, atol=1e-6)


def test_gru_step_that_keeps_everything(student):
    """With an update gate of 1 the state stays what it is."""
    state, bias = torch.tensor([[0.5, -1.0]]), torch.tensor([0.0, 0.0, 50.0, 50.0, 1.0, 1.0])
    got = student.gru_step(torch.ones(1, 3), state, torch.zeros(3, 6), torch.zeros(2, 6), bias, torch.zeros(6))
    student.expect_close(got, state, atol=1e-6)
