"""What tests of `gpt` hand in, beside props/common.py: library calls only, and no expected value."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def fill(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """Copies numbers into the parameters of these names, "blocks.0.norm1.weight", all of them in one request."""
    import torch

    with torch.no_grad():
        for name, weight in weights.items():
            parameter = attrgetter(name)(module)
            if tuple(parameter.shape) != tuple(weight.shape):
                raise ValueError(f"{name} has shape {tuple(parameter.shape)}, should have {tuple(weight.shape)}")
            parameter.copy_(weight)
    return module


def adam_steps(
    model: torch.nn.Module, tokens: torch.Tensor, steps: int, learning_rate: float, enough: float
) -> torch.nn.Module:
    """Trains a model to predict each next token, for so many steps or until its loss is below `enough`."""
    import torch
    from torch.nn.functional import cross_entropy

    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)  # less overhead than a loop
    for _ in range(steps):
        loss = cross_entropy(model(tokens)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
        if loss.item() < enough:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def inputs_of(layer: torch.nn.Module) -> list[torch.Tensor]:
    """A list to which every tensor that goes into the layer is added from now on."""
    seen: list[torch.Tensor] = []
    layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach().clone()))
    return seen


def seed_torch(seed: int) -> torch.Generator:
    """Sets torch's global generator, and no other source of randomness."""
    import torch

    return torch.manual_seed(seed)
