"""Trains the small classifier of praise and complaint on sentences from `sentences.py`.

    python data/sentiment/train.py --out OUT
    python data/sentiment/train.py --out OUT --steps 5

It starts from the weights of tiny-gpt2. Some nouns, adjectives and frames are kept for testing; free.tsv has sentences
written by hand, from which nothing is learned.
"""

import argparse
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from sentences import ADJECTIVES, LABELS, NOUNS, SAME, TURNED, Grammar, frames, sentence
from transformers import GPT2ForSequenceClassification, GPT2Tokenizer

HERE = Path(__file__).parent
TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json")
ASIDE = {  # adjectives that the model never sees while it is trained
    *("marvelous", "glorious", "heartwarming", "masterful", "sensational", "admirable", "likeable", "cozy"),
    *("dreary", "hideous", "unwatchable", "laughable", "ghastly", "horrid", "incompetent", "tiresome"),
}
TEST_SIZE = 500
BY_HAND = "written by hand"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=HERE.parent / "tiny-gpt2", help="checkpoint to start from")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=64, help="sentences a step")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    tokenizer = GPT2Tokenizer.from_pretrained(arguments.base)
    tokenizer.pad_token = tokenizer.eos_token
    known, tests = parts(arguments.seed)
    model = new_model(arguments.base, tokenizer, arguments.dropout).to(arguments.device)
    fit(model, tokenizer, known, arguments)
    save(model.cpu().eval(), arguments.base, arguments.out)
    for name, examples in tests.items():
        right = judge(model, tokenizer, examples)
        print(f"{name}: {sum(right) / len(right):.3f} of {len(right)} right")
        if name == BY_HAND:
            for (text, label), is_right in zip(examples, right, strict=True):
                if not is_right:
                    print(f"wrong: {text} is {LABELS[label]}")


def parts(seed: int) -> tuple[Grammar, dict[str, list[tuple[str, int]]]]:
    """The grammar to train on, and the tests: sentences with nouns, frames and adjectives that training leaves out."""
    chosen = random.Random(seed)
    nouns = chosen.sample(NOUNS, len(NOUNS))
    same = chosen.sample(frames(SAME), len(frames(SAME)))
    turned = chosen.sample(frames(TURNED), len(frames(TURNED)))
    cut, cut_same, cut_turned = len(nouns) // 8, len(same) // 8, len(turned) // 8
    adjectives = {label: [word for word in words if word not in ASIDE] for label, words in ADJECTIVES.items()}
    only_aside = {label: [word for word in words if word in ASIDE] for label, words in ADJECTIVES.items()}
    known = Grammar(random.Random(seed), nouns[cut:], adjectives, same[cut_same:], turned[cut_turned:])
    draw = random.Random(seed + 1)
    grammars = {
        "known words and frames": replace(known, draw=draw),
        "other nouns": replace(known, draw=draw, nouns=nouns[:cut]),
        "other frames": replace(
            known,
            draw=draw,
            same=[frame for frame in same[:cut_same] if frame not in known.same],
            turned=turned[:cut_turned],
        ),
        "other adjectives": replace(known, draw=draw, adjectives=only_aside, same=["N B A", "it B V A", "such a A n"]),
    }
    tests = {name: [sentence(grammar) for _ in range(TEST_SIZE)] for name, grammar in grammars.items()}
    lines = (HERE / "free.tsv").read_text(encoding="utf-8").splitlines()
    by_hand = [(text, LABELS.index(label)) for label, text in (line.split("\t") for line in lines)]
    return known, {**tests, BY_HAND: by_hand}


def new_model(base: Path, tokenizer: GPT2Tokenizer, dropout: float) -> GPT2ForSequenceClassification:
    return GPT2ForSequenceClassification.from_pretrained(
        base,
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        label2id={label: id for id, label in enumerate(LABELS)},
        pad_token_id=tokenizer.eos_token_id,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), dropout),
    )


def fit(
    model: GPT2ForSequenceClassification, tokenizer: GPT2Tokenizer, grammar: Grammar, arguments: argparse.Namespace
) -> None:
    """Every batch is made of new sentences. The learning rate falls to 0 along a line."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / arguments.steps)
    model.train()
    for step in range(1, arguments.steps + 1):
        inputs, labels = batch(tokenizer, [sentence(grammar) for _ in range(arguments.batch)], arguments.device)
        loss = model(**inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == arguments.steps:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)


def batch(
    tokenizer: GPT2Tokenizer, examples: list[tuple[str, int]], device: str
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    texts = [text for text, _ in examples]
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(device)
    return dict(inputs), torch.tensor([label for _, label in examples], device=device)


@torch.no_grad()
def judge(
    model: GPT2ForSequenceClassification, tokenizer: GPT2Tokenizer, examples: list[tuple[str, int]]
) -> list[bool]:
    """For each example, whether the model gives it its label."""
    inputs, labels = batch(tokenizer, examples, "cpu")
    return (model(**inputs).logits.argmax(-1) == labels).tolist()


def save(model: GPT2ForSequenceClassification, base: Path, out: Path) -> None:
    """Model and tokenizer in one folder. Here the end-of-text token pads as well, so that batches can be made."""
    model.save_pretrained(out)
    for name in TOKENIZER_FILES:
        shutil.copyfile(base / name, out / name)
    settings = json.loads((out / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["pad_token"] = settings["eos_token"]
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
