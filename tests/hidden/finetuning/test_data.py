"""From texts to batches."""

import torch
from torch.nn.utils.rnn import pad_sequence

from .shared import END, _ids, _tokenizer

# tokenize_batch


def _expect_rectangle(student, texts, **settings):
    """Ids and mask are right, however the student's tokenizer is set."""
    got, (_, after) = student.tokenize_batch.after(_tokenizer(student, **settings), texts)
    rows = [torch.tensor(_ids(text), dtype=torch.int64) for text in texts]
    want = {
        "input_ids": pad_sequence(rows, batch_first=True, padding_value=END),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in rows], batch_first=True),
    }
    student.expect(isinstance(got, dict), "The result should be a mapping, with `input_ids` and `attention_mask`.")
    for key in ("input_ids", "attention_mask"):
        student.expect(key in got, f"The result has no `{key}`.")
    student.expect_equal(got["input_ids"], want["input_ids"], about="input_ids")
    mask = got["attention_mask"]
    student.expect_equal(mask.long() if hasattr(mask, "long") else mask, want["attention_mask"], about="attention_mask")
    student.expect_equal(after, texts, about="the list of texts after the call")


def test_tokenize_one_text(student):
    """One text becomes one row of ids, with a mask of ones."""
    _expect_rectangle(student, ["the king, a thing"])


def test_tokenize_texts_of_one_length(student):
    """Texts of the same length need no padding."""
    _expect_rectangle(student, ["the", "a", "!"])


def test_tokenize_pads_on_the_right(student):
    """Shorter texts are filled up on the right with the end-of-text token, where the mask is 0."""
    _expect_rectangle(student, ["a King", "the king, in a thing", "X", "the\nthe", "a King"])


def test_tokenize_whatever_the_padding_side(student):
    """A tokenizer that is set to pad on the left pads on the right all the same."""
    _expect_rectangle(student, ["the king in", "the", "a thing"], padding_side="left")


def test_tokenize_whatever_the_padding_token(student):
    """A tokenizer that has another padding token pads with the end-of-text token all the same."""
    _expect_rectangle(student, ["the king in", "the", "a! !"], pad_token="!")
    _expect_rectangle(student, ["the", "a king"], pad_token="<|endoftext|>", padding_side="left")


def test_tokenize_cuts_nothing_off(student):
    """The text of most tokens is there to its last one, also where they are more than the tokenizer's own limit."""
    texts = ["the king, the thing, a king, in the king", "a thing, the king"]
    for limit in (4, 8):
        _expect_rectangle(student, texts, model_max_length=limit)
    _expect_rectangle(student, ["!" * 1100, "a"])
    _expect_rectangle(student, ["the king, the king", "!?!?!?!?"])  # the text of fewer letters has more tokens


def test_tokenize_leaves_end_of_text_in_the_text(student):
    """An end-of-text token that stands in the text is text: its mask is 1, at the beginning and at the end, too."""
    texts = ["a<|endoftext|>", "<|endoftext|>the<|endoftext|><|endoftext|>", "the king, a", "<|endoftext|>"]
    _expect_rectangle(student, texts)


def test_tokenize_many_texts(student):
    """Row i is text i, of however many texts, be it empty; the next batch is as long as its own longest text."""
    words = ["the", " king", "a", ", ", "\n", "thing", "!"]
    for count in (30, 5):
        texts = ["".join(words[n] for n in torch.randint(7, (int(torch.randint(1, 9, ())),))) for _ in range(count)]
        texts[3] = ""
        _expect_rectangle(student, texts)


# make_labels


def _ids_and_mask(rows, length, padded):
    """Random ids, and a mask with so many zeros at the end of each row."""
    mask = (torch.arange(length) < length - torch.tensor(padded)[:, None]).long()
    return torch.randint(100, (rows, length)), mask


def _labels(ids, mask):
    return torch.where(mask == 1, ids, -100)


def test_labels_without_padding(student):
    """Where nothing is padded, the labels are the ids, position by position."""
    ids, mask = _ids_and_mask(1, 6, [0])
    student.expect_equal(student.make_labels(ids, mask), ids)


def test_labels_of_padding(student):
    """Where the mask is 0 the label is -100, in each row for itself."""
    ids, mask = _ids_and_mask(4, 7, [0, 3, 1, 6])
    student.expect_equal(student.make_labels(ids, mask), _labels(ids, mask))


def test_labels_of_end_of_text_in_the_text(student):
    """An end-of-text token that is no padding keeps its label, though padding has the same id; id 0 does, too."""
    for end in (50256, 0, 99):
        ids, mask = _ids_and_mask(3, 6, [2, 0, 3])
        ids[mask == 0] = end
        ids[0, 3] = ids[1, 5] = ids[1, 0] = ids[2, 1] = ids[2, 2] = end
        student.expect_equal(student.make_labels(ids, mask), _labels(ids, mask))


def test_labels_where_padding_has_other_ids(student):
    """The mask alone says what is padding: its ids may be any, and it may stand on the left."""
    ids, mask = _ids_and_mask(5, 6, [1, 2, 3, 4, 5])
    for each in (mask, mask.flip(1), (torch.rand(5, 6) < 0.5).long()):
        student.expect_equal(student.make_labels(ids, each), _labels(ids, each))


def test_labels_leave_their_arguments_alone(student):
    """Ids and mask are afterwards what they were, and need not be contiguous."""
    ids, mask = _ids_and_mask(4, 6, [1, 2, 0, 3])
    for args in ((ids, mask), (ids.T.contiguous().T, mask.T.contiguous().T)):
        got, after = student.make_labels.after(*args)
        student.expect_equal(got, _labels(*args))
        for name, now, before in zip(("input_ids", "attention_mask"), after, args, strict=True):
            student.expect_equal(now, before, about=f"{name} after the call")


# group_texts


def _examples(*lengths, keys=("input_ids", "attention_mask")):
    """For each key a list of random ids for each text."""
    return {key: [torch.randint(100, (length,)).tolist() for length in lengths] for key in keys}


def _expect_blocks(student, examples, block_size):
    want = {}
    for key, texts in examples.items():
        joined = [number for text in texts for number in text]
        whole = range(len(joined) // block_size)
        want[key] = [joined[block * block_size : (block + 1) * block_size] for block in whole]
    want["labels"] = want["input_ids"]
    got, (after, _) = student.group_texts.after(examples, block_size)
    student.expect_equal(got, want)
    student.expect_equal(after, examples, about="examples after the call")


def test_group_one_text_into_whole_blocks(student):
    """One text of three times the block size becomes three blocks, in order; labels are the same once more."""
    _expect_blocks(student, _examples(12, keys=("input_ids",)), 4)


def test_group_across_borders(student):
    """A block may begin in one text and end in another, whatever their lengths."""
    _expect_blocks(student, _examples(3, 5, 1, 7, 2), 6)
    twice = {key: [*texts, *texts] for key, texts in _examples(2, 1, 1, 4).items()}  # equal texts are two texts
    _expect_blocks(student, twice, 8)


def test_group_drops_the_remainder(student):
    """What does not fill a block at the end is dropped, be it one token or all but one of a block."""
    for total in (9, 10, 11):
        _expect_blocks(student, _examples(total), 4)
        _expect_blocks(student, _examples(4, total - 4), 4)


def test_group_keeps_every_key(student):
    """Every key of the examples is there, each cut in the same way, and `labels` beside them."""
    _expect_blocks(student, _examples(5, 8, 3, keys=("attention_mask", "input_ids", "token_type_ids")), 5)
    _expect_blocks(student, _examples(5, 2, keys=("input_ids",)), 3)


def test_group_less_than_one_block(student):
    """Less than one block gives empty lists, for each key and for the labels; and so does no token at all."""
    for examples in (_examples(3), _examples(2, 1, 2), _examples(0), {"input_ids": [], "attention_mask": []}):
        _expect_blocks(student, examples, 6)


def test_group_with_empty_texts(student):
    """Texts without a token change nothing, and blocks may be as short as one token."""
    _expect_blocks(student, _examples(0, 4, 0, 0, 3, 0), 3)
    _expect_blocks(student, _examples(2, 0, 1), 1)


def test_group_many_texts(student):
    """Of many texts, most shorter than a block, no token is lost or moved but those of the remainder."""
    _expect_blocks(student, _examples(*torch.randint(0, 12, (40,)).tolist()), 16)
    _expect_blocks(student, _examples(*torch.randint(5, 9, (60,)).tolist()), 2)


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
    none = {key: [] for key in blocks}  # what group_texts gives of too little text
    student.expect(_loader(student, none, 2).take(1) == [], "There is a batch where there is no block.")


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
