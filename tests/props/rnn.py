"""What tests of `rnn` hand in beside what is in common.py: library calls only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def global_seed(seed: int) -> None:
    """Set torch's global random state, and no other."""
    import torch

    torch.default_generator.manual_seed(seed)


def language_model(weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """A recurrent language model around the library's own network, called as model(tokens, state).

    Its parameters are `embedding.weight` (V, E), `W_x` (E, H), `W_s` (H, H), `b_s` (H,), `W_y` (H, V), `b_y` (V,).
    """
    import torch
    from torch import nn

    class LanguageModel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding.from_pretrained(weights["embedding.weight"].clone(), freeze=False)
            for name in ("W_x", "W_s", "b_s", "W_y", "b_y"):
                self.register_parameter(name, nn.Parameter(weights[name].clone()))
            self.vocab_size, self.embedding_dim = self.embedding.weight.shape
            self.hidden_dim = len(self.W_s)

        def forward(self, tokens: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
            flat = [self.W_x.T, self.W_s.T, self.b_s, torch.zeros_like(self.b_s)]
            begin = torch.zeros(1, len(tokens), len(self.W_s)) if state is None else state[None]
            states, last = torch.rnn_tanh(self.embedding(tokens), begin, flat, True, 1, 0.0, False, False, True)
            return states @ self.W_y + self.b_y, last[0]

    return LanguageModel()


def without_gradients() -> Callable[..., Any]:
    """A function that calls a model where autograd rests."""
    import torch

    def call(model: torch.nn.Module, *args: Any) -> Any:
        with torch.no_grad():
            return model(*args)

    return call


def adam() -> Callable[..., Any]:
    """A function that trains a language model on one batch with Adam, and gives its losses, one for each step.

    The loss is the library's cross-entropy of the next token. It ends early once the loss is below `enough`. (Made of
    the functional form, because the first torch.optim.Adam of a process imports a compiler, which takes a second.)
    """
    import torch
    from torch.optim.adam import adam as step

    def train(
        model: torch.nn.Module, tokens: torch.Tensor, steps: int, learning_rate: float, enough: float
    ) -> list[float]:
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        means, squares = ([torch.zeros_like(parameter) for parameter in trained] for _ in range(2))
        counts = [torch.tensor(0.0) for _ in trained]
        losses: list[float] = []
        for _ in range(steps + 1):
            logits = model(tokens)[0]
            loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
            losses.append(loss.item())
            if losses[-1] < enough:
                break
            used = torch.autograd.grad(loss, trained, allow_unused=True, materialize_grads=True)
            with torch.no_grad():
                step(
                    trained,
                    list(used),
                    means,
                    squares,
                    [],
                    counts,
                    foreach=True,
                    amsgrad=False,
                    maximize=False,
                    weight_decay=0.0,
                    beta1=0.9,
                    beta2=0.999,
                    eps=1e-8,
                    lr=learning_rate,
                )
        return losses

    return train
