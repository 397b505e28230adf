"""What is drawn from a model.

`sample` is tested with a model made of library calls, whose greedy choices are clear by far more than rounding, so it
suffers from nobody's fault but its own.
"""

import math
import random

import pytest
import torch

from ..shared import _surprise
from .shared import PARAMETERS, _read, _weights

# A share of draws is wrong where it is too large or too small with a chance of exp(-26): by chance, in all the shares
# that these tests look at (4, on two sides each), once in 2e10 runs.
TOO_SURPRISING = 26


def _clear_prompts(length, new):
    """(weights, two prompts, each with what it continues to) where each greedy choice is ahead by 0.05 or more.

    Of longer prompts it makes a difference to leave out what comes before the last id, or the first two, and to read
    all of the text once more for each new id.
    """
    while True:  # most models have two such prompts among 20
        weights = _remembering()
        prompts = torch.randint(len(weights["b_y"]), (20, length))
        ids, clear = _continued(weights, prompts, new)
        if length > 1:
            clear &= (_continued(weights, prompts[:, min(2, length - 1) :], new)[0] != ids).any(dim=1)
            clear &= (_continued(weights, prompts, new, again=True)[0] != ids).any(dim=1)
        texts = torch.cat([prompts, ids], dim=1)[clear]
        found = [(text[:length], text) for text in texts[:2].tolist()]
        if len(found) == 2:
            return weights, found


def _continued(weights, prompts, new, again=False):
    """(the likeliest ids that follow, (B, new); whether each of them is far ahead, (B,)); `again`: all are read anew"""
    tokens, state, ids, clear = prompts, None, [], torch.ones(len(prompts), dtype=torch.bool)
    for _ in range(new):
        logits, state = _read(weights, tokens, state)
        best = logits[:, -1].topk(2)
        clear &= best.values[:, 0] - best.values[:, 1] > 0.05
        ids.append(best.indices[:, :1])
        tokens = torch.cat([prompts, *ids], dim=1) if again else ids[-1]
    return torch.cat(ids, dim=1), clear


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
    shapes = ((size, 1), (1, 1), (1, 1), (1,), (1, size))
    return {**{name: torch.zeros(shape) for name, shape in zip(PARAMETERS, shapes, strict=False)}, "b_y": logits}


def test_sample_greedily(student):
    """At temperature 0 the likeliest id comes next, and is read in its turn."""
    for new in (1, 5):
        weights, prompts = _clear_prompts(1, new)
        model = student.prop("language_model", weights)
        for prompt, want in prompts:
            _expect_ids(student, student.sample(model, prompt, new, temperature=0), want)
            _expect_ids(student, student.sample(model, prompt, new, 0, _generator(student)), want)


def test_sample_remembers_what_it_has_read(student):
    """All of the prompt is read, once and in order, and the state goes on from each new id to the next."""
    for length, new in ((2, 5), (7, 4)):
        weights, prompts = _clear_prompts(length, new)
        model = student.prop("language_model", weights)
        for prompt, want in prompts:
            _expect_ids(student, student.sample(model, prompt, new, 0.0), want)


def _expect_half(student, draws, scale, **extra):
    """At the right temperature one of 501 ids comes half of the time, the others about as often as each other.

    At a ninth of it that one would come always, at 9 times as much hardly ever; at four fifths it would come with a
    chance of 0.83, which 200 draws tell from a half. Returns what is drawn, and which.
    """
    logits = scale * torch.linspace(0, 0.02, 501)
    hot = random.randrange(501)
    logits[hot] = scale * math.log(505)
    chance = float(torch.softmax(logits / scale, dim=0)[hot])
    model = student.prop("language_model", _always(logits))
    got = student.sample(model, [2, 1], draws, generator=_generator(student), **extra)
    drawn = _new_ids(student, got, draws)
    student.expect(bool(((drawn >= 0) & (drawn < 501)).all()), "Some id does not belong to the vocabulary.")
    came = int((drawn == hot).sum())
    believable = _surprise(came, draws, chance) < TOO_SURPRISING
    often = "often" if came > chance * draws else "seldom"
    student.expect(believable, f"The likeliest id comes too {often} at this temperature.")
    return drawn, hot


def _new_ids(student, got, count):
    """So many ids, (count,), that follow a prompt of two."""
    got = student.expect_parts(got, count + 2, about=f"the prompt and {count} new ids")
    return torch.tensor([int(student.expect_number(each, about="an id")) for each in got[2:]])


def _generator(student):
    return student.prop("generator", random.getrandbits(60))


def test_sample_draws_by_probability(student):
    """At temperature 1, as without one, each id comes as often as its probability says, each draw for itself."""
    drawn, hot = _expect_half(student, 200, 1.0)
    others = drawn[drawn != hot]
    low = int((others < 250).sum())
    # of the other 500, those below 250 come half of the time, within a hundredth
    student.expect(_surprise(low, len(others), 0.5) < TOO_SURPRISING, "The ids do not come as often as they should.")
    student.expect(len(set(others.tolist())) > 5, "Only a few ids ever come.")  # by chance once in 1e14 runs
    equal = int((drawn[1:] == drawn[:-1]).sum())
    # the hot one follows itself with a chance of a half: that it never does, or always, comes once in 1e9 runs
    student.expect(0 < equal < 199, "The draws depend on each other.")


def test_sample_at_high_temperature(student):
    """The logits are divided by the temperature before softmax: a high one flattens."""
    _expect_half(student, 60, 9, temperature=9)


def test_sample_at_low_temperature(student):
    """A low temperature sharpens."""
    logits = torch.zeros(51)
    logits[random.randrange(51)] = 40.0  # sure at any temperature under 1; where logits are multiplied, like all others
    model = student.prop("language_model", _always(logits))
    got = student.sample(model, [2, 1], 8, generator=_generator(student), temperature=0.01)
    sure = (_new_ids(student, got, 8) == logits.argmax()).all()
    student.expect(bool(sure), "At temperature 0.01 an id comes that is all but impossible there.")
    _expect_half(student, 60, 0.01, temperature=0.01)


def test_sample_draws_only_from_the_generator(student):
    """The same generator seed gives the same ids, whatever torch's global seed is."""
    model = student.prop("language_model", _always(torch.zeros(1000)))
    first = student.sample.seeded(1)(model, [3], 5, generator=student.prop("generator", 5))
    second = student.sample.seeded(2)(model, [3], 5, generator=student.prop("generator", 5))
    student.expect_equal(second, list(student.expect_parts(first, 6)))


def test_sample_draws_from_the_generator(student):
    """Another generator, or the same one once more, gives other ids, from the first on, whatever the global seed is."""
    model = student.prop("language_model", _always(torch.zeros(1000)))
    generators = student.prop("generator", 5), student.prop("generator", 6)
    results = [student.sample.seeded(1)(model, [3], 5, generator=each) for each in (*generators, *generators)]
    first, *others = [[student.expect_number(each) for each in student.expect_parts(got, 6)] for got in results]
    for other in others:  # equal by chance once in 1e15 runs
        student.expect(first != other, "the ids are the same, although the generator is not")
    # all four begin alike by chance once in 1e9 runs
    student.expect(any(first[1] != other[1] for other in others), "the first new id is always the same")


def test_sample_without_a_generator(student):
    """Without a generator torch's global one is drawn from."""
    model = student.prop("language_model", _always(torch.zeros(1000)))
    results = []
    for seed in (1, 1, None):
        if seed is not None:
            student.prop("global_seed", seed)
        results.append(student.expect_parts(student.sample(model, [3], 5), 6))
    student.expect_equal(results[1], list(results[0]), about="what comes of one global seed")
    student.expect(tuple(results[2][1:]) != tuple(results[1][1:]), "every call gives the same")  # once in 1e15 runs


def test_sample_stops_at_the_end_token(student):
    """After the end token has come nothing follows; it is kept. It may be any id, 0 included, or never come."""
    model = student.prop("language_model", _next_in_a_circle(6, 40.0))
    generator = _generator(student)  # at temperature 1 the next id has a probability of 1 - 1e-16
    for end, want in ((5, [2, 3, 4, 5]), (0, [2, 3, 4, 5, 0])):
        student.expect_equal(student.sample(model, [2], 9, temperature=0, end_token=end), want)
    for end, want in ((3, [2, 3]), (0, [2, 3, 4, 5, 0])):
        student.expect_equal(student.sample(model, [2], 9, generator=generator, end_token=end), want)
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
    generator = _generator(student)
    for offset, temperature in ((0.0, 1.0), (-1000.0, 0.25)):
        model = student.prop("language_model", weights | {"b_y": torch.full((5,), offset)})
        student.expect_equal(student.sample(model, [1], 4, temperature, generator), [1, 2, 3, 4, 0])


def test_sample_leaves_its_arguments_alone(student):
    """The prompt is afterwards what it was, and so are the model's parameters, which can still be trained."""
    model = student.prop("language_model", _next_in_a_circle(4, 40.0))
    before = model.parameters()
    got, after = student.sample.after(model, [1, 2], 3)
    student.expect_equal(got, [1, 2, 3, 0, 1])
    student.expect_equal(after[1], [1, 2], about="prompt after the call")
    for name, parameter in model.parameters().items():
        student.expect_equal(parameter.data, before[name].data, about=f"the model's {name} after the call")
        student.expect(parameter.requires_grad, f"The model's {name} can't be trained after the call.")


@pytest.mark.parametrize(("prompt", "temperature", "name"), [([], 1.0, "prompt"), ([1, 2], -0.5, "temperature")])
def test_sample_of_bad_arguments(student, prompt, temperature, name):
    """An empty prompt and a temperature below 0 are ValueErrors that name the argument, also where nothing is drawn."""
    model = student.prop("language_model", _next_in_a_circle(4, 40.0))
    for new in (3, 0):
        with student.expect_raises(ValueError, naming=(name,)):
            student.sample(model, prompt, new, temperature)
