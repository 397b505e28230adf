"""What a model writes.

Greedy texts are compared where they are sure: weights are drawn again until at every step the likeliest token leads by
MARGIN, far more than any rounding.
"""

import torch

from .shared import (
    END,
    HALVES,
    MARGIN,
    MERGES,
    VOCABULARY,
    _config,
    _flat,
    _ids,
    _logits,
    _model,
    _own_tokenizer,
    _tokenizer,
    _weights,
)

WRITER = {"vocab_size": len(VOCABULARY), "n_positions": 60, "n_embd": 12, "n_layer": 1, "n_head": 2}
SILENT = (END, *HALVES)  # the ids of tokens with which no model begins
SHORT, MIDDLE, LONG = "a", "a king,", "the king, in a thing"  # 1, 3 and 9 tokens
LONGEST = ", ".join([LONG] * 4)  # 39 tokens
PROMPTS = (SHORT, MIDDLE, LONG)
ARGUMENTS = (  # what TextPipe's first one, which may have any name, is likely to be called
    *("prompts", "prompt", "texts", "text", "inputs", "input", "input_text", "input_texts", "text_inputs"),
    *("strings", "string", "sentences", "sentence", "prompt_or_prompts", "text_or_texts", "x"),
)


# TextPipe and generate_text: what a model writes


class _Weights(dict):
    """Weights by name, and in `walked` how far `_walk` has come after each prompt. Changed weights are new ones."""

    def __init__(self, weights):
        super().__init__(weights)
        self.walked = {}


def _writer_weights(certainty=2.0):
    """Weights of a model whose texts have variety, without end: the logit of a SILENT token is -60."""
    weights = _Weights(_weights(WRITER))
    for name, numbers in weights.items():
        if name.endswith(("wpe.weight", "ln_1.weight", "ln_2.weight", "c_fc.weight")):
            numbers.mul_(4 if "wpe" in name else 2)
    table = weights["transformer.wte.weight"]
    table[:, 0] = table[list(SILENT)] = 0.0
    table[list(SILENT), 0] = -20.0
    weights["transformer.ln_f.weight"] = certainty * (1 + torch.rand(WRITER["n_embd"]))
    weights["transformer.ln_f.bias"] *= 0.2
    weights["transformer.ln_f.weight"][0], weights["transformer.ln_f.bias"][0] = 0.0, 3.0
    return weights


def _walk(weights, ids, steps):
    """The ids that a model with these weights adds greedily, up to the end-of-text token.

    None where at some step the likeliest is not sure.
    """
    added = weights.walked.setdefault(tuple(ids), [])  # steps that are known to be sure
    while len(added) < steps and END not in added:
        best = _logits(weights, torch.tensor([[*ids, *added]]))[0, -1].topk(2)
        if best.values[0] - best.values[1] <= MARGIN:
            return None
        added.append(int(best.indices[0]))
    return added[:steps]


def _sure_weights(prompts=PROMPTS, *, steps):
    """Weights with which the likeliest token is sure, whatever the rounding, at every step after each prompt."""
    begun = [_ids(prompt) for prompt in prompts]
    while True:
        weights = _writer_weights()
        if all(_walk(weights, ids, steps) is not None for ids in begun):
            return weights


def _weights_that_write(prompt, steps, *tokens):
    """Such weights with which these tokens come from one of these steps on: each exchanges its role with another.

    None of them may stand in the prompt.
    """
    begun = _ids(prompt)
    while True:
        weights = _writer_weights()
        written = _walk(weights, begun, max(steps) + len(tokens))
        for step in steps if written else ():
            replaced = written[step : step + len(tokens)]
            before, exchanged = {*begun, *written[:step]}, {*replaced, *tokens}
            if len(exchanged) == 2 * len(tokens) and not exchanged & before:
                table = weights["transformer.wte.weight"]
                table[[*replaced, *tokens]] = table[[*tokens, *replaced]]
                return _Weights(weights)


def _written(weights, prompts, max_new_tokens):
    """Each prompt, and what a model with these weights adds greedily before the end-of-text token."""
    texts = []
    for prompt in prompts:
        added = _walk(weights, _ids(prompt), max_new_tokens)
        texts.append(prompt + _own_tokenizer().decode([id for id in added if id != END]))
    return texts


def _writer(student, weights, dropout=0.0):
    """The student's model and tokenizer."""
    return _model(student, weights, dropout, WRITER), _tokenizer(student)


# TextPipe


def _pipe(student, weights):
    """The student's TextPipe of a checkpoint with these weights."""
    folder = student.prop("checkpoint", VOCABULARY, MERGES, _config(WRITER, dropout=0.5), _flat(weights))
    return student.expect_handle(student.TextPipe(folder), about="TextPipe(...)")


def test_pipe_continues_a_prompt(student):
    """A pipe that is called with one text gives a list with that text and its greedy continuation."""
    weights = _sure_weights((MIDDLE,), steps=5)
    got = _pipe(student, weights)(MIDDLE, max_new_tokens=5)
    student.expect_equal(got, _written(weights, [MIDDLE], 5))


def test_pipe_has_its_parts(student):
    """The model and the tokenizer of the checkpoint are there as attributes, by these names."""
    weights = _writer_weights()
    pipe = _pipe(student, weights)
    ids = pipe.at("tokenizer")("a king")["input_ids"]
    student.expect_equal(ids, _ids("a king"), about="the ids of the tokenizer")
    for name in ("transformer.wte.weight", "transformer.h.0.mlp.c_proj.weight"):
        student.expect_equal(pipe.get(f"model.{name}"), weights[name], about=f"model.{name}")


def test_pipe_of_a_list(student):
    """In a list each prompt, short or long, gets what it gets alone."""
    weights = _sure_weights(steps=3)
    pipe, texts = _pipe(student, weights), dict(zip(PROMPTS, _written(weights, PROMPTS, 3), strict=True))
    for prompts in ([SHORT, LONG, MIDDLE, SHORT], [LONG]):
        student.expect_equal(pipe(prompts, max_new_tokens=3), [texts[prompt] for prompt in prompts])
    weights = _sure_weights((LONGEST, SHORT), steps=3)  # what stands far back counts, too
    got, (after, _) = _pipe(student, weights).after([LONGEST, SHORT], 3)
    student.expect_equal(got, _written(weights, [LONGEST, SHORT], 3), about="the texts after a long and a short prompt")
    student.expect_equal(after, [LONGEST, SHORT], about="the list of prompts after the call")


def test_pipe_adds_twenty_tokens_unless_told(student):
    """Without `max_new_tokens` twenty tokens are added; with it, that many, and none if it is 0."""
    weights = _sure_weights((SHORT,), steps=22)
    pipe = _pipe(student, weights)
    student.expect_equal(pipe(SHORT), _written(weights, [SHORT], 20))
    for count in (2, 0, 22):
        student.expect_equal(pipe([SHORT], max_new_tokens=count), _written(weights, [SHORT], count))


def test_pipe_stops_at_the_end_of_text(student):
    """A continuation stops before the end-of-text token; beside a longer one, too."""
    ended, longer = [], None
    while longer is None or len(longer) <= len(ended):  # the short prompt goes on, and is sure of every token
        weights = _weights_that_write(MIDDLE, range(2, 4), END)
        ended, longer = (_walk(weights, _ids(prompt), 5) for prompt in (MIDDLE, SHORT))
    pipe, want = _pipe(student, weights), _written(weights, [MIDDLE, SHORT], 5)
    for count in (5, len(ended)):  # the end-of-text token may be the last one that is allowed
        student.expect_equal(pipe(MIDDLE, max_new_tokens=count), want[:1])
    together = student.expect_parts(pipe([MIDDLE, SHORT, LONG], max_new_tokens=5), 3, about="the list of texts")
    for text, wanted, about in zip(together, want, ("the first text", "the second text"), strict=False):
        student.expect_equal(text, wanted, about=about)


def test_pipe_keeps_prompts_as_they_are(student):
    """A prompt stands in the result letter by letter, be it a line break; and so does what is written after it."""
    prompts = ["the  king ,\n\n é ", " king", "a<|endoftext|>the !", "\n"]
    weights = None
    while weights is None or any(_walk(weights, _ids(prompt), 3) is None for prompt in prompts):
        weights = _weights_that_write(prompts[1], [0], VOCABULARY.index("Ċ"), *HALVES)  # é is two tokens
    pipe = _pipe(student, weights)
    for count in (3, 1):
        student.expect_equal(pipe(prompts, max_new_tokens=count), _written(weights, prompts, count))
    student.expect_equal(pipe(prompts[0], max_new_tokens=1), _written(weights, prompts[:1], 1))


def test_pipe_of_an_empty_prompt(student):
    """An empty prompt is a ValueError, alone and in a list."""
    pipe = _pipe(student, _writer_weights())
    for prompts, count in (("", 2), (["a", ""], 2), ("", 0)):
        with student.expect_raises(ValueError, naming=ARGUMENTS):
            pipe(prompts, max_new_tokens=count)


# generate_text


def _expect_texts(student, writer, weights, prompts, count):
    """The student's function writes what the model says, after each prompt."""
    for prompt, want in zip(prompts, _written(weights, prompts, count), strict=True):
        student.expect_equal(student.generate_text(*writer, prompt, count), want)


def test_generate_a_few_tokens(student):
    """The greedy continuation of a prompt stands after the prompt."""
    weights = _sure_weights((MIDDLE,), steps=6)
    _expect_texts(student, _writer(student, weights), weights, [MIDDLE], 6)


def test_generate_from_prompts_of_any_length(student):
    """A prompt may be one token or many, and its spaces and line breaks stay as they are."""
    prompts = (SHORT, LONG, "the  king ,\n\n é ", " king", "\n")
    weights = _sure_weights(prompts, steps=2)
    _expect_texts(student, _writer(student, weights), weights, prompts, 2)


def test_generate_as_many_tokens_as_asked_for(student):
    """`max_new_tokens` counts the tokens that are added, white space too; 0 adds none."""
    weights = _weights_that_write(SHORT, [1], *HALVES, VOCABULARY.index("Ċ"))
    writer = _writer(student, weights)
    for count in (1, 4, 0):  # four are something, é in two tokens, and a line break
        _expect_texts(student, writer, weights, [SHORT], count)


def test_generate_fifty_tokens_unless_told(student):
    """Without `max_new_tokens` fifty tokens are added, if the text does not end before."""
    weights = _sure_weights((SHORT,), steps=50)
    (want,) = _written(weights, [SHORT], 50)
    student.expect_equal(student.generate_text(*_writer(student, weights), SHORT), want)


def test_generate_stops_at_the_end_of_text(student):
    """The text ends before the end-of-text token, which is no part of it."""
    for steps in (range(2, 5), [0]):
        weights = _weights_that_write(LONG, steps, END)
        writer = _writer(student, weights)
        for count in (7, len(_walk(weights, _ids(LONG), 7))):  # it may be the last token that is allowed
            _expect_texts(student, writer, weights, [LONG], count)


def test_generate_after_an_end_of_text(student):
    """An end-of-text token in the prompt stays there and ends nothing."""
    prompts = ("<|endoftext|>", "a<|endoftext|>the king", "a king<|endoftext|>")
    weights = _sure_weights(prompts, steps=2)
    _expect_texts(student, _writer(student, weights), weights, prompts, 2)


def test_generate_without_dropout(student):
    """Dropout is off while the model writes, and its mode is put back afterwards."""
    weights = _sure_weights((LONG,), steps=5)
    writer = _writer(student, weights, dropout=0.5)
    for training, count in ((True, 5), (False, 1)):
        writer[0].train(training)
        _expect_texts(student, writer, weights, [LONG], count)
        student.generate_text(*writer, LONG, max_new_tokens=1, do_sample=True)
        student.generate_text(*writer, LONG, max_new_tokens=0)
        for part in ("training", "transformer.drop.training"):
            now = writer[0].get(part)
            student.expect(now == training, f"Before, `model.{part}` was {training}; afterwards it is not.")
    for name in ("transformer.ln_f.weight", "transformer.ln_f.bias"):
        weights[name] *= 30 / MARGIN  # so sure of each token that every draw is the same, but for dropout
    certain = _writer(student, weights, dropout=0.5)
    certain[0].train()
    drawn = {student.generate_text(*certain, LONG, max_new_tokens=5, do_sample=True, seed=seed) for seed in (1, 2)}
    student.expect(len(drawn) == 1, "A model that is sure draws different texts in training mode: is dropout on?")


def _entropic_writer(student):
    """A model that hesitates: two of three draws of 7 tokens are equal with a probability below 1e-9."""
    weights = _writer_weights(certainty=0.05)  # the likeliest of fifty tokens has less than 0.05
    return _writer(student, weights)


def _drawn(student, writer, global_seed, count, **kwargs):
    text = student.generate_text.seeded(global_seed)(*writer, MIDDLE, count, True, **kwargs)
    student.expect(isinstance(text, str), "The result should be a str.")
    student.expect(text.startswith(MIDDLE), "The text should begin with the prompt.")
    return text


def test_generate_draws_with_its_seed(student):
    """Drawn with one seed, the text is the same each time, whatever the state of the global generator."""
    writer = _entropic_writer(student)
    first, second = (_drawn(student, writer, global_seed, 3, seed=3) for global_seed in (1, 2))
    student.expect(first == second, "One seed gives different texts.")
    default, zero = _drawn(student, writer, 5, 3), _drawn(student, writer, 6, 3, seed=0)
    student.expect(default == zero, "Without `seed` the text is not that of seed 0.")


def test_generate_draws_differently_with_other_seeds(student):
    """Different seeds give different texts; without drawing, the seed changes nothing."""
    writer = _entropic_writer(student)
    texts = {_drawn(student, writer, 7, 7, seed=seed) for seed in (0, 1, 2)}
    student.expect(len(texts) == 3, "Different seeds give the same text.")
    writer[0].set("generation_config.do_sample", True)  # what a model does unless it is told not to
    greedy = {student.generate_text(*writer, MIDDLE, max_new_tokens=2, seed=seed) for seed in (0, 1)}
    student.expect(len(greedy) == 1, "Without `do_sample` the text depends on the seed.")


def test_generate_from_an_empty_prompt(student):
    """An empty prompt is a ValueError."""
    writer = _entropic_writer(student)
    for count in (3, 0):
        with student.expect_raises(ValueError, naming=("prompt",)):
            student.generate_text(*writer, "", max_new_tokens=count)
