"""The instrument for `finetuning`. It asks what docstrings and handout promise; tests/mistakes keeps it sharp.

Models are minute GPT2LMHeadModels with random weights, biases and norms; texts go through a GPT2Tokenizer of a hundred
tokens whose end-of-text token has its id in the middle. Greedy texts are compared where they are sure: weights are
drawn again until at every step the likeliest token leads by MARGIN, far more than any rounding. Tolerances are five
times or more what the right modules in tests/right differ by, over 12 seeds.
"""

import torch
from torch.nn import functional

LOSS = 1e-5  # of losses up to 10: 1e-6 was seen
STEP = 0.02  # of the learning rate, for a weight after some steps: 0.001, where GRADIENT holds
GRADIENT = 1e-3  # AdamW divides by a gradient's size, and with it its rounding, 1e-8: weights of smaller ones drift,
DRIFT = 0.005  # so that later losses do, by up to so much of the learning rate: 0.0005;
TREMBLING = 1e-6  # and of those that are as small as their rounding, a step goes this way or that: none is used
SUMS = 1e-4  # of a layer's results up to 50, and their gradients
LOGITS = 1e-3  # of three blocks and the output layer, logits up to 50
MARGIN = 1e-2  # between the two highest of logits up to 30

END = 40  # the id of the end-of-text token
MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("Ġ", "a"), ("i", "n"), ("in", "g"), ("Ġ", "k"), ("Ġk", "ing")]
VOCABULARY = [*map(chr, range(33, 127)), "Ġ", "Ċ", *(left + right for left, right in MERGES)]
VOCABULARY.insert(END, "<|endoftext|>")

TINY = {"vocab_size": 13, "n_positions": 9, "n_embd": 8, "n_layer": 1, "n_head": 2}
WRITER = {"vocab_size": len(VOCABULARY), "n_positions": 60, "n_embd": 12, "n_layer": 2, "n_head": 2}
SHORT, MIDDLE, LONG = "a", "a king,", "the king, in a thing"  # 1, 3 and 9 tokens
PROMPTS = (SHORT, MIDDLE, LONG)


def _config(sizes, dropout=0.0):
    end = min(END, sizes["vocab_size"] - 1)
    dropouts = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), dropout)
    return {**sizes, **dropouts, "bos_token_id": end, "eos_token_id": end}


def _weights(sizes, scale=0.5):
    """Random numbers for every parameter of a GPT-2 of these sizes."""
    width = sizes["n_embd"]
    shapes = {"wte.weight": (sizes["vocab_size"], width), "wpe.weight": (sizes["n_positions"], width)}
    for block in range(sizes["n_layer"]):
        for name, size_in, size_out in (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, 4 * width),
            ("mlp.c_proj", 4 * width, width),
        ):
            shapes |= {f"h.{block}.{name}.weight": (size_in, size_out), f"h.{block}.{name}.bias": (size_out,)}
        for name in ("ln_1", "ln_2"):
            shapes |= {f"h.{block}.{name}.{part}": (width,) for part in ("weight", "bias")}
    shapes |= {f"ln_f.{part}": (width,) for part in ("weight", "bias")}
    return {f"transformer.{name}": scale * torch.randn(*shape) for name, shape in shapes.items()}


def _twins(student, reference, sizes=TINY, dropout=0.0):
    """The same random model for the student and for the solution."""
    weights = _weights(sizes)
    return tuple(each.prop("gpt2", _config(sizes, dropout), weights) for each in (student, reference))


def _batch(rows, length, hidden=0):
    """Random ids, and labels of which so many in each row are -100."""
    ids = torch.randint(TINY["vocab_size"], (rows, length))
    labels = ids.masked_fill(torch.rand(rows, length).argsort(dim=1) < hidden, -100)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def _tokenizer(target, **settings):
    return target.prop("gpt2_tokenizer", VOCABULARY, MERGES, settings)


# TextPipe and generate_text: what a model writes


def _writer_weights(certainty=1.0):
    """Weights of a model whose texts have variety, without end: the logit of the end-of-text token is -60."""
    weights = _weights(WRITER)
    for name, numbers in weights.items():
        if name.endswith(("wpe.weight", "ln_1.weight", "ln_2.weight", "c_fc.weight")):
            numbers.mul_(2)
    weights["transformer.wte.weight"][:, 0] = weights["transformer.wte.weight"][END] = 0.0
    weights["transformer.wte.weight"][END, 0] = -20.0
    weights["transformer.ln_f.weight"] = certainty * (1 + torch.rand(WRITER["n_embd"]))
    weights["transformer.ln_f.bias"] *= 0.2
    weights["transformer.ln_f.weight"][0], weights["transformer.ln_f.bias"][0] = 0.0, 3.0
    return weights


def _last_logits(weights, ids):
    """(V,): what a GPT-2 with these weights and of WRITER's sizes says after the last of the ids."""

    def linear(x, name):
        return x @ weights[f"transformer.{name}.weight"] + weights[f"transformer.{name}.bias"]

    def norm(x, name):
        named = (weights[f"transformer.{name}.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, x.shape[-1:], *named)

    x = weights["transformer.wte.weight"][ids] + weights["transformer.wpe.weight"][: len(ids)]
    for block in range(WRITER["n_layer"]):
        heads = linear(norm(x, f"h.{block}.ln_1"), f"h.{block}.attn.c_attn").unflatten(1, (3, WRITER["n_head"], -1))
        mixed = functional.scaled_dot_product_attention(*heads.permute(1, 2, 0, 3), is_causal=True)
        x = x + linear(mixed.transpose(0, 1).flatten(1), f"h.{block}.attn.c_proj")
        wide = functional.gelu(linear(norm(x, f"h.{block}.ln_2"), f"h.{block}.mlp.c_fc"), approximate="tanh")
        x = x + linear(wide, f"h.{block}.mlp.c_proj")
    return norm(x[-1:], "ln_f")[0] @ weights["transformer.wte.weight"].T


def _walk(weights, ids, steps):
    """The ids that a model with these weights adds greedily, up to the end-of-text token.

    None where at some step the likeliest is not sure.
    """
    added = []
    while len(added) < steps and END not in added:
        best = _last_logits(weights, [*ids, *added]).topk(2)
        if best.values[0] - best.values[1] <= MARGIN:
            return None
        added.append(int(best.indices[0]))
    return added


def _ids(reference, prompt):
    return _tokenizer(reference)(prompt)["input_ids"]


def _sure_weights(reference, prompts=PROMPTS, steps=8):
    """Weights with which the likeliest token is sure, whatever the rounding, at every step after each prompt."""
    begun = [_ids(reference, prompt) for prompt in prompts]
    while True:
        weights = _writer_weights()
        if all(_walk(weights, ids, steps) is not None for ids in begun):
            return weights


def _ending_weights(reference, prompt, steps, token=END):
    """Such weights with which this token comes at one of these steps: two tokens change their roles."""
    begun = _ids(reference, prompt)
    while True:
        weights = _writer_weights()
        written = _walk(weights, begun, max(steps) + 1)
        for step in steps if written else ():
            if written[step] not in (*begun, *written[:step]):
                table = weights["transformer.wte.weight"]
                table[[written[step], token]] = table[[token, written[step]]]
                return weights


def _written(reference, weights, prompts, max_new_tokens):
    """Each prompt, and what a model with these weights adds greedily before the end-of-text token."""
    texts = []
    for prompt in prompts:
        added = _walk(weights, _ids(reference, prompt), max_new_tokens)
        words = [VOCABULARY[id] for id in added if id != END]
        texts.append(prompt + "".join(words).replace("Ġ", " ").replace("Ċ", "\n"))
    return texts


def _writer(student, weights, dropout=0.0):
    """The student's model and tokenizer."""
    return student.prop("gpt2", _config(WRITER, dropout), weights), _tokenizer(student)


# TextPipe


def _pipe(student, weights):
    """The student's TextPipe of a checkpoint with these weights."""
    folder = student.prop("checkpoint", VOCABULARY, MERGES, _config(WRITER), weights)
    return student.expect_handle(student.TextPipe(folder), about="TextPipe(...)")


def test_pipe_continues_a_prompt(student, reference):
    """A pipe that is called with one text gives a list with that text and its greedy continuation."""
    weights = _sure_weights(reference, (MIDDLE,))
    got = _pipe(student, weights)(MIDDLE, max_new_tokens=5)
    student.expect_equal(got, _written(reference, weights, [MIDDLE], 5))


def test_pipe_has_its_parts(student, reference):
    """The model and the tokenizer of the checkpoint are there as attributes, by these names."""
    weights = _writer_weights()
    pipe = _pipe(student, weights)
    ids = pipe.at("tokenizer")("a king")["input_ids"]
    student.expect_equal(ids, _tokenizer(reference)("a king")["input_ids"], about="the ids of the tokenizer")
    for name in ("transformer.wte.weight", "transformer.h.1.mlp.c_proj.weight"):
        student.expect_equal(pipe.get(f"model.{name}"), weights[name], about=f"model.{name}")


def test_pipe_of_a_list(student, reference):
    """In a list each prompt, short or long, gets what it gets alone."""
    weights = _sure_weights(reference)
    pipe, texts = _pipe(student, weights), dict(zip(PROMPTS, _written(reference, weights, PROMPTS, 5), strict=True))
    for prompts in (list(PROMPTS), [LONG, SHORT, LONG], [MIDDLE]):
        student.expect_equal(pipe(prompts, max_new_tokens=5), [texts[prompt] for prompt in prompts])


def test_pipe_adds_twenty_tokens_unless_told(student, reference):
    """Without `max_new_tokens` twenty tokens are added; with it, that many, and none if it is 0."""
    weights = _sure_weights(reference, (SHORT,), steps=21)
    pipe = _pipe(student, weights)
    student.expect_equal(pipe(SHORT), _written(reference, weights, [SHORT], 20))
    for count in (1, 3, 0):
        student.expect_equal(pipe([SHORT], max_new_tokens=count), _written(reference, weights, [SHORT], count))


def test_pipe_stops_at_the_end_of_text(student, reference):
    """A continuation stops before the end-of-text token; beside a longer one, too."""
    weights = _ending_weights(reference, MIDDLE, range(2, 6))
    pipe, want = _pipe(student, weights), _written(reference, weights, [MIDDLE], 7)
    student.expect_equal(pipe(MIDDLE, max_new_tokens=7), want)
    together = student.expect_parts(pipe([MIDDLE, SHORT, LONG], max_new_tokens=7), 3, about="the list of texts")
    student.expect_equal(together[0], want[0], about="the first text")


def test_pipe_keeps_prompts_as_they_are(student, reference):
    """A prompt stands in the result letter by letter: spaces, line breaks and an end-of-text token included."""
    prompts = ["the  king ,\n\n a ", " king", "a<|endoftext|>the !"]
    weights = _sure_weights(reference, prompts, steps=4)
    got = _pipe(student, weights)(prompts, max_new_tokens=4)
    student.expect_equal(got, _written(reference, weights, prompts, 4))


def test_pipe_of_an_empty_prompt(student):
    """An empty prompt is a ValueError, alone and in a list."""
    pipe = _pipe(student, _writer_weights())
    for prompts in ("", ["a", ""]):
        with student.expect_raises(ValueError, naming=("prompts", "prompt", "texts", "text", "inputs")):
            pipe(prompts, max_new_tokens=2)


# tokenize_batch


def _expect_rectangle(student, reference, texts, **settings):
    """Ids and mask are those of the solution, however the student's tokenizer is set."""
    got = student.tokenize_batch(_tokenizer(student, **settings), texts)
    want = reference.tokenize_batch(_tokenizer(reference), texts)
    student.expect(isinstance(got, dict), "The result should be a mapping, with `input_ids` and `attention_mask`.")
    for key in ("input_ids", "attention_mask"):
        student.expect(key in got, f"The result has no `{key}`.")
    student.expect_equal(got["input_ids"], want["input_ids"], about="input_ids")
    mask = got["attention_mask"]
    student.expect_equal(mask.long() if hasattr(mask, "long") else mask, want["attention_mask"], about="attention_mask")


def test_tokenize_one_text(student, reference):
    """One text becomes one row of ids, with a mask of ones."""
    _expect_rectangle(student, reference, ["the king, a thing"])


def test_tokenize_texts_of_one_length(student, reference):
    """Texts of the same length need no padding."""
    _expect_rectangle(student, reference, ["the", "a", "!"])


def test_tokenize_pads_on_the_right(student, reference):
    """Shorter texts are filled up on the right with the end-of-text token, where the mask is 0."""
    _expect_rectangle(student, reference, ["a king", "the king, in a thing", "x", "the\nthe"])


def test_tokenize_whatever_the_padding_side(student, reference):
    """A tokenizer that is set to pad on the left pads on the right all the same."""
    _expect_rectangle(student, reference, ["the king in", "the", "a thing"], padding_side="left")


def test_tokenize_whatever_the_padding_token(student, reference):
    """A tokenizer that has another padding token pads with the end-of-text token all the same."""
    _expect_rectangle(student, reference, ["the king in", "the", "a! !"], pad_token="!")
    _expect_rectangle(student, reference, ["the", "a king"], pad_token="<|endoftext|>", padding_side="left")


def test_tokenize_cuts_nothing_off(student, reference):
    """The longest text is there to its last token, also where it is longer than the tokenizer's own limit."""
    texts = ["the king, the thing, a king, in the king", "a thing, the king"]
    for limit in (4, 8):
        _expect_rectangle(student, reference, texts, model_max_length=limit)


def test_tokenize_leaves_end_of_text_in_the_text(student, reference):
    """An end-of-text token that stands in the text is text: its mask is 1, at the beginning and at the end, too."""
    texts = ["a<|endoftext|>", "<|endoftext|>the<|endoftext|><|endoftext|>", "the king, a", "<|endoftext|>"]
    _expect_rectangle(student, reference, texts)


def test_tokenize_many_texts(student, reference):
    """Row i is text i, of however many texts, and the next batch is as long as its own longest text."""
    words = ["the", " king", "a", ", ", "\n", "thing", "!"]
    for count in (30, 5):
        texts = ["".join(words[n] for n in torch.randint(7, (int(torch.randint(1, 9, ())),))) for _ in range(count)]
        _expect_rectangle(student, reference, texts)


# make_labels


def _ids_and_mask(rows, length, padded):
    """Random ids, and a mask with so many zeros at the end of each row."""
    mask = (torch.arange(length) < length - torch.tensor(padded)[:, None]).long()
    return torch.randint(100, (rows, length)), mask


def test_labels_without_padding(student):
    """Where nothing is padded, the labels are the ids, position by position."""
    ids, mask = _ids_and_mask(1, 6, [0])
    student.expect_equal(student.make_labels(ids, mask), ids)


def test_labels_of_padding(student, reference):
    """Where the mask is 0 the label is -100, in each row for itself."""
    ids, mask = _ids_and_mask(4, 7, [0, 3, 1, 6])
    student.expect_equal(student.make_labels(ids, mask), reference.make_labels(ids, mask))


def test_labels_of_end_of_text_in_the_text(student, reference):
    """An end-of-text token that is no padding keeps its label, though padding has the same id; id 0 does, too."""
    for end in (50256, 0, 99):
        ids, mask = _ids_and_mask(3, 6, [2, 0, 3])
        ids[mask == 0] = end
        ids[0, 3] = ids[1, 5] = ids[1, 0] = ids[2, 1] = ids[2, 2] = end
        student.expect_equal(student.make_labels(ids, mask), reference.make_labels(ids, mask))


def test_labels_where_padding_has_other_ids(student, reference):
    """The mask alone says what is padding: its ids may be any, and it may stand on the left."""
    ids, mask = _ids_and_mask(5, 6, [1, 2, 3, 4, 5])
    for each in (mask, mask.flip(1), (torch.rand(5, 6) < 0.5).long()):
        student.expect_equal(student.make_labels(ids, each), reference.make_labels(ids, each))


def test_labels_leave_their_arguments_alone(student, reference):
    """Ids and mask are afterwards what they were, and need not be contiguous."""
    ids, mask = _ids_and_mask(4, 6, [1, 2, 0, 3])
    for args in ((ids, mask), (ids.T.contiguous().T, mask.T.contiguous().T)):
        got, after = student.make_labels.after(*args)
        student.expect_equal(got, reference.make_labels(*args))
        for name, now, before in zip(("input_ids", "attention_mask"), after, args, strict=True):
            student.expect_equal(now, before, about=f"{name} after the call")


# group_texts


def _examples(*lengths, keys=("input_ids", "attention_mask")):
    """For each key a list of random ids for each text."""
    return {key: [torch.randint(100, (length,)).tolist() for length in lengths] for key in keys}


def _expect_blocks(student, reference, examples, block_size):
    got, (after, _) = student.group_texts.after(examples, block_size)
    student.expect_equal(got, reference.group_texts(examples, block_size))
    student.expect_equal(after, examples, about="examples after the call")


def test_group_one_text_into_whole_blocks(student, reference):
    """One text of three times the block size becomes three blocks, in order; labels are the same once more."""
    _expect_blocks(student, reference, _examples(12, keys=("input_ids",)), 4)


def test_group_across_borders(student, reference):
    """A block may begin in one text and end in another, whatever their lengths."""
    _expect_blocks(student, reference, _examples(3, 5, 1, 7, 2), 6)
    _expect_blocks(student, reference, _examples(2, 1, 1, 4), 8)


def test_group_drops_the_remainder(student, reference):
    """What does not fill a block at the end is dropped, be it one token or all but one of a block."""
    for total in (9, 10, 11):
        _expect_blocks(student, reference, _examples(total), 4)
        _expect_blocks(student, reference, _examples(4, total - 4), 4)


def test_group_keeps_every_key(student, reference):
    """Every key of the examples is there, each cut in the same way, and `labels` beside them."""
    _expect_blocks(student, reference, _examples(5, 8, 3, keys=("attention_mask", "input_ids", "token_type_ids")), 5)
    _expect_blocks(student, reference, _examples(5, 2, keys=("input_ids",)), 3)


def test_group_less_than_one_block(student, reference):
    """Less than one block gives empty lists, for each key and for the labels; and so does no token at all."""
    for examples in (_examples(3), _examples(2, 1, 2), _examples(0), {"input_ids": [], "attention_mask": []}):
        _expect_blocks(student, reference, examples, 6)


def test_group_with_empty_texts(student, reference):
    """Texts without a token change nothing, and blocks may be as short as one token."""
    _expect_blocks(student, reference, _examples(0, 4, 0, 0, 3, 0), 3)
    _expect_blocks(student, reference, _examples(2, 0, 1), 1)


def test_group_many_texts(student, reference):
    """Of many texts, most shorter than a block, no token is lost or moved but those of the remainder."""
    _expect_blocks(student, reference, _examples(*torch.randint(0, 12, (40,)).tolist()), 16)


def test_group_gives_labels_of_their_own(student):
    """`labels` equals `input_ids` and is another list, so that changing one does not change the other."""
    blocks = student.expect_handle(student.group_texts.keep()(_examples(7, 6), 4))
    ids, labels = blocks.get("input_ids"), blocks.get("labels")
    student.expect_equal(labels, ids, about="labels")
    same = student.same(blocks.at("input_ids"), blocks.at("labels"))
    student.expect(not same, "`labels` and `input_ids` are one and the same list under two names.")


# make_dataloader


def _blocks(count, size, keys=("input_ids", "attention_mask", "labels")):
    """So many blocks under each key; no two are alike, and each begins with its own number."""
    return {key: [[number, *torch.randint(100, (size - 1,)).tolist()] for number in range(count)] for key in keys}


def _pass(student, loader, blocks):
    """One pass over a loader: its batches, with all keys, as int64 tensors."""
    batches = loader.take(len(blocks["input_ids"]) + 1)
    for number, batch in enumerate(batches):
        student.expect(isinstance(batch, dict), "A batch should be a dict of tensors.")
        student.expect(batch.keys() == blocks.keys(), "A batch should have the keys of the blocks, and no others.")
        for key, tensor in batch.items():
            student.expect_tensor(tensor, dtype=torch.int64, about=f"{key} of batch {number}")
    return batches


def _order(student, loader, blocks):
    """The numbers of the blocks in the order of one pass, batch by batch."""
    batches = _pass(student, loader, blocks)
    return [batch["input_ids"][:, 0].tolist() for batch in batches]


def _expect_batches(student, loader, blocks, batch_size):
    """One pass gives the blocks in their order, in batches of this size and a last one with the rest."""
    batches = _pass(student, loader, blocks)
    count = len(blocks["input_ids"])
    student.expect(len(batches) == -(-count // batch_size), "The number of batches is not right.")
    for number, batch in enumerate(batches):
        for key, lists in blocks.items():
            want = torch.tensor(lists[number * batch_size : (number + 1) * batch_size])
            student.expect_equal(batch[key], want, about=f"{key} of batch {number}")


def _loader(student, *args, **kwargs):
    return student.expect_handle(student.make_dataloader(*args, **kwargs), about="make_dataloader(...)")


def test_dataloader_of_one_batch(student):
    """Blocks become a batch: a dict with a tensor of ids (B, block size) for each key."""
    blocks = _blocks(3, 5)
    _expect_batches(student, _loader(student, blocks, 3), blocks, 3)


def test_dataloader_in_order(student):
    """Without shuffling, blocks come in their order, and again so when the data is gone through again."""
    blocks = {key: [*reversed(lists), lists[7]] for key, lists in _blocks(12, 4).items()}
    loader = _loader(student, blocks, 3)
    for _ in range(2):
        _expect_batches(student, loader, blocks, 3)


def test_dataloader_keeps_a_last_shorter_batch(student):
    """Where the number of blocks is no multiple of the batch size, the last batch has the rest."""
    for count, batch_size in ((7, 3), (9, 4), (2, 5), (3, 1)):
        blocks = _blocks(count, 3)
        _expect_batches(student, _loader(student, blocks, batch_size), blocks, batch_size)


def test_dataloader_keeps_every_key(student):
    """Whatever keys the blocks have, a batch has them, each with its own numbers."""
    for keys in (("input_ids", "labels"), ("token_type_ids", "input_ids", "attention_mask", "labels")):
        blocks = _blocks(5, 4, keys)
        _expect_batches(student, _loader(student, blocks, 2, seed=3), blocks, 2)


def test_dataloader_shuffles(student):
    """With `shuffle` every block comes once in a pass, in an order that mixes all the data, with all its keys."""
    blocks = _blocks(40, 3)
    loader = _loader(student, blocks, 8, shuffle=True)
    batches = _pass(student, loader, blocks)
    student.expect([len(batch["input_ids"]) for batch in batches] == [8] * 5, "The batches have not the right sizes.")
    order = [number for batch in batches for number in batch["input_ids"][:, 0].tolist()]
    student.expect_equal(sorted(order), list(range(40)), about="the blocks of a pass, sorted,")
    for key, lists in blocks.items():
        got = torch.cat([batch[key] for batch in batches])
        student.expect_equal(got, torch.tensor([lists[number] for number in order]), about=f"{key} in shuffled order")
    runs = [sorted(order[start : start + 8]) for start in range(0, 40, 8)]
    whole = all(run == list(range(run[0], run[0] + 8)) for run in runs)  # by chance: 5! 8!^5 / 40! = 2e-23
    student.expect(not whole, "The blocks of a batch are neighbours in the data: too little is shuffled.")


def test_dataloader_with_one_seed(student):
    """Two loaders with one seed agree on their first pass, whatever else draws random numbers in between."""
    blocks = _blocks(30, 3)
    first = _loader(student, blocks, 4, shuffle=True, seed=5)
    student.prop("draws", 7)
    second = _loader(student, blocks, 4, shuffle=True, seed=5)
    student.prop("draws", 5)
    order = _order(student, first, blocks)
    student.prop("draws", 3)
    student.expect(order == _order(student, second, blocks), "Two loaders with one seed differ in their first pass.")
    third = student.expect_handle(student.make_dataloader.seeded(1)(blocks, 4, shuffle=True, seed=5))
    student.expect(order == _order(student, third, blocks), "The order depends on more than the seed.")


def test_dataloader_with_different_seeds(student):
    """Loaders with different seeds have different orders, also where all else is equal; the seed is 0 unless given."""
    blocks = _blocks(30, 3)  # two random orders of 30 are equal with a probability of 4e-33
    orders = []
    for seed in (0, 1, 2):
        loader = student.expect_handle(student.make_dataloader.seeded(9)(blocks, 4, shuffle=True, seed=seed))
        orders.append(_order(student, loader, blocks))
    different = all(orders[one] != orders[other] for one, other in ((0, 1), (0, 2), (1, 2)))
    student.expect(different, "Loaders with different seeds give the blocks in the same order.")
    default = _order(student, _loader(student, blocks, 4, shuffle=True), blocks)
    student.expect(default == orders[0], "Without `seed` the order is not that of seed 0.")


def test_dataloader_leaves_the_blocks_alone(student):
    """The blocks are afterwards what they were."""
    blocks = _blocks(5, 3)
    _, (after, *_) = student.make_dataloader.after(blocks, 2, True)
    student.expect_equal(after, blocks, about="blocks after the call")


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
        student.expect(model.training == training, f"Before, `model.training` was {training}; afterwards it is not.")


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


# generate_text


def _expect_texts(student, reference, writer, weights, prompts, count):
    """The student's function writes what the model says, after each prompt."""
    for prompt, want in zip(prompts, _written(reference, weights, prompts, count), strict=True):
        student.expect_equal(student.generate_text(*writer, prompt, max_new_tokens=count), want)


def test_generate_a_few_tokens(student, reference):
    """The greedy continuation of a prompt stands after the prompt."""
    weights = _sure_weights(reference, (MIDDLE,))
    _expect_texts(student, reference, _writer(student, weights), weights, [MIDDLE], 8)


def test_generate_from_prompts_of_any_length(student, reference):
    """A prompt may be one token or many, and its spaces and line breaks stay as they are."""
    prompts = (SHORT, LONG, "the  king ,\n\n a ", " king", "\n")
    weights = _sure_weights(reference, prompts, steps=4)
    _expect_texts(student, reference, _writer(student, weights), weights, prompts, 4)


def test_generate_as_many_tokens_as_asked_for(student, reference):
    """`max_new_tokens` counts the tokens that are added, white space too; 0 adds none."""
    weights = _sure_weights(reference, (SHORT,), steps=7)
    writer = _writer(student, weights)
    for count in (1, 7, 0):
        _expect_texts(student, reference, writer, weights, [SHORT], count)
    weights = _ending_weights(reference, SHORT, [3], VOCABULARY.index("Ċ"))
    _expect_texts(student, reference, _writer(student, weights), weights, [SHORT], 4)  # the last is the line break


def test_generate_fifty_tokens_unless_told(student, reference):
    """Without `max_new_tokens` fifty tokens are added, if the text does not end before."""
    weights = _sure_weights(reference, (SHORT,), steps=51)
    (want,) = _written(reference, weights, [SHORT], 50)
    student.expect_equal(student.generate_text(*_writer(student, weights), SHORT), want)


def test_generate_stops_at_the_end_of_text(student, reference):
    """The text ends before the end-of-text token, which is no part of it."""
    for steps in (range(2, 6), [0]):
        weights = _ending_weights(reference, LONG, steps)
        _expect_texts(student, reference, _writer(student, weights), weights, [LONG], 8)


def test_generate_after_an_end_of_text(student, reference):
    """An end-of-text token in the prompt stays there and ends nothing."""
    prompts = ("<|endoftext|>", "a<|endoftext|>the king", "a king<|endoftext|>")
    weights = _sure_weights(reference, prompts, steps=5)
    _expect_texts(student, reference, _writer(student, weights), weights, prompts, 5)


def test_generate_without_dropout(student, reference):
    """Dropout is off while the model writes, and its mode is put back afterwards."""
    weights = _sure_weights(reference, (LONG,), steps=6)
    writer = _writer(student, weights, dropout=0.5)
    for training in (True, False):
        writer[0].train(training)
        _expect_texts(student, reference, writer, weights, [LONG], 6)
        now = writer[0].training
        student.expect(now == training, f"Before, `model.training` was {training}; afterwards it is not.")


def _entropic_writer(student):
    """A model that hesitates: with it two draws of 10 tokens are equal with a probability below 1e-9."""
    weights = _writer_weights(certainty=0.1)  # the likeliest of a hundred tokens has less than 0.1
    return student.prop("gpt2", _config(WRITER), weights), _tokenizer(student)


def _drawn(student, writer, global_seed, **kwargs):
    text = student.generate_text.seeded(global_seed)(*writer, MIDDLE, max_new_tokens=10, do_sample=True, **kwargs)
    student.expect(isinstance(text, str), "The result should be a str.")
    student.expect(text.startswith(MIDDLE), "The text should begin with the prompt.")
    return text


def test_generate_draws_with_its_seed(student):
    """Drawn with one seed, the text is the same each time, whatever the state of the global generator."""
    writer = _entropic_writer(student)
    texts = [_drawn(student, writer, global_seed, seed=3) for global_seed in (1, 2)]
    again = student.generate_text(*writer, MIDDLE, max_new_tokens=10, do_sample=True, seed=3)
    student.expect(texts[0] == texts[1] == again, "One seed gives different texts.")
    default = _drawn(student, writer, 5)
    student.expect(default == _drawn(student, writer, 6, seed=0), "Without `seed` the text is not that of seed 0.")


def test_generate_draws_differently_with_other_seeds(student):
    """Different seeds give different texts; without drawing, the seed changes nothing."""
    writer = _entropic_writer(student)
    texts = {_drawn(student, writer, 7, seed=seed) for seed in (0, 1, 2)}
    student.expect(len(texts) == 3, "Different seeds give the same text.")
    greedy = {student.generate_text(*writer, MIDDLE, max_new_tokens=4, seed=seed) for seed in (0, 1)}
    student.expect(len(greedy) == 1, "Without `do_sample` the text depends on the seed.")


def test_generate_from_an_empty_prompt(student):
    """An empty prompt is a ValueError."""
    writer = _entropic_writer(student)
    with student.expect_raises(ValueError, naming=("prompt",)):
        student.generate_text(*writer, "", max_new_tokens=3)


# LoRALinear


def _lora(student, reference, size_in, size_out, rank, alpha, conv=False, bias=True, fill=True):
    """The student's wrapped layer and the solution's, with the same random numbers in A and B."""
    weight = torch.randn(size_in, size_out) if conv else torch.randn(size_out, size_in)
    offset = torch.randn(size_out) if bias else None
    down, up = torch.randn(rank, size_in), torch.randn(size_out, rank)
    layers = []
    for each in (student, reference):
        layer = each.prop("conv1d" if conv else "linear", weight, offset)
        layers.append(student.expect_handle(each.LoRALinear(layer, rank, alpha), about="LoRALinear(...)"))
        if fill:
            layers[-1].set("A", down)
            layers[-1].set("B", up)
    return layers


def test_lora_of_a_linear(student, reference):
    """W x + b, and alpha / rank times B A x added to it, for a Linear."""
    for rank, alpha in ((1, 1), (2, 2), (3, 1.5)):
        layer, solution = _lora(student, reference, 5, 4, rank, alpha)
        x = torch.randn(2, 5)
        student.expect_close(layer(x), solution(x), atol=SUMS)


def test_lora_of_a_conv1d(student, reference):
    """The same for GPT-2's Conv1D, whose weight is stored the other way round, also where it is square."""
    for size_in, size_out, rank, alpha in ((3, 6, 2, 4), (5, 5, 2, 1)):
        layer, solution = _lora(student, reference, size_in, size_out, rank, alpha, conv=True)
        x = torch.randn(2, 4, size_in)
        student.expect_close(layer(x), solution(x), atol=SUMS)


def test_lora_shapes(student, reference):
    """A is (rank, in) and B is (out, rank), for a Linear and for a Conv1D."""
    for conv in (False, True):
        layer, _ = _lora(student, reference, 7, 4, 3, 6, conv=conv, fill=False)
        student.expect_tensor(layer.get("A"), shape=(3, 7), about="A")
        student.expect_tensor(layer.get("B"), shape=(4, 3), about="B")


def test_lora_begins_as_the_layer_itself(student, reference):
    """At the start B is zeros, so that the layer gives what it gave before, and A is random."""
    for conv in (False, True):
        layer, solution = _lora(student, reference, 6, 5, 2, 8, conv=conv, fill=False)
        student.expect_equal(layer.get("B"), torch.zeros(5, 2), about="B at the start")
        down = student.expect_tensor(layer.get("A"), shape=(2, 6), about="A")
        varied = len(set(down.flatten().tolist())) > 6  # of 12 random float32 numbers
        student.expect(varied, "A should be random at the start.")
        x = torch.randn(3, 6)
        student.expect_close(layer(x), solution(x), atol=SUMS)


def test_lora_trains_a_and_b_alone(student, reference):
    """W and b are frozen: A and B are the only parameters that need a gradient."""
    for conv in (False, True):
        layer, _ = _lora(student, reference, 6, 5, 2, 8, conv=conv)
        shapes = sorted(parameter.shape for parameter in layer.parameters().values() if parameter.requires_grad)
        student.expect(shapes == [(2, 6), (5, 2)], "The parameters that are trained should be A and B, and no others.")


def test_lora_gradients(student, reference):
    """Gradients flow to A, to B, and through both ways to x."""
    for conv in (False, True):
        layer, solution = _lora(student, reference, 4, 6, 3, 2, conv=conv)
        x, cotangent = torch.randn(2, 3, 4), torch.randn(2, 3, 6)
        got = layer.vjp(x, cotangent=cotangent, wrt=(0, "A", "B"))
        want = solution.vjp(x, cotangent=cotangent, wrt=(0, "A", "B"))
        for name, mine, theirs in zip(("x", "A", "B"), got, want, strict=True):
            student.expect_close(mine, theirs, atol=SUMS, rtol=SUMS, about=f"the gradient of {name}")


def test_lora_of_a_linear_without_bias(student, reference):
    """A Linear may have no bias, and x any number of dimensions."""
    for shape in ((4,), (3, 4), (2, 1, 3, 4)):
        layer, solution = _lora(student, reference, 4, 3, 2, 3, bias=False)
        x = torch.randn(*shape)
        student.expect_close(layer(x), solution(x), atol=SUMS)


# add_lora


def _with_lora(student, reference, rank=2, alpha=3, layers=2):
    """The student's model with corrections, and the solution's, before any of them was trained."""
    twins = _twins(student, reference, {**TINY, "n_layer": layers})
    models = []
    for each, model in zip((student, reference), twins, strict=True):
        returned = each.expect_handle(each.add_lora.keep()(model, rank, alpha), about="add_lora(...)")
        student.expect(each.same(returned, model), "add_lora should return the model that it was given.")
        models.append(model)
    return models


def _corrections(layers, width=TINY["n_embd"], rank=2):
    """Name and shape of every A and B of a model."""
    for block in range(layers):
        for name, size_out in (("c_attn", 3 * width), ("c_proj", width)):
            yield f"transformer.h.{block}.attn.{name}.A", (rank, width)
            yield f"transformer.h.{block}.attn.{name}.B", (size_out, rank)


def test_add_lora_changes_nothing_at_first(student, reference):
    """A model with fresh corrections gives the logits that it gave before."""
    model, solution = _with_lora(student, reference)
    ids = torch.randint(TINY["vocab_size"], (2, 6))
    student.expect_close(model(ids)["logits"], solution(ids)["logits"], atol=LOGITS, about="the logits")
    for name, shape in _corrections(layers=2):
        student.expect_tensor(model.get(name), shape=shape, about=name)


def test_add_lora_to_both_layers_of_every_block(student, reference):
    """Each block's `attn.c_attn` and `attn.c_proj` have an A and a B that do their work."""
    for layers, rank, alpha in ((1, 2, 3), (3, 1, 4)):
        model, solution = _with_lora(student, reference, rank, alpha, layers)
        numbers = {name: 0.5 * torch.randn(*shape) for name, shape in _corrections(layers, rank=rank)}
        for each in (model, solution):
            each.fill(numbers)
        ids = torch.randint(TINY["vocab_size"], (2, 6))
        student.expect_close(model(ids)["logits"], solution(ids)["logits"], atol=LOGITS, about="the logits")


def test_add_lora_leaves_nothing_else_to_train(student, reference):
    """The corrections can be trained, and nothing else: embeddings, norms and all other layers are frozen."""
    for layers in (1, 3):
        model, _ = _with_lora(student, reference, layers=layers)
        trained = sorted(parameter.shape for parameter in model.parameters().values() if parameter.requires_grad)
        wanted = sorted(shape for _, shape in _corrections(layers))
        student.expect(trained == wanted, "What can be trained should be the A and B of the attention layers, alone.")
