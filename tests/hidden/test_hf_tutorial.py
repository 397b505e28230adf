"""The instrument for `hf_tutorial`: answers are compared with what comes out, options and functions are put to use.

Numbers that were asked for to so many decimals may be off by one or two in the last of them.
"""

import torch

SENTIMENT = "../data/sentiment"
TOKENIZER = "../data/tiny-gpt2"  # the same tokenizer as in the other folders

GPT2 = {"vocab_size": 24, "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
END = 5  # the end-of-text token of the model above


def _counts(student, name, want):
    """A variable that holds a list of whole numbers, and these."""
    got = student.expect_parts(student.value(name), len(want), about=name)
    student.expect_equal(got, want, about=name)


# most_positive: what the bundled classifier thinks of each text is tested in tests/unit

GOOD, LESS_GOOD = "What a wonderful day.", "We met on Tuesday."
BAD, WORSE = "The walk took an hour.", "This is terrible."
NEARLY_AS_GOOD = "Our room was clean."  # 0.9997, where GOOD has 0.9998
IF_CAPITAL, IF_SMALL = "It could be worse.", "The book is on the table."  # in small letters the second is better


def _expect_most_positive(student, *cases):
    """Each case: texts, and the one of them that is wanted. One classifier serves them all."""
    classifier = student.prop("classifier", SENTIMENT)
    for texts, want in cases:
        got, (_, after) = student.most_positive.after(classifier, texts)
        student.expect_equal(got, want, about="the most positive text")
        student.expect_equal(after, texts, about="the list of texts after the call")


def test_most_positive_of_two_texts(student):
    """Of a friendly and an unfriendly text it is the friendly one, wherever it stands; the classifier decides."""
    _expect_most_positive(student, ([GOOD, WORSE], GOOD), ([WORSE, GOOD], GOOD))
    turned = student.prop("classifier", SENTIMENT)
    turned.set("model.score.weight.data", -turned.get("model.score.weight.data"))  # takes good for bad
    student.expect_equal(student.most_positive(turned, [GOOD, WORSE]), WORSE, about="what another classifier prefers")


def test_most_positive_of_friendly_texts(student):
    """Of several friendly texts it is the one with the highest probability of POSITIVE."""
    _expect_most_positive(
        student,
        ([LESS_GOOD, GOOD], GOOD),
        ([GOOD, BAD, LESS_GOOD, WORSE], GOOD),
        ([BAD, WORSE, LESS_GOOD, GOOD], GOOD),
        ([NEARLY_AS_GOOD, GOOD], GOOD),
        ([IF_SMALL, IF_CAPITAL], IF_CAPITAL),
    )


def test_most_positive_of_unfriendly_texts(student):
    """Where all texts are unfriendly it is the least unfriendly: a high score of NEGATIVE is a low one of POSITIVE."""
    _expect_most_positive(student, ([BAD, WORSE], BAD), ([WORSE, BAD, WORSE], BAD))


def test_most_positive_of_one_text(student):
    """A single text is the most positive one, whatever its label, and stays as it is."""
    _expect_most_positive(student, ([GOOD], GOOD), ([WORSE], WORSE), ([f" {BAD}\n"], f" {BAD}\n"))


# answers


def test_glued_is_what_decode_gives(student):
    """The string that comes out, character by character: spaces where they are, and nowhere else."""
    student.expect_equal(student.value("glued"), "Goodmorning, all", about="glued")


def test_padded_counts(student):
    """A row for each text, as many columns as the longest has tokens, and a zero for every filling token."""
    _counts(student, "padded", [3, 7, 6])


def test_logit_gap_gives_the_score(student):
    """The softmax of two logits that are so far apart gives 0.9."""
    student.expect_close(student.value("logit_gap"), 2.1972, atol=0.002, about="logit_gap")


def test_uniform_loss_is_that_of_equal_logits(student):
    """The mean of -log p, in nats, where every token of the vocabulary has the same probability."""
    student.expect_close(student.value("uniform_loss"), 10.8249, atol=0.01, about="uniform_loss")


def test_predicted_counts_shifted_labels(student):
    """The predictions are counted that have a label: those of -100 do not count, nor does what nothing comes before."""
    student.expect_close(student.value("predicted"), 4, atol=0, about="predicted")


def test_padded_loss_is_the_mean_over_everything(student):
    """The loss that is printed is the mean over all predictions, those of filling tokens included."""
    student.expect_close(student.value("padded_loss"), 2.6, atol=0.005, about="padded_loss")


def test_new_tokens_of_three_calls(student):
    """How many tokens each of the three calls adds."""
    _counts(student, "new_tokens", [14, 20, 6])


def test_blocks_and_batches(student):
    """Blocks are cut across borders, a remainder is dropped, and a last, shorter batch is a batch."""
    _counts(student, "blocks", [3, 29, 2])


def test_broken_loops(student):
    """For each of the three loops, the letter of what happens in it."""
    got = student.expect_parts(student.value("broken_loops"), 3, about="broken_loops")
    student.expect_equal([str(letter).strip().lower() for letter in got], ["b", "c", "a"], about="broken_loops")


# options


def _options(student, name):
    """A variable that holds options, by name."""
    options = student.value(name)
    named = isinstance(options, dict) and all(isinstance(key, str) for key in options)
    student.expect(named, f"`{name}` is not a dict from names of options to values.")
    return options


def test_text_options_leave_out_the_filling(student):
    """With these options `batch_decode` gives the texts without end-of-text tokens, and otherwise as they were."""
    texts = ["Go , and come again .", "We did n't see it, did we ?", " The end"]
    tokenizer = student.prop("tokenizer", TOKENIZER)
    rows = [tokenizer(text)["input_ids"] for text in texts]
    end = tokenizer.get("eos_token_id")
    filled = [row + [end] * (12 + len(rows[0]) - len(row)) for row in rows]
    got = student.prop("decoded", tokenizer, filled, _options(student, "text_options")).take(4)
    student.expect_equal(got, texts, about="what batch_decode gives")


def _model(student, end_is_likely=False, scale=0.3):
    """A small random GPT-2; with `end_is_likely` the end-of-text token is the likeliest one everywhere."""
    embedding = scale * torch.randn(GPT2["vocab_size"], GPT2["n_embd"])  # small: a second token is nearly as likely
    weights = {"transformer.wte.weight": embedding, "transformer.wpe.weight": scale * torch.randn(64, GPT2["n_embd"])}
    if end_is_likely:  # logits are products of the last norm's output with the embeddings; its bias favours one
        embedding[END] *= 10 / embedding[END].norm()
        weights["transformer.ln_f.bias"] = 10 * embedding[END]
    return student.prop("gpt2", GPT2 | {"bos_token_id": END, "eos_token_id": END}, weights)


def _counting_model(student):
    """A GPT-2 that says, whatever it reads, 6 + n % 18 at position n: every token but the first ones in its turn."""
    embedding = torch.nn.functional.normalize(torch.randn(GPT2["vocab_size"], GPT2["n_embd"]))
    likely = 6 + torch.arange(GPT2["n_positions"]) % 18
    weights = {"transformer.wte.weight": embedding, "transformer.wpe.weight": 20 * embedding[likely]}
    return student.prop("gpt2", GPT2 | {"bos_token_id": END, "eos_token_id": END}, weights)


def _generated(student, model, prompt):
    """The whole row that comes out with the student's options."""
    options = _options(student, "generate_options")
    rows = student.prop("continued", model, prompt, options).take(2)
    student.expect(len(rows) == 1, f"{len(rows)} texts come out; expected one.")
    row = student.expect_tensor(rows[0], dtype=torch.int64, about="what generate gives")
    student.expect_equal(row[: prompt.shape[1]], prompt[0], about="the prompt in what generate gives")
    return row


def test_generate_options_give_twelve_tokens(student):
    """Exactly twelve tokens are added, to a short prompt and to a longer one, whichever tokens they are."""
    for length in (3, 9):
        for model in (_model(student), _counting_model(student)):
            row = _generated(student, model, torch.randint(6, 24, (1, length)))
            student.expect(len(row) == length + 12, f"{len(row) - length} tokens are added to a prompt of {length}.")


def test_generate_options_go_on_where_the_end_is_likely(student):
    """Exactly twelve tokens are added where the model would end the text at once."""
    row = _generated(student, _model(student, end_is_likely=True), torch.randint(6, 24, (1, 4)))
    student.expect(len(row) == 4 + 12, f"{len(row) - 4} tokens are added by a model that wants to end the text.")


def test_generate_options_take_the_likeliest(student, reference):
    """Every token is the likeliest one that is allowed, with a model that draws unless it is told not to, too."""
    for length, scale in ((3, 0.3), (5, 0.03), (8, 0.003)):  # 0.003: logits differ by 0.01, and even a cold draw is one
        model, prompt = _model(student, scale=scale), torch.randint(6, 24, (1, length))
        model.set("generation_config.do_sample", True)
        row = _generated(student, model, prompt)
        student.expect(len(row) == length + 12, f"{len(row) - length} tokens are added to a prompt of {length}.")
        judge = reference.prop("gpt2", GPT2, {name: each.data for name, each in model.parameters().items()})
        logits = judge(row[None], use_cache=False)["logits"][0, length - 1 : -1]
        chosen = logits.gather(1, row[length:, None])[:, 0]
        logits[:, END] = -torch.inf  # options may forbid the end, or let it stand for nothing
        likely = logits.amax(dim=1) - chosen < 1e-5  # with a cache the sums run in another order
        student.expect(likely.all(), "Not every token that is added is the likeliest one.")


# save_and_load


def _saved(student, folder):
    """(model, its parameters, a tokenizer that has learned a word, what came back) of a call with a random GPT-2."""
    model, tokenizer = _model(student), student.prop("tokenizer", TOKENIZER)
    tokenizer.method("add_tokens")(["friend"])
    before = model.parameters()
    result = student.save_and_load(model, tokenizer, folder)
    loaded = student.expect_parts(result, 2, about="the result, (model, tokenizer),")
    return model, before, tokenizer, loaded


def _expect_same_weights(student, got, want, about):
    got = got.parameters()
    student.expect(got.keys() == want.keys(), f"The parameters of {about} are not those of the one that was saved.")
    for name, parameter in want.items():
        student.expect_equal(got[name].data, parameter.data, about=f"{name} of {about}")


def test_save_and_load_the_model(student):
    """The model that comes back has the weights of the one that went in, which keeps its own, and is another object."""
    for _ in range(2):  # the second one takes the place of the first
        model, before, _, (loaded, _) = _saved(student, "kept")
        student.expect_handle(loaded, about="the model")
        student.expect(not student.same(model, loaded), "The model that comes back is the one that went in.")
        _expect_same_weights(student, loaded, before, "the model that comes back")
        _expect_same_weights(student, model, before, "the model that went in, afterwards")


def test_save_and_load_the_tokenizer(student):
    """The tokenizer that comes back cuts texts as the one that went in, and is another object."""
    _, _, tokenizer, (_, loaded) = _saved(student, "kept too")
    student.expect_handle(loaded, about="the tokenizer")
    student.expect(not student.same(tokenizer, loaded), "The tokenizer that comes back is the one that went in.")
    text = "Who goes there? A friend."
    student.expect_equal(loaded(text)["input_ids"], tokenizer(text)["input_ids"], about="the ids of a text")
    padding = student.prop("tokenizer", TOKENIZER).get("pad_token")
    student.expect_equal(loaded.get("pad_token"), padding, about="the padding token")


def test_save_and_load_writes_the_folder(student):
    """Whoever gets the folder can load model and tokenizer from it, wherever it is to be made."""
    _, before, tokenizer, _ = _saved(student, "a folder/in a folder")
    files = student.prop("folder", "a folder/in a folder").take(50)
    student.expect("config.json" in files, "There is no config.json of a model in the folder.")
    student.expect("tokenizer_config.json" in files, "There is no tokenizer_config.json in the folder.")
    again = student.prop("saved_model", "a folder/in a folder")
    _expect_same_weights(student, again, before, "the model in the folder")
    cut = student.prop("tokenizer", "a folder/in a folder")("A friend")["input_ids"]
    student.expect_equal(cut, tokenizer("A friend")["input_ids"], about="the ids by the tokenizer in the folder")
