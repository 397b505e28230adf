"""What a model writes.

Greedy texts are compared where they are sure: weights are drawn again until at every step the likeliest token leads by
MARGIN, far more than any rounding.
"""

import torch
from torch.nn import functional

from .shared import END, MARGIN, MERGES, VOCABULARY, _config, _tokenizer, _weights

WRITER = {"vocab_size": len(VOCABULARY), "n_positions": 60, "n_embd": 12, "n_layer": 2, "n_head": 2}
SHORT, MIDDLE, LONG = "a", "a king,", "the king, in a thing"  # 1, 3 and 9 tokens
PROMPTS = (SHORT, MIDDLE, LONG)


# TextPipe and generate_text: what a model writes


class _Weights(dict):
    """Weights by name, and in `walked` how far `_walk` has come after each prompt. Changed weights are new ones."""

    def __init__(self, weights):
        super().__init__(weights)
        self.walked = {}


def _writer_weights(certainty=1.0):
    """Weights of a model whose texts have variety, without end: the logit of the end-of-text token is -60."""
    weights = _Weights(_weights(WRITER))
    for name, numbers in weights.items():
        if name.endswith(("wpe.weight", "ln_1.weight", "ln_2.weight", "c_fc.weight")):
            numbers.mul_(2)
    weights["transformer.wte.weight"][:, 0] = weights["transformer.wte.weight"][END] = 0.0
    weights["transformer.wte.weight"][END, 0] = -20.0
    weights["transformer.ln_f.weight"] = certainty * (1 + torch.rand(WRITER["n_embd"]))
    weights["transformer.ln_f.bias"] *= 0.2
    weights["transformer.ln_f.weight"][0], weights["transformer.ln_f.bias"][0] = 0.0, 3.0
    return weights


def _last_logits(weights, ids):
    """(V,): what a GPT-2 with these weights and of WRITER's sizes says after the last of the ids."""

    def linear(x, name):
        return x @ weights[f"transformer.{name}.weight"] + weights[f"transformer.{name}.bias"]

    def norm(x, name):
        named = (weights[f"transformer.{name}.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, x.shape[-1:], *named)

    x = weights["transformer.wte.weight"][ids] + weights["transformer.wpe.weight"][: len(ids)]
    for block in range(WRITER["n_layer"]):
        heads = linear(norm(x, f"h.{block}.ln_1"), f"h.{block}.attn.c_attn").unflatten(1, (3, WRITER["n_head"], -1))
        mixed = functional.scaled_dot_product_attention(*heads.permute(1, 2, 0, 3), is_causal=True)
        x = x + linear(mixed.transpose(0, 1).flatten(1), f"h.{block}.attn.c_proj")
        wide = functional.gelu(linear(norm(x, f"h.{block}.ln_2"), f"h.{block}.mlp.c_fc"), approximate="tanh")
        x = x + linear(wide, f"h.{block}.mlp.c_proj")
    return norm(x[-1:], "ln_f")[0] @ weights["transformer.wte.weight"].T


def _walk(weights, ids, steps):
    """The ids that a model with these weights adds greedily, up to the end-of-text token.

    None where at some step the likeliest is not sure.
    """
    added = weights.walked.setdefault(tuple(ids), [])  # steps that are known to be sure
    while len(added) < steps and END not in added:
        best = _last_logits(weights, [*ids, *added]).topk(2)
        if best.values[0] - best.values[1] <= MARGIN:
            return None
        added.append(int(best.indices[0]))
    return added[:steps]


def _ids(reference, prompt):
    return _tokenizer(reference)(prompt)["input_ids"]


def _sure_weights(reference, prompts=PROMPTS, steps=8):
    """Weights with which the likeliest token is sure, whatever the rounding, at every step after each prompt."""
    begun = [_ids(reference, prompt) for prompt in prompts]
    while True:
        weights = _writer_weights()
        if all(_walk(weights, ids, steps) is not None for ids in begun):
            return weights


def _ending_weights(reference, prompt, steps, token=END):
    """Such weights with which this token comes at one of these steps: two tokens change their roles."""
    begun = _ids(reference, prompt)
    while True:
        weights = _writer_weights()
        written = _walk(weights, begun, max(steps) + 1)
        for step in steps if written else ():
            if written[step] not in (*begun, *written[:step]):
                table = weights["transformer.wte.weight"]
                table[[written[step], token]] = table[[token, written[step]]]
                return _Weights(weights)


def _written(reference, weights, prompts, max_new_tokens):
    """Each prompt, and what a model with these weights adds greedily before the end-of-text token."""
    texts = []
    for prompt in prompts:
        added = _walk(weights, _ids(reference, prompt), max_new_tokens)
        words = [VOCABULARY[id] for id in added if id != END]
        texts.append(prompt + "".join(words).replace("Ġ", " ").replace("Ċ", "\n"))
    return texts


def _writer(student, weights, dropout=0.0):
    """The student's model and tokenizer."""
    return student.prop("gpt2", _config(WRITER, dropout), dict(weights)), _tokenizer(student)


# TextPipe


def _pipe(student, weights):
    """The student's TextPipe of a checkpoint with these weights."""
    folder = student.prop("checkpoint", VOCABULARY, MERGES, _config(WRITER, dropout=0.5), dict(weights))
    return student.expect_handle(student.TextPipe(folder), about="TextPipe(...)")


def test_pipe_continues_a_prompt(student, reference):
    """A pipe that is called with one text gives a list with that text and its greedy continuation."""
    weights = _sure_weights(reference, (MIDDLE,))
    got = _pipe(student, weights)(MIDDLE, max_new_tokens=5)
    student.expect_equal(got, _written(reference, weights, [MIDDLE], 5))


def test_pipe_has_its_parts(student, reference):
    """The model and the tokenizer of the checkpoint are there as attributes, by these names."""
    weights = _writer_weights()
    pipe = _pipe(student, weights)
    ids = pipe.at("tokenizer")("a king")["input_ids"]
    student.expect_equal(ids, _tokenizer(reference)("a king")["input_ids"], about="the ids of the tokenizer")
    for name in ("transformer.wte.weight", "transformer.h.1.mlp.c_proj.weight"):
        student.expect_equal(pipe.get(f"model.{name}"), weights[name], about=f"model.{name}")


def test_pipe_of_a_list(student, reference):
    """In a list each prompt, short or long, gets what it gets alone."""
    weights = _sure_weights(reference)
    pipe, texts = _pipe(student, weights), dict(zip(PROMPTS, _written(reference, weights, PROMPTS, 5), strict=True))
    for prompts in (list(PROMPTS), [LONG, SHORT, LONG], [MIDDLE]):
        student.expect_equal(pipe(prompts, max_new_tokens=5), [texts[prompt] for prompt in prompts])


def test_pipe_adds_twenty_tokens_unless_told(student, reference):
    """Without `max_new_tokens` twenty tokens are added; with it, that many, and none if it is 0."""
    weights = _sure_weights(reference, (SHORT,), steps=21)
    pipe = _pipe(student, weights)
    student.expect_equal(pipe(SHORT), _written(reference, weights, [SHORT], 20))
    for count in (1, 3, 0):
        student.expect_equal(pipe([SHORT], max_new_tokens=count), _written(reference, weights, [SHORT], count))


def test_pipe_stops_at_the_end_of_text(student, reference):
    """A continuation stops before the end-of-text token; beside a longer one, too."""
    ended, longer = [], None
    while longer is None or len(longer) <= len(ended):  # the short prompt goes on, and is sure of every token
        weights = _ending_weights(reference, MIDDLE, range(2, 6))
        ended, longer = (_walk(weights, _ids(reference, prompt), 7) for prompt in (MIDDLE, SHORT))
    pipe, want = _pipe(student, weights), _written(reference, weights, [MIDDLE, SHORT], 7)
    student.expect_equal(pipe(MIDDLE, max_new_tokens=7), want[:1])
    together = student.expect_parts(pipe([MIDDLE, SHORT, LONG], max_new_tokens=7), 3, about="the list of texts")
    for text, wanted, about in zip(together, want, ("the first text", "the second text"), strict=False):
        student.expect_equal(text, wanted, about=about)


def test_pipe_keeps_prompts_as_they_are(student, reference):
    """A prompt stands in the result letter by letter: spaces, line breaks and an end-of-text token included."""
    prompts = ["the  king ,\n\n a ", " king", "a<|endoftext|>the !"]
    weights = _sure_weights(reference, prompts, steps=4)
    got = _pipe(student, weights)(prompts, max_new_tokens=4)
    student.expect_equal(got, _written(reference, weights, prompts, 4))


def test_pipe_of_an_empty_prompt(student):
    """An empty prompt is a ValueError, alone and in a list."""
    pipe = _pipe(student, _writer_weights())
    for prompts in ("", ["a", ""]):
        with student.expect_raises(ValueError, naming=("prompts", "prompt", "texts", "text", "inputs")):
            pipe(prompts, max_new_tokens=2)


# generate_text


def _expect_texts(student, reference, writer, weights, prompts, count):
    """The student's function writes what the model says, after each prompt."""
    for prompt, want in zip(prompts, _written(reference, weights, prompts, count), strict=True):
        student.expect_equal(student.generate_text(*writer, prompt, max_new_tokens=count), want)


def test_generate_a_few_tokens(student, reference):
    """The greedy continuation of a prompt stands after the prompt."""
    weights = _sure_weights(reference, (MIDDLE,))
    _expect_texts(student, reference, _writer(student, weights), weights, [MIDDLE], 8)


def test_generate_from_prompts_of_any_length(student, reference):
    """A prompt may be one token or many, and its spaces and line breaks stay as they are."""
    prompts = (SHORT, LONG, "the  king ,\n\n a ", " king", "\n")
    weights = _sure_weights(reference, prompts, steps=4)
    _expect_texts(student, reference, _writer(student, weights), weights, prompts, 4)


def test_generate_as_many_tokens_as_asked_for(student, reference):
    """`max_new_tokens` counts the tokens that are added, white space too; 0 adds none."""
    weights = _sure_weights(reference, (SHORT,), steps=7)
    writer = _writer(student, weights)
    for count in (1, 7, 0):
        _expect_texts(student, reference, writer, weights, [SHORT], count)
    weights = _ending_weights(reference, SHORT, [3], VOCABULARY.index("Ċ"))
    _expect_texts(student, reference, _writer(student, weights), weights, [SHORT], 4)  # the last is the line break


def test_generate_fifty_tokens_unless_told(student, reference):
    """Without `max_new_tokens` fifty tokens are added, if the text does not end before."""
    weights = _sure_weights(reference, (SHORT,), steps=51)
    (want,) = _written(reference, weights, [SHORT], 50)
    student.expect_equal(student.generate_text(*_writer(student, weights), SHORT), want)


def test_generate_stops_at_the_end_of_text(student, reference):
    """The text ends before the end-of-text token, which is no part of it."""
    for steps in (range(2, 6), [0]):
        weights = _ending_weights(reference, LONG, steps)
        _expect_texts(student, reference, _writer(student, weights), weights, [LONG], 8)


def test_generate_after_an_end_of_text(student, reference):
    """An end-of-text token in the prompt stays there and ends nothing."""
    prompts = ("<|endoftext|>", "a<|endoftext|>the king", "a king<|endoftext|>")
    weights = _sure_weights(reference, prompts, steps=5)
    _expect_texts(student, reference, _writer(student, weights), weights, prompts, 5)


def test_generate_without_dropout(student, reference):
    """Dropout is off while the model writes, and its mode is put back afterwards."""
    weights = _sure_weights(reference, (LONG,), steps=6)
    writer = _writer(student, weights, dropout=0.5)
    for training in (True, False):
        writer[0].train(training)
        _expect_texts(student, reference, writer, weights, [LONG], 6)
        student.generate_text(*writer, LONG, max_new_tokens=2, do_sample=True)
        for part in ("training", "transformer.drop.training"):
            now = writer[0].get(part)
            student.expect(now == training, f"Before, `model.{part}` was {training}; afterwards it is not.")


def _entropic_writer(student):
    """A model that hesitates: with it two draws of 10 tokens are equal with a probability below 1e-9."""
    weights = _writer_weights(certainty=0.1)  # the likeliest of a hundred tokens has less than 0.1
    return student.prop("gpt2", _config(WRITER), dict(weights)), _tokenizer(student)


def _drawn(student, writer, global_seed, **kwargs):
    text = student.generate_text.seeded(global_seed)(*writer, MIDDLE, max_new_tokens=10, do_sample=True, **kwargs)
    student.expect(isinstance(text, str), "The result should be a str.")
    student.expect(text.startswith(MIDDLE), "The text should begin with the prompt.")
    return text


def test_generate_draws_with_its_seed(student):
    """Drawn with one seed, the text is the same each time, whatever the state of the global generator."""
    writer = _entropic_writer(student)
    texts = [_drawn(student, writer, global_seed, seed=3) for global_seed in (1, 2)]
    again = student.generate_text(*writer, MIDDLE, max_new_tokens=10, do_sample=True, seed=3)
    student.expect(texts[0] == texts[1] == again, "One seed gives different texts.")
    default = _drawn(student, writer, 5)
    student.expect(default == _drawn(student, writer, 6, seed=0), "Without `seed` the text is not that of seed 0.")


def test_generate_draws_differently_with_other_seeds(student):
    """Different seeds give different texts; without drawing, the seed changes nothing."""
    writer = _entropic_writer(student)
    texts = {_drawn(student, writer, 7, seed=seed) for seed in (0, 1, 2)}
    student.expect(len(texts) == 3, "Different seeds give the same text.")
    greedy = {student.generate_text(*writer, MIDDLE, max_new_tokens=4, seed=seed) for seed in (0, 1)}
    student.expect(len(greedy) == 1, "Without `do_sample` the text depends on the seed.")


def test_generate_from_an_empty_prompt(student):
    """An empty prompt is a ValueError."""
    writer = _entropic_writer(student)
    with student.expect_raises(ValueError, naming=("prompt",)):
        student.generate_text(*writer, "", max_new_tokens=3)
