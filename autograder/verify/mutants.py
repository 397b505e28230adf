"""Mutants of a solution: small automatic changes, each of which the tests of its item should notice.

The operators work on the syntax tree and change the source text where the tree says that something stands, so that a
mutant is a text that can be read and named. General tools (mutmut, cosmic-ray) know the first half of these operators;
what goes wrong in array code (an axis, `keepdim`, `.detach()`, `no_grad`, the order of a product) is the other half,
and a dozen packages would come with them. What nobody runs is left alone: docstrings, annotations, texts of errors.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_COMPARED: dict[type[ast.cmpop], tuple[str, ...]] = {  # as it is written, and what takes its place
    ast.Lt: ("<", "<=", ">="),
    ast.LtE: ("<=", "<", ">"),
    ast.Gt: (">", ">=", "<="),
    ast.GtE: (">=", ">", "<"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_COMPUTED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
}
_TWINS = [
    *(("min", "max"), ("any", "all"), ("amin", "amax"), ("argmin", "argmax"), ("sum", "mean"), ("zeros", "ones")),
    *(("zeros_like", "ones_like"), ("triu", "tril"), ("sin", "cos"), ("floor", "ceil"), ("append", "extend")),
    *(("log", "log2"), ("tanh", "sigmoid"), ("add", "sub"), ("keys", "values"), ("break", "continue")),
]
_TWIN = dict(_TWINS) | {second: first for first, second in _TWINS}
_COMMUTE = (ast.Add, ast.Mult)
_SYMMETRIC = frozenset(("min", "max", "transpose", "swapaxes"))  # calls whose two arguments may change places


@dataclass(frozen=True)
class Mutant:
    """One change of a solution's text. It is known by the line that it changes and by what the line becomes."""

    start: int
    end: int
    by: str
    line: str
    becomes: str

    def applied_to(self, source: str) -> str:
        return source[: self.start] + self.by + source[self.end :]

    def __str__(self) -> str:
        return f"{self.line}  ->  {self.becomes}"


def mutants_of(source: str, names: frozenset[str]) -> list[Mutant]:
    """Every mutant of these functions and classes of a module; those that are no Python, or no change, left out."""
    tree = ast.parse(source)
    text = _Text(source)
    imports = (node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)))
    imported = frozenset(name.asname or name.name for node in imports for name in node.names)
    found: dict[str, Mutant] = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names:
            for start, end, by in _Changes(text, imported).of(node):
                mutant = text.mutant(start, end, by)
                found.setdefault(mutant.applied_to(source), mutant)
    before = ast.dump(tree)
    return [mutant for changed, mutant in found.items() if _other_code(changed, before)]


def helpers_of(source: str, items: frozenset[str]) -> dict[str, frozenset[str]]:
    """For each function or class of a module that is no item, the items that use it, through others as well."""
    definitions = {
        node.name: {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        for node in ast.parse(source).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    users: dict[str, frozenset[str]] = {}
    for name in definitions.keys() - items:
        reached, new = {name}, {name}
        while new:
            new = {other for other, used in definitions.items() if used & new} - reached
            reached |= new
        if reached & items:
            users[name] = frozenset(reached & items)
    return users


def _other_code(changed: str, before: str) -> bool:
    try:
        return ast.dump(ast.parse(changed)) != before
    except SyntaxError:
        return False


class _Text:
    """A source text and where its nodes stand in it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def place(self, line: int, column: int) -> int:
        """The index of what the tree calls line and column; columns count bytes."""
        text = self._lines[line - 1]
        return self._starts[line - 1] + len(text.encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.place(node.lineno, node.col_offset), self.place(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    def mutant(self, start: int, end: int, by: str) -> Mutant:
        first = self.source.rfind("\n", 0, start) + 1
        last = self.source.find("\n", end)
        last = len(self.source) if last < 0 else last
        line, becomes = self.source[first:last], self.source[first:start] + by + self.source[end:last]
        return Mutant(start, end, by, _one_line(line), _one_line(becomes))


def _one_line(text: str) -> str:
    """A line, or a few, without what is only there to be looked at."""
    return " ".join(" ".join(line.partition("  #")[0] for line in text.splitlines()).split())


Change = tuple[int, int, str]  # from, to, what stands there instead


class _Changes:
    """The changes of one definition, operator by operator."""

    def __init__(self, text: _Text, imported: frozenset[str]) -> None:
        self._text = text
        self._imported = imported
        self._statements: set[int] = set()  # calls that are a statement, which is left out as a whole

    def of(self, node: ast.AST) -> Iterator[Change]:
        if isinstance(node, ast.Raise) or _is_docstring(node) or _is_strictness(node):
            return
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            yield from self._negative(node, node.operand.value)
            return
        name = f"_{type(node).__name__.lower()}"
        yield from getattr(self, name, lambda _: ())(node)
        skipped = {id(each) for field in ("annotation", "returns", "decorator_list") for each in _field(node, field)}
        for child in ast.iter_child_nodes(node):
            if id(child) not in skipped:
                yield from self.of(child)

    def _instead(self, node: ast.expr | ast.stmt, by: str) -> Change:
        start, end = self._text.span(node)
        return start, end, by

    def _between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[Change]:
        """An operator stands between its operands, perhaps with brackets around."""
        start, end = self._text.span(left)[1], self._text.span(right)[0]
        at = self._text.source.find(old, start, end)
        if at >= 0:
            yield at, at + len(old), new

    # -- expressions

    def _compare(self, node: ast.Compare) -> Iterator[Change]:
        for (left, right), operator in zip(pairwise([node.left, *node.comparators]), node.ops, strict=True):
            old, *others = _COMPARED[type(operator)]
            for new in others:
                yield from self._between(left, right, old, new)

    def _binop(self, node: ast.BinOp) -> Iterator[Change]:
        if isinstance(node.op, ast.MatMult):
            yield self._instead(node, f"({self._text.of(node.right)}) @ ({self._text.of(node.left)})")
            return
        if type(node.op) in _COMPUTED:
            yield from self._between(node.left, node.right, *_COMPUTED[type(node.op)])
        yield self._instead(node, self._text.of(node.left))
        if isinstance(node.op, _COMMUTE):
            yield self._instead(node, self._text.of(node.right))

    def _boolop(self, node: ast.BoolOp) -> Iterator[Change]:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in pairwise(node.values):
            yield from self._between(left, right, old, new)

    def _unaryop(self, node: ast.UnaryOp) -> Iterator[Change]:
        yield self._instead(node, self._text.of(node.operand))

    def _negative(self, node: ast.UnaryOp, value: object) -> Iterator[Change]:
        """-1 is one thing, which becomes 0 and -2; and 1, the last of two for the first but one."""
        by = (1 - value, -1 - value, value) if isinstance(value, int) else (value,)
        yield from (
            self._instead(node, f"({each})" if isinstance(each, int) and each < 0 else str(each)) for each in by
        )

    def _constant(self, node: ast.Constant) -> Iterator[Change]:
        value = node.value
        if isinstance(value, bool):
            yield self._instead(node, str(not value))
        elif isinstance(value, int):
            yield self._instead(node, str(value + 1))
            yield self._instead(node, f"({value - 1})" if value < 1 else str(value - 1))
        elif isinstance(value, float):
            yield self._instead(node, repr(value * 2))
            yield self._instead(node, repr(value / 2) if value > 0.01 else "0.0")

    def _ifexp(self, node: ast.IfExp) -> Iterator[Change]:
        yield self._instead(node, self._text.of(node.body))
        yield self._instead(node, self._text.of(node.orelse))

    def _attribute(self, node: ast.Attribute) -> Iterator[Change]:
        if node.attr in _TWIN:
            end = self._text.span(node)[1]
            yield end - len(node.attr), end, _TWIN[node.attr]
        if node.attr == "T":
            yield self._instead(node, self._text.of(node.value))

    def _name(self, node: ast.Name) -> Iterator[Change]:
        if node.id in _TWIN and isinstance(node.ctx, ast.Load):
            yield self._instead(node, _TWIN[node.id])

    def _call(self, node: ast.Call) -> Iterator[Change]:
        text = self._text
        if isinstance(node.func, ast.Attribute):  # x.detach(), x.transpose(1, 2), x.sum(dim=0): without
            owner = node.func.value
            of_a_module = isinstance(owner, ast.Name) and owner.id in self._imported
            if not of_a_module and id(node) not in self._statements:
                yield self._instead(node, text.of(owner))
        elif len(node.args) == 1 and isinstance(node.func, ast.Name) and not node.keywords:  # f(x): x
            yield self._instead(node, text.of(node.args[0]))
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        for one, two in [] if name in _SYMMETRIC and len(node.args) == 2 else pairwise(node.args):
            if text.of(one) != text.of(two) and not isinstance(one, ast.Starred) and not isinstance(two, ast.Starred):
                start, end = text.span(one)[0], text.span(two)[1]
                between = text.source[text.span(one)[1] : text.span(two)[0]]
                yield start, end, text.of(two) + between + text.of(one)
        if isinstance(node.func, ast.Name) and node.func.id == "range" and not isinstance(node.args[-1], ast.Constant):
            stop = node.args[min(1, len(node.args) - 1)]
            yield self._instead(stop, f"({text.of(stop)}) - 1")
            yield self._instead(stop, f"({text.of(stop)}) + 1")
        for keyword in node.keywords:
            if keyword.arg is not None and not _is_strictness(keyword):
                yield self._without_argument(keyword.value, f"{keyword.arg}=")

    def _without_argument(self, value: ast.expr, name: str) -> Change:
        """A keyword argument, with the comma before it or after it, left out."""
        source = self._text.source
        start, end = self._text.span(value)
        start = source.rfind(name, 0, start)
        before = source[:start].rstrip()
        if before.endswith(","):
            return len(before) - 1, end, ""
        after = source[end:].lstrip()
        return start, (len(source) - len(after) + 1 if after.startswith(",") else end), ""

    def _slice(self, node: ast.Slice) -> Iterator[Change]:
        for bound in (node.lower, node.upper):
            if bound is None:
                continue
            if not isinstance(bound, (ast.Constant, ast.UnaryOp)):
                yield self._instead(bound, f"({self._text.of(bound)}) + 1")
                yield self._instead(bound, f"({self._text.of(bound)}) - 1")
            yield self._instead(bound, "")

    def _comprehension(self, node: ast.comprehension) -> Iterator[Change]:
        for condition in node.ifs:
            yield self._instead(condition, "True")
            yield self._instead(condition, f"not ({self._text.of(condition)})")

    # -- statements

    def _if(self, node: ast.If) -> Iterator[Change]:
        if not isinstance(node.test, ast.Compare):
            yield self._instead(node.test, f"not ({self._text.of(node.test)})")
        yield self._instead(node.test, "True")
        yield self._instead(node.test, "False")

    def _with(self, node: ast.With) -> Iterator[Change]:
        if all(item.optional_vars is None for item in node.items):
            yield self._text.span(node)[0], self._text.span(node.items[-1].context_expr)[1], "if True"

    def _expr(self, node: ast.Expr) -> Iterator[Change]:
        self._statements.add(id(node.value))
        yield self._instead(node, "pass")

    def _augassign(self, node: ast.AugAssign) -> Iterator[Change]:
        yield self._instead(node, "pass")
        target, value = self._text.of(node.target), self._text.of(node.value)
        yield self._instead(node, f"{target} = {value}")
        if type(node.op) in _COMPUTED:
            yield self._instead(node, f"{target} {_COMPUTED[type(node.op)][1]}= {value}")

    def _assign(self, node: ast.Assign) -> Iterator[Change]:
        """Left out where the name is known without it: what it is changes, or it is a part of something."""
        target = node.targets[0]
        reads = {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
        if isinstance(target, (ast.Attribute, ast.Subscript)) or (isinstance(target, ast.Name) and target.id in reads):
            yield self._instead(node, "pass")

    def _break(self, node: ast.Break) -> Iterator[Change]:
        yield self._instead(node, "pass")

    def _continue(self, node: ast.Continue) -> Iterator[Change]:
        yield self._instead(node, "pass")

    def _return(self, node: ast.Return) -> Iterator[Change]:
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2:
            one, two = node.value.elts
            yield self._instead(node.value, f"{self._text.of(two)}, {self._text.of(one)}")

    def _functiondef(self, node: ast.FunctionDef) -> Iterator[Change]:
        for decorator in node.decorator_list:  # such as @torch.no_grad()
            start = self._text.source.rfind("@", 0, self._text.span(decorator)[0])
            yield start, self._text.span(decorator)[1], ""


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_strictness(node: ast.AST) -> bool:
    """zip(..., strict=True): a guard against one's own slips, which changes no result."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _field(node: ast.AST, name: str) -> list[object]:
    value = getattr(node, name, None)
    return value if isinstance(value, list) else [value]
