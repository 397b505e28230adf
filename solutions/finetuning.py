"""Fine-tuning: texts become batches, a trained GPT-2 is trained further on them, and we measure what that did to it.

The handout is `finetuning.md`. Everything that is installed may be used: torch, and the Hugging Face library
transformers. A `model` here is a GPT2LMHeadModel, a `tokenizer` a GPT2Tokenizer; the end-of-text token is
`tokenizer.eos_token`.

Letters in shapes: B texts in a batch, T positions, V vocabulary; `...` any number of dimensions.
"""

import itertools
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel, GPT2Tokenizer
from transformers.pytorch_utils import Conv1D


class TextPipe:
    """A model and its tokenizer in one object that is called with text and gives text   (handout, exercise 1)

    model_name: a folder with a checkpoint in Hugging Face's format, or a name on their hub. Attributes: `model` and
    `tokenizer`.
    """

    def __init__(self, model_name: str) -> None:
        # BEGIN SOLUTION: the two classes whose names begin with Auto
        self.tokenizer = AutoTokenizer.from_pretrained(model_name)
        self.model = AutoModelForCausalLM.from_pretrained(model_name)
        # END SOLUTION

    def __call__(self, prompts: str | list[str], max_new_tokens: int = 20) -> list[str]:
        """Each prompt as given and its greedy continuation, of at most `max_new_tokens` tokens.

        prompts: one str or a list of them; the result is a list in either case. A prompt in a list gets what it gets
        alone. A continuation stops at the end-of-text token, which is no part of it. An empty prompt is a ValueError.
        """
        # BEGIN SOLUTION: one prompt at a time is right; all at once needs padding on the left. See generate_text
        prompts = [prompts] if isinstance(prompts, str) else prompts
        return [generate_text(self.model, self.tokenizer, prompt, max_new_tokens) for prompt in prompts]
        # END SOLUTION


def tokenize_batch(tokenizer: GPT2Tokenizer, texts: list[str]) -> Mapping[str, Tensor]:
    """Texts of different lengths as one rectangle of ids   (handout, exercise 2)

    Returns a mapping with `input_ids` and `attention_mask`, each (B, T), where T is the length of the longest text:
    nothing is cut off. Shorter texts are padded on the right with the end-of-text token, whatever the tokenizer's own
    settings are (they may be changed). The mask is 1 for text, its own end-of-text tokens included, and 0 for padding.
    """
    # BEGIN SOLUTION: tell the tokenizer with what to pad and on which side, then call it
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer(texts, padding=True, return_tensors="pt")
    # END SOLUTION


def make_labels(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """What the model shall predict: the ids themselves, and nothing where there is padding   (handout, exercise 3)

    input_ids (B, T), attention_mask (B, T). Returns (B, T): the ids where the mask is 1, and -100, which the loss
    leaves out, where it is 0. Not shifted: the model does the shift.
    """
    # BEGIN SOLUTION: which of the two arguments knows what is padding?
    return input_ids.masked_fill(attention_mask == 0, -100)
    # END SOLUTION


def group_texts(examples: Mapping[str, list[list[int]]], block_size: int) -> dict[str, list[list[int]]]:
    """Texts of any length, cut into blocks of one length   (handout, exercise 4)

    examples: for each key ("input_ids", "attention_mask", maybe more) a list with one list of numbers for each text.
    Returns the same keys. All lists of a key are joined and cut into blocks of exactly `block_size`, which may reach
    over the border between two texts; what is left at the end is dropped, and less than one block gives empty lists.
    Besides `labels`: equal to `input_ids`, but a list of its own. No end-of-text token is put between the texts.
    """
    # BEGIN SOLUTION: join, count how many whole blocks there are, cut; for each key alike
    blocks = {}
    for key, texts in examples.items():
        joined = list(itertools.chain.from_iterable(texts))
        end = len(joined) // block_size * block_size
        blocks[key] = [joined[start : start + block_size] for start in range(0, end, block_size)]
    blocks["labels"] = [list(block) for block in blocks["input_ids"]]
    return blocks
    # END SOLUTION


def make_dataloader(
    blocks: Mapping[str, list[list[int]]], batch_size: int, shuffle: bool = False, seed: int = 0
) -> DataLoader:
    """Blocks in batches, again and again   (handout, exercise 5)

    blocks: what `group_texts` returns. Returns a DataLoader that gives dicts with the same keys, of int64 tensors
    (B, block_size); the last batch may be shorter. With `shuffle` the blocks come in an order that depends on `seed`
    alone: two loaders with one seed agree on their first pass, whatever else draws random numbers in between.
    """
    # BEGIN SOLUTION: a DataLoader wants one item for each block, and a generator for its shuffling
    columns = {key: torch.tensor(lists) for key, lists in blocks.items()}
    rows = [{key: column[row] for key, column in columns.items()} for row in range(len(blocks["input_ids"]))]
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(rows, batch_size=batch_size, shuffle=shuffle, generator=generator)
    # END SOLUTION


def train(
    model: GPT2LMHeadModel, dataloader: DataLoader, num_steps: int, learning_rate: float = 5e-5, device: str = "cpu"
) -> list[float]:
    """Train the model further, a batch at each step   (handout, exercise 6)

    dataloader: gives dicts of tensors, `labels` among them; they are what the model is called with. It is started over
    when it runs out. Returns `num_steps` losses, each that of its own step, before the step changed the model. The
    optimizer is torch.optim.AdamW with this learning rate and otherwise its defaults. Gradients that were there before
    count for nothing. While it trains, the model is in training mode.
    """
    # BEGIN SOLUTION: optimizer; then as often as asked: batch, loss, gradients, step
    model.to(device)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    losses = []
    while len(losses) < num_steps:
        for batch in itertools.islice(dataloader, num_steps - len(losses)):
            loss = model(**{key: tensor.to(device) for key, tensor in batch.items()}).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses
    # END SOLUTION


def perplexity(model: GPT2LMHeadModel, dataloader: DataLoader, device: str = "cpu") -> float:
    """exp of the mean loss per predicted token, over all tokens of all batches   (handout, exercise 7)

    dataloader: gives dicts of tensors, `labels` among them, (B, T), not shifted. Position t predicts label t + 1; a
    label of -100 is predicted by nobody, and the first of each row has nobody before it. ValueError if there is no
    token to predict at all. The model is in eval mode, no gradients are computed, and its mode is put back afterwards.
    """
    # BEGIN SOLUTION: add up losses and tokens, batch by batch, and divide once, at the end
    total, count = 0.0, 0
    was_training = model.training
    model.to(device)
    model.eval()
    with torch.no_grad():
        for batch in dataloader:
            inputs = {key: tensor.to(device) for key, tensor in batch.items()}
            logits = model(**inputs).logits[:, :-1]
            labels = inputs["labels"][:, 1:]
            loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum")
            total += loss.item()
            count += int((labels != -100).sum())
    model.train(was_training)
    if count == 0:
        raise ValueError("dataloader: there is no token to predict in it")
    return math.exp(total / count)
    # END SOLUTION


def generate_text(
    model: GPT2LMHeadModel,
    tokenizer: GPT2Tokenizer,
    prompt: str,
    max_new_tokens: int = 50,
    do_sample: bool = False,
    seed: int = 0,
) -> str:
    """The prompt, as given, and what the model writes after it   (handout, exercise 8)

    At most `max_new_tokens` tokens are added; 0 adds none. The text ends before the end-of-text token, if the model
    writes one. `do_sample`: False takes the likeliest token each time, True draws, and the same seed gives the same
    text. The model is in eval mode meanwhile, and its mode is put back. An empty prompt is a ValueError.
    """
    # BEGIN SOLUTION: ids of the prompt, the model's own generate, text of the new ids
    if not prompt:
        raise ValueError("prompt: there must be at least one token to begin with")
    if max_new_tokens == 0:
        return prompt
    was_training = model.training
    model.eval()
    inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ids = model.generate(
            **inputs,
            max_new_tokens=max_new_tokens,
            do_sample=do_sample,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    model.train(was_training)
    new_ids = ids[0, inputs["input_ids"].shape[1] :]
    return prompt + tokenizer.decode(new_ids, skip_special_tokens=True)
    # END SOLUTION


class LoRALinear(nn.Module):
    """y = W x + b + alpha / rank * B A x: a frozen layer and a small correction   (Hu et al. 2021; extra credit)

    linear: an nn.Linear or GPT-2's Conv1D, whose W and b are frozen and used as they are. `A` (rank, in) is random at
    the start, `B` (out, rank) zeros, so that the layer begins as `linear` itself. Only A and B are trained.
    """

    def __init__(self, linear: nn.Linear | Conv1D, rank: int, alpha: float) -> None:
        super().__init__()
        # BEGIN SOLUTION: a Conv1D keeps its weight as (in, out), a Linear as (out, in)
        if isinstance(linear, nn.Linear):
            size_out, size_in = linear.weight.shape
        else:
            size_in, size_out = linear.weight.shape
        self.linear = linear.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(rank, size_in) / math.sqrt(size_in))
        self.B = nn.Parameter(torch.zeros(size_out, rank))
        self.scale = alpha / rank
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """x (..., in). Returns (..., out)."""
        # BEGIN SOLUTION: rows times matrices: first down to `rank` numbers, then up again
        return self.linear(x) + self.scale * (x @ self.A.T @ self.B.T)
        # END SOLUTION


def add_lora(model: GPT2LMHeadModel, rank: int, alpha: float) -> GPT2LMHeadModel:
    """Freeze the model and give each block's attention layers their corrections   (Hu et al. 2021; extra credit)

    `attn.c_attn` and `attn.c_proj` of every block are wrapped in a LoRALinear, in place; nothing else can be trained
    afterwards. Returns the same model.
    """
    # BEGIN SOLUTION: freeze everything first; the blocks are model.transformer.h
    model.requires_grad_(False)
    for block in model.transformer.h:
        block.attn.c_attn = LoRALinear(block.attn.c_attn, rank, alpha)
        block.attn.c_proj = LoRALinear(block.attn.c_proj, rank, alpha)
    return model
    # END SOLUTION
