"""What `autograder check lm_starter_code` runs: small texts, and the form of answers. Marks come from other tests."""

import torch

CHECKPOINT = "../data/tiny-gpt2"


def test_perplexity_by_hand_is_a_number(student):
    """A positive number."""
    value = student.expect_number(student.value("perplexity_by_hand"), about="perplexity_by_hand")
    student.expect(value > 0, "`perplexity_by_hand` is not positive.")


def test_report_is_two_numbers(student):
    """A list of a step and a perplexity, both from the table."""
    step, perplexity = student.expect_parts(student.value("report"), 2, about="report")
    student.expect(step in range(0, 501, 100), "The step of `report` is none of the table.")
    student.expect_number(perplexity, about="the perplexity of report")


def test_split_documents_of_three(student):
    """Three documents, one of two lines: the last is kept aside."""
    result = student.split_documents("A cat.\n\nA dog\nand a bird.\n\n\nA fish.\n")
    training, aside = student.expect_parts(result, 2, about="the result, (training, kept aside),")
    student.expect_equal(training, ["A cat.", "A dog\nand a bird."], about="what is for training")
    student.expect_equal(aside, ["A fish."], about="what is kept aside")


def test_prepare_two_texts(student):
    """The ids of two texts, each followed by the end-of-text token, in blocks of three."""
    tokenizer = student.prop("tokenizer", CHECKPOINT)
    texts, end = ["Good morrow, sir.", "Fare thee well."], tokenizer.get("eos_token_id")
    ids = [token for text in texts for token in [*tokenizer(text)["input_ids"], end]]
    batches = student.expect_handle(student.prepare(texts, tokenizer, 3, 2), about="the DataLoader").take(10)
    got = [row for batch in batches for row in batch["input_ids"].tolist()]
    want = [ids[start : start + 3] for start in range(0, len(ids) - 2, 3)]
    student.expect_equal(got, want, about="input_ids of all batches, as a list,")


def test_held_out_perplexity_of_a_little_text(student):
    """The bundled tiny model finds these words hard, but not harder than guessing among all tokens by far."""
    model, tokenizer = student.prop("pretrained", CHECKPOINT), student.prop("tokenizer", CHECKPOINT)
    got = student.expect_number(student.held_out_perplexity(model, tokenizer, ["Good morrow, gentle lady."] * 4, 8))
    student.expect(10 < got < 10_000, "The perplexity is far from what this model can have.")


def test_longest_shared_run_by_hand(student):
    """3, 4, 5 stands in both."""
    student.expect_equal(student.longest_shared_run([1, 3, 4, 5, 2], [3, 4, 9, 3, 4, 5]), 3, about="the longest run")


def test_fine_tune_changes_the_model(student):
    """Three steps on four texts: a model comes back, and its weights have moved."""
    model, tokenizer = student.prop("pretrained", CHECKPOINT), student.prop("tokenizer", CHECKPOINT)
    before = student.prop("pretrained", CHECKPOINT).parameters()
    texts = ["Good morrow, gentle lady. What news from thy brother?\nNone, sir. He is gone to the sea."] * 40
    result = student.expect_handle(student.fine_tune(model, tokenizer, texts, 3), about="the result of fine_tune")
    after = result.parameters()
    student.expect(before.keys() == after.keys(), "The model that comes back is not of the given kind.")
    moved = any(not torch.equal(after[name].data, before[name].data) for name in before)
    student.expect(moved, "No weight has moved in three steps.")
