"""What the grammar itself pays for a text: its cross-entropy, exact, in nats.

    python data/pastiche/score.py data/pastiche/validation.txt
    python data/pastiche/score.py FILE --tokenizer data/english-gpt2     # per BPE token of that tokenizer as well

For each document -log p is summed over all derivations; documents are independent, so their sum is the text's. How many
documents there are is not scored, and the blank line between two costs nothing: that a document ends is the grammar's
to say. No model does better in expectation; on a given text one may by chance. Standard errors are over documents, of a
ratio of two sums (nats, tokens).
"""

import argparse
import math
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from grammar import PASTICHE, PROPER, START
from tokens import documents, parse, words


@dataclass(frozen=True)
class Rate:
    """Nats for each of something, with the standard error over documents."""

    mean: float
    error: float
    count: int


def document_nats(document: str) -> float:
    """-log p(document), over all derivations; inf where the grammar cannot write it."""
    try:
        return -PASTICHE.log_probability(START, parse(document, PROPER))
    except ValueError:
        return math.inf


def rate(nats: list[float], counts: list[int]) -> Rate:
    """Sum of nats / sum of counts, and the standard error of this ratio."""
    total, mean = sum(counts), sum(nats) / sum(counts)
    squares = sum((x - mean * count) ** 2 for x, count in zip(nats, counts, strict=True))
    return Rate(mean, math.sqrt(squares * len(nats) / max(len(nats) - 1, 1)) / total, total)


def token_counts(text: str, tokenizer: Path) -> list[int]:
    """BPE tokens of the whole file by the document in which they start; blank lines belong to the one before."""
    from transformers import AutoTokenizer

    offsets = AutoTokenizer.from_pretrained(tokenizer)(text, return_offsets_mapping=True, verbose=False)
    starts = [start for start, _ in offsets["offset_mapping"]]
    borders = [0]
    for document in documents(text):
        borders.append(text.index(document, borders[-1]) + len(document) + 2)
    return [sum(low <= start < high for start in starts) for low, high in pairwise(borders)]


def main() -> int:
    parser = argparse.ArgumentParser(description="The cross-entropy of a text under the grammar, in nats.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--tokenizer", type=Path, help="a folder with a tokenizer: nats per token of it as well")
    arguments = parser.parse_args()
    text = arguments.file.read_text(encoding="ascii")
    found = documents(text)
    nats = [document_nats(document) for document in found]
    outside = [number for number, x in enumerate(nats, 1) if math.isinf(x)]
    if outside:
        begins = found[outside[0] - 1][:60]
        print(f"{arguments.file}: not a text of this grammar: document {outside[0]} begins {begins!r}")
        return 1
    per = {"document": [1] * len(found), "word": [len(words(document)) for document in found]}
    if arguments.tokenizer:
        per["BPE token"] = token_counts(text, arguments.tokenizer)
    print(f"{arguments.file}: {sum(nats):.2f} nats in {len(found)} documents")
    for what, counts in per.items():
        found_rate = rate(nats, counts)
        mean, error = found_rate.mean, found_rate.error
        perplexity = "" if what == "document" else f", perplexity {math.exp(mean):.3f}"
        print(f"  per {what:<10}{mean:9.4f} +- {error:.4f} nats ({found_rate.count} {what}s{perplexity})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
