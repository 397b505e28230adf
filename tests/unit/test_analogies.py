"""What the embeddings' handout promises: the solution's NgramScorer learns analogies from the pastiche.

One seed here (half a minute of CPU); `python data/pastiche/analogies.py` asks five.
"""

from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent.parent
PASTICHE = ROOT / "data" / "pastiche"


def test_ngram_scorer_answers_60_percent_of_20_held_out_analogies(monkeypatch):
    monkeypatch.syspath_prepend(str(PASTICHE))
    import analogies

    embeddings = analogies.load(ROOT / "solutions" / "embeddings.py")
    tokens = analogies.words((PASTICHE / "train.txt").read_text(encoding="ascii"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        vocab, before, after = analogies.train_scorer(embeddings, tokens, seed=1)
    finally:
        torch.set_num_threads(threads)
    assert len(analogies.questions(analogies.HELD_OUT)) == 20
    assert analogies.share_right(embeddings, analogies.HELD_OUT, vocab, before) <= 0.1
    assert analogies.share_right(embeddings, analogies.HELD_OUT, vocab, after) >= 0.6
