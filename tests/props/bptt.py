"""What tests of `bptt` hand in and cannot send: library calls only, and no expected value (see common.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy


def weighted_sines(weights: numpy.ndarray) -> Callable[[numpy.ndarray], float]:
    """The sum of weights * sin(array); the array must have the shape of the weights."""
    import numpy as np

    def function(array: numpy.ndarray) -> float:
        if np.shape(array) != weights.shape:
            raise ValueError(f"the function is called with an array of shape {np.shape(array)}, not {weights.shape}")
        return float(np.sum(weights * np.sin(array)))

    return function


def cross_entropy(target: int) -> Callable[[numpy.ndarray], float]:
    """-log softmax(array)[target] of a vector."""
    import numpy as np

    return lambda array: float(np.logaddexp.reduce(array) - array[target])


def transposed(array: numpy.ndarray) -> numpy.ndarray:
    """The same numbers with the axes in the opposite order: a view that is not contiguous."""
    return array.T
