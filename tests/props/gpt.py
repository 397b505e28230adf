"""What tests of `gpt` hand in, beside props/common.py: library calls only, and no expected value."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    import transformers


def gpt(
    make: Callable[..., torch.nn.Module],
    make_config: Callable[..., Any],
    sizes: dict[str, int],
    shapes: str = "{}",
    numbers: torch.Tensor | None = None,
) -> torch.nn.Module:
    """A GPT of these sizes, with the numbers that it starts with, or with these where `fill` puts them."""
    from props_common import fill

    model = make(make_config(**sizes))
    return model if numbers is None else fill(model, shapes, numbers)


def hugging_face(
    config: dict[str, Any], shapes: str = "{}", numbers: torch.Tensor | None = None
) -> transformers.GPT2LMHeadModel:
    """A GPT2LMHeadModel in eval mode, whose parameters are zero but where `fill` puts these numbers."""
    import torch
    from props_common import fill
    from transformers import GPT2Config
    from transformers.initialization import no_init_weights

    with no_init_weights():  # half of the time, for numbers that nobody looks at
        model = _never_generating()(GPT2Config(**config))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    if numbers is not None:
        fill(model, shapes, numbers)
    return model.eval()


@cache
def _never_generating() -> type[transformers.GPT2LMHeadModel]:
    """GPT2LMHeadModel without what it sets up for `generate`, which takes as long as the rest."""
    from transformers import GPT2LMHeadModel

    return type(GPT2LMHeadModel.__name__, (GPT2LMHeadModel,), {"can_generate": classmethod(lambda _: False)})


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


def inputs_of(model: torch.nn.Module, names: list[str]) -> list[list[torch.Tensor]]:
    """For each layer of these names a list to which every tensor that goes into it is added from now on."""

    def watched(layer: torch.nn.Module) -> list[torch.Tensor]:
        seen: list[torch.Tensor] = []
        layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach().clone()))
        return seen

    return [watched(attrgetter(name)(model)) for name in names]


class RowsThrough:
    """How many rows are multiplied by each of these square weights, from now until it is iterated or let go.

    Seen are products with the weight itself, or a view of it, whoever makes them; not those with a copy.
    """

    def __init__(self, weights: list[torch.Tensor]) -> None:
        from torch.utils._python_dispatch import TorchDispatchMode

        places = {weight.untyped_storage().data_ptr(): number for number, weight in enumerate(weights)}
        self.rows = rows = [0] * len(weights)

        class Watch(TorchDispatchMode):
            def __torch_dispatch__(
                self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
            ) -> Any:
                result = operation(*args, **(kwargs or {}))
                if operation.overloadpacket.__name__ in ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "linear"):
                    for tensor in args:
                        if hasattr(tensor, "untyped_storage"):
                            number = places.get(tensor.untyped_storage().data_ptr())
                            if number is not None and tensor.ndim > 1:
                                rows[number] += result.numel() // weights[number].shape[0]
                return result

        self._watch: Any = Watch()
        self._watch.__enter__()

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.__exit__(None, None, None)
            self._watch = None

    def __iter__(self) -> Iterator[int]:
        self._end()
        return iter(self.rows)

    def __del__(self) -> None:
        self._end()


def rows_through(model: torch.nn.Module, names: list[str]) -> RowsThrough:
    """A count, from now on, of the rows that are multiplied by the weights of the layers of these names."""
    return RowsThrough([attrgetter(f"{name}.weight")(model) for name in names])


def seed_torch(seed: int) -> torch.Generator:
    """Sets torch's global generator, and no other source of randomness."""
    import torch

    return torch.default_generator.manual_seed(seed)  # torch.manual_seed formats a stack for each kind of device
