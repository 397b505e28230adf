"""What a test hands in and cannot send as data: `student.prop("linear", weight)` calls `linear` here.

These run in the student's process, where the student may read them: library calls only, and no expected value. What is
heavy is imported inside the function that needs it, so that a topic without torch does not load it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import torch
    import transformers


def generator(seed: int) -> torch.Generator:
    """A torch.Generator with this seed; it keeps its state from one call to the next."""
    import torch

    return torch.Generator().manual_seed(seed)


def linear(weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.nn.Linear:
    """An nn.Linear with these numbers: weight (out, in), bias (out,) or none."""
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def conv1d(weight: torch.Tensor, bias: torch.Tensor) -> torch.nn.Module:
    """GPT-2's Conv1D with these numbers: weight (in, out), bias (out,)."""
    import torch
    from transformers.pytorch_utils import Conv1D

    layer = Conv1D(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def fill(module: torch.nn.Module, shapes: str, numbers: torch.Tensor) -> torch.nn.Module:
    """Copies numbers into the parameters of these names and shapes, as JSON: {"blocks.0.norm1.weight": [8], ...}.

    They come in one tensor, one parameter's after the other's: many small ones would take longer on their way.
    """
    import torch

    wanted = json.loads(shapes)
    parts = numbers.split([math.prod(shape) for shape in wanted.values()])
    parameters = [attrgetter(name)(module) for name in wanted]
    for (name, shape), parameter in zip(wanted.items(), parameters, strict=True):
        if list(parameter.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(parameter.shape)}, should have {tuple(shape)}")
    with torch.no_grad():
        shaped = [part.view(*shape) for part, shape in zip(parts, wanted.values(), strict=True)]
        torch._foreach_copy_(parameters, shaped)
    return module


def filled(make: Callable[..., Any], args: list[Any], shapes: str, numbers: torch.Tensor) -> torch.nn.Module:
    """The module `make(*args)` with numbers in its parameters, as `fill` does it."""
    return fill(make(*args), shapes, numbers)


def gpt2(config: dict[str, Any], weights: dict[str, torch.Tensor] | None = None) -> transformers.GPT2LMHeadModel:
    """A GPT2LMHeadModel in eval mode; `weights` need not name every parameter, but each name must be one."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(**config))
    if weights is not None:
        unknown = model.load_state_dict(weights, strict=False).unexpected_keys
        if unknown:
            raise KeyError(f"GPT2LMHeadModel has no {', '.join(unknown)}")
    return model.eval()


def tokenizer(directory: str) -> transformers.GPT2Tokenizer:
    """The GPT2Tokenizer whose files are in this folder."""
    from transformers import GPT2Tokenizer

    return GPT2Tokenizer.from_pretrained(directory)


def loader(batches: list[dict[str, torch.Tensor]]) -> torch.utils.data.DataLoader[dict[str, torch.Tensor]]:
    """A DataLoader that gives these batches, as they are and in this order, each time it is gone through.

    Where all have as many rows, the last one as many or fewer, it is made of the rows, and knows its batch size.
    """
    from torch.utils.data import DataLoader

    counts = [len(next(iter(batch.values()))) for batch in batches]
    lengths = {tensor.shape[1:] for batch in batches for tensor in batch.values()}
    if len(lengths) == 1 and max(counts) == counts[0] == min(counts[:-1], default=counts[0]):
        rows = [dict(zip(batch, row, strict=True)) for batch in batches for row in zip(*batch.values(), strict=True)]
        return DataLoader(rows, batch_size=counts[0], shuffle=False)  # type: ignore[arg-type]  # a list is a map-style dataset
    return DataLoader(batches, batch_size=None, shuffle=False)  # type: ignore[arg-type]


def function(name: str) -> Callable[[numpy.ndarray], float]:
    """A function from an array to a float, by its name."""
    import numpy as np

    return {
        "sum_of_squares": lambda array: float(np.sum(array**2)),
        "sum_of_cubes": lambda array: float(np.sum(array**3)),
        "sum_of_sines": lambda array: float(np.sum(np.sin(array))),
        "product": lambda array: float(np.prod(array)),
        "log_sum_exp": lambda array: float(np.logaddexp.reduce(array, axis=None)),
    }[name]


def dataclass(name: str, fields: dict[str, Any]) -> Any:
    """A frozen dataclass `name` with these fields, filled in."""
    return dataclasses.make_dataclass(name, list(fields), frozen=True)(**fields)


def iterator(iterable: Iterable[Any]) -> Iterator[Any]:
    """An iterator: it can be gone through once, and has no length."""
    return iter(iterable)


def repeat(item: Any, times: int | None = None) -> Iterator[Any]:
    """A generator that gives `item` so many times, for ever if `times` is None; it makes them one at a time."""
    given = 0
    while times is None or given < times:
        given += 1
        yield item
