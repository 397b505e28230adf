"""Trains a small GPT-2 on a text, from nothing. This made english-gpt2 and tiny-gpt2; their cards have the commands.

    python data/english-gpt2/train.py addresses.txt --out OUT --device cuda
    python data/english-gpt2/train.py any.txt --out OUT --steps 5

OUT becomes a folder that `from_pretrained` reads, tokenizer included. The weights kept are those with the lowest loss
on the validation passages, which come from addresses of their own.
"""

import argparse
import copy
import json
import math
import shutil
from pathlib import Path

import torch
from addresses import is_the_text, split
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json")
WEIGHT_DECAY = 0.1
WARM_UP = 0.05  # of the steps
LAST_RATE = 0.05  # of the learning rate, where the cosine ends
PROMPTS = ("We must", "The people of this country", "My fellow citizens", "In the last year,", "I believe that")


def main() -> None:
    arguments = parse()
    if not is_the_text(arguments.text):
        print("Note: this is not the text that the bundled checkpoints were trained on.")
    torch.manual_seed(arguments.seed)
    tokenizer = GPT2Tokenizer.from_pretrained(arguments.tokenizer)
    train, validation = (stream(tokenizer, texts).to(arguments.device) for texts in split(arguments.text))
    model = new_model(arguments, tokenizer).to(arguments.device)
    print(f"{model.num_parameters()} parameters, {len(train)} tokens to train on, {len(validation)} to validate on")
    loss, step = fit(model, train, validation, arguments)
    print(f"kept: step {step}, validation loss {loss:.4f} nats a token, perplexity {math.exp(loss):.2f}")
    save(model.cpu().eval(), arguments.tokenizer, arguments.out)
    for prompt in PROMPTS:
        for do_sample in (False, True):
            print(f"{'drawn' if do_sample else 'greedy'}: {continuation(model, tokenizer, prompt, do_sample)!r}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--tokenizer", type=Path, default=Path(__file__).parent, help="folder with the tokenizer's files"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=64, help="sequences a step")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--context", type=int, default=128, help="tokens a sequence")
    parser.add_argument("--width", type=int, default=160, help="of an embedding")
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--heads", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def stream(tokenizer: GPT2Tokenizer, passages: list[str]) -> torch.Tensor:
    """The ids of all passages (N,), each with the end-of-text token before it and the last one after it as well."""
    ids = [tokenizer.eos_token_id]
    for encoded in tokenizer(passages, verbose=False)["input_ids"]:
        ids += [*encoded, tokenizer.eos_token_id]
    return torch.tensor(ids)


def new_model(arguments: argparse.Namespace, tokenizer: GPT2Tokenizer) -> GPT2LMHeadModel:
    dropout = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), arguments.dropout)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=arguments.context,
        n_embd=arguments.width,
        n_layer=arguments.layers,
        n_head=arguments.heads,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **dropout,
    )
    return GPT2LMHeadModel(config)


def fit(
    model: GPT2LMHeadModel, train: torch.Tensor, validation: torch.Tensor, arguments: argparse.Namespace
) -> tuple[float, int]:
    """Trains the model and gives it back its best weights: their validation loss, and the step that had it."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=arguments.learning_rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, arguments.steps))
    generator = torch.Generator().manual_seed(arguments.seed)
    every = max(1, arguments.steps // 40)
    best = (math.inf, 0)
    weights = copy.deepcopy(model.state_dict())
    for step in range(1, arguments.steps + 1):
        model.train()
        batch = draw(train, arguments.batch, arguments.context, generator)
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % every == 0 or step == arguments.steps:
            found = validation_loss(model, validation, arguments.context)
            print(f"step {step}: loss {loss.item():.4f}, validation {found:.4f}", flush=True)
            if found < best[0]:
                best = (found, step)
                weights = copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    return best


def rate(step: int, steps: int) -> float:
    """What the learning rate is multiplied with: a short climb, then half a cosine."""
    climb = max(1, round(WARM_UP * steps))
    if step < climb:
        return (step + 1) / climb
    done = (step - climb) / max(1, steps - climb)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2


def draw(ids: torch.Tensor, batch: int, context: int, generator: torch.Generator) -> torch.Tensor:
    """Sequences (batch, context) that start anywhere in the text."""
    length = min(context, len(ids))
    starts = torch.randint(len(ids) - length + 1, (batch, 1), generator=generator).to(ids.device)
    return ids[starts + torch.arange(length, device=ids.device)]


@torch.no_grad()
def validation_loss(model: GPT2LMHeadModel, ids: torch.Tensor, context: int) -> float:
    """Mean loss in nats a predicted token, over windows side by side; a window's first token is not predicted."""
    model.eval()
    total = predicted = 0.0
    for window in [block for block in ids.split(context * 64) if len(block) > 1]:
        rows = window[: len(window) // context * context].view(-1, context) if len(window) >= context else window[None]
        count = rows.shape[0] * (rows.shape[1] - 1)
        total += model(input_ids=rows, labels=rows).loss.item() * count
        predicted += count
    return total / predicted


def save(model: GPT2LMHeadModel, tokenizer: Path, out: Path) -> None:
    """Model and tokenizer in one folder, the tokenizer's longest length set to what the model can read."""
    model.save_pretrained(out)
    for name in TOKENIZER_FILES:
        if (out / name).resolve() != (tokenizer / name).resolve():
            shutil.copyfile(tokenizer / name, out / name)
    settings = json.loads((out / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["model_max_length"] = model.config.n_positions
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def continuation(model: GPT2LMHeadModel, tokenizer: GPT2Tokenizer, prompt: str, do_sample: bool) -> str:
    torch.manual_seed(0)
    inputs = tokenizer(prompt, return_tensors="pt")
    settings = {"do_sample": do_sample, "top_p": 0.9, "temperature": 0.8} if do_sample else {"do_sample": False}
    room = model.config.n_positions - inputs["input_ids"].shape[1]
    ids = model.generate(**inputs, max_new_tokens=min(50, room), pad_token_id=tokenizer.eos_token_id, **settings)
    return tokenizer.decode(ids[0], skip_special_tokens=True)


if __name__ == "__main__":
    main()
