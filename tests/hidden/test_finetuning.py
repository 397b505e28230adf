"""The instrument for `finetuning`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Here a model is trained and measured; in tests/hidden/finetuning stand the data before that, the text after it, and
LoRA. Models are minute GPT2LMHeadModels with random weights, biases and norms; texts go through a GPT2Tokenizer of a
hundred tokens whose end-of-text token has its id in the middle.
"""

import torch

from .finetuning.shared import DRIFT, GRADIENT, LOSS, STEP, SUMS, TINY, TREMBLING, _config, _twins, _weights


def _batch(rows, length, hidden=0):
    """Random ids, and labels of which so many in each row are -100."""
    ids = torch.randint(TINY["vocab_size"], (rows, length))
    labels = ids.masked_fill(torch.rand(rows, length).argsort(dim=1) < hidden, -100)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


# train


def _expect_losses(student, got, want, rate=0.0):
    got = student.expect_parts(got, len(want), about="the list of losses")
    for step, (one, other) in enumerate(zip(got, want, strict=True)):
        atol = LOSS + (DRIFT * rate if step else 0.0)
        student.expect_close(one, other, atol=atol, about=f"the loss of step {step}")


def _gradients(reference, model, batch):
    """The gradient of each weight, which does not stay in the model."""
    model.zero_grad()
    reference.prop("backward", model, batch)
    gradients = {name: model.get(f"{name}.grad") for name in model.parameters()}
    model.zero_grad()
    return gradients


def _steady(gradients):
    """Whether no gradient is so small that rounding decides on AdamW's step; 0 is fine, and the key's bias is 0."""
    width = TINY["n_embd"]
    for name, gradient in gradients.items():
        sizes = gradient.abs()
        if name.endswith("c_attn.bias"):
            sizes = torch.cat([sizes[:width], sizes[2 * width :]])
        if bool(((sizes > 0) & (sizes < TREMBLING)).any()):
            return False
    return True


def _train_both(student, reference, batches, steps, given=None, prepare=None):
    """Train the student's way and the solution's; the losses and the weights are the same.

    No later batch may be longer than the first, whose gradients must not be small: then none is, in the first step.
    """
    given = {"learning_rate": 0.01} if given is None else given
    rate = given.get("learning_rate", 5e-5)
    while True:
        weights = _weights(TINY)
        solution = reference.prop("gpt2", _config(TINY), weights)
        gradients = _gradients(reference, solution, batches[0])
        if prepare is not None and _steady(gradients):
            solution = prepare(reference, solution)
            gradients = _gradients(reference, solution, batches[0])
        if _steady(gradients):
            break
    model = student.prop("gpt2", _config(TINY), weights)
    if prepare is not None:
        model = prepare(student, model)
    want = reference.train(solution, reference.prop("loader", batches), steps, **given)
    _expect_losses(student, student.train(model, student.prop("loader", batches), steps, **given), want, rate)
    now = model.parameters()
    for name, parameter in solution.parameters().items():
        clear = gradients[name].abs() > GRADIENT
        got = student.expect_tensor(now[name].data, shape=parameter.shape, about=f"the weights {name}")
        student.expect_close(got[clear], parameter.data[clear], atol=STEP * rate, about=f"clear weights of {name}")
    return model, solution


def test_train_loss_of_one_step(student, reference):
    """One step gives a list with one loss: that of the first batch, before the model has changed."""
    model, solution = _twins(student, reference)
    batches = [_batch(1, 5)]
    got = student.train(model, student.prop("loader", batches), 1, learning_rate=0.01)
    _expect_losses(student, got, reference.train(solution, reference.prop("loader", batches), 1, learning_rate=0.01))


def test_train_one_step(student, reference):
    """One step changes every weight as AdamW does, against the gradient of the loss."""
    _train_both(student, reference, [_batch(1, 5)], 1)


def test_train_several_steps(student, reference):
    """Each step has a batch of its own, whose loss is that of the model as the steps before have left it."""
    _train_both(student, reference, [_batch(2, 5), _batch(2, 5), _batch(2, 5), _batch(2, 5)], 4)


def test_train_on_batches_that_differ(student, reference):
    """Batches may differ in rows and length, and labels of -100, more in one row than in another, count for nothing."""
    batches = [_batch(3, 7, hidden=1), _batch(1, 4), _batch(2, 6, hidden=3)]
    batches[0]["labels"][0, 1], batches[0]["labels"][0, 2:] = batches[0]["input_ids"][0, 1], -100
    _train_both(student, reference, batches, 3, {"learning_rate": 0.003})


def test_train_starts_the_data_over(student, reference):
    """With more steps than batches the data is started over, as often as needed, and no batch is left out."""
    batches = [_batch(2, 6), _batch(2, 4), _batch(1, 5)]
    _train_both(student, reference, batches, 8)
    _train_both(student, reference, batches[:1], 3)
    model = student.prop("gpt2", _config(TINY), _weights(TINY))
    loader = student.prop("loader", [_batch(1, 2)])  # one token to predict: its loss soon is below 0.001
    student.expect_parts(student.train(model, loader, 24, learning_rate=0.1), 24, about="the list of losses")
    again = student.train(model, loader, 2, learning_rate=0.1)
    student.expect_parts(again, 2, about="the list of losses of a model that has learnt its data")


def test_train_stops_in_time(student, reference):
    """With fewer steps than batches only the first batches are used."""
    batches = [_batch(2, 5) for _ in range(6)]
    _train_both(student, reference, batches, 2, {"learning_rate": 0.01, "device": "cpu"})


def test_train_with_other_learning_rates(student, reference):
    """The learning rate is the one asked for, and 5e-5 unless one is."""
    batches = [_batch(2, 6), _batch(2, 6)]
    for given in ({"learning_rate": 0.05}, {"learning_rate": 1e-3}, {}):
        _train_both(student, reference, batches, 2, given)


def test_train_with_the_optimizers_defaults(student, reference):
    """Whatever AdamW does by default is done: weights that no gradient reaches shrink a little, too."""
    model, solution = _train_both(student, reference, [_batch(2, 5), _batch(2, 4)], 6, {"learning_rate": 0.1})
    name = "transformer.wpe.weight"  # positions that no batch has: their gradient is exactly 0
    got = student.expect_tensor(model.get(name), shape=(9, 8), about="the position embedding")
    student.expect_close(got[5:], solution.get(name)[5:], atol=2e-6, about="weights that no gradient reaches")


def test_train_clears_gradients_from_before(student, reference):
    """Gradients that are there when training begins count for nothing."""
    stale = _batch(3, 6)
    batches = [_batch(2, 5), _batch(2, 5)]
    _train_both(student, reference, batches, 3, prepare=lambda target, model: target.prop("backward", model, stale))


def test_train_in_training_mode(student):
    """At every step of a training dropout is on: losses of one batch differ, whatever the mode was before."""
    for mode in (False, True):
        model = student.prop("gpt2", _config(TINY, dropout=0.5), _weights(TINY))
        loader = student.prop("loader", [_batch(4, 8)])
        firsts = []
        for _ in range(4):
            model.train(mode)
            firsts += student.expect_parts(student.train(model, loader, 1, learning_rate=1e-9), 1, about="the losses")
        later = student.expect_parts(student.train(model, loader, 11, learning_rate=1e-9), 11, about="the losses")
        # Without dropout they are equal but for 1e-7. With it their standard deviation is 0.05 and more, so that four
        # are within 1e-5 of each other with a probability below 1e-11.
        for losses in (firsts, later[1:6], later[6:]):
            numbers = [float(student.expect_number(loss, about="a loss")) for loss in losses]
            student.expect(max(numbers) - min(numbers) > 1e-5, "Losses of one batch are all equal: is dropout off?")


def test_train_for_no_step(student, reference):
    """No step gives an empty list and leaves the weights as they are."""
    model, solution = _twins(student, reference)
    got = student.train(model, student.prop("loader", [_batch(2, 5)]), 0)
    student.expect_parts(got, 0, about="the list of losses")
    now = model.parameters()
    for name, want in solution.parameters().items():
        student.expect_equal(now[name].data, want.data, about=f"the weights {name}")


def test_train_twice(student, reference):
    """A second training begins with a new optimizer, from where the first has left the model."""
    batches = [_batch(2, 6), _batch(2, 5)]

    def once(target, model):
        target.train(model, target.prop("loader", batches), 2, learning_rate=0.01)
        return model

    _train_both(student, reference, batches, 2, prepare=once)


def test_train_leaves_frozen_weights_alone(student, reference):
    """Weights that need no gradient stay as they are, and stay frozen."""
    names = ("transformer.wte.weight", "transformer.h.0.mlp.c_proj.weight")
    model, _ = _twins(student, reference)
    for name in names:
        model.set(f"{name}.requires_grad", False)
    before = model.parameters()
    student.train(model, student.prop("loader", [_batch(2, 5)]), 2, learning_rate=0.1)
    now = model.parameters()
    for name in names:
        student.expect_equal(now[name].data, before[name].data, about=f"the frozen weights {name}")
        student.expect(not now[name].requires_grad, f"{name} was frozen and is not any more.")


# perplexity


def _expect_perplexity(student, reference, *batches, dropout=0.0, training=False):
    """The number is that of the solution."""
    model, solution = _twins(student, reference, dropout=dropout)
    model.train(training)
    got = student.perplexity(model, student.prop("loader", list(batches)), "cpu")
    want = reference.perplexity(solution, reference.prop("loader", list(batches)))
    student.expect_close(got, want, atol=0.0, rtol=SUMS)
    return model, solution


def test_perplexity_of_one_row(student, reference):
    """The perplexity of one text is exp of its mean loss: each label is predicted from the position before it."""
    _expect_perplexity(student, reference, _batch(1, 6))


def test_perplexity_of_one_batch(student, reference):
    """In a batch all rows count; the first token of each row is predicted by nobody."""
    _expect_perplexity(student, reference, _batch(3, 5))
    _expect_perplexity(student, reference, _batch(4, 2))


def test_perplexity_of_several_batches(student, reference):
    """Every batch counts, each token as much as any other."""
    _expect_perplexity(student, reference, _batch(2, 5), _batch(2, 5), _batch(2, 5))
    _expect_perplexity(student, reference, *(_batch(1, 3) for _ in range(20)))


def test_perplexity_of_batches_that_differ(student, reference):
    """A long batch counts more than a short one: the mean is over tokens, not over batches or rows."""
    _expect_perplexity(student, reference, _batch(1, 2), _batch(4, 9), _batch(2, 5))
    _expect_perplexity(student, reference, _batch(3, 6), _batch(1, 6))


def test_perplexity_leaves_out_padding(student, reference):
    """Labels of -100 count neither as losses nor as tokens, wherever they stand."""
    _expect_perplexity(student, reference, _batch(3, 8, hidden=3))
    first = _batch(3, 8, hidden=6)
    first["labels"][0, 0] = first["labels"][1, 0] = -100
    first["labels"][2, :] = first["input_ids"][2, :]
    _expect_perplexity(student, reference, first, _batch(2, 4), _batch(2, 9, hidden=1))


def test_perplexity_with_nothing_to_predict_in_a_batch(student, reference):
    """A batch with nothing to predict changes nothing: all its labels are -100, or it is one token long."""
    nothing = _batch(2, 5, hidden=5)
    only_first = _batch(2, 4, hidden=4)
    only_first["labels"][:, 0] = only_first["input_ids"][:, 0]
    _expect_perplexity(student, reference, nothing, _batch(2, 6), only_first)
    _expect_perplexity(student, reference, _batch(3, 4), _batch(2, 1))


def test_perplexity_without_dropout(student, reference):
    """Dropout is off while perplexity is measured, whatever the model's mode."""
    for training in (True, False):
        _expect_perplexity(student, reference, _batch(3, 7), _batch(2, 5), dropout=0.5, training=training)


def test_perplexity_puts_the_mode_back(student, reference):
    """A model in training mode is in training mode afterwards, and one in evaluation mode in that."""
    for training in (True, False):
        model, _ = _expect_perplexity(student, reference, _batch(2, 4), training=training)
        for part in ("training", "transformer.drop.training"):
            student.expect(model.get(part) == training, f"Before, `model.{part}` was {training}; afterwards it is not.")


def test_perplexity_without_gradients(student, reference):
    """No operation is recorded for gradients while it is measured, and the model is left as it was."""
    model, solution = _twins(student, reference)
    records = student.prop("graph_records", model)
    student.perplexity(model, student.prop("loader", [_batch(2, 5), _batch(1, 4)]))
    student.expect(True not in records.take(9), "Operations are recorded for gradients, which costs memory.")
    model(torch.zeros(1, 2, dtype=torch.int64))
    student.expect(records.take(9)[-1], "Afterwards no operation is recorded for gradients any more, in no training.")
    now = model.parameters()
    for name, want in solution.parameters().items():
        student.expect(model.get(f"{name}.grad") is None, f"There is a gradient in {name}.")
        student.expect_equal(now[name].data, want.data, about=f"the weights {name}")
        student.expect(now[name].requires_grad, f"{name} needs no gradient any more.")


def test_perplexity_of_nothing(student, reference):
    """With no token to predict in all the data, a ValueError: no batch, all labels -100, or rows of one token."""
    for batches in ([_batch(2, 5, hidden=5), _batch(1, 3, hidden=3)], [_batch(3, 1)], []):
        model, _ = _twins(student, reference)
        with student.expect_raises(ValueError, naming=("dataloader",)):
            student.perplexity(model, student.prop("loader", batches))
