"""Sentences of praise and complaint from a small grammar, each with its label. All words, in words.txt, and all frames
were chosen by hand.

A sentence is made of a frame ("The NOUN was ADJECTIVE.") and words for its slots. A frame's slots have one polarity,
and a frame may turn it round ("The NOUN was not ADJECTIVE."). Where two halves disagree ("good, but too long"), the
half that carries the weight decides.
"""

import itertools
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

NEGATIVE, POSITIVE = 0, 1
LABELS = ("NEGATIVE", "POSITIVE")

# Slots: N a noun with its determiner, n a bare noun, P a name, A an adjective, F a feeling, L and D a verb of liking
# and its past, K its third person, M moved, T what a thing is, X what it did, G best or worst, S a whole sentence, V an
# intensifier or nothing, B is or was, C isn't or wasn't.
SAME = """\
i L N so much|i L this so much|i L this so much|i L it very much|i L it a lot|everyone K it|everybody K N|P K N
he K N|she K this|A
N B V A|N B V A|N B V A|N B V A and A|N B A , A and A|this B a V A n|it B a V A n|this B a A and A n|it B V A|that B A
what a A n|such a A n|how A|so A|V A|A n|A|a V A n|the n B V A today|everything about N B V A|i found N V A
i find N V A|i thought N B V A|i think it B V A|he is a A person|she is V A|they are V A|you are V A|P is V A
P is a A n|i L N|i L N|i V L N|i L it|we L N|i D N|we all D N|i D it|everyone D N|my friends D it|they L it|P D N
i would L N|i L every minute of N|i L everything about N|i really D it|i L you|i L him|i L this|i L the n and the n
i L going to N|i am V F|i was V F|we were V F|i felt V F|i am V F with N|we were F with N|i was F by N|N made me F
it makes me F|everyone was F|N left us F|N M me|N M us all|it M me|he M everyone|N B T|it B T|this is T|what T
this n is T|N X|N X|it X|N X|it X|N X and X|not only A but also A|N B not only A but T|i have never seen such a A n
i have never read such a A n|N B A from start to finish|one of the most A n i have ever seen|a n with a A n and a A n
it was the A n of the year|the A n i have ever seen|N has a A n|there is a A n in it|N gave us a A n|i had a A n
it feels A|it looks A|it sounds A|it tastes A|it seems V A|N seems A|that was A of you|G n ever
the G n i have ever seen|it was the G day of my life|this is the G n in the world|N B A and N B A|N B A and N X|S|S|S
S|S|S"""
TURNED = """\
N B not A|N B not V A|N C A|N C V A|N C A at all|N B not A at all|it B not A|it C V A|it C A|this B not a A n
this C a A n|it B not a V A n|that is not A|that's not A|i do not L N|i don't L N|i don't L it|i did not L N
i didn't L N|i didn't L it|i never D N|nobody D N|nobody D it|we did not L it at all|i can not L N|they don't L it
i would never L N|i would not L N|i do not think it B A|i don't think N B A|i don't find it A|i did not find N A
N B never A|N B far from A|N B hardly A|N B anything but A|there is nothing A about N|nothing about N B A
there was nothing A in it|i am not F|i am not V F|i wasn't F|we were not F at all|i am not F with N
N did not make me F|N has not M me|it hasn't M me|we were not M|N B not T|it C T|this is not T|not A|not V A|not a A n
not A at all|no one would call it A|he is not a A person|she is not A|you are not A|they aren't A|it isn't that A
nobody was F|N could hardly be called A|N B neither A nor A"""
FIRST_OF_TWO = ("N B A , but", "it B A but", "at first it B A , but", "N B A . however ,")  # the second half decides
CONCEDED = ("although N B A ,", "even though it B A ,", "while N B A ,")  # so it does here


def frames(text: str) -> list[str]:
    return re.split(r"[|\n]", text)


def read_words(path: Path) -> dict[str, list[str]]:
    """The lists of words.txt by the names of their sections."""
    sections = re.split(r"^\[(.+)\]$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {name: " ".join(text.split()).split(", ") for name, text in zip(sections[::2], sections[1::2], strict=True)}


WORDS = read_words(Path(__file__).parent / "words.txt")
NOUNS = WORDS["nouns"]
ADJECTIVES = {NEGATIVE: WORDS["negative adjectives"], POSITIVE: WORDS["positive adjectives"]}
PLURAL = {"shoes", "people", "staff"}


@dataclass(frozen=True)
class Grammar:
    """Which nouns, adjectives and frames there are to draw from: tests keep some of them for themselves."""

    draw: random.Random
    nouns: list[str] = field(default_factory=lambda: NOUNS)
    adjectives: dict[int, list[str]] = field(default_factory=lambda: ADJECTIVES)
    same: list[str] = field(default_factory=lambda: frames(SAME))
    turned: list[str] = field(default_factory=lambda: frames(TURNED))


def sentence(grammar: Grammar) -> tuple[str, int]:
    """One sentence, spelt as people spell them, and its label."""
    draw = grammar.draw
    label = draw.choice((NEGATIVE, POSITIVE))
    text = clause(grammar, label)
    chance = draw.random()
    if chance < 0.08:
        text = fill(draw.choice(FIRST_OF_TWO), grammar, 1 - label) + " " + text
    elif chance < 0.12:
        text = fill(draw.choice(CONCEDED), grammar, 1 - label) + " " + text
    elif chance < 0.16:
        text = draw.choice(WORDS["asides"]) + " , " + text
    elif chance < 0.20:
        text = draw.choice(WORDS["openings"]) + " " + text
    elif chance < 0.30:
        text = draw.choice(WORDS["remarks"]) + " . " + capital(text)
    elif chance < 0.36:
        text = text + " . " + draw.choice(WORDS["remarks"])
    elif chance < 0.44:
        text = text + " . " + capital(clause(grammar, label))
    return spelt(text, draw), label


def clause(grammar: Grammar, label: int) -> str:
    """A frame of either kind, filled so that it says what the label says."""
    if grammar.draw.random() < 0.3:
        return fill(grammar.draw.choice(grammar.turned), grammar, 1 - label)
    return fill(grammar.draw.choice(grammar.same), grammar, label)


def fill(frame: str, grammar: Grammar, polarity: int) -> str:
    """The frame with words of this polarity in its slots."""
    draw = grammar.draw
    side = LABELS[polarity].lower()
    noun = draw.choice(grammar.nouns) if draw.random() < 0.9 else made_up(draw)
    be = draw.choice(("are", "were") if noun in PLURAL and "N" in frame.split() else ("is", "was", "was"))
    verb, past = draw.choice(WORDS[f"{side} likes"]).split()
    slots = {
        "N": lambda: f"{draw.choice(WORDS['determiners'])} {noun}",
        "n": lambda: draw.choice(grammar.nouns),
        "P": lambda: draw.choice(WORDS["names"]),
        "A": lambda: draw.choice(grammar.adjectives[polarity]),
        "F": lambda: draw.choice(WORDS[f"{side} feelings"]),
        "L": lambda: verb,
        "D": lambda: past,
        "K": lambda: verb + ("es" if verb.endswith("sh") else "s"),
        "G": lambda: ("worst", "best")[polarity],
        "M": lambda: draw.choice(WORDS[f"{side} moves"]),
        "T": lambda: draw.choice(WORDS[f"{side} things"]),
        "X": lambda: draw.choice(WORDS[f"{side} deeds"]),
        "S": lambda: draw.choice(WORDS[f"{side} sayings"]),
        "V": lambda: draw.choice(WORDS["intensifiers"]) if draw.random() < 0.5 else "",
        "B": lambda: be,
        "C": lambda: be + draw.choice(("n't", "n't", " not")),
    }
    filled = (slots[part]() if part in slots else part for part in frame.split())
    return " ".join(part for part in filled if part)


def made_up(draw: random.Random) -> str:
    """A word that does not exist, as names and rare words look to the model: it says nothing about the label."""
    return "".join(draw.choice("bcdfghklmnprstvw") + draw.choice("aeiou") for _ in range(draw.randint(1, 3)))


def spelt(text: str, draw: random.Random) -> str:
    """Articles, capitals and the spaces before commas put right; then some of the carelessness of quick writers."""
    parts = text.split()
    for at, (part, after) in enumerate(itertools.pairwise(parts)):
        if part == "a" and after[0] in "aeiou":
            parts[at] = "an"
    text = " ".join("I" if part == "i" else part for part in parts)
    text = capital(text.replace(" ,", ",").replace(" .", ".")) + draw.choice((".", ".", ".", "!", "", "!!"))
    chance = draw.random()
    if chance < 0.2:
        return text.lower()
    return text.upper() if chance < 0.22 else text


def capital(text: str) -> str:
    return text[0].upper() + text[1:]
