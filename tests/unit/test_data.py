"""The unit's own texts: they are what the grammar makes, they keep apart, and their cross-entropy is what is said.

A statistical claim states how improbable a false alarm is. Seeds are fixed, so a claim that holds goes on to hold.
"""

import hashlib
import importlib
import itertools
import math
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DATA, HELD_OUT = ROOT / "data", ROOT / "tests" / "hidden" / "heldout" / "pastiche.txt"
PASTICHE = DATA / "pastiche"
FALSE_ALARM = 1e-9

sys.path.insert(0, str(PASTICHE))
pcfg, grammar, tokens, make, score = map(importlib.import_module, ("pcfg", "grammar", "tokens", "make", "score"))
sys.path.remove(str(PASTICHE))

# Two derivations give "a b": from the first line and from the second.
AMBIGUOUS = """
s
    2  <left> b
    1  a <right.$x>
    1  <left> <left>
left = a c
right.1 = b
right.2
    3  b
    1  <left> ; d
"""


def text_of(name):
    return (PASTICHE / name).read_text(encoding="ascii")


# The files


def test_every_file_has_the_hash_that_is_written_down():
    listed = dict(reversed(line.split("  ")) for line in (DATA / "SHA256SUMS").read_text().splitlines())
    own = [path for path in DATA.rglob("*") if path.is_file() and path.suffix not in (".py", ".md", ".pyc")]
    there = {path.relative_to(DATA).as_posix() for path in own} - {"SHA256SUMS"}
    assert {name for name in there if not name.startswith("fetched/")} == set(listed), (
        "data/SHA256SUMS lists every file"
    )
    for name, expected in listed.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == expected, name


def test_the_script_makes_the_corpus_byte_for_byte():
    for name, text in make.corpus().items():
        assert text == (PASTICHE / name).read_bytes(), name


def test_check_tells_a_file_that_differs_from_one_that_does_not(tmp_path):
    def run(*arguments):
        command = [sys.executable, PASTICHE / "make.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert run("--check").returncode == 0
    out = tmp_path / "other.txt"
    assert run("--seed", "2", "--documents", "3", "--out", out).returncode == 0
    assert run("--seed", "2", "--documents", "3", "--out", out, "--check").returncode == 0
    assert run("--seed", "3", "--documents", "3", "--out", out, "--check").returncode == 1
    assert len(tokens.documents(out.read_text())) == 3


def test_train_validation_and_held_out_text_share_no_document():
    texts = [text_of("train.txt"), text_of("validation.txt"), HELD_OUT.read_text(encoding="ascii")]
    found = [tokens.documents(text) for text in texts]
    assert [len(documents) for documents in found] == [600, 48, 48]
    assert len(set(itertools.chain(*found))) == 696


# The score


def test_the_score_sums_over_all_derivations():
    tiny = pcfg.read(AMBIGUOUS, {"$x": ["1", "2"]})
    summed = defaultdict(float)
    derivations = tiny.derivations("<s>")
    for words, p in derivations:
        summed[words] += p
    assert len(derivations) > len(summed), "some text has more than one derivation"
    for words, p in summed.items():
        assert tiny.log_probability("<s>", list(words)) == pytest.approx(math.log(p), abs=1e-12)
    assert math.fsum(math.exp(tiny.log_probability("<s>", list(words))) for words in summed) == pytest.approx(1)
    assert tiny.log_probability("<s>", ["a"]) == tiny.log_probability("<s>", ["b", "a"]) == -math.inf


def test_probabilities_of_all_texts_of_length_up_to_five_sum_to_one():
    """Not only those that the grammar is known to write: any text over its words."""
    tiny = pcfg.read(AMBIGUOUS, {"$x": ["1", "2"]})
    texts = itertools.chain.from_iterable(itertools.product(sorted(tiny.words), repeat=n) for n in range(6))
    assert math.fsum(math.exp(tiny.log_probability("<s>", list(text))) for text in texts) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("symbol", ["<greeting.f.king>", "<answer.m.monk>", "<people>", "<through>"])
def test_probabilities_of_a_part_of_the_pastiche_sum_to_one(symbol):
    summed = defaultdict(float)
    for words, p in grammar.PASTICHE.derivations(symbol):
        summed[words] += p
    found = {words: math.exp(grammar.PASTICHE.log_probability(symbol, list(words))) for words in summed}
    assert math.fsum(found.values()) == pytest.approx(1, abs=1e-9)
    assert found == pytest.approx(dict(summed))


def test_a_shared_weight_is_shared_equally():
    shared = pcfg.read("s\n    1  <t.$x>\n    1  c\nt.1 = a\nt.2 = b\nt.3 = a", {"$x": ["1", "2", "3"]})
    assert math.exp(shared.log_probability("<s>", ["a"])) == pytest.approx(1 / 3)
    assert math.exp(shared.log_probability("<s>", ["c"])) == pytest.approx(1 / 2)


def test_a_symbol_without_a_rule_is_named():
    with pytest.raises(ValueError, match="<t>"):
        pcfg.read("s\n    1  a <t>", {})


def test_a_scene_has_one_derivation():
    """Then the mean of -log p over derivations, which can be computed, is the entropy of the texts."""
    random = Random(5)
    for _ in range(12):
        words, log_p = grammar.PASTICHE.sample(grammar.START, random)
        again = tokens.parse(tokens.render(words), grammar.PROPER)
        assert again == words
        assert grammar.PASTICHE.log_probability(grammar.START, again) == pytest.approx(log_p, abs=1e-9)


def farthest_mean(moments, draws):
    """How far the mean of so many draws may be from the expectation, but for FALSE_ALARM (Bernstein's inequality).

    Solves draws e^2 / 2 = (variance + largest e / 3) log(2 / FALSE_ALARM) for e; -log p lies in 0..largest.
    """
    surprise = math.log(2 / FALSE_ALARM)
    half = moments.largest * surprise / (3 * draws)
    return half + math.sqrt(half**2 + 2 * moments.variance * surprise / draws)


def test_scores_of_drawn_sentences_average_to_the_entropy():
    """False alarm: probability 1e-9 at most, whatever the distribution."""
    symbol, draws, random = "<line.m.king>", 800, Random(7)
    expected = grammar.PASTICHE.moments(symbol)
    drawn = [grammar.PASTICHE.sample(symbol, random)[0] for _ in range(draws)]
    mean = -math.fsum(grammar.PASTICHE.log_probability(symbol, words) for words in drawn) / draws
    allowed = farthest_mean(expected, draws)
    assert allowed < 0.1 * expected.mean, "a claim that says something"
    assert abs(mean - expected.mean) <= allowed


def test_log_p_of_drawn_scenes_averages_to_the_entropy():
    """As above, for whole documents; that log p is what the score gives is another test's claim."""
    draws, random = 2000, Random(11)
    expected = grammar.PASTICHE.moments(grammar.START)
    mean = -math.fsum(grammar.PASTICHE.sample(grammar.START, random)[1] for _ in range(draws)) / draws
    assert abs(mean - expected.mean) <= farthest_mean(expected, draws) < 0.1 * expected.mean


def test_moments_are_those_of_the_derivations():
    tiny = pcfg.read(AMBIGUOUS, {"$x": ["1", "2"]})
    probabilities = [(len(words), p) for words, p in tiny.derivations("<s>")]
    mean = sum(-p * math.log(p) for _, p in probabilities)
    found = tiny.moments("<s>")
    assert found.mean == pytest.approx(mean)
    assert found.variance == pytest.approx(sum(p * math.log(p) ** 2 for _, p in probabilities) - mean**2)
    assert found.largest == pytest.approx(max(-math.log(p) for _, p in probabilities))
    assert found.words == pytest.approx(sum(p * length for length, p in probabilities))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(" ", "  ", 1),
        lambda text: text.lower(),
        lambda text: text.replace(".", "!"),
        lambda text: text + "\nAnd more.",
        lambda text: text[: len(text) // 2],
        lambda text: re.sub(r"\b(his|her|sir|madam)\b", lambda m: SWAPPED[m[0]], text),
    ],
)
def test_what_the_grammar_cannot_write_has_no_probability(change):
    document = next(text for text in tokens.documents(text_of("validation.txt")) if re.search(r"\b(his|her)\b", text))
    assert score.document_nats(document) < 1000
    assert score.document_nats(change(document)) == math.inf


SWAPPED = {"his": "her", "her": "his", "sir": "madam", "madam": "sir"}


def test_a_rate_is_a_ratio_of_sums_with_the_error_of_a_ratio():
    found = score.rate([10.0, 30.0, 20.0], [10, 20, 30])
    assert (found.mean, found.count) == (1.0, 60)
    assert found.error == pytest.approx(math.sqrt((0 + 10**2 + 10**2) * 3 / 2) / 60)


def test_bpe_tokens_are_counted_by_document_and_none_is_lost(tmp_path):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    text = text_of("validation.txt")
    bpe.train_from_iterator([text], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    PreTrainedTokenizerFast(tokenizer_object=bpe).save_pretrained(tmp_path)
    counts = score.token_counts(text, tmp_path)
    assert len(counts) == 48
    assert min(counts) > 0
    assert sum(counts) == len(AutoTokenizer.from_pretrained(tmp_path)(text)["input_ids"])


# What the corpus promises

PROMISED = {
    "royalty": "king queen prince princess duke duchess",
    "clothing": "button buckle clasp ribbon",
    "hurts": "pain ache agony sting",
    "vessels": "bottle flask jug pitcher",
    "drinks": "water wine ale cider",
}


def test_ten_gendered_pairs_and_every_family_occur_often_enough():
    counts = Counter(tokens.words(text_of("train.txt")))
    assert len(grammar.PAIRS) == 10
    for word in [*itertools.chain(*grammar.PAIRS), *" ".join(PROMISED.values()).split()]:
        assert counts[word] >= 200, word


def test_far_agreement_spans_10_to_30_words_and_always_holds():
    persons = "|".join(itertools.chain(*grammar.PAIRS))
    far = re.compile(rf"\b({persons}),? (?:of )?whom ([^.]*?) (?:hath \w+|must now forsake) (his|her) (\w+)\.", re.I)
    text = text_of("train.txt").replace("\n", " ")
    found = far.findall(text)
    assert len(found) > 100
    for person, between, possessive, thing in found:
        rank = next(rank for rank, pair in zip(grammar.RANKS, grammar.PAIRS, strict=True) if person in pair)
        things = [parts[0] for _, parts in grammar.PASTICHE.rules[f"<thing.{rank}>"]]
        assert possessive == ("his" if person == grammar.PAIRS[grammar.RANKS.index(rank)][0] else "her")
        assert thing in things
        assert 10 <= len(between.split()) + 3 <= 30
        assert not re.search(rf"\b(he|she|his|her|him|sir|madam|{persons})\b", between)


def test_words_are_small_letters_and_marks_and_lose_nothing_else():
    assert tokens.words("Agatha:\nGood morrow, sir.") == ["agatha", ":", "good", "morrow", ",", "sir", "."]


def test_what_students_get_does_not_make_the_held_out_text():
    """Not as the corpus goes on, and not from any number that stands in data/; its seed is too long to be guessed."""
    first = HELD_OUT.read_text(encoding="ascii").split("\n\n")[0]
    random, taken = Random(make.SEED), set[str]()
    drawn = [make.draw(documents, random, taken) for documents in (*make.SIZES.values(), 48)]
    assert first not in itertools.chain(*drawn)
    handed_out = [path.read_text(encoding="utf-8") for kind in ("*.py", "*.md") for path in DATA.rglob(kind)]
    numbers = {int(re.sub("[,_]", "", found)) for text in handed_out for found in re.findall(r"\d[\d,_]*", text)}
    assert make.SEED in numbers
    assert all(make.draw(1, Random(number), set()) != [first] for number in numbers)
    assert int(re.search(r"--seed (\d+)", (HELD_OUT.parent / "README.md").read_text())[1]).bit_length() > 40


def test_the_held_out_text_is_made_as_its_card_says(tmp_path):
    card = (HELD_OUT.parent / "README.md").read_text()
    seed, documents = map(int, re.search(r"--seed (\d+) --documents (\d+)", card).groups())
    assert make.text_of(make.draw(documents, Random(seed), set())) == HELD_OUT.read_bytes()
    assert hashlib.sha256(HELD_OUT.read_bytes()).hexdigest() in card
