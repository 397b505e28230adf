"""The companions of the written answers: each is computed here once more, and so are the near misses.

The right answers stand in solutions/synthesis.py, the near misses in solutions/synthesis.yml. A number is written here
as the formula that a student uses, so that a question and its key cannot both be wrong in the same way.
"""

import math
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import yaml

from autograder.student import answers

SOLUTIONS = Path(__file__).resolve().parent.parent.parent / "solutions"
RIGHT = answers.read((SOLUTIONS / "synthesis.py").read_bytes()).values
CHECKS = {
    name: question["check"]
    for name, question in yaml.safe_load((SOLUTIONS / "synthesis.yml").read_text(encoding="utf-8")).items()
}

# What the companions ask, computed


def states(inputs, step):
    """The states of a recurrent network of one number, from a state of 0."""
    found = []
    for x in inputs:
        found.append(step(x, found[-1] if found else 0.0))
    return found


def softmax(scores):
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def cosine(one, other):
    return float(np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other)))


def mean_ranking_loss(margin=1):
    return sum(max(0.0, margin - valid + broken) for valid, broken in SCORED) / 3


def skipgram_pairs(window):
    text = ("the", "cat", "sat", "on", "the", "mat")
    return [(i, j) for i, j in product(range(len(text)), repeat=2) if i != j and abs(i - j) <= window]


def states_that_differ():
    """s_t of a network of one number that reads 1, 2, 3, 4, and of one that reads 9 at step 2."""
    one, other = (states(inputs, lambda x, s: math.tanh(0.1 * x + 0.5 * s)) for inputs in ([1, 2, 3, 4], [1, 9, 3, 4]))
    return [t for t, (a, b) in enumerate(zip(one, other, strict=True), 1) if a != b]


def text_of_two():
    """The probability of a, a, end, among all that can be drawn in three steps."""
    chances = {"a": 0.7, "</s>": 0.3}
    return sum(
        math.prod(map(chances.get, drawn)) for drawn in product(chances, repeat=3) if drawn == ("a", "a", "</s>")
    )


def derivative_of_state():
    """ds_50 / ds_40 by a difference, of a network that is kept where 1 - s^2 is 0.75."""
    state = math.sqrt(1 - 0.75)
    x = math.atanh(state) - 0.9 * state

    def last(first):
        s = first
        for _ in range(40, 50):
            s = math.tanh(x + 0.9 * s)
        return s

    return (last(state + 1e-5) - last(state - 1e-5)) / 2e-5


def windows(length, k1, k2):
    """By the last step of each pass: the steps over which it goes back."""
    ends = [*range(k1, length, k1), length]
    return {end: [t for t in range(end - k2 + 1, end + 1) if t >= 1] for end in ends}


def truncated(length, k1, k2, asked):
    found = windows(length, k1, k2)
    return [len(found), found[asked][0], sum(map(len, found.values()))]


def smallest_n():
    words = ["The", "keys", "to", "the", "old", "cabinet", "in", "the", "hall", "are"]
    last = words.index("are")
    return next(n for n in range(1, 20) if "keys" in words[max(0, last - (n - 1)) : last])


def pair_probabilities():
    first, second = {"A": 0.6, "B": 0.4}, {"A": {"C": 0.55, "D": 0.45}, "B": {"C": 0.9, "D": 0.1}}
    start = max(first, key=first.get)
    greedy = first[start] * max(second[start].values())
    return [greedy, max(first[a] * chance for a in first for chance in second[a].values())]


def merged(word, merges):
    """Byte-pair encoding, merge after merge."""
    pieces = list(word)
    for merge in merges:
        i = 0
        while i < len(pieces) - 1:
            if (pieces[i], pieces[i + 1]) == merge:
                pieces[i : i + 2] = ["".join(merge)]
            i += 1
    return pieces


MERGES = [("l", "o"), ("lo", "w"), ("e", "r"), ("s", "t"), ("e", "st")]


def linear(width_in, width_out):
    """The parameters of a linear layer with biases."""
    return width_in * width_out + width_out


def sizes_in_gpt():
    """Last dimensions in a GPT with D = 8, 12 blocks and 50 tokens; the distributions that it gives for (2, 5) ids."""
    table = np.ones((50, 8))
    sizes = []
    x = table[np.zeros((2, 5), dtype=int)]
    for _ in range(13):
        sizes.append(x.shape[-1])
        x = x + np.tanh(x @ np.ones((8, 32))) @ np.ones((32, 8))
    logits = x @ table.T
    return [sizes[0], sizes[1], sizes[12], logits.shape[-1], logits[..., 0].size]


def causal_weights(position, length):
    powers = [1.0 if other <= position else 0.0 for other in range(1, length + 1)]
    return [power / sum(powers) for power in powers]


def steps_to_reach(position, reach):
    """Steps until position 1 has an influence on `position`, where one step carries it at most `reach` positions on."""
    at, steps = 1, 0
    while at < position:
        at, steps = at + reach, steps + 1
    return steps


SCORED = [(2.0, 0.2), (0.5, 0.1), (1.0, 1.5)]
RULERS = {"queen": (6, 3.2), "prince": (2.2, 1.5), "emperor": (5, 6)}
X = np.array([1, 2])
W_Q, W_K, W_V = np.array([[1, 0], [1, 1]]), np.array([[0, 1], [2, 0]]), np.array([[2, 1], [0, 1]])
QUERY, KEYS = np.array([1, 2, 0, 1]), np.array([[1, 0, 1, 1], [0, 3, 1, 0], [2, 1, 0, 0]])
VALUES = np.array([[4, 0], [0, 4]])
SCORES = (0, math.log(3))

COMPUTED = {
    "E1": 50257 * 768,
    "E2": mean_ranking_loss(),
    "E2A": len(skipgram_pairs(2)),
    "E3_KING": max(RULERS, key=lambda word: cosine((2, 1), RULERS[word])),
    "E3_BUTTON": cosine((3 * np.array([1, 0]) + np.array([0, 1])) / 4, (1, 0)),
    "E3_PAIN": sorted({"pane", "ache", "pan", "agony", "paint", "sting"} - {"pane", "pan", "paint"}),
    "E3_WATER_BOTTLE": np.mean([(2, 0, 1), (0, 4, 1)], axis=0).tolist(),
    "E4": (np.array([4, 1]) + (np.array([1, 2]) - np.array([1, 0]))).tolist(),
    "E5": ["pre-training", "transfer learning", "multi-task learning"],
    "R1": [after for _, after in pairwise([7, 3, 9, 4])],
    "R2": states((1, 0, 0), lambda x, s: math.tanh(x + 0.5 * s)),
    "R3": states_that_differ(),
    "R3A": states((1, 2, -1), lambda x, s: math.tanh(0.5 * x + 0.8 * s)),
    "R3B": [len(("How", "are", "you", "?")), len({"W_x", "W_s", "W_y"})],
    "R4": math.tanh(0.3 * 1 + 0.8 * 0 + 0.2),
    "R5": text_of_two(),
    "B1": [np.zeros(shape).size for shape in ((10, 4), (4, 3), (4, 4))],
    "B2": derivative_of_state(),
    "B2A": ["vanishing" if factor < 1 else "exploding" for factor in (0.5, 1.5)],
    "B3": truncated(10, 2, 4, asked=8),
    "T1": smallest_n(),
    "T2": pair_probabilities(),
    "T3": merged("slowest", MERGES),
    "T4": sizes_in_gpt(),
    "T5": [4 * linear(4, 4), linear(4, 16) + linear(16, 4)],
    "T6": causal_weights(3, 5),
    "T6A": [steps_to_reach(100, reach=1), steps_to_reach(100, reach=100)],
    "T7": np.concatenate([X @ W_Q, X @ W_K, X @ W_V]).tolist(),
    "T8": (KEYS @ QUERY / math.sqrt(QUERY.size)).tolist(),
    "T9": (softmax(SCORES) @ VALUES).tolist(),
    "T10": [12 // 3, 3, np.zeros((2, 3, 5, 5)).size, 3 * (12 // 3)],
}

# What the misconceptions give, where that is a formula

BUTTON = np.array([0.75, 0.25])
MISTAKEN = {
    "e1_added": 50257 + 768,
    "e1_with_positions": (50257 + 1024) * 768,
    "e2_summed": 3 * mean_ranking_loss(),
    "e2_swapped": sum(max(0, 1 - broken + valid) for valid, broken in SCORED) / 3,
    "e2_no_maximum": sum(1 - valid + broken for valid, broken in SCORED) / 3,
    "e2_no_margin": mean_ranking_loss(margin=0),
    "e2a_edges_not_cut": 6 * 2 * 2,
    "e2a_one_side": len({frozenset(pair) for pair in skipgram_pairs(2)}),
    "e2a_window_of_one": len(skipgram_pairs(1)),
    "e2a_all_pairs": len(skipgram_pairs(6)),
    "e3_king_euclidean": min(
        {"queen": (6, 3.2), "prince": (2.2, 1.5), "emperor": (5, 6)}.items(),
        key=lambda word: math.dist((2, 1), word[1]),
    )[0],
    "e3_king_dot_product": max(RULERS, key=lambda word: np.dot((2, 1), RULERS[word])),
    "e3_button_not_normalised": float(BUTTON @ (1, 0)),
    "e3_button_other_sense": cosine(BUTTON, (0, 1)),
    "e3_button_equal_senses": cosine((0.5, 0.5), (1, 0)),
    "e3_water_bottle_sum": [2 + 0, 0 + 4, 1 + 1],
    "e4_reversed": [4 + 1 - 1, 1 + 0 - 2],
    "e4_difference": [1 - 1, 2 - 0],
    "e4_nothing_subtracted": [4 + 1, 1 + 2],
    "r2_no_tanh": states((1, 0, 0), lambda x, s: x + 0.5 * s),
    "r2_overwritten": states((1, 0, 0), lambda x, _: math.tanh(x)),
    "r2_never_updated": states((1, 0, 0), lambda x, s: s or math.tanh(x)),
    "r2_tanh_of_the_input": states((1, 0, 0), lambda x, s: math.tanh(x) + 0.5 * s),
    "r3a_not_carried": states((1, 2, -1), lambda x, _: math.tanh(0.5 * x)),
    "r3a_no_tanh": states((1, 2, -1), lambda x, s: 0.5 * x + 0.8 * s),
    "r3a_weights_swapped": states((1, 2, -1), lambda x, s: math.tanh(0.8 * x + 0.5 * s)),
    "r4_memory_of_ones": math.tanh(0.3 + 0.8 + 0.2),
    "r4_bias_forgotten": math.tanh(0.3),
    "r4_no_tanh": 0.3 + 0.2,
    "r5_end_not_predicted": 0.7**2,
    "r5_one_a": 0.7 * 0.3,
    "r5_third_a": 0.7**3,
    "r5_end_after_each_word": (0.7 * 0.3) ** 2,
    "b1_weights_each_step": [7 * 40, 7 * 12, 7 * 16],
    "b1_output_from_input": [10 * 4, 10 * 3, 4 * 4],
    "b1_recurrence_from_input": [10 * 4, 4 * 3, 10 * 4],
    "b2_no_slope": 0.9**10,
    "b2_no_weight": 0.75**10,
    "b2_added": 10 * 0.9 * 0.75,
    "b2_a_step_short": (0.9 * 0.75) ** 9,
    "b2_a_step_too_many": (0.9 * 0.75) ** 11,
    "b3_k1_and_k2_swapped": [len(windows(10, 4, 2)), "*", "*"],
    "b3_a_pass_each_step": [len(windows(10, 1, 4)), "*", "*"],
    "b3_a_step_too_far": ["*", windows(10, 2, 5)[8][0], "*"],
    "b3_to_the_beginning": ["*", windows(10, 2, 10)[8][0], "*"],
    "b3_window_not_cut": ["*", "*", 4 * len(windows(10, 2, 4))],
    "t2_not_multiplied": [0.55, 0.9],
    "t2_added": [0.6 + 0.55, "*"],
    "t3_merge_missed": merged("slowest", [merge for merge in MERGES if merge != ("lo", "w")]),
    "t3_stopped_early": merged("slowest", MERGES[:-1]),
    "t3_letters": merged("slowest", []),
    "t5_no_output_projection": [3 * linear(4, 4), "*"],
    "t5_not_widened": ["*", 2 * linear(4, 4)],
    "t5_no_biases": [4 * 4 * 4, 4 * 16 + 16 * 4],
    "t5_full_width_heads": [4 * 3 * linear(4, 4), "*"],
    "t5_full_width_heads_joined": [4 * 3 * linear(4, 4) + linear(16, 4), "*"],
    "t5_layer_a_head": [4 * 4 * linear(4, 4), "*"],
    "t6_no_mask": softmax([1] * 5),
    "t6_masked_after_softmax": [*softmax([1] * 5)[:3], 0, 0],
    "t6_mask_transposed": causal_weights(3, 5)[::-1],
    "t6_not_itself": causal_weights(2, 5),
    "t7_columns": np.concatenate([W_Q @ X, W_K @ X, W_V @ X]).tolist(),
    "t7_one_matrix": np.concatenate([X @ W_Q] * 3).tolist(),
    "t7_both_from_query": np.concatenate([X @ W_Q, X @ W_Q @ W_K, X @ W_Q @ W_V]).tolist(),
    "t7_chained": np.concatenate([X @ W_Q, X @ W_Q @ W_K, X @ W_Q @ W_K @ W_V]).tolist(),
    "t8_not_scaled": (KEYS @ QUERY).tolist(),
    "t8_divided_by_d": (KEYS @ QUERY / 4).tolist(),
    "t8_weights": softmax(KEYS @ QUERY / 2),
    "t8_divided_by_the_keys": (KEYS @ QUERY / len(KEYS)).tolist(),
    "t9_not_normalised": (SCORES @ VALUES).tolist(),
    "t9_plain_mean": VALUES.mean(axis=0).tolist(),
    "t9_winner_takes_all": VALUES[1].tolist(),
    "t9_wrong_words": (softmax(SCORES)[::-1] @ VALUES).tolist(),
    "t9_sum": VALUES.sum(axis=0).tolist(),
    "t10_full_width": [12, "*", "*", 3 * 12],
    "t10_one_map": ["*", 1, 2 * 5 * 5, "*"],
    "t10_batch_forgotten": ["*", "*", 3 * 5 * 5, "*"],
}


def agree(one, other, tolerance):
    """Words and wildcards exactly, numbers within a tenth of what a student may be off."""
    if isinstance(one, list):
        return len(one) == len(other) and all(agree(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=tolerance / 10)


def test_all_companions_are_computed():
    assert list(COMPUTED) == list(CHECKS)
    assert {f"{name}_CHECK" for name in COMPUTED} == {name for name in RIGHT if name.endswith("_CHECK")}


@pytest.mark.parametrize("name", COMPUTED)
def test_a_companion_is_what_its_question_gives(name):
    assert agree(COMPUTED[name], RIGHT[f"{name}_CHECK"], CHECKS[name].get("tolerance", 0))


@pytest.mark.parametrize("miss_id", MISTAKEN)
def test_a_near_miss_is_what_its_misconception_gives(miss_id):
    found = [
        agree(MISTAKEN[miss_id], miss["like"], check.get("tolerance", 0))
        for check in CHECKS.values()
        for miss in check["misses"]
        if miss["id"] == miss_id
    ]
    assert found == [True]
