"""Probabilistic grammars: reading rules, drawing texts, the exact probability of a text, summed over all derivations.

A grammar is written as text. A word in `<...>` is a symbol, every other one a word of the language; `/` ends a line.

    sweet = good dear gentle                      a list: each word with equal probability
    greeting.$g                                   a symbol; below it what it may become, with integer weights
        2  good morrow , <sweet> <person.$g> .
        1  what news from the <person.$h> ?

`$g` is a feature: it stands for each of its values. One in the symbol's name makes a rule for each value; one that
stands only to the right shares the line's weight equally among its values. Features that exclude each other never take
the same value in one rule. A symbol may not lead back to itself: there are finitely many texts, and everything below is
exact.
"""

import itertools
import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random

BREAK = "/"
Parts = tuple[str, ...]
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Moments:
    """What is known of -log p(derivation) in nats, and of the number of words."""

    mean: float
    variance: float
    largest: float
    words: float


class Grammar:
    """Rules with weights: `rules[symbol]` is a list of (weight, parts); a part that is a key of `rules` is a symbol."""

    def __init__(self, rules: dict[str, list[tuple[int, Parts]]]) -> None:
        self.rules = rules
        self.ends = {symbol: list(accumulate(weight for weight, _ in lines)) for symbol, lines in rules.items()}
        self.totals = {symbol: ends[-1] for symbol, ends in self.ends.items()}
        self.moments = cache(self._moments)
        used = {part for lines in rules.values() for _, parts in lines for part in parts}
        missing = sorted(part for part in used if part.startswith("<") and part not in rules)
        if missing:
            raise ValueError(f"symbols without a rule: {', '.join(missing)}")
        self.words = {part for part in used if part not in rules and part != BREAK}

    def sample(self, symbol: str, random: Random) -> tuple[list[str], float]:
        """Draws a text. Returns its words and log p of the way in which it was drawn.

        Only `random.random()` is used, which Python keeps the same for the same seed in all its versions.
        """
        if symbol not in self.rules:
            return [symbol], 0.0
        drawn = int(random.random() * self.totals[symbol])
        weight, parts = self.rules[symbol][bisect_right(self.ends[symbol], drawn)]
        words, log_p = [], math.log(weight / self.totals[symbol])
        for part in parts:
            more, log_p_part = self.sample(part, random)
            words += more
            log_p += log_p_part
        return words, log_p

    def log_probability(self, symbol: str, words: list[str]) -> float:
        """log p(words | symbol) in nats, summed over all derivations (inside algorithm); -inf if there is none."""

        @cache
        def inside(part: str, start: int) -> dict[int, float]:
            """Where the part's text may end if it starts here, with the log of the probability of each."""
            if part not in self.rules:
                fits = start < len(words) and words[start] == part
                return {start + 1: 0.0} if fits else {}
            ends: dict[int, float] = {}
            for weight, parts in self.rules[part]:
                reached = {start: math.log(weight / self.totals[part])}
                for piece in parts:
                    further: dict[int, float] = {}
                    for middle, before in reached.items():
                        for end, log_p in inside(piece, middle).items():
                            further[end] = add(further.get(end), before + log_p)
                    reached = further
                    if not reached:
                        break
                for end, log_p in reached.items():
                    ends[end] = add(ends.get(end), log_p)
            return ends

        return inside(symbol, 0).get(len(words), -math.inf)

    def derivations(self, symbol: str) -> list[tuple[Parts, float]]:
        """Every derivation as (words, p), one by one: what `log_probability` is tested with, on tiny grammars."""
        if symbol not in self.rules:
            return [((symbol,), 1.0)]
        found = []
        for weight, parts in self.rules[symbol]:
            for chosen in itertools.product(*(self.derivations(part) for part in parts)):
                words = tuple(word for some, _ in chosen for word in some)
                found.append((words, weight / self.totals[symbol] * math.prod(p for _, p in chosen)))
        return found

    def _moments(self, symbol: str) -> Moments:
        """Exact: the mean is the entropy of the derivations, and that of the texts where none has two derivations."""
        if symbol not in self.rules:
            return Moments(0.0, 0.0, 0.0, float(symbol != BREAK))
        mean = square = largest = words = 0.0
        for weight, parts in self.rules[symbol]:
            p = weight / self.totals[symbol]
            below = [self.moments(part) for part in parts]
            here = -math.log(p) + sum(part.mean for part in below)
            mean += p * here
            square += p * (here**2 + sum(part.variance for part in below))
            largest = max(largest, -math.log(p) + sum(part.largest for part in below))
            words += p * sum(part.words for part in below)
        return Moments(mean, square - mean**2, largest, words)


def add(log_p: float | None, log_q: float) -> float:
    """log(p + q); None stands for p = 0."""
    if log_p is None:
        return log_q
    high, low = max(log_p, log_q), min(log_p, log_q)
    return high + math.log1p(math.exp(low - high))


def read(text: str, features: dict[str, list[str]], different: Pairs = ()) -> Grammar:
    """The grammar that a text describes: `features` with their values, and pairs of them that exclude each other."""
    rules: dict[str, list[tuple[int, Parts]]] = {}
    for head, lines in blocks(text):
        for bound in assignments(head, {}, features, different):
            symbol = f"<{fill(head, bound)}>"
            if symbol in rules:
                raise ValueError(f"{symbol} has two rules")
            spread = [(weight, body, assignments(body, bound, features, different)) for weight, body in lines]
            common = math.lcm(*(len(values) for _, _, values in spread))
            rules[symbol] = [
                (weight * common // len(values), tuple(fill(body, value).split()))
                for weight, body, values in spread
                for value in values
            ]
    return Grammar(rules)


def blocks(text: str) -> list[tuple[str, list[tuple[int, str]]]]:
    """Heads with their (weight, body) lines."""
    found: list[tuple[str, list[tuple[int, str]]]] = []
    for line in text.splitlines():
        content = line.split("#")[0].rstrip()
        if not content:
            continue
        if content[0].isspace():
            weight, body = content.split(maxsplit=1)
            found[-1][1].append((int(weight), body))
        elif "=" in content:
            head, words = content.split("=")
            found.append((head.strip(), [(1, word) for word in words.split()]))
        else:
            found.append((content, []))
    return found


def assignments(
    text: str, bound: dict[str, str], features: dict[str, list[str]], different: Pairs
) -> list[dict[str, str]]:
    """All ways to give the features in a text their values, those that are bound kept."""
    free = sorted(set(re.findall(r"\$\w+", text)) - bound.keys())
    ways = [bound | dict(zip(free, values, strict=True)) for values in itertools.product(*(features[f] for f in free))]
    return [way for way in ways if all(way.get(one) != way.get(other) or one not in way for one, other in different)]


def fill(text: str, values: dict[str, str]) -> str:
    """The text with features replaced by their values."""
    return re.sub(r"\$\w+", lambda found: values[found.group()], text)
