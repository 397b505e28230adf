"""Forbidden shortcuts: however they are spelt they are seen in the source or trapped; what is none is left alone."""

# ruff: noqa: E501  # each source on a line of its own

import sys
import textwrap
import types
from typing import ClassVar

import pytest
import torch

from autograder.student.traps import in_source, meant
from autograder.target.failures import ForbiddenShortcut, StudentError

NAMES = (
    "torch.softmax",
    "torch.nn.functional.softmax",
    "torch.Tensor.softmax",
    "torch.special.softmax",
    "torch.nn.Softmax",
)
X = torch.tensor([[0.0, 1.0, 2.0]])

IN_SOURCE = {
    "plain": "import torch\ndef f(x):\n    return torch.softmax(x, -1)",
    "alias of the package": "import torch as t\ndef f(x):\n    return t.softmax(x, -1)",
    "functional": "import torch.nn.functional as F\ndef f(x):\n    return F.softmax(x, dim=-1)",
    "functional from": "from torch.nn import functional as G\ndef f(x):\n    return G.softmax(x, dim=-1)",
    "functional in full": "import torch\ndef f(x):\n    return torch.nn.functional.softmax(x, dim=-1)",
    "from import": "from torch import softmax\ndef f(x):\n    return softmax(x, -1)",
    "from import with alias": "from torch.nn.functional import softmax as s\ndef f(x):\n    return s(x, dim=-1)",
    "class": "from torch import nn\ndef f(x):\n    return nn.Softmax(dim=-1)(x)",
    "class method": "from torch import nn\ndef f(x):\n    return nn.Softmax.forward(nn.Softmax(-1), x)",
    "method by its class": "import torch\ndef f(x):\n    return torch.Tensor.softmax(x, -1)",
    "local import": "def f(x):\n    from torch import softmax\n    return softmax(x, -1)",
    "default argument": "import torch\ndef f(x, how=torch.softmax):\n    return how(x, -1)",
    "partial": "import functools, torch\ndef f(x):\n    return functools.partial(torch.softmax, dim=-1)(x)",
    "map": "import torch\ndef f(x):\n    return next(iter(map(torch.softmax, [x], [-1])))",
    "lambda": "import torch\ndef f(x):\n    return (lambda y: torch.softmax(y, -1))(x)",
    "inner function": "import torch\ndef f(x):\n    def g(y):\n        return torch.softmax(y, -1)\n    return g(x)",
    "in a class": "from torch import nn\nclass f(nn.Module):\n    def forward(self, x):\n        return nn.functional.softmax(x)",
    "subclass": "from torch import nn\nclass S(nn.Softmax):\n    pass\ndef f(x):\n    return S(dim=-1)(x)",
    "thread": "import torch, threading\ndef f(x):\n    threading.Thread(target=torch.softmax, args=(x, -1))",
    "unwrapped": "import torch\ndef f(x):\n    return torch.softmax.__wrapped__(x, -1)",
    "decorated": "import torch, functools\n@functools.cache\ndef f(x):\n    return torch.softmax(x, -1)",
    "async": "import torch\nasync def f(x):\n    return torch.softmax(x, -1)",
}

TRAPPED = {
    "method": "def f(x):\n    return x.softmax(-1)",
    "method by name": "def f(x):\n    return getattr(x, 'soft' + 'max')(-1)",
    "name that is put together": "import torch\ndef f(x):\n    return getattr(torch, 'soft' + 'max')(x, -1)",
    "alias at the top": "import torch\ng = torch.softmax\ndef f(x):\n    return g(x, -1)",
    "partial at the top": "import torch, functools\ng = functools.partial(torch.softmax, dim=-1)\ndef f(x):\n    return g(x)",
    "in a dict": "import torch\nways = {'s': torch.softmax}\ndef f(x):\n    return ways['s'](x, -1)",
    "lambda at the top": "import torch\nf = lambda x: torch.softmax(x, -1)",
    "under an if": "import torch\nif True:\n    def f(x):\n        return torch.softmax(x, -1)",
    "in a try": "try:\n    from torch import softmax as g\nexcept ImportError:\n    pass\nh = g\ndef f(x):\n    return h(x, -1)",
    "star": "from torch.nn.functional import *\ndef f(x):\n    return softmax(x, dim=-1)",
    "helper": "import torch\ng = torch.softmax\ndef help(x):\n    return g(x, -1)\ndef f(x):\n    return help(x)",
    "exec": "def f(x):\n    exec('import torch; y = torch.softmax(x, -1)', globals(), {'x': x})",
    "exec elsewhere": "def f(x):\n    space = {'x': x}\n    exec('import torch\\ny = torch.softmax(x, -1)', space)\n    return space['y']",
    "eval": "import torch\ndef f(x):\n    return eval('torch.softmax(x, -1)')",
    "compile": "import torch\nexec(compile('def f(x):\\n    return torch.softmax(x, -1)', '<mine>', 'exec'))",
    "subclass at the top": "from torch import nn\nBase = nn.Softmax\nlayer = None\ndef f(x):\n    return type('S', (Base,), {})(-1)(x)",
    "class at the top": "from torch import nn\nLayer = nn.Softmax\ndef f(x):\n    return Layer(-1)(x)",
    "map at the top": "import torch\ng = torch.softmax\ndef f(x):\n    return list(map(g, [x], [-1]))[0]",
    "comprehension": "def f(x):\n    return [row.softmax(-1) for row in x]",
    "generator": "def f(x):\n    return list(row.softmax(-1) for row in x)",
    "import by name": "import importlib\ndef f(x):\n    return importlib.import_module('torch').softmax(x, -1)",
    "module of modules": "import sys\ndef f(x):\n    return vars(sys.modules['torch'])['softmax'](x, -1)",
    "library of the class": "from torch.nn.modules import activation\ndef f(x):\n    return activation.F.softmax(x, dim=-1)",
}

ALLOWED = {
    "own function": "import torch\ndef softmax(x):\n    e = torch.exp(x)\n    return e / e.sum(-1, True)\ndef f(x):\n    return softmax(x)",
    "own function over an import": (
        "from torch.nn.functional import softmax\nimport torch\n"
        "def softmax(x):\n    return x.exp() / x.exp().sum(-1, True)\ndef f(x):\n    return softmax(x)"
    ),
    "own class": "import torch\nclass Softmax:\n    def __call__(self, x):\n        return x.exp() / x.exp().sum(-1, True)\nf = Softmax()",
    "comment and text": (
        'import torch\ndef f(x):\n    """As torch.softmax(x)."""\n    # torch.softmax(x, -1)\n    s = "F.softmax"\n'
        "    return x.exp() / x.exp().sum(-1, True)"
    ),
    "main": (
        "import torch\ndef f(x):\n    return x.exp() / x.exp().sum(-1, True)\n"
        "if __name__ == '__main__':\n    assert torch.allclose(f(torch.ones(2)), torch.softmax(torch.ones(2), -1))"
    ),
    "another function": "import torch\ndef f(x):\n    return torch.log_softmax(x, -1).exp()",
    "a library that uses it": (
        "from torch import nn\nlayer = nn.MultiheadAttention(3, 1, batch_first=True)\n"
        "def f(x):\n    layer(x[None], x[None], x[None])\n    return x.exp() / x.exp().sum(-1, True)"
    ),
    "another topic": "import other\ndef f(x):\n    return other.softmax(x)",
    "attribute of that name": "class A:\n    softmax = 3\ndef f(x):\n    A.softmax\n    return x.exp() / x.exp().sum(-1, True)",
}


@pytest.fixture
def write(tmp_path):
    def write(source):
        (tmp_path / "other.py").write_text("import torch\ndef softmax(x):\n    return torch.softmax(x, -1)\n")
        (tmp_path / "mine.py").write_text(source + "\n")
        return tmp_path / "mine.py"

    return write


@pytest.mark.parametrize("name", IN_SOURCE)
def test_seen_in_the_source(name):
    import ast

    found = in_source(ast.parse(IN_SOURCE[name]), NAMES)
    assert found
    assert all(used.startswith(NAMES) for used, _, _ in found)


def test_what_is_seen_is_told_with_its_line_and_its_function(fresh, write):
    source = "import torch\n\ndef f(x):\n    return torch.softmax(x, -1)\n\nclass A:\n    s = torch.nn.Softmax(-1)\n"
    target = fresh.target(write(source), forbidden=NAMES)
    with pytest.raises(ForbiddenShortcut, match=r"line 7 calls torch\.nn\.Softmax"):
        target.load()
    assert [(use.name, use.line) for use in target.shortcuts] == [("torch.softmax", 4), ("torch.nn.Softmax", 7)]
    assert target.shortcut_places == ("f", "A")


@pytest.mark.parametrize("name", TRAPPED)
def test_trapped_when_called(fresh, write, name):
    student = fresh(write(TRAPPED[name]), forbidden=NAMES)
    assert student._target.shortcuts == () or name == "under an if"
    with pytest.raises(ForbiddenShortcut) as caught:
        student.f(X)
    assert caught.value.name in NAMES
    assert caught.value.line >= 1
    assert student._target.alive


@pytest.mark.parametrize("name", ALLOWED)
def test_left_alone(fresh, write, name):
    student = fresh(write(ALLOWED[name]), forbidden=NAMES)
    assert student._target.shortcuts == ()
    assert torch.allclose(student.f(X), torch.softmax(X, -1))


def test_a_model_handed_in_may_use_what_is_forbidden(fresh, write):
    student = fresh(
        write("def f(model, x):\n    return model(x)"), forbidden=("torch.nn.functional.linear", "torch.nn.Linear")
    )
    layer = student.prop("linear", torch.eye(3))
    assert student.f(layer, X).tolist() == X.tolist()


def test_a_whole_module_is_seen_in_the_source(fresh, write):
    """bptt.py is to be written without torch."""
    source = (
        "import torch\nfrom torch import nn\nimport torch.nn.functional as F\nimport numpy as np\n"
        "def f(x):\n    return np.tanh(x)\ndef g(x):\n    return torch.tanh(x)\ndef h(x):\n    return F.relu(x)\n"
        "def k(x):\n    return nn.Tanh\ndef m(x):\n    torchvision = 3\n    return torchvision\n"
        "if __name__ == '__main__':\n    torch.tensor(1)"
    )
    student = fresh(write(source), forbidden=("torch",))
    assert student._target.shortcut_places == ("g", "h", "k")
    assert [use.name for use in student._target.shortcuts] == [
        "torch.tanh",
        "torch.nn.functional.relu",
        "torch.nn.Tanh",
    ]
    assert student.f(0.0) == 0.0


def test_a_name_may_hold_a_star(fresh, write):
    names = ("torch.*softmax*", "torch.nn.*Softmax*", "torch.Tensor.*softmax*")
    seen = "import torch\nfrom torch import nn\ndef f(x):\n    return torch.log_softmax(x, -1)\ndef g(x):\n    return nn.Softmax2d"
    target = fresh.target(write(seen), forbidden=names)
    target.load()
    assert [use.name for use in target.shortcuts] == ["torch.log_softmax", "torch.nn.Softmax2d"]
    trapped = (
        "import torch\ng = torch.log_softmax\ndef f(x):\n    return g(x, -1)\ndef h(x):\n    return x.log_softmax(-1)"
    )
    student = fresh(write(trapped), forbidden=names)
    for function, name in ((student.f, "torch.log_softmax"), (student.h, "torch.Tensor.log_softmax")):
        with pytest.raises(ForbiddenShortcut) as caught:
            function(X)
        assert caught.value.name == name
    assert fresh(write("import torch\ndef f(x):\n    return torch.exp(x)"), forbidden=names).f(X).shape == (1, 3)


def test_names_that_are_not_there_are_passed_over(fresh, write):
    names = (
        "torch.no_such_function",
        "no_such_module.f",
        "torch.nn.functional.nothing.at.all",
        "math.pi",
        "torch.float32",
    )
    assert fresh(write("def f(x):\n    return x"), forbidden=names).f(1) == 1


def test_who_swallows_the_trap_has_nothing_of_it(fresh, write):
    source = (
        "import torch\ng = torch.softmax\n"
        "def f(x):\n    try:\n        return g(x, -1)\n    except Exception:\n        return None\n"
    )
    assert fresh(write(source), forbidden=NAMES).f(X) is None


def test_traps_are_off_for_stand_ins(fresh, write, tmp_path):
    stand_ins = tmp_path / "stand_ins"
    stand_ins.mkdir()
    (stand_ins / "mine.py").write_text("import torch\ndef softmax(x):\n    return torch.softmax(x, -1)\n")
    (stand_ins / "other.py").write_text("import torch\ndef softmax(x):\n    return 2 * torch.softmax(x, -1)\n")
    source = "import other\ndef softmax(x):\n    return x\ndef f(x):\n    return softmax(x)\ndef g(x):\n    return other.softmax(x)\n"
    student = fresh(
        write(source),
        forbidden=NAMES,
        stand_ins=str(stand_ins),
        replaced_names=("softmax",),
        replaced_modules=("other",),
    )
    assert torch.allclose(student.f(X), torch.softmax(X, -1))
    assert torch.allclose(student.g(X), 2 * torch.softmax(X, -1))


def test_the_line_is_the_students(fresh, write):
    source = textwrap.dedent("""\
        import torch


        def f(x):
            y = x + 1
            return y.softmax(-1)
    """)
    with pytest.raises(ForbiddenShortcut, match=r"line 6 calls torch\.Tensor\.softmax"):
        fresh(write(source), forbidden=NAMES).f(X)


def test_other_errors_are_errors(fresh, write):
    with pytest.raises(StudentError):
        fresh(write("def f(x):\n    return x.hardmax(-1)"), forbidden=NAMES).f(X)


def test_what_is_not_forbidden_is_not_looked_at(monkeypatch):
    class Lazy(types.ModuleType):
        looked_at: ClassVar[list[str]] = []

        def __dir__(self):
            return ["heavy", "softmax"]

        def __getattr__(self, name: str):
            self.looked_at.append(name)
            return max

    monkeypatch.setitem(sys.modules, "lazy", Lazy("lazy"))
    assert [name for _, _, name in meant(("lazy.*softmax*",))] == ["lazy.softmax"]
    assert "heavy" not in Lazy.looked_at
