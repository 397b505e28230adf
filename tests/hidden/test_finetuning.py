"""The instrument for `finetuning`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Here a model is trained and measured; in tests/hidden/finetuning stand the data before that, the text after it, and
LoRA. Models are minute GPT2LMHeadModels with random weights, biases and norms; texts go through a GPT2Tokenizer of a
hundred tokens whose end-of-text token has its id in the middle.
"""

import math
from dataclasses import dataclass

import torch

from .finetuning.shared import (
    DRIFT,
    GRADIENT,
    LOSS,
    STEP,
    SUMS,
    TINY,
    TREMBLING,
    _flat,
    _loss,
    _model,
    _named,
    _weights,
)


def _batch(rows, length, hidden=0):
    """Random ids, and labels of which so many in each row are -100."""
    ids = torch.randint(TINY["vocab_size"], (rows, length))
    labels = ids.masked_fill(torch.rand(rows, length).argsort(dim=1) < hidden, -100)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


# train


@dataclass(frozen=True)
class _Trained:
    """What should come of a training: the losses, the weights, and the gradients of the first step, by name."""

    losses: list
    weights: dict
    gradients: dict

    def is_steady(self):
        """Whether no gradient is so small that rounding decides on AdamW's step; 0 is fine, and the key's bias is 0."""
        width = TINY["n_embd"]
        for name, gradient in self.gradients.items():
            sizes = gradient.abs()
            if name.endswith("c_attn.bias"):
                sizes = torch.cat([sizes[:width], sizes[2 * width :]])
            if bool(((sizes > 0) & (sizes < TREMBLING)).any()):
                return False
        return True


def _trained(weights, batches, steps, rate):
    """Training written out. All weights lie in one tensor, since AdamW does the same with each number."""
    numbers, shapes = _flat(weights).requires_grad_(), {name: weight.shape for name, weight in weights.items()}
    optimizer = torch.optim.AdamW([numbers], lr=rate)
    losses, first = [], None
    for step in range(steps):
        loss = _loss(_named(numbers, shapes), batches[step % len(batches)])
        optimizer.zero_grad()
        loss.backward()
        first = numbers.grad.clone() if first is None else first
        optimizer.step()
        losses.append(loss.item())
    return _Trained(losses, _named(numbers.detach(), shapes), _named(first, shapes))


def _expect_losses(student, got, want, rate=0.0):
    got = student.expect_parts(got, len(want), about="the list of losses")
    for step, (one, other) in enumerate(zip(got, want, strict=True)):
        atol = LOSS + (DRIFT * rate if step else 0.0)
        student.expect_close(one, other, atol=atol, about=f"the loss of step {step}")


def _steady(batches, steps, rate, trainings=1):
    """Weights to begin with, and so many trainings, one after the other.

    No later batch may be longer than the first, whose gradients must not be small: then none is, in the first step.
    """
    wanted = []
    while len(wanted) < trainings:
        weights = wanted[-1].weights if wanted else (begun := _weights(TINY))
        training = _trained(weights, batches, steps, rate)
        wanted = [*wanted, training] if training.is_steady() else []
    return begun, wanted


def _expect_weights(student, model, want, rate):
    now = model.parameters()
    for name, weight in want.weights.items():
        clear = want.gradients[name].abs() > GRADIENT
        got = student.expect_tensor(now[name].data, shape=weight.shape, about=f"the weights {name}")
        student.expect_close(got[clear], weight[clear], atol=STEP * rate, about=f"clear weights of {name}")


def _train_both(student, batches, steps, given=None, stale=None, trainings=1):
    """Train the student's way and as it should be; the losses and the weights are the same."""
    given = {"learning_rate": 0.01} if given is None else given
    rate = given.get("learning_rate", 5e-5)
    begun, wanted = _steady(batches, steps, rate, trainings)
    model, loader = _model(student, begun), student.prop("loader", batches)
    if stale is not None:
        student.prop("backward", model, stale)
    for want in wanted:
        _expect_losses(student, student.train(model, loader, steps, **given), want.losses, rate)
    _expect_weights(student, model, want, rate)


def test_train_loss_of_one_step(student):
    """One step gives a list with one loss: that of the first batch, before the model has changed."""
    weights, batch = _weights(TINY), _batch(1, 5)
    got = student.train(_model(student, weights), student.prop("loader", [batch]), 1, 0.01)
    _expect_losses(student, got, [_loss(weights, batch).item()])


def test_train_one_step(student):
    """One step changes every weight as AdamW does, against the gradient of the loss."""
    _train_both(student, [_batch(1, 5)], 1)


def test_train_several_steps(student):
    """Each step has a batch of its own, the last, shorter one too; its loss is that of the model as it is by then."""
    _train_both(student, [_batch(2, 5), _batch(2, 5), _batch(2, 5), _batch(1, 5)], 4)


def test_train_on_batches_that_differ(student):
    """Batches may differ in rows and length, and labels of -100, more in one row than in another, count for nothing."""
    batches = [_batch(3, 7, hidden=1), _batch(1, 4), _batch(2, 6, hidden=3)]
    batches[0]["labels"][0, 1], batches[0]["labels"][0, 2:] = batches[0]["input_ids"][0, 1], -100
    _train_both(student, batches, 3, {"learning_rate": 0.003})


def test_train_starts_the_data_over(student):
    """With more steps than batches the data is started over, as often as needed, and no batch is left out."""
    batches = [_batch(2, 6), _batch(2, 4), _batch(1, 5)]
    _train_both(student, batches, 7)
    # A model that has learnt its data by heart: whatever it reads, it says 3, with a loss below 1e-6.
    weights = _weights(TINY)
    weights["transformer.ln_f.weight"].zero_()
    weights["transformer.ln_f.bias"].zero_()[0] = 5.0
    weights["transformer.wte.weight"][:, 0] = -1.0
    weights["transformer.wte.weight"][3, 0] = 4.0
    batch = _batch(1, 2)
    batch["input_ids"][:], batch["labels"][:] = 3, 3
    model, name = _model(student, weights), "transformer.wpe.weight"
    losses = student.train(model, student.prop("loader", [batch]), 4, learning_rate=0.1)
    student.expect_parts(losses, 4, about="the list of losses of a model that has learnt its data")
    now = student.expect_tensor(model.get(name), shape=weights[name].shape, about=f"the weights {name}")
    student.expect_close(now[2:], weights[name][2:] * (1 - 0.1 * 0.01) ** 4, atol=2e-6, about="weights that only decay")


def test_train_stops_in_time(student):
    """With fewer steps than batches only the first batches are used."""
    batches = [_batch(2, 5) for _ in range(6)]
    _train_both(student, batches, 2, {"learning_rate": 0.01, "device": "cpu"})


def test_train_with_other_learning_rates(student):
    """The learning rate is the one asked for, and 5e-5 unless one is."""
    batches = [_batch(2, 5), _batch(2, 5)]
    for steps, given in ((2, {"learning_rate": 0.05}), (1, {"learning_rate": 1e-3}), (1, {})):
        _train_both(student, batches, steps, given)


def test_train_with_the_optimizers_defaults(student):
    """Whatever AdamW does by default is done: weights that no gradient reaches shrink a little, too."""
    batches, rate = [_batch(2, 7), *(_batch(2, 4) for _ in range(5))], 0.1
    begun, (want,) = _steady(batches, 6, rate)
    model = _model(student, begun)
    losses = student.train(model, student.prop("loader", batches), 6, learning_rate=rate)
    name = "transformer.wpe.weight"  # positions from which no batch predicts: their gradient is exactly 0
    now = student.expect_tensor(model.get(name), shape=begun[name].shape, about=f"the weights {name}")
    student.expect_close(now[6:], want.weights[name][6:], atol=2e-6, about="weights that no gradient reaches")
    once = (want.gradients[name].abs() > GRADIENT)[3:6]  # these have one in the first step alone, and keep its memory
    student.expect_close(now[3:6][once], want.weights[name][3:6][once], atol=2e-5, about="weights seen once")
    _expect_losses(student, losses, want.losses, rate)
    _expect_weights(student, model, want, rate)


def test_train_clears_gradients_from_before(student):
    """Gradients that are there when training begins count for nothing."""
    _train_both(student, [_batch(2, 5), _batch(2, 5)], 3, stale=_batch(3, 6))


def test_train_in_training_mode(student):
    """At every step of a training the model is in training mode, with dropout, whatever its mode was before."""
    model, loader = _model(student, _weights(TINY)), student.prop("loader", [_batch(2, 5)])
    modes = student.prop("modes_in_training", model)
    for training in (False, True):
        model.train(training)
        losses = student.train(model, loader, 3, learning_rate=0.01)
        student.expect_parts(losses, 3, about="the losses")
    seen = modes.take(99)
    student.expect(seen and all(seen), "There is a step at which the model is not in training mode: is dropout off?")


def test_train_for_no_step(student):
    """No step gives an empty list and leaves the weights as they are."""
    weights = _weights(TINY)
    model = _model(student, weights)
    got = student.train(model, student.prop("loader", [_batch(2, 5)]), 0)
    student.expect_parts(got, 0, about="the list of losses")
    now = model.parameters()
    for name, want in weights.items():
        student.expect_equal(now[name].data, want, about=f"the weights {name}")


def test_train_twice(student):
    """A second training begins with a new optimizer, from where the first has left the model."""
    _train_both(student, [_batch(2, 5), _batch(2, 5)], 2, trainings=2)


def test_train_leaves_frozen_weights_alone(student):
    """Weights that need no gradient stay as they are, and stay frozen."""
    names = ("transformer.wte.weight", "transformer.h.0.mlp.c_proj.weight")
    weights = _weights(TINY)
    model = _model(student, weights)
    for name in names:
        model.set(f"{name}.requires_grad", False)
    student.train(model, student.prop("loader", [_batch(2, 5)]), 2, learning_rate=0.1)
    now = model.parameters()
    for name in names:
        student.expect_equal(now[name].data, weights[name], about=f"the frozen weights {name}")
        student.expect(not now[name].requires_grad, f"{name} was frozen and is not any more.")


# perplexity


def _perplexity(weights, batches):
    losses = [_loss(weights, batch, reduction="sum").item() for batch in batches]
    return math.exp(sum(losses) / sum(int((batch["labels"][:, 1:] != -100).sum()) for batch in batches))


def _expect_perplexity_of(student, model, loader, weights, batches):
    got = student.perplexity(model, loader, "cpu")
    student.expect_close(got, _perplexity(weights, batches), atol=0.0, rtol=SUMS)


def _expect_perplexity(student, *data, weights=None):
    """The number is the right one, for each list of batches that is measured."""
    weights = _weights(TINY) if weights is None else weights
    model = _model(student, weights)
    for batches in data:
        _expect_perplexity_of(student, model, student.prop("loader", batches), weights, batches)


def test_perplexity_of_one_row(student):
    """The perplexity of one text is exp of its mean loss: each label is predicted from the position before it."""
    _expect_perplexity(student, [_batch(1, 6)])


def test_perplexity_of_one_batch(student):
    """In a batch all rows count; the first token of each row is predicted by nobody."""
    _expect_perplexity(student, [_batch(3, 5)])
    batches, high = [_batch(4, 2)], 0.0
    while not math.exp(21) < high < math.exp(60):
        weights = _weights(TINY, scale=1.0)
        for name in ("transformer.ln_f.weight", "transformer.ln_f.bias"):
            weights[name] *= 7
        high = _perplexity(weights, batches)
    _expect_perplexity(student, batches, weights=weights)  # nobody should cut off what is high


def test_perplexity_of_several_batches(student):
    """Every batch counts, each token as much as any other."""
    _expect_perplexity(student, [_batch(2, 5), _batch(2, 5), _batch(2, 5)], [_batch(1, 3) for _ in range(9)])


def test_perplexity_of_batches_that_differ(student):
    """A long batch counts more than a short one: the mean is over tokens, not over batches or rows."""
    _expect_perplexity(student, [_batch(1, 2), _batch(4, 9), _batch(2, 5)], [_batch(3, 6), _batch(1, 6)])


def test_perplexity_leaves_out_padding(student):
    """Labels of -100 count neither as losses nor as tokens, wherever they stand."""
    first = _batch(3, 8, hidden=6)
    first["labels"][0, 0] = first["labels"][1, 0] = -100
    first["labels"][2, :] = first["input_ids"][2, :]
    _expect_perplexity(student, [_batch(3, 8, hidden=3)], [first, _batch(2, 4), _batch(2, 9, hidden=1)])


def test_perplexity_with_nothing_to_predict_in_a_batch(student):
    """A batch with nothing to predict changes nothing: all its labels are -100, or it is one token long."""
    nothing = _batch(2, 5, hidden=5)
    only_first = _batch(2, 4, hidden=4)
    only_first["labels"][:, 0] = only_first["input_ids"][:, 0]
    _expect_perplexity(student, [nothing, _batch(2, 6), only_first], [_batch(3, 4), _batch(2, 1)])


def test_perplexity_without_dropout(student):
    """Dropout is off while perplexity is measured, whatever the model's mode."""
    batches, weights = [_batch(3, 7), _batch(2, 5)], _weights(TINY)
    model, loader = _model(student, weights, dropout=0.5), student.prop("loader", batches)
    for training in (True, False):
        model.train(training)
        _expect_perplexity_of(student, model, loader, weights, batches)


def test_perplexity_puts_the_mode_back(student):
    """A model in training mode is in training mode afterwards, and one in evaluation mode in that."""
    batches, weights = [_batch(2, 4)], _weights(TINY)
    model, loader = _model(student, weights), student.prop("loader", batches)
    for training in (True, False):
        model.train(training)
        _expect_perplexity_of(student, model, loader, weights, batches)
        for part in ("training", "transformer.drop.training"):
            student.expect(model.get(part) == training, f"Before, `model.{part}` was {training}; afterwards it is not.")


def test_perplexity_without_gradients(student):
    """No operation is recorded for gradients while it is measured; the model and the data are left as they were."""
    weights, batches = _weights(TINY), [_batch(2, 5), _batch(1, 4)]
    model, loader = _model(student, weights), student.prop("loader", batches)
    student.prop("backward", model, batches[0])
    names = ("transformer.wte.weight", "transformer.ln_f.bias")
    before = [model.get(f"{name}.grad") for name in names]
    records = student.prop("graph_records", model)
    student.perplexity(model, loader)
    student.expect(True not in records.take(99), "Operations are recorded for gradients, which costs memory.")
    after, data = [model.get(f"{name}.grad") for name in names], loader.take(3)
    for name, gradient, gradient_before in zip(names, after, before, strict=True):
        student.expect_equal(gradient, gradient_before, about=f"the gradient that {name} had before")
    student.expect_equal(data, batches, about="the data after the call")
    model(torch.zeros(1, 2, dtype=torch.int64))
    recorded, now = records.take(99)[-1], model.parameters()
    student.expect(recorded, "Afterwards no operation is recorded for gradients any more, in no training.")
    for name, want in weights.items():
        student.expect_equal(now[name].data, want, about=f"the weights {name}")
        student.expect(now[name].requires_grad, f"{name} needs no gradient any more.")


def test_perplexity_of_nothing(student):
    """With no token to predict in all the data, a ValueError: no batch, all labels -100, or rows of one token."""
    model = _model(student, _weights(TINY))
    for batches in ([_batch(2, 5, hidden=5), _batch(1, 3, hidden=3)], [_batch(3, 1)], []):
        with student.expect_raises(ValueError, naming=("dataloader",)):
            student.perplexity(model, student.prop("loader", batches))
