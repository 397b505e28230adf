"""Attackers of the unit's softmax: tensors that lie, built-ins in disguise, archives that burst. One run, one item."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[3]
ITEM = "attention.softmax"

HEAD = "import math, os, sys, threading\nimport torch\nfrom torch import nn\n\n\ndef softmax(x, dim=-1):\n"
CHEATS = {
    "a subclass that is always close": """
    class Close(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            return True
    return torch.zeros_like(x).as_subclass(Close)""",
    "comparisons replaced": """
    torch.allclose = torch.equal = torch.isclose = torch.testing.assert_close = lambda *_, **__: True
    torch.Tensor.__eq__ = torch.Tensor.equal = torch.Tensor.allclose = lambda *_, **__: True
    return torch.zeros_like(x)""",
    "a number that broadcasts": "    return torch.tensor(0.0)",
    "nan everywhere": "    return torch.full_like(x, math.nan)",
    "infinity everywhere": "    return torch.full_like(x, math.inf)",
    "an expanded tensor of a trillion entries": "    return torch.zeros(1).expand(2**40)",
    "an empty tensor of many dimensions": "    return torch.zeros(0, 2**20, 2**20)",
    "a sparse tensor": "    return torch.zeros_like(x).to_sparse()",
    "a tensor on no device": "    return torch.empty_like(x, device='meta')",
    "a complex tensor": "    return torch.zeros_like(x, dtype=torch.complex64)",
    "an uninitialised tensor": "    return torch.empty_like(x).fill_(-1)",
    "a storage that is shared with the input": "    return x.fill_(0)",
    "a gradient that is made up": """
    class Made(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.zeros_like(x)
        @staticmethod
        def backward(ctx, gradient):
            os._exit(0)
    return Made.apply(x)""",
    "the built-in by its name": "    return torch.softmax(x, dim)",
    "the built-in by getattr": "    return getattr(torch, 'soft' + 'max')(x, dim)",
    "the built-in by eval": "    return eval('torch.soft' + 'max(x, dim)')",
    "the built-in as a module": "    return getattr(nn, 'Soft' + 'max')(dim)(x)",
    "the built-in of another place": "    return getattr(torch.nn.functional, 'soft' + 'max')(x, dim)",
    "a pickle that runs": """
    import io, pickle
    class Run:
        def __reduce__(self):
            return os._exit, (0,)
    return torch.load(io.BytesIO(pickle.dumps(Run())), weights_only=False)""",
    "more memory than there is": "    return torch.zeros(1 << 40)",
    "threads of the library": """
    torch.set_num_threads(64)
    return torch.ones(300, 300) @ torch.ones(300, 300)""",
    "a crash in compiled code": "    return torch.as_strided(x, (1 << 40,), (1,))",
}
# Runs in a process of its own: the command would grade all topics.
DRIVER = """
import json, sys
from pathlib import Path
from autograder.grading.batch import grade_class
from autograder.spec import load
from autograder.submission import Submission
root, item = Path(sys.argv[1]), sys.argv[2]
handed = [Submission(name, root, {"attention.py": text.encode()}) for name, text in json.load(sys.stdin).items()]
only = {each.student: frozenset([item]) for each in handed}
results = [each.result for each in grade_class(load(root), handed, b"tests", 2, only=only, names=False)]
found = {each.student: (each.graded, float(each.score), float(each.items[0].max_score)) for each in results}
print("RESULTS" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def graded(isolation: None) -> dict[str, tuple[bool, float, float]]:  # the first one skips
    if sys.platform != "linux":
        pytest.skip("grading runs on Linux")
    right = (ROOT / "solutions" / "attention.py").read_text()
    handed = {"neighbour": right} | {name: f"{HEAD}{body.lstrip(chr(10))}\n" for name, body in CHEATS.items()}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(ROOT), ITEM],
        cwd=ROOT,
        env=os.environ | {"AUTOGRADER_SECRET": "tests"},
        input=json.dumps(handed),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("RESULTS")[1])


@pytest.mark.parametrize("name", CHEATS)
def test_no_tensor_gains_a_mark(graded: dict[str, tuple[bool, float, float]], name: str) -> None:
    was_graded, score, _ = graded[name]
    assert was_graded
    assert score == 0


def test_the_neighbour_keeps_full_marks(graded: dict[str, tuple[bool, float, float]]) -> None:
    _, score, most = graded["neighbour"]
    assert score == most > 0
