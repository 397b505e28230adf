"""What `bptt` computes, by torch's own RNN and autograd, which may not be called in bptt.py.

Code that builds on an exercise which is not solved yet is tried once more on these.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def _unrolled(params, inputs, targets, state):
    """(loss, states, logits, parameters) as tensors of float64 that remember where they come from."""
    trained = {name: torch.tensor(array, dtype=torch.float64, requires_grad=True) for name, array in params.items()}
    vocab_size, hidden_size = trained["W_x"].shape
    names = {
        "weight_ih_l0": trained["W_x"].T,
        "weight_hh_l0": trained["W_s"].T,
        "bias_ih_l0": trained["b_s"],
        "bias_hh_l0": torch.zeros(hidden_size, dtype=torch.float64),
    }
    one_hot = functional.one_hot(torch.as_tensor(inputs), vocab_size).double()
    first = torch.as_tensor(state, dtype=torch.float64)[None]
    rnn = nn.RNN(vocab_size, hidden_size, dtype=torch.float64)
    states, _ = torch.func.functional_call(rnn, names, (one_hot, first))
    logits = functional.linear(states, trained["W_y"].T, trained["b_y"])
    loss = functional.cross_entropy(logits, torch.as_tensor(targets), reduction="sum")
    return loss, torch.cat([first, states]), logits, trained


def forward(params, inputs, targets, state):
    """(loss, cache): the summed cross-entropy; `states` (T + 1, H), `probs` (T, V) and what backward asks for."""
    with torch.no_grad():
        loss, states, logits, _ = _unrolled(params, inputs, targets, state)
    probs = functional.softmax(logits, dim=-1)
    return loss.item(), {
        "states": states.numpy(),
        "probs": probs.numpy(),
        "inputs": np.array(inputs),
        "targets": np.array(targets),
    }


def backward(params, cache):
    """The gradient of the loss for every parameter."""
    loss, _, _, trained = _unrolled(params, cache["inputs"], cache["targets"], cache["states"][0])
    gradients = torch.autograd.grad(loss, list(trained.values()))
    return {name: gradient.numpy() for name, gradient in zip(trained, gradients, strict=True)}
