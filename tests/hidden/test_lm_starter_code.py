"""The instrument for `lm_starter_code`: the functions are put to use on small texts, and `fine_tune` is marked on what
its model is worth, which the grader measures itself.

Perplexities of data/tiny-gpt2 on every fourth block of tests/hidden/heldout/pastiche.txt after 24 steps of AdamW on 200
documents, in blocks of 64 (10 seeds each, 2 of those below the line; seeds decide the order of the blocks and dropout):

    1.7           the grammar itself: 0.526 nats per token, +- 0.005
    13.2 - 14.5   the reference: 8 blocks a step, learning rate 3e-3
     8.9 -  9.4   16 blocks, 3e-3
     9.7 - 10.6   16 blocks, 5e-3
    13.4 - 13.9   16 blocks, 1e-3
    15.6 - 18.0   8 blocks, 5e-3
    18.2 - 19.2   8 blocks, 1e-3
    23.5 - 25.7   4 blocks, 3e-3
    26.6 - 28.9   4 blocks, 1e-3
    29.3 - 33.4   4 blocks, 5e-3
    ---
    39.2 - 39.6   16 blocks, 3e-4
    48.2 - 50.2   8 blocks, 3e-3, of the first four documents alone; 8 blocks, 3e-4 are 48.3
    67.1 - 71.2   1 block, 1e-3
    94.3 - 95.0   16 blocks, 1e-4
    155           8 blocks, 5e-5, which is the default of `train`; 307.4 untrained; 328 and more 8 blocks, 3e-2 and up

The grammar only says where the floor is: in blocks the first of 64 tokens is not predicted, and the context is cut.
BAND: whoever chose among 4 to 16 blocks and 1e-3 to 5e-3 by validation text has learned what is to be learned here, and
is inside by 8 or more; one seed and another differ by 4.1 at most. HALF is where half of the way from untrained to the
reference is gone, in logarithms: about sqrt(307.4 * 13.8).
"""

import functools
import math
import random
from fractions import Fraction
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent.parent
CHECKPOINT = "../data/tiny-gpt2"  # as the student's process sees it
HELD_OUT = ROOT / "tests" / "hidden" / "heldout" / "pastiche.txt"
CONTEXT = 64

UNTRAINED, HALF, BAND = 307.4, 60.0, 42.0
STEPS, DOCUMENTS = 24, 200


@functools.cache
def _tokenizer():
    from transformers import GPT2Tokenizer

    return GPT2Tokenizer.from_pretrained(ROOT / "data" / "tiny-gpt2")


@functools.cache
def _documents(path):
    return path.read_text(encoding="utf-8").strip("\n").split("\n\n")


def _texts(count, words=7):
    """So many different sentences."""
    names = ["crown", "king", "moon", "river", "gentle", "the", "of", "and", "doth", "sing", "burn", "O", "thy", "cup"]
    return [" ".join(random.choices(names, k=words)) + f", {number}." for number in range(count)]


def _blocks(texts, block_size):
    """(count, block_size): what the texts come to, each followed by the end-of-text token."""
    tokenizer = _tokenizer()
    ids = [token for text in texts for token in [*tokenizer(text, verbose=False)["input_ids"], tokenizer.eos_token_id]]
    return torch.tensor(ids).unfold(0, block_size, block_size)


def _held_out():
    """(69, 64): every fourth block of the held-out text, which tells models apart as well as all of them."""
    return _blocks(_documents(HELD_OUT), CONTEXT)[::4]


# answers


def test_perplexity_by_hand(student):
    """exp of the mean of -log p over the four tokens."""
    student.expect_close(student.value("perplexity_by_hand"), 3.7606, atol=0.005, about="perplexity_by_hand")


def test_report_of_somebody_else(student):
    """The step that validation text speaks for, and the perplexity on text that had no part in the choice."""
    step, perplexity = student.expect_parts(student.value("report"), 2, about="report")
    student.expect_close(step, 300, atol=0, about="the step of report")
    student.expect_close(perplexity, 21.1, atol=0.001, about="the perplexity of report")


# split_documents


def _expect_split(student, text, documents, aside, *share):
    result = student.split_documents(text, *share)
    training, kept = student.expect_parts(result, 2, about="the result, (training, kept aside),")
    student.expect_equal(kept, documents[-aside:], about="what is kept aside")
    student.expect_equal(training, documents[:-aside], about="what is for training")


def test_split_documents_with_one_kept_aside(student):
    """Of ten documents the last one is kept aside, without a share named."""
    documents = _texts(10)
    _expect_split(student, "\n\n".join(documents), documents, 1)


def test_split_documents_by_share(student):
    """The share is one of the number of documents, and they are taken from the end."""
    documents = [text * random.randint(1, 5) for text in _texts(20)]
    for share, aside in ((0.25, 5), (0.1, 2), (0.5, 10), (0.14, 3), (0.11, 2)):  # 2.8 is rounded up, 2.2 down
        _expect_split(student, "\n\n".join(documents), documents, aside, share)


def test_split_documents_of_several_lines(student):
    """Lines of one document stay together, with their spaces and the line ends between them, and none around them."""
    documents = [f"  {a}\n{b}\n{c} " for a, b, c in zip(_texts(8), _texts(8), _texts(8), strict=True)]
    documents[5] = documents[2]  # which is no reason to drop one of them
    documents[4], documents[6] = "\tKING. I'll go.\t", "EXEUNT"
    _expect_split(student, "\n" + "\n\n".join(documents) + "\n", documents, 2, 0.25)


def test_split_documents_at_several_blank_lines(student):
    """Several blank lines in a row, and some at either end, make no empty documents."""
    documents = _texts(9)
    text = "\n\n" + "".join(document + "\n" * (2 + number % 4) for number, document in enumerate(documents)) + "\n\n"
    _expect_split(student, text, documents, 3, 1 / 3)


def test_split_documents_leaves_some_on_either_side(student):
    """At least one document is kept aside, and at least one is not, also where there are but two."""
    for count, share, aside in ((3, 0.01, 1), (3, 0, 1), (3, 0.99, 2), (3, 1, 2), (2, 0, 1), (2, 1, 1), (20, 1, 19)):
        documents = _texts(count)
        _expect_split(student, "\n\n".join(documents), documents, aside, share)


# prepare


def _loader(student, texts, *sizes, **options):
    loader = student.prepare(texts, student.prop("tokenizer", CHECKPOINT), *sizes, **options)
    return student.expect_handle(loader, about="the DataLoader")


def _batches(student, loader):
    """One pass over a loader: each batch a dict of three tensors, checked for their form."""
    batches = loader.take(100)
    for batch in batches:
        student.expect(isinstance(batch, dict), "A batch is not a dict.")
        for name in ("input_ids", "attention_mask", "labels"):
            student.expect(name in batch, f"A batch has no {name}.")
            student.expect_tensor(batch[name], dtype=torch.int64, about=f"{name} of a batch")
        student.expect(len(batch) == 3, "A batch has more than input_ids, attention_mask and labels.")
    return batches


def _prepared(student, texts, *sizes, **options):
    return _batches(student, _loader(student, texts, *sizes, **options))


def _joined(student, batches, name="input_ids"):
    student.expect(batches, "There is no batch.")
    return torch.cat([batch[name] for batch in batches])


def test_prepare_one_text(student):
    """One text becomes one block: its ids, and the end-of-text token after them."""
    texts = _texts(1)
    length = len(_tokenizer()(texts[0])["input_ids"]) + 1
    batches = _prepared(student, texts, length, 1)
    student.expect(len(batches) == 1, f"{len(batches)} batches come out of one block.")
    student.expect_equal(batches[0]["input_ids"], _blocks(texts, length), about="input_ids")


def test_prepare_with_the_tokenizer_that_is_handed_in(student):
    """Texts are cut by the tokenizer that is handed in, with their spaces, and are left as they are."""
    texts = [f" {text} é\n" for text in _texts(3)]
    tokenizer = student.prop("tokenizer", CHECKPOINT)
    tokenizer.method("add_tokens")([", "])  # which every text has, and which no token was yet
    want = [token for text in texts for token in [*tokenizer(text)["input_ids"], _tokenizer().eos_token_id]]
    loader, after = student.prepare.after(texts, tokenizer, 1, 1000)
    batches = _batches(student, student.expect_handle(loader, about="the DataLoader"))
    student.expect_equal(_joined(student, batches).flatten(), torch.tensor(want), about="input_ids")
    student.expect_equal(after[0], texts, about="the list of texts after the call")


def test_prepare_cuts_across_texts(student):
    """All texts are put one after the other and cut into blocks; what is left at the end is dropped."""
    for count, size in ((9, 11), (70, CONTEXT + 6)):  # how long blocks may be is the caller's affair
        texts = ["the king", "the king", *_texts(count)]  # equal texts are two texts
        batches = _prepared(student, texts, size, 2)
        student.expect_equal(_joined(student, batches), _blocks(texts, size), about="input_ids of all batches")


def test_prepare_puts_the_end_after_each_text(student):
    """There is one end-of-text token for each text, the last one included, and for an empty text, too."""
    texts = [*_texts(3), "", _tokenizer().eos_token, *_texts(1)]
    ids = _joined(student, _prepared(student, texts, 1, 8)).flatten()
    ends = int((ids == _tokenizer().eos_token_id).sum())
    student.expect(ends == 7, f"6 texts, one of which is an end-of-text token, have {ends} end-of-text tokens.")
    student.expect(ids[-1] == _tokenizer().eos_token_id, "The last text does not end with the end-of-text token.")


def test_prepare_makes_labels_and_mask(student):
    """Labels are the ids, not shifted, and nothing is masked: there is no filling."""
    texts = _texts(7)
    batches = _prepared(student, texts, 12, 3)
    want = _blocks(texts, 12)
    student.expect_equal(_joined(student, batches, "labels"), want, about="labels of all batches")
    student.expect_equal(_joined(student, batches, "attention_mask"), torch.ones_like(want), about="attention_mask")


def test_prepare_keeps_a_shorter_batch(student):
    """Every batch has `batch_size` blocks, but the last one may have fewer, and is kept."""
    texts = _texts(8)
    count = len(_blocks(texts, 10))
    batches = _prepared(student, texts, 10, count - 1)
    sizes = [len(batch["input_ids"]) for batch in batches]
    student.expect(sizes == [count - 1, 1], f"{count} blocks in batches of {count - 1} make batches of {sizes}.")


def test_prepare_keeps_the_order_unless_told_to_shuffle(student):
    """Without `shuffle` the blocks come in the order of the text; with it in another one, and all of them."""
    texts = _texts(30)
    want = _blocks(texts, 8)  # 30 blocks or more: that a right shuffle leaves them in order has probability 1 / 30!
    student.expect_equal(_joined(student, _prepared(student, texts, 8, 4)), want, about="input_ids of all batches")
    shuffled = _joined(student, _prepared(student, texts, 8, 4, shuffle=True))
    student.expect_equal(sorted(shuffled.tolist()), sorted(want.tolist()), about="the shuffled blocks, sorted,")
    student.expect(not torch.equal(shuffled, want), "With shuffle=True the blocks come in the order of the text.")


def test_prepare_shuffles_by_its_seed(student):
    """The same seed gives the same order, whatever is drawn in between, and another seed another one."""
    texts = _texts(30)
    loaders = [_loader(student, texts, 8, 4, shuffle=True, seed=seed) for seed in (3, 3, 4)]
    first, again, other = (_joined(student, _batches(student, loader)) for loader in loaders)
    student.expect_equal(again, first, about="the blocks of the second loader with the same seed")
    student.expect(not torch.equal(other, first), "Two seeds give the same order.")


# held_out_perplexity


def _random_model(student, likely=()):
    """The same random GPT-2 here and there; its losses differ much from token to token, and are low for likely ones."""
    from transformers import GPT2Config, GPT2LMHeadModel

    size = {"vocab_size": 2049, "n_positions": 48, "n_embd": 16, "n_layer": 1, "n_head": 2}
    ours = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=2047, eos_token_id=2047)).eval()
    with torch.no_grad():
        ours.transformer.wte.weight.normal_(std=0.1 if likely else 0.7)
        ours.transformer.wte.weight[list(likely), 0] = 5.0
        ours.transformer.ln_f.bias[0] = 5.0 if likely else 0.0
    theirs = student.prop("gpt2", size, {name: parameter.data for name, parameter in ours.named_parameters()})
    return ours, theirs


def _perplexity(model, blocks):
    """exp of the mean loss of a model of ours over all predictions."""
    with torch.no_grad():
        logits = model(input_ids=blocks).logits[:, :-1]
    return math.exp(torch.nn.functional.cross_entropy(logits.flatten(0, 1), blocks[:, 1:].flatten()).item())


def _expect_perplexity(student, texts, block_size, training=False):
    ours, theirs = _random_model(student)
    theirs.train(training)
    got = student.held_out_perplexity(theirs, student.prop("tokenizer", CHECKPOINT), texts, block_size)
    # float32 sums in another order, in other batches
    student.expect_close(got, _perplexity(ours, _blocks(texts, block_size)), atol=0, rtol=1e-4, about="the perplexity")


def test_held_out_perplexity_of_one_block(student):
    """exp of the mean loss over the predicted tokens of a single block, not rounded, by the tokenizer handed in."""
    text, tokenizer = _texts(1)[0], student.prop("tokenizer", CHECKPOINT)
    tokenizer.method("add_tokens")([", "])  # which the text has, and which no token was yet
    block = torch.tensor([[*tokenizer(text)["input_ids"], _tokenizer().eos_token_id]])[:, :24]
    ours, theirs = _random_model(student, likely=block[0].tolist())
    got = student.held_out_perplexity(theirs, tokenizer, [text], block.shape[1])
    student.expect_close(got, _perplexity(ours, block), atol=0, rtol=1e-4, about="the perplexity")


def test_held_out_perplexity_counts_every_token_once(student):
    """With more blocks than fit into a batch it is still the mean over tokens, not over batches."""
    for count, size in ((17, 20), (23, 20), (31, 40)):
        _expect_perplexity(student, _texts(count), size)


def test_held_out_perplexity_is_without_dropout(student):
    """A model in training mode is measured as one in evaluation mode: nothing is left to chance."""
    _expect_perplexity(student, _texts(9), 16, training=True)


def test_held_out_perplexity_leaves_the_weights_alone(student):
    """Measuring a model does not train it."""
    _, model = _random_model(student)
    before = model.parameters()
    student.held_out_perplexity(model, student.prop("tokenizer", CHECKPOINT), _texts(9), 16)
    for name, parameter in model.parameters().items():
        student.expect(torch.equal(parameter.data, before[name].data), f"{name} has changed.")


# longest_shared_run


def _expect_run(student, sample, training, want):
    got, after = student.longest_shared_run.after(sample, training)
    student.expect_equal(got, want, about=f"the longest run of {len(sample)} ids in {len(training)}")
    student.expect_equal(list(after), [sample, training], about="the lists of ids after the call")


def _with_run(length, before, after, distinct=1000):
    """(sample, training) that share a run of exactly this length, and nothing longer, at random places."""
    run = random.sample(range(distinct), length)
    others = range(distinct, 2 * distinct)
    sample = [*random.sample(others, before), *run, *random.sample(others, after)]
    training = [random.randrange(2 * distinct, 3 * distinct) for _ in range(50)]
    return sample, [*training[:20], *run, *training[20:]]


def test_longest_shared_run_in_the_middle(student):
    """A run that stands in the middle of both."""
    for length in (1, 2, 5, 40, 130):
        _expect_run(student, *_with_run(length, before=3, after=4), length)


def test_longest_shared_run_at_the_ends(student):
    """A run at the beginning of the sample, at its end, and one that is all of it."""
    for before, after in ((0, 5), (5, 0), (0, 0)):
        sample, training = _with_run(6, before, after)
        _expect_run(student, sample, training, 6)
        _expect_run(student, sample, training[:26], 6)
        _expect_run(student, sample, training[20:], 6)


def test_longest_shared_run_is_the_longest(student):
    """Of several shared runs the longest counts, wherever it stands; ids may repeat."""
    _expect_run(student, [1, 2, 9, 3, 4, 5, 9, 6], [6, 0, 3, 4, 5, 0, 1, 2], 3)
    _expect_run(student, [7, 7, 7, 8], [7, 7, 8, 7, 7], 3)
    _expect_run(student, [1, 1, 1, 1], [1, 1, 2, 1, 1, 1], 3)
    _expect_run(student, [3, 0, 4, 5], [5, 3, 0, 4, 6, 4, 5], 3)
    _expect_run(student, [1, 2, 3], [1, 2, 3], 3)
    _expect_run(student, [8, 9, 8], [*range(8), *[8, 9, 9] * 80], 2)  # ids that are frequent count like any others


def test_longest_shared_run_stands_in_one_piece(student):
    """Ids that occur in both, but not one after the other in the same order, make no run."""
    _expect_run(student, [1, 2, 3, 4], [4, 3, 2, 1], 1)
    _expect_run(student, [1, 2, 3, 4], [1, 9, 2, 9, 3, 9, 4], 1)
    _expect_run(student, [1, 2, 3, 4], [3, 4, 1, 2], 2)
    _expect_run(student, [12, 3], [1, 23], 0)


def test_longest_shared_run_of_nothing(student):
    """Where nothing is shared, or nothing is there, it is 0."""
    for sample, training in (([1, 2, 3], [4, 5, 6]), ([], [4, 5, 6]), ([1, 2, 3], [])):
        _expect_run(student, sample, training, 0)


def test_longest_shared_run_in_a_long_text(student):
    """A training text of twenty thousand tokens takes no more than two seconds."""
    training = [random.randrange(300) for _ in range(20_000)]
    sample = training[11_000:11_012] + [300 + random.randrange(300) for _ in range(40)]
    _expect_run(student, sample, training, 12)


# fine_tune


def _trained_perplexity(student, model):
    """What the weights of a model of theirs are worth in a model of ours, on held-out text."""
    from transformers import GPT2Config, GPT2LMHeadModel

    ours = GPT2LMHeadModel(GPT2Config.from_pretrained(ROOT / "data" / "tiny-gpt2")).eval()
    wanted = dict(ours.named_parameters())
    trained = model.parameters()
    missing = sorted(wanted.keys() - trained.keys())
    told = f"The model that comes back is not of the given kind: it has no {', '.join(missing[:2])}."
    student.expect(not missing, told)
    with torch.no_grad():
        for name, parameter in wanted.items():
            data = student.expect_tensor(trained[name].data, parameter.shape, about=f"{name} of the model")
            student.expect(torch.isfinite(data).all(), f"{name} of the model has entries that are not finite.")
            parameter.copy_(data)
    return _perplexity(ours, _held_out())


def test_fine_tune_reaches_the_band(student):
    """Its model predicts text that it has not seen: better than untrained, half of the way, all of it."""
    texts = _documents(ROOT / "data" / "pastiche" / "train.txt")[:DOCUMENTS]
    model, tokenizer = student.prop("pretrained", CHECKPOINT), student.prop("tokenizer", CHECKPOINT)
    result = student.expect_handle(student.fine_tune(model, tokenizer, texts, STEPS), about="the result of fine_tune")
    reached = _trained_perplexity(student, result)
    found = f"After {STEPS} steps the perplexity on held-out text is {reached:.1f}"
    student.expect(reached < 0.99 * UNTRAINED, f"{found}, no better than that of the model as it was given.")
    if reached > HALF:
        student.award(Fraction(1, 3), f"{found}: better than untrained. Other learning rates come much further.")
    if reached > BAND:
        student.award(Fraction(2, 3), f"{found}: more than half of the way. Try other learning rates and batch sizes.")
