"""What is drawn."""

import torch

from ..shared import _surprise
from .shared import (
    ALTERNATING,
    VOCABULARY,
    _certain,
    _decoders,
    _expect_greedy,
    _expect_unchanged,
    _fresh,
    _ids,
    _make_alternate,
    _make_slightly_likelier,
    _prompt,
)

DRAWS = 800

# A share of draws is wrong where it is too large or too small with a chance of exp(-26): by chance, in all the shares
# that these tests look at (36, on two sides each), once in 2e9 runs.
TOO_SURPRISING = 26


def _draws(student, model, draws=DRAWS, steps=1, **options):
    """So many new ids, in so many steps: (draws / steps, steps). Who reads a row at a time has time for 2000 a test."""
    rows = draws // steps
    got = student.sample(model, torch.zeros(rows, 1, dtype=torch.int64), steps, **options)
    got = student.expect_tensor(got, shape=(rows, 1 + steps), dtype=torch.int64)
    student.expect(not got[:, 0].any(), "The result should begin with the prompt.")
    return got[:, 1:]


def _expect_shares(student, drawn, shares):
    """Each id is drawn about as often as it should be, and an id of share 0 never."""
    for id, share in enumerate(shares):
        count = int((drawn == id).sum())
        student.expect(share > 0 or count == 0, "A token is drawn that should have been filtered out.")
        believable = _surprise(count, drawn.numel(), share) < TOO_SURPRISING
        student.expect(believable, "The tokens are not drawn as often as their probabilities say.")


def test_sample_with_temperature_zero_is_greedy(student):
    """With temperature 0 each new token is the likeliest one, in each sequence of a batch."""
    model, solution = _decoders(student)
    tokens = _prompt(4, 2)
    _expect_greedy(student, solution, student.sample(model, tokens, 2, temperature=0.0), tokens, 2)
    _make_slightly_likelier(student, model, 1)
    got = student.sample(model, torch.zeros(20, 1, dtype=torch.int64), 1, temperature=0, top_k=190, top_p=0.9)
    got = student.expect_tensor(got, shape=(20, 2), dtype=torch.int64)
    student.expect(bool((got[:, 1] == 1).all()), "With temperature 0 a token is drawn that is not the likeliest.")


def test_sample_by_the_probabilities(student):
    """Without options, tokens are drawn as often as their probabilities say, each draw on its own."""
    # one of 72 comes half of the time: at temperature 0.8 in 74 of 100, at 1.25 in 30; the 12 rarest come 1 time in 20:
    # of the top 50, and of the top 95%, never
    rare = torch.linspace(3, 1, 71)
    chances, order = torch.cat([torch.ones(1), rare / rare.sum()]) / 2, torch.randperm(72)
    drawn = _draws(student, _certain(student, chances[order.argsort()].tolist()), steps=2)
    likeliest, rarest = drawn == order[0], torch.isin(drawn, order[60:])
    for those, share in ((likeliest, 0.5), (rarest, float(chances[60:].sum()))):
        believable = _surprise(int(those.sum()), DRAWS, share) < TOO_SURPRISING
        student.expect(believable, "The tokens are not drawn as often as their probabilities say.")
    both = int(likeliest.all(dim=1).sum())
    student.expect(
        _surprise(both, DRAWS // 2, 0.25) < TOO_SURPRISING, "Two draws of one sequence depend on each other."
    )


def test_sample_at_low_temperature(student):
    """The logits are divided by the temperature: a low one makes likely tokens likelier."""
    for chances, where in (((1e-17, 0.5, 0.5), "even at 1"), ((0.1, 0.45, 0.45), "there")):
        drawn = _draws(student, _certain(student, chances), 200, temperature=0.01)
        student.expect(bool(drawn.all()), f"A token is drawn at temperature 0.01 that is all but impossible {where}.")
    _expect_powers(student, 0.3)
    drawn = _draws(student, _certain(student, (0.48, 0.52)), 500, temperature=0.05)
    _expect_shares(student, drawn, (0.168, 0.832))  # 0.48^20 is to 0.52^20 as 0.168 to 0.832


def test_sample_at_high_temperature(student):
    """A high temperature evens out."""
    _expect_powers(student, 10.0)


def _expect_powers(student, temperature):
    """Each token is drawn as often as its probability to the power of 1 / temperature says."""
    probabilities = (0.02, 0.34, 0.64)
    drawn = _draws(student, _certain(student, probabilities), temperature=temperature)
    powers = [probability ** (1 / temperature) for probability in probabilities]
    _expect_shares(student, drawn, [power / sum(powers) for power in powers])


def test_sample_from_the_top_k(student):
    """Only the k likeliest tokens are drawn, by their probabilities."""
    drawn = _draws(student, _certain(student, (0.1, 0.2, 0.3, 0.4)), top_k=2)
    _expect_shares(student, drawn, (0.0, 0.0, 3 / 7, 4 / 7))


def test_sample_from_the_top_p(student):
    """Only the fewest likeliest tokens whose probabilities sum to p are drawn."""
    drawn = _draws(student, _certain(student, (0.2, 0.15, 0.4, 0.25)), top_p=0.6)
    _expect_shares(student, drawn, (0.0, 0.0, 8 / 13, 5 / 13))


def test_sample_with_filters_at_their_limits(student):
    """A top-p of 0 leaves the likeliest token alone; a top-k greater than V, and a top-p of 1, leave all."""
    model = _certain(student, (0.25, 0.3, 0.45))
    _expect_shares(student, _draws(student, model, 60, top_p=0.0), (0.0, 0.0, 1.0))
    _expect_shares(student, _draws(student, model, top_k=5, top_p=1.0), (0.25, 0.3, 0.45))


def test_sample_of_no_new_token(student):
    """With `max_new_tokens` 0 the result is the prompt, whatever the other arguments."""
    model, tokens = _fresh(student), _ids(2, 9)  # beyond the context as well
    for options in ({"temperature": 0}, {"top_k": 2, "top_p": 0.5}):
        student.expect_equal(student.sample(model, tokens, 0, **options), tokens)


def test_sample_with_both_filters(student):
    """A top-p counts where a top-k is given as well, and the other way round."""
    model = _certain(student, (0.3, 0.2, 0.5))
    for one, other, options in (("p", "k", {"top_k": 3, "top_p": 0.3}), ("k", "p", {"top_k": 1, "top_p": 0.9})):
        drawn = _draws(student, model, 60, **options)
        likeliest = bool((drawn == 2).all())
        student.expect(likeliest, f"With a top-{other} a token is drawn that top-{one} alone leaves out.")


def test_sample_filters_in_order(student):
    """First the temperature, then top-k, then top-p of what is left."""
    model = _certain(student, (0.3, 0.2, 0.5))
    _expect_shares(student, _draws(student, model, steps=2, temperature=2.0, top_p=0.45), (0.4365, 0.0, 0.5635))
    drawn = _draws(student, _certain(student, (0.05, 0.02, 0.93)), 400, temperature=4.0, top_k=2)
    _expect_shares(student, drawn, (0.325, 0.0, 0.675))  # without the temperature 0.051 and 0.949
    for options in ({"temperature": 0.5, "top_p": 0.6}, {"top_k": 2, "top_p": 0.6}):
        _expect_shares(student, _draws(student, model, 60, **options), (0.0, 0.0, 1.0))


def test_sample_beyond_the_context(student):
    """The model sees the last `context_length` ids, no more and no fewer."""
    model, solution = _decoders(student)
    # of a prompt longer than the context the first ids say something else than the last, in some of so many sequences
    for length, count, options in ((9, 2, {"top_k": 1}), (5, 3, {"top_p": 0.0}), (9, 1, {"temperature": 0})):
        tokens = _prompt(30, length)
        got, after = student.sample.after(model, tokens, count, **options)
        _expect_greedy(student, solution, got, tokens, count)
        student.expect_equal(after[1], tokens, about="tokens after the call")
    _expect_unchanged(student, model)
    _make_alternate(student, model)
    want = torch.tensor([[5, *ALTERNATING], [VOCABULARY - 1, *ALTERNATING]])  # no id ends anything
    for rows, options in ((2, {"temperature": 0}), (2, {"top_k": 1}), (1, {"top_k": 1})):
        student.expect_equal(student.sample(model, want[:rows, :1], 8, **options), want[:rows])


def test_sample_draws_from_its_generator(student):
    """The generator decides alone: the global seed changes nothing, the generator's seed and its use do."""
    model, tokens = _certain(student, (0.25, 0.25, 0.25, 0.25)), _ids(20, 1, 4)

    def drawn(seed, generator, steps=2):
        got = student.sample.seeded(seed)(model, tokens, steps, generator=generator)
        return student.expect_tensor(got, shape=(20, 1 + steps), dtype=torch.int64)

    used = student.prop("generator", 5)
    first, again = drawn(1, used), drawn(2, student.prop("generator", 5))
    student.expect_equal(again, first, about="the result with the same generator seed and another global seed")
    # 20 draws from four equal tokens are the same with probability 4^-20 < 1e-12
    for other in (drawn(1, student.prop("generator", 6), 1), drawn(1, used, 1)):
        student.expect(not torch.equal(other, first[:, :2]), "A generator in another state gives the same tokens.")
    repeats = torch.equal(first[:, 1], first[:, 2])  # by chance: 4^-20 < 1e-12
    student.expect(not repeats, "With a generator every step draws the same tokens.")


def test_sample_without_generator_draws_from_torchs(student):
    """Without a generator torch's global one decides: the same seed gives the same tokens, another seed others."""
    model, tokens = _certain(student, (0.25, 0.25, 0.25, 0.25)), _ids(20, 1, 4)

    def drawn(seed):
        student.prop("seed_torch", seed)  # and not those of Python and NumPy, which go on
        return student.expect_tensor(student.sample(model, tokens, 1), shape=(20, 2), dtype=torch.int64)

    first = drawn(3)
    student.expect_equal(drawn(3), first, about="the result with the same global seed")
    # 20 draws from four equal tokens are the same with probability 4^-20 < 1e-12
    student.expect(not torch.equal(drawn(4), first), "Another global seed gives the same tokens.")


def test_sample_with_negative_temperature(student):
    """A temperature below 0 is a ValueError that names an argument."""
    # below 0, where nothing is said of it, the first token would be all but sure to be drawn
    model, tokens = _certain(student, (1e-17, 0.5, 0.5)), _ids(1, 2, 3)
    for count, temperature in ((1, -0.5), (1, -0.001), (0, -1)):
        with student.expect_raises(ValueError, naming=("temperature",)):
            student.sample(model, tokens, count, temperature=temperature)
