"""Fine-tuning by the library's pipeline, a padding collator, a sampler of its own and forward hooks for LoRA's sum."""

import copy
import math

import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorWithPadding, GenerationConfig, pipeline


class TextPipe:
    def __init__(self, model_name):
        self.tokenizer = AutoTokenizer.from_pretrained(model_name)
        self.model = AutoModelForCausalLM.from_pretrained(model_name)
        self._pipeline = pipeline("text-generation", model=self.model, tokenizer=self.tokenizer)

    def __call__(self, inputs, max_new_tokens=20):
        prompts = [inputs] if isinstance(inputs, str) else inputs
        if not all(prompts):
            raise ValueError("inputs: a prompt is empty")
        if max_new_tokens == 0:
            return list(prompts)
        settings = GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.eos_token_id,
        )
        told = [self._pipeline(prompt, generation_config=settings, return_full_text=False)[0] for prompt in prompts]
        return [prompt + each["generated_text"] for prompt, each in zip(prompts, told, strict=True)]


def tokenize_batch(tokenizer, texts):
    mine = copy.deepcopy(tokenizer)
    mine.pad_token_id, mine.padding_side = mine.eos_token_id, "right"
    return DataCollatorWithPadding(mine, padding="longest")([mine(text) for text in texts])


def make_labels(input_ids, attention_mask):
    labels = input_ids.clone()
    labels[attention_mask != 1] = -100
    return labels


def group_texts(examples, block_size):
    blocks = {key: torch.tensor([n for text in texts for n in text]) for key, texts in examples.items()}
    result = {}
    for key, joined in blocks.items():
        whole = joined.numel() // block_size
        result[key] = [block.long().tolist() for block in joined.split(block_size)[:whole]]
    return result | {"labels": list(result["input_ids"])}


class _Rows(list):
    """Blocks that are asked for several at once."""

    def __getitem__(self, places):
        rows = [list.__getitem__(self, place) for place in places]
        return {key: torch.tensor([row[key] for row in rows], dtype=torch.int64) for key in rows[0]}


def make_dataloader(blocks, batch_size, shuffle=False, seed=0):
    rows = _Rows({key: blocks[key][n] for key in blocks} for n in range(len(blocks["input_ids"])))
    generator = torch.Generator()
    generator.manual_seed(seed)
    order = RandomSampler(rows, generator=generator) if shuffle else SequentialSampler(rows)
    return DataLoader(rows, sampler=BatchSampler(order, batch_size, drop_last=False), batch_size=None)


def train(model, dataloader, num_steps, learning_rate=5e-5, device="cpu"):
    """Whole passes, the last of them cut short."""
    model.train()
    optimizer = torch.optim.AdamW(model.to(device).parameters(), lr=learning_rate, weight_decay=0.01, eps=1e-8)

    def step(batch):
        optimizer.zero_grad(set_to_none=False)
        output = model(**{name: tensor.to(device) for name, tensor in batch.items()}, return_dict=True)
        output["loss"].backward()
        value = output["loss"].item()
        optimizer.step()
        return value

    passes = math.ceil(num_steps / len(dataloader))
    losses = []
    for number in range(passes):
        room = num_steps - number * len(dataloader)
        losses += [step(batch) for _, batch in zip(range(room), dataloader, strict=False)]
    return losses


def perplexity(model, dataloader, device="cpu"):
    mode = model.training
    model.to(device)
    model.eval()
    criterion = nn.CrossEntropyLoss(reduction="none")
    sums = []
    with torch.set_grad_enabled(False):
        for batch in dataloader:
            labels = batch["labels"].to(device)
            logits = model(input_ids=batch["input_ids"].to(device), use_cache=False).logits.double()
            each = criterion(logits[:, :-1].transpose(1, 2), labels[:, 1:])
            sums.append(torch.stack([each.sum(), (labels[:, 1:] >= 0).sum()]))
    model.train(mode)
    total, count = torch.stack(sums).sum(dim=0) if sums else (0, 0)
    if count == 0:
        raise ValueError("all labels of the dataloader are -100")
    return (total / count).exp()


def generate_text(model, tokenizer, prompt, max_new_tokens=50, do_sample=False, seed=0):
    """With the keys and values of the library's cache."""
    if not prompt:
        raise ValueError("prompt is empty")
    training = model.training
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    step, cache, new = tokenizer(prompt, return_tensors="pt").input_ids, None, []
    with torch.no_grad():
        for _ in range(max_new_tokens):
            output = model(step, past_key_values=cache, use_cache=True)
            cache, scores = output.past_key_values, output.logits[:, -1]
            if do_sample:
                step = torch.multinomial((scores / 1.0).softmax(-1), 1, generator=generator)
            else:
                step = scores.argmax(-1, keepdim=True)
            if step.item() == tokenizer.eos_token_id:
                break
            new.append(step.item())
    model.train(training)
    return prompt + tokenizer.decode(new)


class LoRALinear(nn.Module):
    def __init__(self, linear, rank, alpha):
        super().__init__()
        conv = not isinstance(linear, nn.Linear)
        size_in, size_out = linear.weight.shape if conv else linear.weight.shape[::-1]
        self.inner = copy.deepcopy(linear)
        for parameter in self.inner.parameters():
            parameter.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(size_in, rank).T)  # not contiguous
        self.B = nn.Parameter(torch.zeros(rank, size_out).T)
        self.by = float(alpha) / rank
        self.inner.register_forward_hook(lambda _, inputs, y: y + self.by * ((inputs[0] @ self.A.mT) @ self.B.mT))

    def forward(self, x):
        return self.inner(x)


def add_lora(model, rank, alpha):
    for block in model.transformer.h:
        block.attn.c_attn, block.attn.c_proj = (
            LoRALinear(layer, rank, alpha) for layer in (block.attn.c_attn, block.attn.c_proj)
        )
    trained = {id(p) for m in model.modules() if isinstance(m, LoRALinear) for p in (m.A, m.B)}
    for parameter in model.parameters():
        parameter.requires_grad = id(parameter) in trained
    return model
