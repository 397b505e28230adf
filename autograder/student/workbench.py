"""The student's module on a bench: it is loaded, called and looked at by requests that are data.

The same bench serves a jailed worker, a plain subprocess and, for solutions, mistakes and the debugger, the process
that runs the tests itself. A request is a dict with "op" and what the operation of that name takes; handles in it have
been resolved to the objects they name.
"""

import ast
import random
import sys
import types
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any

from autograder.student import answers, cells, notebook, traps
from autograder.student.importing import importable, load_file, load_props
from autograder.student.outline import identifiers, outline
from autograder.student.reduce import reduce
from autograder.student.wire import Ref

MAX_HANDLES = 10_000


class OtherForm(TypeError):
    """A result is not of the form whose gradient was asked for."""


class NoSuchName(AttributeError):
    """The student's file lacks a function or class that the exercise asks for."""


@dataclass(frozen=True)
class BenchConfig:
    """What to load and from where. All of it is data, so that it can be sent to a worker.

    `kind` is "module", "notebook" or "answers"; `load_seconds` of CPU are for a notebook's cells together, 0: no limit;
    `ended_cells`, by number, have ended the process before and are left out.
    """

    topic: str
    folder: str
    topics: tuple[str, ...] = ()
    props: str = ""
    stand_ins: str = ""
    replaced_modules: tuple[str, ...] = ()
    replaced_names: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    reveal: bool = False
    isolated: bool = True
    kind: str = "module"
    load_seconds: float = 0.0
    ended_cells: tuple[int, ...] = ()


@dataclass
class Workbench:
    """Holds the module under test and what it made, and executes operations on them."""

    config: BenchConfig
    module: types.ModuleType | None = None
    handles: dict[int, object] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)  # of handles; none is used twice
    props: dict[str, Any] = field(default_factory=dict)
    failed_cells: list[cells.Failure] = field(default_factory=list)
    _code: list[notebook.Cell] = field(default_factory=list)
    _loading: Iterator[int] = field(default_factory=lambda: iter(()))

    @property
    def is_notebook(self) -> bool:
        return self.config.kind == "notebook"

    @property
    def file(self) -> Path:
        return Path(self.config.folder, f"{self.config.topic}{notebook.SUFFIX if self.is_notebook else '.py'}")

    # -- handles

    def hold(self, value: object) -> Ref:
        if len(self.handles) >= MAX_HANDLES:
            raise MemoryError("too many objects in one test")
        number = next(self.numbers)
        self.handles[number] = value
        return Ref(number, _type_name(type(value))[:80])

    def held(self, number: int, _kind: str = "") -> object:
        """What a handle names."""
        return self.handles[number]

    # -- operations

    def execute(self, request: Mapping[str, Any]) -> Any:
        """Carry out one request and give the answer as plain data. A test's first may bear its seed, as "begin"."""
        operation = request["op"]
        if operation not in OPERATIONS:
            raise ValueError(f"no operation {operation!r}")
        if "begin" in request:
            self.begin(request["begin"])
        return getattr(self, operation)(**{key: value for key, value in request.items() if key not in ("op", "begin")})

    def scan(self) -> Any:
        """Forbidden names in the topic's source, its outline and its identifiers. It runs nothing of the student's."""
        source = self.file.read_bytes()
        tree = notebook.combined(notebook.read(source)) if self.is_notebook else ast.parse(source, str(self.file))
        return traps.in_source(tree, self.config.forbidden), outline(tree), identifiers(tree)

    def answers(self) -> Any:
        """The constants of a file of written answers, and what is wrong with the rest. It runs nothing."""
        found = answers.read(self.file.read_bytes())
        return found.values, found.problems

    def load(self, stepwise: bool = False) -> int | None:
        """Import the topic's module, with its traps and stand-ins. What it draws at random is the same every time.

        With `stepwise` a notebook's cells wait for `step`: the number of the first comes back.
        """
        self._loading = self._load()
        if stepwise:
            return self.step()
        for _ in self._loading:
            pass
        return None

    def step(self) -> int | None:
        """Run the cell whose number was told last; the number of the next comes back, None after the last."""
        return next(self._loading, None)

    def _load(self) -> Iterator[int]:
        config = self.config
        if config.isolated:
            traps.install(config.forbidden, str(self.file))
        seed_everything(0)
        names = (config.topic, *config.topics)
        # Back to where it was afterwards, wherever a notebook went.
        with importable(config.folder, names, stay=config.isolated), chdir("."):
            for name in config.replaced_modules:
                sys.modules[name] = load_file(name, Path(config.stand_ins, f"{name}.py"))
            if self.is_notebook:
                yield from self._run_cells()
            else:
                self.module = load_file(config.topic, self.file)
        for name, value in self._replaced_names().items():
            setattr(self.module, name, value)

    def _run_cells(self) -> Iterator[int]:
        config, self._code = self.config, notebook.read(self.file.read_bytes())
        self.failed_cells = []
        with cells.shell_modules(stay=config.isolated):
            module = cells.made_module(config.topic, self.file)
            seconds = config.load_seconds if config.isolated else 0.0  # no timers in the tests' own process
            yield from cells.run(
                module,
                self._code,
                self.failed_cells,
                seconds,
                config.reveal,
                self._replaced_names(),
                config.ended_cells,
            )
        self.module = module

    def _replaced_names(self) -> dict[str, Any]:
        config = self.config
        if not config.replaced_names:
            return {}
        stand_in = load_file(f"{config.topic}_stand_in", Path(config.stand_ins, f"{config.topic}.py"))
        return {name: getattr(stand_in, name) for name in config.replaced_names}

    def failures(self) -> list[cells.Failure]:
        """Which cells of a notebook failed, and how."""
        return self.failed_cells

    def begin(self, seed: int) -> None:
        """The start of a test: nothing held, every source of randomness set, once, and gradients recorded again.

        So code that leaves them off costs its own tests, and not those that come after.
        """
        self.handles.clear()
        seed_everything(seed)
        if "torch" in sys.modules:
            sys.modules["torch"].set_grad_enabled(True)

    def call(
        self,
        target: object,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        keep: Sequence[Any] | None = None,
        after: bool = False,
        seed: int | None = None,
    ) -> Any:
        """Call a function of the module (by name), a class, or something held. With `after`: the arguments as well."""
        if seed is not None:
            seed_everything(seed)
        result = self.find(target)(*args, **kwargs)
        answer = reduce(result, self.hold) if keep is None else self.keep(result, list(keep))
        return (answer, tuple(reduce(argument, self.hold) for argument in args)) if after else answer

    def keep(self, result: Any, path: list[Any]) -> Any:
        """The result as data, but the part at `path` held."""
        if not path:
            return self.hold(result)
        if isinstance(result, Mapping):
            parts = {key: result[key] for key in list(result)}
            return {
                reduce(key, self.hold): self.keep(part, path[1:]) if key == path[0] else reduce(part, self.hold)
                for key, part in parts.items()
            }
        if isinstance(result, (list, tuple)):
            return tuple(
                self.keep(part, path[1:]) if index == path[0] else reduce(part, self.hold)
                for index, part in enumerate(result)
            )
        return reduce(result, self.hold)

    def vjp(
        self,
        target: object,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        cotangent: Any,
        wrt: Sequence[Any],
        seed: int | None = None,
    ) -> Any:
        """Gradients of <cotangent, result> for the arguments (by position) and parameters (by path) in `wrt`."""
        import torch

        if seed is not None:
            seed_everything(seed)
        args = list(args)
        inputs = []
        for name in wrt:
            if isinstance(name, int):
                args[name] = args[name].detach().requires_grad_()  # the strides stay
                inputs.append(args[name])
            else:
                owner, path = (name[0], name[1]) if isinstance(name, (list, tuple)) else (target, name)
                inputs.append(_attribute(self.find(owner), path))
        with torch.enable_grad():
            result = self.find(target)(*args, **kwargs)
        pairs = [(part, given) for part, given in _pairs(result, cotangent) if part.requires_grad]
        trained = [number for number, each in enumerate(inputs) if each.requires_grad]
        gradients: list[Any] = [None] * len(inputs)
        if pairs and trained:
            parts, given = zip(*pairs, strict=True)
            found = torch.autograd.grad(parts, [inputs[number] for number in trained], given, allow_unused=True)
            for number, gradient in zip(trained, found, strict=True):
                gradients[number] = reduce(gradient, self.hold)
        return gradients

    def get(self, target: object, path: str | Sequence[str]) -> Any:
        """An attribute, by a dotted path, as data where it is data; of several paths a list."""
        if isinstance(path, str):
            return reduce(_attribute(self.find(target), path), self.hold)
        return [self.get(target, each) for each in path]

    def value(self, name: str) -> Any:
        """A variable of the module, as data where it is data. One that is None or ... is not there yet."""
        found = self.find(name)
        if found is None or found is ...:
            still = "None" if found is None else "..."
            raise NoSuchName(f"{self.file.name}: `{name}` is still {still}{self._why_missing(name)}")
        return reduce(found, self.hold)

    def at(self, target: object, path: str) -> Any:
        """An attribute, by a dotted path, as a handle."""
        return self.hold(_attribute(self.find(target), path))

    def set(self, target: object, values: Mapping[str, Any]) -> None:
        """Copy data into parameters and buffers, by path; set other attributes. Each must be there already."""
        for path, value in values.items():
            self._set(self.find(target), path, value)

    def _set(self, target: Any, path: str, value: Any) -> None:
        torch = sys.modules.get("torch")
        owner_path, _, name = path.rpartition(".")
        owner = _attribute(target, owner_path)
        there = _attribute(owner, name)
        if torch is not None and isinstance(there, torch.Tensor) and value is not None:
            value = torch.as_tensor(value)
            if tuple(there.shape) != tuple(value.shape):
                raise ValueError(f"{path} has shape {tuple(there.shape)}, should be {tuple(value.shape)}")
            with torch.no_grad():
                there.copy_(value)
        elif isinstance(owner, MutableMapping):
            owner[name] = value
        else:
            setattr(owner, name, value)

    def parameters(self, target: Any) -> Any:
        """Name to (data, requires_grad) of a module's parameters, each once."""
        return {name: (reduce(p, self.hold), bool(p.requires_grad)) for name, p in self.find(target).named_parameters()}

    def train(self, target: Any, mode: bool) -> None:
        """Training or evaluation mode."""
        self.find(target).train(mode)

    def zero_grad(self, target: Any) -> None:
        """Clear the gradients of a module or an optimizer."""
        self.find(target).zero_grad()

    def take(self, target: Any, count: int) -> Any:
        """The next `count` things at most of something that can be iterated; an iterator goes on where it was."""
        return [reduce(part, self.hold) for part in islice(iter(self.find(target)), count)]

    def same(self, first: object, second: object) -> bool:
        """Whether two handles name one object."""
        return first is second

    def prop(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], of: Sequence[str] = ()) -> Ref:
        """Something that a test hands in and cannot send, made here by a named function of the unit's props.

        `of` names what of the student's it is made of, which the function gets first.
        """
        if not self.props:
            self.props = load_props(self.config.props, self.config.topic)
        return self.hold(self.props[name](*map(self.find, of), *args, **kwargs))

    def find(self, target: object) -> Any:
        """A name of the student's module, or the thing itself."""
        if not isinstance(target, str):
            return target
        try:
            return getattr(self.module, target)
        except AttributeError:
            raise NoSuchName(f"{self.file.name} has no {target}{self._why_missing(target)}") from None

    def _why_missing(self, name: str) -> str:
        return cells.why_missing(name, self._code, self.failed_cells, self.config.reveal)


OPERATIONS = frozenset(
    (
        "scan",
        "answers",
        "load",
        "step",
        "begin",
        "call",
        "vjp",
        "get",
        "value",
        "failures",
        "at",
        "set",
        "parameters",
        "train",
        "zero_grad",
        "take",
        "same",
        "prop",
    )
)


def seed_everything(seed: int) -> None:
    """Set the random states of Python and of the libraries that are there."""
    random.seed(seed)
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)
    if torch is not None:
        torch.default_generator.manual_seed(seed)  # torch.manual_seed formats a stack for each kind of device


def _attribute(owner: Any, path: str) -> Any:
    """What stands at "blocks.0.norm": attributes, entries of a mapping, places in a sequence."""
    for part in path.split(".") if path else ():
        if isinstance(owner, Mapping) and part in owner:
            owner = owner[part]
        elif part.isdecimal() and not hasattr(owner, part):
            owner = owner[int(part)]
        else:
            owner = getattr(owner, part)
    return owner


_type_name = type.__dict__["__name__"].__get__  # a metaclass has no say in it


def _pairs(result: Any, cotangent: Any) -> list[tuple[Any, Any]]:
    """Each tensor of a result with its cotangent; None leaves a part out."""
    if cotangent is None:
        return []
    if isinstance(cotangent, (list, tuple)):
        if not isinstance(result, (list, tuple)) or len(result) != len(cotangent):
            raise OtherForm(f"the result should have {len(cotangent)} parts")
        return [pair for part, given in zip(result, cotangent, strict=True) for pair in _pairs(part, given)]
    if not hasattr(result, "requires_grad"):
        raise OtherForm(f"the result should be a tensor, not {type(result).__name__}")
    if tuple(result.shape) != tuple(cotangent.shape):
        raise OtherForm(f"the result has shape {tuple(result.shape)}, should have {tuple(cotangent.shape)}")
    return [(result, cotangent)]
