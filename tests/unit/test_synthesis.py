"""The written answers: each companion is computed here once more, and each near miss is what its misconception gives.

The right answers stand in solutions/synthesis.py, the near misses in solutions/synthesis.yml. A number here is written as
the formula that a student uses, so that a question and its key cannot both be wrong in the same way.
"""

import ast
import math
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import yaml

from autograder.grading import companions, prose
from autograder.key import Check, Key, Miss, Question
from autograder.results import Status
from autograder.spec import Item
from autograder.student import answers

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = (ROOT / "solutions" / "synthesis.py").read_text(encoding="utf-8")
ANSWERS = answers.read(SOURCE.encode())
KEY: Key = {
    name: Question.model_validate(entry)
    for name, entry in yaml.safe_load((ROOT / "solutions" / "synthesis.yml").read_text(encoding="utf-8")).items()
}
IDS = (
    "E1 E2 E2A E3_KING E3_BUTTON E3_PAIN E3_WATER_BOTTLE E4 E5 R1 R2 R3 R3A R3B R4 R5 B1 B2 B2A B3 "
    "T1 T2 T3 T4 T5 T6 T6A T7 T8 T9 T10"
).split()
RIGHT = sorted((ROOT / "tests" / "right" / "synthesis").glob("*.py"))


def right(name):
    return ANSWERS.values[f"{name}_CHECK"]


def check_of(name) -> Check:
    check = KEY[name].check
    assert check is not None
    return check


def item(name) -> Item:
    """The companion as an item; its form is that of the right answer."""
    value = right(name)
    entry = value[0] if isinstance(value, list) else value
    form = ("word" if isinstance(entry, str) else "number") + ("s" if isinstance(value, list) else "")
    return Item(id=f"synthesis.{name}_CHECK", points=1, form=form)


def judged(name, value):
    return companions.judge(item(name), check_of(name), right(name), value)


def misses():
    return [pytest.param(name, miss, id=miss.id) for name in KEY for miss in check_of(name).misses]


def example_of(name, miss: Miss):
    """An answer with this misconception and, apart from it, right."""
    value = right(name)
    if miss.contains is not None:
        return [miss.contains, *value[1:]]
    if miss.length is not None:
        return [entry for _, entry in zip(range(miss.length), [*value, *value, *value], strict=False)]
    if miss.above is not None:
        return miss.above + 1
    if miss.below is not None:
        return miss.below - 1
    if isinstance(miss.like, list) and "*" in miss.like:
        return [good if entry == "*" else entry for entry, good in zip(miss.like, value, strict=True)]
    return miss.like


# What the companions ask, computed ------------------------------------------------------------------------------------


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


def mean_ranking_loss():
    pairs = zip((2.0, 0.5, 1.0), (0.2, 0.1, 1.5), strict=True)
    return sum(max(0.0, 1 - valid + broken) for valid, broken in pairs) / 3


def skipgram_pairs(window):
    text = "the cat sat on the mat".split()
    return [(i, j) for i, j in product(range(len(text)), repeat=2) if i != j and abs(i - j) <= window]


def nearest_to_king():
    others = {"queen": (6, 3.2), "prince": (2.2, 1.5), "emperor": (5, 6)}
    return max(others, key=lambda word: cosine((2, 1), others[word]))


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
    words = "The keys to the old cabinet in the hall are".split()
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


def block_parameters():
    """Attention and feed-forward network of a model with D = 4, counted in torch's own layers."""
    from torch import nn

    attention = nn.MultiheadAttention(4, num_heads=4)
    feed_forward = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 4))
    return [sum(p.numel() for p in module.parameters()) for module in (attention, feed_forward)]


def shapes_of_gpt():
    """Last dimensions in a GPT with D = 8, 12 blocks and 50 tokens, and the distributions that it gives for (2, 5) ids."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = nn.Embedding(50, 8)(torch.zeros(2, 5, dtype=torch.int64))
    sizes = [x.shape[-1]]
    for _ in range(12):
        x = nn.TransformerEncoderLayer(8, nhead=2, batch_first=True)(x)
        sizes.append(x.shape[-1])
    logits = nn.Linear(8, 50)(x)
    return [sizes[0], sizes[1], sizes[12], logits.shape[-1], logits[..., 0].numel()]


def causal_weights(position, length):
    powers = [1.0 if other <= position else 0.0 for other in range(1, length + 1)]
    return [power / sum(powers) for power in powers]


def steps_to_reach(position, reach):
    """Steps until position 1 has an influence on `position`, where one step carries it at most `reach` positions on."""
    at, steps = 1, 0
    while at < position:
        at, steps = at + reach, steps + 1
    return steps


X = np.array([1, 2])
W_Q, W_K, W_V = np.array([[1, 0], [1, 1]]), np.array([[0, 1], [2, 0]]), np.array([[2, 1], [0, 1]])
QUERY, KEYS = np.array([1, 2, 0, 1]), np.array([[1, 0, 1, 1], [0, 3, 1, 0], [2, 1, 0, 0]])
VALUES = np.array([[4, 0], [0, 4]])
SCORES = (0, math.log(3))

COMPUTED = {
    "E1": lambda: 50257 * 768,
    "E2": mean_ranking_loss,
    "E2A": lambda: len(skipgram_pairs(2)),
    "E3_KING": nearest_to_king,
    "E3_BUTTON": lambda: cosine((3 * np.array([1, 0]) + np.array([0, 1])) / 4, (1, 0)),
    "E3_PAIN": lambda: sorted({"pane", "ache", "pan", "agony", "paint", "sting"} - {"pane", "pan", "paint"}),
    "E3_WATER_BOTTLE": lambda: np.mean([(2, 0, 1), (0, 4, 1)], axis=0).tolist(),
    "E4": lambda: (np.array([4, 1]) + (np.array([1, 2]) - np.array([1, 0]))).tolist(),
    "E5": lambda: ["pre-training", "transfer learning", "multi-task learning"],
    "R1": lambda: [after for _, after in pairwise([7, 3, 9, 4])],
    "R2": lambda: states((1, 0, 0), lambda x, s: math.tanh(x + 0.5 * s)),
    "R3": states_that_differ,
    "R3A": lambda: states((1, 2, -1), lambda x, s: math.tanh(0.5 * x + 0.8 * s)),
    "R3B": lambda: [len("How are you ?".split()), len({"W_x", "W_s", "W_y"})],
    "R4": lambda: math.tanh(0.3 * 1 + 0.8 * 0 + 0.2),
    "R5": text_of_two,
    "B1": lambda: [np.zeros(shape).size for shape in ((10, 4), (4, 3), (4, 4))],
    "B2": derivative_of_state,
    "B2A": lambda: ["vanishing" if factor < 1 else "exploding" for factor in (0.5, 1.5)],
    "B3": lambda: truncated(12, 3, 5, asked=9),
    "T1": smallest_n,
    "T2": pair_probabilities,
    "T3": lambda: merged("slowest", MERGES),
    "T4": shapes_of_gpt,
    "T5": block_parameters,
    "T6": lambda: causal_weights(3, 5),
    "T6A": lambda: [steps_to_reach(100, reach=1), steps_to_reach(100, reach=100)],
    "T7": lambda: np.concatenate([X @ W_Q, X @ W_K, X @ W_V]).tolist(),
    "T8": lambda: (KEYS @ QUERY / math.sqrt(QUERY.size)).tolist(),
    "T9": lambda: (softmax(SCORES) @ VALUES).tolist(),
    "T10": lambda: [12 // 3, 3, np.zeros((2, 3, 5, 5)).size, 3 * (12 // 3)],
}

# What the misconceptions give, computed where they are a formula -------------------------------------------------------

MARGINS = [(2.0, 0.2), (0.5, 0.1), (1.0, 1.5)]
BUTTON = np.array([0.75, 0.25])
MISTAKEN = {
    "e1_added": lambda: 50257 + 768,
    "e1_with_positions": lambda: (50257 + 1024) * 768,
    "e2_summed": lambda: 3 * mean_ranking_loss(),
    "e2_swapped": lambda: sum(max(0, 1 - broken + valid) for valid, broken in MARGINS) / 3,
    "e2_no_maximum": lambda: sum(1 - valid + broken for valid, broken in MARGINS) / 3,
    "e2_no_margin": lambda: sum(max(0, broken - valid) for valid, broken in MARGINS) / 3,
    "e2a_edges_not_cut": lambda: 6 * 2 * 2,
    "e2a_one_side": lambda: len({frozenset(pair) for pair in skipgram_pairs(2)}),
    "e2a_window_of_one": lambda: len(skipgram_pairs(1)),
    "e2a_all_pairs": lambda: len(skipgram_pairs(6)),
    "e3_king_euclidean": lambda: min(
        {"queen": (6, 3.2), "prince": (2.2, 1.5), "emperor": (5, 6)}.items(),
        key=lambda word: math.dist((2, 1), word[1]),
    )[0],
    "e3_king_dot_product": lambda: max(
        {"queen": (6, 3.2), "prince": (2.2, 1.5), "emperor": (5, 6)}.items(), key=lambda word: np.dot((2, 1), word[1])
    )[0],
    "e3_button_not_normalised": lambda: float(BUTTON @ (1, 0)),
    "e3_button_other_sense": lambda: cosine(BUTTON, (0, 1)),
    "e3_button_equal_senses": lambda: cosine((0.5, 0.5), (1, 0)),
    "e3_water_bottle_sum": lambda: [2 + 0, 0 + 4, 1 + 1],
    "e4_reversed": lambda: [4 + 1 - 1, 1 + 0 - 2],
    "e4_difference": lambda: [1 - 1, 2 - 0],
    "e4_nothing_subtracted": lambda: [4 + 1, 1 + 2],
    "r2_no_tanh": lambda: states((1, 0, 0), lambda x, s: x + 0.5 * s),
    "r2_overwritten": lambda: states((1, 0, 0), lambda x, s: math.tanh(x)),
    "r2_never_updated": lambda: states((1, 0, 0), lambda x, s: s or math.tanh(x)),
    "r2_tanh_of_the_input": lambda: states((1, 0, 0), lambda x, s: math.tanh(x) + 0.5 * s),
    "r3a_not_carried": lambda: states((1, 2, -1), lambda x, s: math.tanh(0.5 * x)),
    "r3a_no_tanh": lambda: states((1, 2, -1), lambda x, s: 0.5 * x + 0.8 * s),
    "r3a_weights_swapped": lambda: states((1, 2, -1), lambda x, s: math.tanh(0.8 * x + 0.5 * s)),
    "r4_memory_of_ones": lambda: math.tanh(0.3 + 0.8 + 0.2),
    "r4_bias_forgotten": lambda: math.tanh(0.3),
    "r4_no_tanh": lambda: 0.3 + 0.2,
    "r5_end_not_predicted": lambda: 0.7**2,
    "r5_one_a": lambda: 0.7 * 0.3,
    "r5_third_a": lambda: 0.7**3,
    "r5_end_after_each_word": lambda: (0.7 * 0.3) ** 2,
    "b1_weights_each_step": lambda: [7 * 40, 7 * 12, 7 * 16],
    "b1_output_from_input": lambda: [10 * 4, 10 * 3, 4 * 4],
    "b1_recurrence_from_input": lambda: [10 * 4, 4 * 3, 10 * 4],
    "b2_no_slope": lambda: 0.9**10,
    "b2_no_weight": lambda: 0.75**10,
    "b2_added": lambda: 10 * 0.9 * 0.75,
    "b2_a_step_short": lambda: (0.9 * 0.75) ** 9,
    "b2_a_step_too_many": lambda: (0.9 * 0.75) ** 11,
    "b3_k1_and_k2_swapped": lambda: [len(windows(12, 5, 3)), "*", "*"],
    "b3_a_pass_each_step": lambda: [len(windows(12, 1, 5)), "*", "*"],
    "b3_a_step_too_far": lambda: ["*", windows(12, 3, 6)[9][0], "*"],
    "b3_to_the_beginning": lambda: ["*", windows(12, 3, 12)[9][0], "*"],
    "b3_window_not_cut": lambda: ["*", "*", 5 * len(windows(12, 3, 5))],
    "t2_not_multiplied": lambda: [0.55, 0.9],
    "t2_added": lambda: [0.6 + 0.55, "*"],
    "t3_merge_missed": lambda: merged("slowest", [merge for merge in MERGES if merge != ("lo", "w")]),
    "t3_stopped_early": lambda: merged("slowest", MERGES[:-1]),
    "t3_letters": lambda: merged("slowest", []),
    "t5_no_output_projection": lambda: [3 * (4 * 4 + 4), "*"],
    "t5_not_widened": lambda: ["*", 2 * (4 * 4 + 4)],
    "t5_no_biases": lambda: [4 * 4 * 4, 4 * 16 + 16 * 4],
    "t5_full_width_heads": lambda: [4 * 3 * (4 * 4 + 4), "*"],
    "t5_full_width_heads_joined": lambda: [4 * 3 * (4 * 4 + 4) + (16 * 4 + 4), "*"],
    "t5_layer_a_head": lambda: [4 * 4 * (4 * 4 + 4), "*"],
    "t6_no_mask": lambda: softmax([1] * 5),
    "t6_masked_after_softmax": lambda: [*softmax([1] * 5)[:3], 0, 0],
    "t6_mask_transposed": lambda: causal_weights(3, 5)[::-1],
    "t6_not_itself": lambda: causal_weights(2, 5),
    "t7_columns": lambda: np.concatenate([W_Q @ X, W_K @ X, W_V @ X]).tolist(),
    "t7_one_matrix": lambda: np.concatenate([X @ W_Q] * 3).tolist(),
    "t7_both_from_query": lambda: np.concatenate([X @ W_Q, X @ W_Q @ W_K, X @ W_Q @ W_V]).tolist(),
    "t7_chained": lambda: np.concatenate([X @ W_Q, X @ W_Q @ W_K, X @ W_Q @ W_K @ W_V]).tolist(),
    "t8_not_scaled": lambda: (KEYS @ QUERY).tolist(),
    "t8_divided_by_d": lambda: (KEYS @ QUERY / 4).tolist(),
    "t8_weights": lambda: softmax(KEYS @ QUERY / 2),
    "t8_divided_by_the_keys": lambda: (KEYS @ QUERY / len(KEYS)).tolist(),
    "t9_not_normalised": lambda: (SCORES @ VALUES).tolist(),
    "t9_plain_mean": lambda: VALUES.mean(axis=0).tolist(),
    "t9_winner_takes_all": lambda: VALUES[1].tolist(),
    "t9_wrong_words": lambda: (softmax(SCORES)[::-1] @ VALUES).tolist(),
    "t9_sum": lambda: VALUES.sum(axis=0).tolist(),
    "t10_full_width": lambda: [12, "*", "*", 3 * 12],
    "t10_one_map": lambda: ["*", 1, 2 * 5 * 5, "*"],
    "t10_batch_forgotten": lambda: ["*", "*", 3 * 5 * 5, "*"],
}


# The claims -----------------------------------------------------------------------------------------------------------


def test_the_questions_are_those_of_the_contract_in_its_order():
    names = [node.targets[0].id for node in ast.parse(SOURCE).body if isinstance(node, ast.Assign)]
    assert names == [name for question in IDS for name in (question, f"{question}_CHECK")]
    assert list(ANSWERS.values) == names
    assert ANSWERS.problems == []
    assert list(KEY) == IDS


@pytest.mark.parametrize("name", IDS)
def test_a_companion_is_what_its_question_gives(name):
    assert judged(name, COMPUTED[name]()).status is Status.PASSED


@pytest.mark.parametrize("name", IDS)
def test_a_companion_is_exact_to_more_than_its_tolerance(name):
    """Someone who is off by less than the tolerance is right, also when the key's own answer is rounded."""
    values = np.atleast_1d(np.array(right(name)))
    if values.dtype.kind in "if":
        assert np.abs(values - np.array(COMPUTED[name]())).max() <= check_of(name).tolerance / 10


@pytest.mark.parametrize(("name", "miss"), misses())
def test_a_near_miss_is_wrong_and_named_by_its_misconception(name, miss):
    """Not right, and not called by the name of another one."""
    outcome = judged(name, example_of(name, miss))
    assert outcome.status is Status.FAILED
    assert outcome.diagnosis == miss.says


@pytest.mark.parametrize(("name", "miss"), misses())
def test_a_near_miss_is_clearly_off(name, miss):
    """More than twice the tolerance from the right answer, so that no rounding makes it right."""
    value, example = right(name), example_of(name, miss)
    if isinstance(miss.like, (int, float, list)) and np.shape(value) == np.shape(example) and not _has_words(value):
        assert np.abs(np.array(value, float) - np.array(example, float)).max() > 2 * check_of(name).tolerance


@pytest.mark.parametrize("name", [name for name in IDS if check_of(name).misses])
def test_near_misses_do_not_coincide(name):
    alike = [
        (one.id, other.id)
        for i, one in enumerate(check_of(name).misses)
        for other in check_of(name).misses[i + 1 :]
        if one.like is not None and companions._same(other.like, one.like, 2 * check_of(name).tolerance)
    ]
    assert alike == []


@pytest.mark.parametrize("miss_id", MISTAKEN)
def test_a_near_miss_is_what_its_misconception_gives(miss_id):
    name, miss = next((name, miss) for name in KEY for miss in check_of(name).misses if miss.id == miss_id)
    assert companions._same(MISTAKEN[miss_id](), miss.like, check_of(name).tolerance / 10)


@pytest.mark.parametrize(("name", "miss"), misses())
def test_a_misconception_is_one_or_two_sentences_without_the_right_answer(name, miss):
    assert miss.id.startswith(f"{name.lower()}_")
    assert miss.says[0].isupper() or miss.says[0].isdigit() or miss.says.startswith(("tanh", "k1"))
    assert miss.says.endswith((".", "?"))
    assert len(miss.says) < 180
    value = right(name)
    if isinstance(value, (int, float)):
        assert f" {value} " not in f" {miss.says} "
    else:
        assert str(value).strip("[]") not in miss.says


def test_the_ids_of_near_misses_are_unique():
    ids = [miss.id for name in KEY for miss in check_of(name).misses]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 120


@pytest.mark.parametrize("name", IDS)
def test_a_rubric_has_two_to_four_concepts(name):
    rubric = KEY[name].rubric
    assert 2 <= len(rubric) <= 4
    assert all(concept.says.endswith((".", "...", ")")) for concept in rubric)
    assert sum(concept.points for concept in rubric) <= 4


@pytest.mark.parametrize("name", IDS)
def test_a_model_answer_is_two_to_six_sentences_at_most_and_no_copy(name):
    text = ANSWERS.values[name]
    assert 8 <= len(text.split()) <= 130
    assert 1 <= sum(text.count(end) for end in (". ", ".\n", "? ")) + 1 <= 6
    assert not prose._alike(prose._words(text), prose._words(KEY[name].question))


@pytest.mark.parametrize("name", IDS)
def test_the_comment_above_an_answer_asks_its_question(name):
    comments = _comments_above(name), _comments_above(f"{name}_CHECK")
    assert comments[0].startswith(f"{name}. ")
    assert comments[1].startswith(f"Companion of {name}, a ")
    assert comments[1].rstrip(")").endswith(("?", ".", "?)"))
    value = right(name)
    assert ("list of" in comments[1].partition(":")[0]) == isinstance(value, list)
    assert ("word" in comments[1].partition(":")[0]) == _has_words(value)


@pytest.mark.parametrize("name", IDS)
def test_no_comment_holds_the_right_answer(name):
    value = right(name)
    if not isinstance(value, list) and not isinstance(value, str):
        assert str(value) not in _comments_above(f"{name}_CHECK").replace(".", " ").replace(",", " ").split()
    elif isinstance(value, list) and not _has_words(value):
        assert ", ".join(map(str, value)) not in _comments_above(f"{name}_CHECK")


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_a_different_right_file_is_right_in_all_companions(path):
    found = answers.read(path.read_bytes())
    assert found.problems == []
    assert set(found.values) == set(ANSWERS.values)
    wrong = [name for name in IDS if judged(name, found.values[f"{name}_CHECK"]).status is not Status.PASSED]
    assert wrong == []


def test_there_are_different_right_files():
    assert len(RIGHT) >= 3


def test_the_handout_names_every_question():
    handout = (ROOT / "assignments" / "synthesis.md").read_text(encoding="utf-8")
    assert [name for name in ANSWERS.values if f"`{name}`" not in handout] == []


def _has_words(value):
    return isinstance(value[0] if isinstance(value, list) else value, str)


def _comments_above(name):
    """The comment directly above a constant, as one line."""
    lines = SOURCE.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{name} = "))
    first = at
    while lines[first - 1].startswith("#"):
        first -= 1
    return " ".join(line.removeprefix("# ") for line in lines[first:at])
