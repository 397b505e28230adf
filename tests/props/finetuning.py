"""What tests of `finetuning` hand in, beside what is in common.py: library calls only, and no expected value."""

from __future__ import annotations

import copy
import functools
import json
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    import transformers

_WEIGHTS = "model.safetensors"


class Folder(str):
    """The path of a folder, which is deleted when nobody holds the path any more."""


def quiet() -> None:
    """No progress bars and no hints: this also runs beside the grader's own output."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


@functools.cache
def _model(config: str) -> transformers.GPT2LMHeadModel:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    quiet()
    with torch.random.fork_rng(devices=[]):  # what is drawn afterwards is the same with the first model as with others
        return GPT2LMHeadModel(GPT2Config(**json.loads(config)))


def _by_name(config: dict[str, Any], weights: dict[str, torch.Tensor] | torch.Tensor) -> dict[str, torch.Tensor]:
    if isinstance(weights, dict):
        return weights
    shapes = {name: parameter.shape for name, parameter in _model(json.dumps(config)).named_parameters()}
    parts = weights.split([shape.numel() for shape in shapes.values()])
    return {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def gpt2(config: dict[str, Any], weights: dict[str, torch.Tensor] | torch.Tensor) -> transformers.GPT2LMHeadModel:
    """A GPT2LMHeadModel in eval mode, filled with these weights; the output layer is the token embedding, tied.

    The weights are a dict, or one tensor with all numbers, in the order of the model's parameters.
    """
    model = copy.deepcopy(_model(json.dumps(config)))  # less than half the work of another one
    told = model.load_state_dict(_by_name(config, weights), strict=False)
    left_out = set(told.missing_keys) - {"lm_head.weight"}
    if left_out or told.unexpected_keys:
        raise KeyError(f"weights without {sorted(left_out)}, and with {told.unexpected_keys}")
    return model.eval()


def gpt2_tokenizer(
    vocabulary: list[str], merges: list[tuple[str, str]], settings: dict[str, Any] | None = None
) -> transformers.GPT2Tokenizer:
    """A GPT2Tokenizer of these tokens, whose places are their ids; `settings` are attributes, such as padding_side."""
    from transformers import GPT2Tokenizer

    quiet()
    ids = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = GPT2Tokenizer(vocab=ids, merges=[tuple(pair) for pair in merges])
    for name, value in (settings or {}).items():
        setattr(tokenizer, name, value)
    return tokenizer


@functools.cache
def _files(parts: str) -> dict[str, bytes]:
    """The files of a checkpoint without its weights, by name."""
    vocabulary, merges, config = json.loads(parts)
    with tempfile.TemporaryDirectory(prefix="checkpoint-") as folder:
        _model(json.dumps(config)).save_pretrained(folder)
        gpt2_tokenizer(vocabulary, merges).save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != _WEIGHTS}


def checkpoint(
    vocabulary: list[str],
    merges: list[tuple[str, str]],
    config: dict[str, Any],
    weights: dict[str, torch.Tensor] | torch.Tensor,
) -> Folder:
    """A folder with a model and a tokenizer, as from_pretrained takes it; weights as in `gpt2`."""
    from safetensors.torch import save_file

    folder = Folder(tempfile.mkdtemp(prefix="checkpoint-"))
    weakref.finalize(folder, shutil.rmtree, str(folder), ignore_errors=True)
    for name, content in _files(json.dumps([vocabulary, merges, config])).items():
        Path(folder, name).write_bytes(content)
    named = {name: weight.contiguous() for name, weight in _by_name(config, weights).items()}
    save_file(named, Path(folder, _WEIGHTS), metadata={"format": "pt"})
    return folder


def backward(model: transformers.GPT2LMHeadModel, batch: dict[str, torch.Tensor]) -> transformers.GPT2LMHeadModel:
    """The model, with the gradients of this batch's loss in it."""
    model(**batch).loss.backward()
    return model


def graph_records(model: transformers.GPT2LMHeadModel) -> list[bool]:
    """A list to which every forward pass adds whether it records operations for gradients."""
    seen: list[bool] = []
    model.transformer.wte.register_forward_hook(lambda _, __, output: seen.append(output.requires_grad))
    return seen


def modes_in_training(model: transformers.GPT2LMHeadModel) -> list[bool]:
    """A list to which every forward pass that records operations adds whether all parts are in training mode."""
    seen: list[bool] = []

    def look(_module: torch.nn.Module, _given: object, output: torch.Tensor) -> None:
        if output.requires_grad:
            seen.append(all(part.training for part in model.modules()))

    model.transformer.drop.register_forward_hook(look)
    return seen


def trained_shapes(model: transformers.GPT2LMHeadModel) -> list[tuple[int, ...]]:
    """The shapes of all parameters that need a gradient, whatever their names and numbers are."""
    return [tuple(parameter.shape) for parameter in model.parameters() if parameter.requires_grad]


def draws(count: int) -> torch.Tensor:
    """So many random numbers of torch's global generator, which moves on."""
    import torch

    return torch.rand(count)
