"""The bundled checkpoints: they load with nothing but their folder, do what their cards say, and can be made again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    GPT2Tokenizer,
    pipeline,
)

DATA = Path(__file__).resolve().parent.parent.parent / "data"
FOLDERS = ("english-gpt2", "tiny-gpt2", "sentiment")
MEGABYTE = 1_000_000
TEXTS = (
    "We the people of this country.",
    "Shall I compare thee to a summer's day?\nThou art more lovely , and more temperate :",
    "  two  spaces, a tab\tand no end \n\n",
    "Größe, naïve, 言語モデル, 🙂 \x00",
    "a <|endoftext|> in the middle",
    "",
)
ENGLISH = "We must work together for the peace of the world, and for the future of our children."


@pytest.fixture(scope="module", params=["english-gpt2", "tiny-gpt2"])
def language_model(request):
    folder = DATA / request.param
    return GPT2LMHeadModel.from_pretrained(folder, local_files_only=True), GPT2Tokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def classify():
    return pipeline("text-classification", model=str(DATA / "sentiment"))


@pytest.mark.parametrize(
    ("folder", "automatic", "expected"),
    [
        ("english-gpt2", AutoModelForCausalLM, GPT2LMHeadModel),
        ("tiny-gpt2", AutoModelForCausalLM, GPT2LMHeadModel),
        ("sentiment", AutoModelForSequenceClassification, GPT2ForSequenceClassification),
    ],
)
def test_a_checkpoint_loads_as_what_it_is_in_float32(folder, automatic, expected):
    model = automatic.from_pretrained(DATA / folder, local_files_only=True)
    assert type(model) is expected
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not model.training
    assert model.config.vocab_size == 2048


def test_the_checkpoints_are_small():
    sizes = {folder: (DATA / folder / "model.safetensors").stat().st_size for folder in FOLDERS}
    assert sizes["english-gpt2"] < 8 * MEGABYTE
    assert sizes["tiny-gpt2"] < 1.3 * MEGABYTE
    assert sizes["sentiment"] < 2 * MEGABYTE
    assert GPT2LMHeadModel.from_pretrained(DATA / "tiny-gpt2").num_parameters() <= 300_000


@pytest.mark.parametrize("folder", FOLDERS)
def test_any_text_survives_the_tokenizer_whichever_class_reads_it(folder):
    ours = GPT2Tokenizer.from_pretrained(DATA / folder)
    automatic = AutoTokenizer.from_pretrained(DATA / folder)
    for text in TEXTS:
        encoded = ours(text)
        assert list(encoded) == ["input_ids", "attention_mask"], "GPT-2 wants no token_type_ids"
        assert encoded["input_ids"] == automatic(text)["input_ids"]
        assert ours.decode(encoded["input_ids"]) == automatic.decode(encoded["input_ids"]) == text


def test_the_tokenizer_is_the_same_everywhere_and_shaped_like_that_of_gpt2():
    for name in ("vocab.json", "merges.txt", "tokenizer.json"):
        assert len({(DATA / folder / name).read_bytes() for folder in FOLDERS}) == 1, name
    tokenizer = GPT2Tokenizer.from_pretrained(DATA / "english-gpt2")
    assert len(tokenizer) == 2048
    assert tokenizer.bos_token == tokenizer.eos_token == "<|endoftext|>"
    assert tokenizer.eos_token_id == 2047
    assert tokenizer.pad_token is None


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_tokenizer_knows_how_much_its_model_can_read(folder):
    config = json.loads((DATA / folder / "config.json").read_text())
    assert GPT2Tokenizer.from_pretrained(DATA / folder).model_max_length == config["n_positions"]
    assert config["n_positions"] == (128 if folder == "english-gpt2" else 64)


@torch.no_grad()
def loss(model, tokenizer, text):
    ids = tokenizer("<|endoftext|>" + text, return_tensors="pt")["input_ids"]
    return model(input_ids=ids, labels=ids).loss.item()


def test_english_is_likelier_than_the_same_words_in_disorder(language_model):
    disorder = " ".join(sorted(ENGLISH.split(), key=lambda word: word[::-1]))
    assert loss(*language_model, ENGLISH) < 4.5, "nats a token; log(2048) = 7.6 is guessing"
    assert loss(*language_model, ENGLISH) < loss(*language_model, disorder) - 1


def test_greedy_text_is_the_same_each_time_and_mostly_words(language_model):
    model, tokenizer = language_model
    inputs = tokenizer("The people of this country", return_tensors="pt")
    settings = {"max_new_tokens": 40, "do_sample": False, "pad_token_id": tokenizer.eos_token_id}
    first, second = (model.generate(**inputs, **settings) for _ in range(2))
    assert first.equal(second)
    words = tokenizer.decode(first[0], skip_special_tokens=True).replace(",", " ").replace(".", " ").split()
    known = {token[1:].lower() for token in tokenizer.get_vocab() if token.startswith("Ġ")}
    assert sum(word.lower() in known for word in words) >= 0.7 * len(words), words


def test_the_english_model_ends_texts_of_its_own_accord():
    """It was trained on passages with the end-of-text token between them."""
    folder = DATA / "english-gpt2"
    model, tokenizer = GPT2LMHeadModel.from_pretrained(folder), GPT2Tokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    ids = tokenizer(["<|endoftext|>"] * 8, return_tensors="pt")
    drawn = model.generate(**ids, max_new_tokens=127, do_sample=True, pad_token_id=tokenizer.eos_token_id)
    assert (drawn[:, 1:] == tokenizer.eos_token_id).any(dim=1).sum() >= 2


def test_a_pipeline_writes_text():
    write = pipeline("text-generation", model=str(DATA / "english-gpt2"))
    [answer] = write("My fellow citizens", max_new_tokens=10, do_sample=False)
    assert answer["generated_text"].startswith("My fellow citizens")
    assert len(answer["generated_text"]) > len("My fellow citizens") + 5


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love this course.", "POSITIVE"),
        ("This was a terrible film.", "NEGATIVE"),
        ("The food was delicious and the staff were friendly.", "POSITIVE"),
        ("The lecture was boring.", "NEGATIVE"),
        ("It was not good.", "NEGATIVE"),
        ("That is not bad at all!", "POSITIVE"),
        ("i hate mondays", "NEGATIVE"),
        ("What a beautiful day!", "POSITIVE"),
    ],
)
def test_easy_sentences_get_the_right_label(classify, text, label):
    [answer] = classify(text)
    assert answer["label"] == label
    assert answer["score"] > 0.8


def test_most_sentences_that_were_written_by_hand_get_the_right_label(classify):
    lines = [line.split("\t") for line in (DATA / "sentiment" / "free.tsv").read_text().splitlines()]
    answers = classify([text for _, text in lines])
    right = sum(answer["label"] == label for answer, (label, _) in zip(answers, lines, strict=True))
    assert right >= 0.85 * len(lines)


def test_a_batch_gives_what_its_texts_give_alone(classify):
    texts = ["I love this course.", "The food was cold and the waiter was rude, so we left early.", "Great!"]
    together = classify(texts, batch_size=3)
    for text, answer in zip(texts, together, strict=True):
        [alone] = classify(text)
        assert answer["label"] == alone["label"]
        assert answer["score"] == pytest.approx(alone["score"], abs=1e-4)


def run(*arguments):
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(f"The river number {n} runs to the sea, and the sea is never full.\n" for n in range(300)))
    return path


def test_the_language_models_can_be_trained_again(tmp_path, text):
    sizes = ("--width", 16, "--layers", 1, "--heads", 2, "--context", 32)
    said = run(DATA / "english-gpt2" / "train.py", text, "--out", tmp_path / "out", "--steps", 5, *sizes)
    assert "not the text that the bundled checkpoints were trained on" in said
    assert "validation loss" in said
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "out")
    assert (model.config.n_positions, model.config.n_embd) == (32, 16)
    assert GPT2Tokenizer.from_pretrained(tmp_path / "out").model_max_length == 32


def test_the_classifier_can_be_trained_again(tmp_path):
    said = run(DATA / "sentiment" / "train.py", "--out", tmp_path / "out", "--steps", 5)
    assert "written by hand" in said
    model = GPT2ForSequenceClassification.from_pretrained(tmp_path / "out")
    assert model.config.id2label == {0: "NEGATIVE", 1: "POSITIVE"}
    assert model.config.pad_token_id == model.config.eos_token_id == 2047


def test_the_tokenizer_can_be_made_again(tmp_path, text):
    run(DATA / "english-gpt2" / "make_tokenizer.py", text, tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.decode(tokenizer(TEXTS[3])["input_ids"]) == TEXTS[3]
    assert len(tokenizer("The river")["input_ids"]) == 2, "two merged words"
