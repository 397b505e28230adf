"""What `autograder check hf_tutorial` runs. It looks at the form of answers alone; if they are right is told later."""

import torch

GPT2 = {"vocab_size": 24, "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2, "eos_token_id": 5}


def _whole_numbers(student, name, count):
    values = student.value(name)
    right = isinstance(values, (list, tuple)) and len(values) == count
    student.expect(
        right and all(isinstance(value, int) and not isinstance(value, bool) for value in values),
        f"`{name}` is not a list of {count} whole numbers.",
    )


def test_most_positive_gives_one_of_the_texts(student):
    """It returns one of the texts as it is, and works for a single one."""
    classifier = student.prop("classifier", "../data/sentiment")
    for texts in (["A fine day.", "A bad day.", "A day."], ["A bad day."]):
        got = student.most_positive(classifier, texts)
        student.expect(got in texts, "What comes back is not one of the texts.")


def test_glued_is_a_string(student):
    """A string."""
    student.expect(isinstance(student.value("glued"), str), "`glued` is not a string.")


def test_padded_is_three_numbers(student):
    """A list of three whole numbers."""
    _whole_numbers(student, "padded", 3)


def test_text_options_are_known_to_batch_decode(student):
    """A dict. `batch_decode` passes over options that it does not know, so look at what it gives, too."""
    options = student.value("text_options")
    student.expect(isinstance(options, dict) and options, "`text_options` is not a dict with an option in it.")
    tokenizer = student.prop("tokenizer", "../data/tiny-gpt2")
    student.prop("decoded", tokenizer, [[1, 2, 3]], options)


def test_logit_gap_is_a_number(student):
    """A number."""
    student.expect_number(student.value("logit_gap"), about="logit_gap")


def test_uniform_loss_is_a_number(student):
    """A number that is not negative."""
    value = student.expect_number(student.value("uniform_loss"), about="uniform_loss")
    student.expect(value >= 0, "`uniform_loss` is negative.")


def test_predicted_is_a_whole_number(student):
    """A whole number from 0 to 10."""
    value = student.expect_number(student.value("predicted"), about="predicted")
    student.expect(value in range(11), "`predicted` is not a whole number from 0 to 10.")


def test_padded_loss_is_a_number(student):
    """A number that is not negative."""
    value = student.expect_number(student.value("padded_loss"), about="padded_loss")
    student.expect(value >= 0, "`padded_loss` is negative.")


def test_new_tokens_is_three_numbers(student):
    """A list of three whole numbers."""
    _whole_numbers(student, "new_tokens", 3)


def test_generate_options_are_known_to_generate(student):
    """A dict of options that `generate` takes."""
    options = student.value("generate_options")
    student.expect(isinstance(options, dict) and options, "`generate_options` is not a dict with an option in it.")
    prompt = torch.tensor([[7, 8, 9]])
    rows = student.prop("continued", student.prop("gpt2", GPT2), prompt, options).take(1)
    student.expect_equal(rows[0][:3], prompt[0], about="the prompt in what generate gives")


def test_blocks_is_three_numbers(student):
    """A list of three whole numbers."""
    _whole_numbers(student, "blocks", 3)


def test_broken_loops_is_three_letters(student):
    """A list of three letters from a to e, in quotes."""
    values = student.value("broken_loops")
    right = isinstance(values, (list, tuple)) and len(values) == 3
    right = right and all(isinstance(value, str) and value.strip().lower() in {*"abcde"} for value in values)
    student.expect(right, '`broken_loops` is not a list of three letters from "a" to "e".')


def test_save_and_load_writes_something(student):
    """Something is in the folder afterwards, and two things come back."""
    model, folder = student.prop("gpt2", GPT2), student.prop("temporary_folder")
    result = student.save_and_load(model, student.prop("tokenizer", "../data/tiny-gpt2"), folder)
    student.expect_parts(result, 2, about="the result, (model, tokenizer),")
    student.expect(student.prop("folder", folder).take(1), "The folder is empty.")
