"""Makes the tokenizer of the bundled checkpoints: GPT-2's byte-level BPE with a vocabulary of 2048.

    python data/english-gpt2/make_tokenizer.py addresses.txt OUT

The 256 bytes come first, then 1791 merges learned from the training part of the text, then <|endoftext|> as the last
id, as in GPT-2. No padding token and nothing added at either end, as in GPT-2.
"""

import argparse
import json
from pathlib import Path

from addresses import is_the_text, split
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Tokenizer

VOCABULARY = 2048
CONTEXT = 128
END = "<|endoftext|>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if not is_the_text(arguments.text):
        print("Note: this is not the text that the bundled tokenizer was made from.")
    vocab, merges = learn(split(arguments.text)[0])
    write(vocab, merges, arguments.out)
    print(f"{len(vocab)} tokens in {arguments.out}")


def learn(texts: list[str]) -> tuple[dict[str, int], list[str]]:
    """The vocabulary and the merges, in the order in which they are applied."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - 1, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    model = json.loads(bpe.to_str())["model"]
    return {**model["vocab"], END: len(model["vocab"])}, [" ".join(pair) for pair in model["merges"]]


def write(vocab: dict[str, int], merges: list[str], out: Path) -> None:
    """vocab.json and merges.txt, GPT-2's own files, and tokenizer.json and tokenizer_config.json beside them."""
    pairs = [tuple(merge.split(" ")) for merge in merges]
    plain = {"model_max_length": CONTEXT, "clean_up_tokenization_spaces": False}
    GPT2Tokenizer(vocab=vocab, merges=pairs, **plain).save_pretrained(out)
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (out / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
