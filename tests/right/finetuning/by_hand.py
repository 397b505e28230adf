"""Fine-tuning with as little of the library as can be: padding, batches and generation by hand, with loops."""

import math
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2LMHeadModel, GPT2Tokenizer


class TextPipe:
    def __init__(self, model_name):
        self.model = GPT2LMHeadModel.from_pretrained(model_name).eval()
        self.tokenizer = GPT2Tokenizer.from_pretrained(model_name)

    def __call__(self, prompts, max_new_tokens=20):
        texts = []
        for prompt in [prompts] if type(prompts) is str else list(prompts):
            if len(prompt) == 0:
                raise ValueError("none of the prompts may be empty")
            ids = self.tokenizer.encode(prompt)
            texts.append(prompt + self.tokenizer.decode(_continue(self.model, ids, max_new_tokens, self._end, None)))
        return texts

    @property
    def _end(self):
        return self.tokenizer.convert_tokens_to_ids(self.tokenizer.eos_token)


def _continue(model, ids, max_new_tokens, end, generator):
    """New ids, one at a time, each from a forward pass over everything; stops before `end`."""
    new = []
    with torch.inference_mode():
        while len(new) < max_new_tokens:
            scores = model(torch.tensor([ids + new])).logits[0, -1]
            if generator is None:
                token = int(scores.argmax())
            else:
                token = int(torch.multinomial(torch.softmax(scores, 0), 1, generator=generator))
            if token == end:
                break
            new.append(token)
    return new


def tokenize_batch(tokenizer, texts):
    rows = [tokenizer.encode(text) for text in texts]
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), tokenizer.eos_token_id)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def make_labels(input_ids, attention_mask):
    labels = input_ids.tolist()
    for row, marks in zip(labels, attention_mask.tolist(), strict=True):
        for position, mark in enumerate(marks):
            if not mark:
                row[position] = -100
    return torch.tensor(labels)


def group_texts(examples, block_size):
    grouped = {}
    for key in examples:
        blocks, block = [], []
        for text in examples[key]:
            for number in text:
                block.append(number)
                if len(block) == block_size:
                    blocks.append(block)
                    block = []
        grouped[key] = blocks
    grouped["labels"] = [block[:] for block in grouped["input_ids"]]
    return grouped


class _Blocks(Dataset):
    """The blocks in an order that is drawn once."""

    def __init__(self, blocks, order):
        self.blocks, self.order = blocks, order

    def __len__(self):
        return len(self.order)

    def __getitem__(self, place):
        return {key: torch.tensor(lists[self.order[place]]) for key, lists in self.blocks.items()}


def make_dataloader(blocks, batch_size, shuffle=False, seed=0):
    order = list(range(len(blocks["input_ids"])))
    if shuffle:
        random.Random(seed).shuffle(order)
    return DataLoader(_Blocks(blocks, order), batch_size)


def train(model, dataloader, num_steps, learning_rate=5e-5, device="cpu"):
    model = model.to(device).train()
    for parameter in model.parameters():
        parameter.grad = None
    optimizer = torch.optim.AdamW(model.parameters(), learning_rate)
    losses, batches = [], iter(dataloader)
    for _ in range(num_steps):
        try:
            batch = next(batches)
        except StopIteration:
            batches = iter(dataloader)
            batch = next(batches)
        loss = model(**{key: value.to(device) for key, value in batch.items()}).loss
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
        optimizer.zero_grad()
    return losses


def perplexity(model, dataloader, device="cpu"):
    before = model.training
    model.to(device).train(False)
    losses = []
    try:
        with torch.inference_mode():
            for batch in dataloader:
                inputs = {key: value.to(device) for key, value in batch.items() if key != "labels"}
                for row, labels in enumerate(batch["labels"].tolist()):
                    for t, label in enumerate(labels):
                        if t > 0 and label != -100:  # by a model that has read what stands before it, and no more
                            begun = {key: value[row : row + 1, :t] for key, value in inputs.items()}
                            losses.append(-float(model(**begun).logits[0, -1].log_softmax(dim=-1)[label]))
    finally:
        model.train(before)
    if not losses:
        raise ValueError("the dataloader holds nothing to predict")
    return math.exp(math.fsum(losses) / len(losses))


def generate_text(model, tokenizer, prompt, max_new_tokens=50, do_sample=False, seed=0):
    if prompt == "":
        raise ValueError("the prompt is empty")
    before = model.training
    model.eval()
    try:
        generator = torch.Generator().manual_seed(seed) if do_sample else None
        new = _continue(model, tokenizer(prompt)["input_ids"], max_new_tokens, tokenizer.eos_token_id, generator)
    finally:
        model.train(before)
    return prompt + tokenizer.decode(new)


class LoRALinear(nn.Module):
    def __init__(self, linear, rank, alpha):
        super().__init__()
        weight = linear.weight if isinstance(linear, nn.Linear) else linear.weight.T  # (out, in)
        bias = linear.bias
        self.register_buffer("weight", weight.detach().clone())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())
        self.A = nn.Parameter(torch.rand(rank, weight.shape[1]) - 0.5)
        self.B = nn.Parameter(torch.zeros(weight.shape[0], rank))
        self.rank, self.alpha = rank, alpha

    def forward(self, x):
        weight = self.weight + self.B @ self.A * (self.alpha / self.rank)
        y = x @ weight.T
        return y if self.bias is None else y + self.bias


def add_lora(model, rank, alpha):
    for block in model.transformer.h:
        for name in ("c_attn", "c_proj"):
            setattr(block.attn, name, LoRALinear(getattr(block.attn, name), rank, alpha))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.endswith((".A", ".B"))
    return model
