"""Fine-tuning with as much of the library as can be: left padding in batches, collators, warnings and all."""

from itertools import chain, cycle, islice

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer, default_data_collator, set_seed


class TextPipe:
    """All prompts at once, padded on the left, so that every text ends where its continuation begins."""

    def __init__(self, model_name):
        self.model = AutoModelForCausalLM.from_pretrained(model_name)
        self.tokenizer = AutoTokenizer.from_pretrained(model_name, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.eos_token

    def __call__(self, texts, max_new_tokens=20):
        texts = [texts] if isinstance(texts, str) else list(texts)
        if "" in texts:
            raise ValueError(f"texts[{texts.index('')}] is empty")
        if not max_new_tokens:
            return texts
        batch = self.tokenizer(texts, padding=True, return_tensors="pt")
        written = self.model.generate(
            **batch, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=self.tokenizer.pad_token_id
        )
        new = written[:, batch["input_ids"].shape[1] :]
        return [a + b for a, b in zip(texts, self.tokenizer.batch_decode(new, skip_special_tokens=True), strict=True)]


def tokenize_batch(tokenizer, texts):
    ids = [torch.tensor(row) for row in tokenizer(texts, truncation=False, padding=False)["input_ids"]]
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=tokenizer.eos_token_id),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
    }


def make_labels(input_ids, attention_mask):
    return torch.where(attention_mask.bool(), input_ids, -100)


def group_texts(examples, block_size):
    joined = {key: list(chain(*texts)) for key, texts in examples.items()}
    total = len(joined["input_ids"])
    total -= total % block_size
    result = {
        key: [numbers[i : i + block_size] for i in range(0, total, block_size)] for key, numbers in joined.items()
    }
    result["labels"] = result["input_ids"].copy()
    return result


def make_dataloader(blocks, batch_size, shuffle=False, seed=0):
    rows = [dict(zip(blocks, row, strict=True)) for row in zip(*blocks.values(), strict=True)]
    return DataLoader(
        rows,
        batch_size=batch_size,
        shuffle=shuffle,
        collate_fn=default_data_collator,
        generator=torch.Generator().manual_seed(seed),
        drop_last=False,
    )


def train(model, dataloader, num_steps, learning_rate=5e-5, device="cpu"):
    model.to(device)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    losses = []
    for batch in islice(chain.from_iterable(dataloader for _ in cycle([0])), num_steps):
        model.train()
        model.zero_grad()
        outputs = model(
            input_ids=batch["input_ids"].to(device),
            attention_mask=batch["attention_mask"].to(device),
            labels=batch["labels"].to(device),
        )
        outputs.loss.backward()
        optimizer.step()
        losses.append(outputs.loss.detach())
    return losses


@torch.no_grad()
def perplexity(model, dataloader, device="cpu"):
    """From the model's own loss, a mean over the tokens of a batch, which is weighted by their number."""
    training = model.training
    model.eval().to(device)
    total, count = torch.zeros((), dtype=torch.double), 0
    for batch in dataloader:
        predicted = int(batch["labels"][:, 1:].ne(-100).sum())
        if predicted:
            total += predicted * model(**{k: v.to(device) for k, v in batch.items()}).loss.double().cpu()
            count += predicted
    model.train(training)
    if not count:
        raise ValueError("no label in `dataloader` is predicted")
    return torch.exp(total / count)


def generate_text(model, tokenizer, prompt, max_new_tokens=50, do_sample=False, seed=0):
    if not len(prompt):
        raise ValueError("prompt: empty")
    set_seed(seed)
    mode = model.training
    model.eval()
    encoded = tokenizer(prompt, return_tensors="pt")
    if max_new_tokens > 0:
        ids = model.generate(
            encoded.input_ids,
            attention_mask=encoded.attention_mask,
            max_length=encoded.input_ids.shape[1] + max_new_tokens,
            do_sample=do_sample,
            top_k=0,
            pad_token_id=tokenizer.eos_token_id,
        )
        new = ids[0].tolist()[encoded.input_ids.shape[1] :]
    else:
        new = []
    model.train(mode)
    if new and new[-1] == tokenizer.eos_token_id:
        new.pop()
    return prompt + tokenizer.decode(new)


class LoRALinear(torch.nn.Module):
    def __init__(self, linear, rank, alpha):
        super().__init__()
        self.linear = linear
        for parameter in self.linear.parameters():
            parameter.requires_grad = False
        size_in, size_out = linear.weight.shape
        if isinstance(linear, torch.nn.Linear):
            size_in, size_out = size_out, size_in
        self.A = torch.nn.Parameter(torch.empty(rank, size_in))
        self.B = torch.nn.Parameter(torch.empty(size_out, rank))
        torch.nn.init.kaiming_uniform_(self.A, a=5**0.5)
        torch.nn.init.zeros_(self.B)
        self.scaling = alpha / rank

    def forward(self, x):
        return self.linear(x) + F.linear(F.linear(x, self.A), self.B) * self.scaling


def add_lora(model, rank, alpha):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for module in list(model.modules()):
        if type(module).__name__ == "GPT2Attention":
            module.c_attn = LoRALinear(module.c_attn, rank, alpha)
            module.c_proj = LoRALinear(module.c_proj, rank, alpha)
    return model
