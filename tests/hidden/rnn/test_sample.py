"""What is drawn from a model.

`sample` is tested with a model made of library calls, whose greedy choices are clear by far more than rounding, so it
suffers from nobody's fault but its own.
"""

import math
import random

import pytest
import torch

from ..shared import _surprise
from .shared import PARAMETERS, _weights

# A share of draws is wrong where it is too large or too small with a chance of exp(-26): by chance, in all the shares
# that these tests look at (17, on two sides each), once in 6e9 runs.
TOO_SURPRISING = 26


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
