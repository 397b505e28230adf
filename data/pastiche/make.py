"""Makes the pastiche: train.txt and validation.txt, the same bytes with every Python from 3.11 on.

    python data/pastiche/make.py              # writes both files beside this script
    python data/pastiche/make.py --check      # writes nothing; exit status 1 if a file is not what would be written
    python data/pastiche/make.py --seed N --documents 50 --out FILE     # another text of the same grammar

A document is drawn whole and stands in one file only: one that an earlier file holds is drawn again.
"""

import argparse
import sys
from pathlib import Path
from random import Random

from grammar import PASTICHE, START
from tokens import render

HERE = Path(__file__).parent
SEED = 1603
SIZES = {"train.txt": 600, "validation.txt": 48}  # documents


def draw(documents: int, random: Random, taken: set[str]) -> list[str]:
    """So many documents, none of which is in `taken`, nor twice; adds them to it."""
    drawn: list[str] = []
    while len(drawn) < documents:
        document = render(PASTICHE.sample(START, random)[0])
        if document not in taken:
            taken.add(document)
            drawn.append(document)
    return drawn


def text_of(documents: list[str]) -> bytes:
    """The documents as a file: a blank line between them."""
    return ("\n\n".join(documents) + "\n").encode("ascii")


def corpus(seed: int = SEED) -> dict[str, bytes]:
    """The files by name."""
    random, taken = Random(seed), set[str]()
    return {name: text_of(draw(documents, random, taken)) for name, documents in SIZES.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes the pastiche from its grammar.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--check", action="store_true", help="compare with the files that are there, write nothing")
    parser.add_argument("--documents", type=int, help="make one text of so many documents instead, into --out")
    parser.add_argument("--out", type=Path, help="the file for --documents, or the folder for both files")
    arguments = parser.parse_args()
    if arguments.documents is not None:
        if arguments.out is None:
            parser.error("--documents needs --out FILE")
        files = {arguments.out: text_of(draw(arguments.documents, Random(arguments.seed), set()))}
    else:
        files = {(arguments.out or HERE) / name: text for name, text in corpus(arguments.seed).items()}
    differing = 0
    for path, text in files.items():
        if not arguments.check:
            path.write_bytes(text)
            print(f"{path}: {len(text):,} bytes written")
        elif path.is_file() and path.read_bytes() == text:
            print(f"{path}: as made")
        else:
            print(f"{path}: {'differs' if path.exists() else 'is missing'}")
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
