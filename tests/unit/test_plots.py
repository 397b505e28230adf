"""The students' plots: each is drawn with the solutions, and what it draws is what its title says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PLOTS = ROOT / "assignments" / "plots.py"
TOPICS = ("embeddings", "rnn", "bptt", "attention", "gpt", "finetuning")
OURS = ("plots", "plotting", *TOPICS, "grammar", "pcfg", "tokens", "score")


@pytest.fixture
def plotting(monkeypatch):
    """The package, with the solutions as the student's modules; afterwards nothing of it stays imported."""

    def forget():
        for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
            del sys.modules[name]

    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.syspath_prepend(str(ROOT / "assignments"))
    monkeypatch.syspath_prepend(str(ROOT / "solutions"))
    forget()
    from plotting import backwards, common, heads, training, tuning, words

    yield {
        "backwards": backwards,
        "common": common,
        "heads": heads,
        "training": training,
        "tuning": tuning,
        "words": words,
    }
    forget()


def draw(*arguments, cwd=ROOT / "assignments"):
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(PLOTS), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_one_command_draws_all_of_them(tmp_path):
    done = draw("all", "--from", ROOT / "solutions", "--out", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    names = {"embeddings", "gradients", "remember", "attention", "loss", "perplexity"}
    assert {path.stem for path in tmp_path.glob("*.png")} == names
    assert all(path.stat().st_size > 20_000 for path in tmp_path.glob("*.png"))


def test_a_stub_is_told_with_its_exercise(tmp_path):
    done = draw("gradients", "--out", tmp_path)
    assert done.returncode == 1
    assert "`forward` of bptt.py, which is not written yet. It is exercise 1 of bptt.md" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_missing_file_is_told(tmp_path):
    (tmp_path / "attention.py").write_text("")
    done = draw("nonsense")
    assert done.returncode == 2
    assert "There is no plot 'nonsense'" in done.stdout


def test_missing_data_are_told(plotting, monkeypatch, tmp_path):
    monkeypatch.setattr(plotting["common"], "DATA", tmp_path)
    with pytest.raises(plotting["common"].NotYet, match="no folder data/pastiche"):
        plotting["words"].measure_embeddings(steps=1)


def test_gradients_vanish_and_explode(plotting):
    norms = plotting["backwards"].measure_gradients(seeds=3).of
    assert (norms[0.5][:, 0] < 1e-8 * norms[0.5][:, -1]).all()
    assert (norms[2.0][:, 0] > 10 * norms[2.0][:, -1]).all()
    assert (norms[1.0][:, 0] < 2 * norms[1.0][:, -1]).all()


def test_memory_is_learned_where_the_window_reaches(plotting):
    """A short delay, few texts: with a window that reaches, the first symbol is learned; blind, it is not yet."""
    remembered = plotting["backwards"].measure_remember(delays=(4,), windows=(1, 5), texts=1500)
    short, long = remembered.losses[0]
    assert long < 0.1
    assert short > 0.8


def test_a_head_by_hand_looks_at_its_predecessor(plotting):
    weights = plotting["heads"].head_by_hand(6, 20.0)
    assert (weights.diagonal(-1) > 0.99).all()
    assert (weights.triu(1) == 0).all()


def test_fresh_models_begin_at_the_logarithm_of_the_vocabulary(plotting):
    import math

    curves = plotting["training"].measure_loss(steps=3)
    for losses in curves.losses.values():
        assert abs(losses[0] - math.log(curves.symbols)) < 0.3
    assert all(sample.startswith("The ") for sample in curves.samples.values())


def test_fine_tuning_lowers_the_perplexity_towards_the_grammars(plotting):
    tuning = plotting["tuning"].measure_perplexity(steps=4, every=4, documents=2)
    assert tuning.steps == [0, 4]
    assert tuning.validation[1] < tuning.validation[0]
    assert 1 < tuning.grammar < tuning.validation[1]


def test_random_vectors_hold_no_analogies(plotting):
    words = plotting["words"].measure_embeddings(steps=2)
    assert words.random.right < 0.1
    assert abs(words.random.parallel) < 0.2
