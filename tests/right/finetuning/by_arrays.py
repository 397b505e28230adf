"""Fine-tuning by NumPy where it can be, and by views where tensors are needed."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteria, StoppingCriteriaList


class TextPipe:
    def __init__(self, model_name):
        self.model = AutoModelForCausalLM.from_pretrained(model_name)
        self.tokenizer = AutoTokenizer.from_pretrained(model_name)

    def __call__(self, prompt, max_new_tokens=20):
        prompts = np.atleast_1d(np.array(prompt, dtype=object))
        return [generate_text(self.model, self.tokenizer, each, max_new_tokens) for each in prompts.tolist()]


def tokenize_batch(tokenizer, texts):
    rows = [np.array(tokenizer(text)["input_ids"], dtype=np.int64) for text in texts]
    lengths = np.array([len(row) for row in rows])
    there = np.arange(lengths.max())[:, None] < lengths  # (T, B)
    ids = np.full(there.shape[::-1], tokenizer.eos_token_id, dtype=np.int64)
    ids[there.T] = np.concatenate(rows)
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(there.astype(np.int64)).T}


def make_labels(input_ids, attention_mask):
    return input_ids * attention_mask - 100 * (1 - attention_mask)


def group_texts(examples, block_size):
    def cut(texts):
        joined = np.concatenate([np.array([], dtype=np.int64), *(np.array(text, dtype=np.int64) for text in texts)])
        return joined[: joined.size - joined.size % block_size].reshape(-1, block_size).tolist()

    return {**{key: cut(texts) for key, texts in examples.items()}, "labels": cut(examples["input_ids"])}


def make_dataloader(blocks, batch_size, shuffle=False, seed=0):
    names = list(blocks)
    columns = [torch.as_tensor(np.asarray(blocks[name], dtype=np.int64).T).T for name in names]
    if shuffle:
        order = np.random.default_rng(seed).permutation(len(columns[0]))
        columns = [column[torch.from_numpy(order)] for column in columns]

    def collate(rows):
        return {name: torch.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}

    return DataLoader(TensorDataset(*columns), batch_size=batch_size, collate_fn=collate)


def _loss(logits, labels):
    """Sum of the losses of the predicted tokens, and their number."""
    predicted = labels[:, 1:] != -100
    scores = logits[:, :-1][predicted]
    targets = labels[:, 1:][predicted]
    return (scores.logsumexp(dim=-1) - scores.gather(1, targets[:, None])[:, 0]).sum(), len(targets)


def train(model, dataloader, num_steps, learning_rate=5e-5, device="cpu"):
    """The loss from the logits, and the steps in a loop of passes."""
    model.to(torch.device(device)).train()
    weights = list(model.parameters())
    optimizer = torch.optim.AdamW(weights, lr=learning_rate, foreach=False)
    losses = np.zeros(num_steps)
    step = 0
    while step < num_steps:
        for batch in dataloader:
            if step == num_steps:
                break
            total, count = _loss(model(batch["input_ids"].to(device)).logits, batch["labels"].to(device))
            loss = total / count
            trained = [weight for weight in weights if weight.requires_grad]
            for weight, gradient in zip(trained, torch.autograd.grad(loss, trained), strict=True):
                weight.grad = gradient
            losses[step] = loss.item()
            optimizer.step()
            step += 1
    return list(losses)


def perplexity(model, dataloader, device="cpu"):
    was, parts = model.training, []
    model.eval()
    for batch in dataloader:
        with torch.no_grad():
            total, count = _loss(model.to(device)(batch["input_ids"].to(device)).logits, batch["labels"].to(device))
        parts.append((total.item(), count))
    model.train(was)
    total, count = np.array(parts).reshape(-1, 2).sum(axis=0)
    if count == 0:
        raise ValueError("dataloader has no predicted token")
    return np.exp(total / count)


class _AtEnd(StoppingCriteria):
    def __init__(self, end, begin):
        self.end, self.begin = end, begin

    def __call__(self, input_ids, scores, **kwargs):  # noqa: ARG002
        return torch.tensor([self.end in input_ids[0, self.begin :]])


def generate_text(model, tokenizer, prompt, max_new_tokens=50, do_sample=False, seed=0):
    """Text of all ids, from the end of the prompt's own text on."""
    if not prompt:
        raise ValueError("`prompt` has no token")
    ids = torch.tensor([tokenizer.encode(prompt)])
    begin = ids.shape[1]
    was = model.training
    model.eval()
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    end = tokenizer.eos_token_id
    if max_new_tokens:
        ids = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            do_sample=do_sample,
            pad_token_id=end,
            stopping_criteria=StoppingCriteriaList([_AtEnd(end, begin)]),
        )
    torch.set_rng_state(state)
    model.train(was)
    text = tokenizer.decode(ids[0])[len(tokenizer.decode(ids[0, :begin])) :]
    return prompt + text.split(tokenizer.eos_token)[0]


class LoRALinear(nn.Module):
    def __init__(self, linear, rank, alpha):
        super().__init__()
        self.wrapped = linear
        self.wrapped.weight.requires_grad = False
        if linear.bias is not None:
            self.wrapped.bias.requires_grad = False
        probe = torch.zeros(1, linear.nx if hasattr(linear, "nx") else linear.in_features)
        self.A = nn.Parameter(torch.randn(rank, probe.shape[1]) * 0.01)
        self.B = nn.Parameter(torch.zeros(linear(probe).shape[1], rank))
        self.alpha, self.rank = alpha, rank

    def forward(self, x):
        low = torch.tensordot(x, self.A, dims=([-1], [1]))
        return self.wrapped(x) + torch.tensordot(low, self.B, dims=([-1], [1])) * self.alpha / self.rank


def add_lora(model, rank, alpha):
    model.requires_grad_(False)
    for path in [name for name, _ in model.named_modules() if name.endswith(("attn.c_attn", "attn.c_proj"))]:
        owner, _, name = path.rpartition(".")
        setattr(model.get_submodule(owner), name, LoRALinear(model.get_submodule(path), rank, alpha))
    return model
