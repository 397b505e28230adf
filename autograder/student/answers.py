"""Written answers: a file of constants, read as literals and never run.

    Q1 = "An oak is ..."
    Q1_CHECK = 12 * 2.5
    Q2_CHECK = [0.5, 0.25]

Strings, numbers (with + - * / ** and brackets), lists and None are read. Anything else is a problem that is told, and
so is an answer that is not Python, which costs that answer and no other.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Answer = str | int | float | bool | None | list["Answer"]

MAX_BITS = 1023  # of a whole number; more does not fit into a float
MAX_PROBLEMS = 20
_BEGINNING = re.compile(r"^[A-Za-z_]\w*\s*(:[^=\n]*)?=(?!=)", re.MULTILINE)
_WHERE = re.compile(r" \(.*line \d+\)$")  # a line of the part, where the file's is told
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class NotALiteral(Exception):
    """What stands there instead of a literal, in a student's words."""


@dataclass
class Answers:
    """The constants by name, and what is wrong with the rest: (line, what, the constant that it costs or "")."""

    values: dict[str, Answer] = field(default_factory=dict)
    problems: list[tuple[int, str, str]] = field(default_factory=list)

    def tell(self, line: int, problem: str, name: str = "") -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((line, problem, name))


def read(source: bytes) -> Answers:
    """The answers in a file. It runs nothing; `UnicodeDecodeError` where the file is not UTF-8 text."""
    text = source.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    answers = Answers()
    for first_line, part in _parts(text):
        try:
            tree = ast.parse(part)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None) or 1
            what = f"this is not Python: {_WHERE.sub('', getattr(error, 'msg', 'it cannot be read'))}"
            if "unterminated" in what:
                what += ": it ends before its line does; for several lines use triple quotes"
            answers.tell(
                first_line + line - 1, what, part.split("=")[0].split(":")[0].strip() if first_line > 1 else ""
            )
            continue
        for node in tree.body:
            _read_statement(node, first_line, answers)
    return answers


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The whole text if it is Python; else answer by answer, so that one slip costs one of them."""
    try:
        ast.parse(text)
        beginnings = [0]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        beginnings = [0, *(match.start() for match in _BEGINNING.finditer(text) if match.start())]
    for start, end in zip(beginnings, [*beginnings[1:], len(text)], strict=True):
        yield text.count("\n", 0, start) + 1, text[start:end]


def _read_statement(node: ast.stmt, first_line: int, answers: Answers) -> None:
    line = first_line + node.lineno - 1
    match node:
        case ast.Assign(targets=targets, value=value) if all(isinstance(target, ast.Name) for target in targets):
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            names = [name]
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return
        case _:
            answers.tell(
                line, "this is not read: only NAME = a string, a number or a list; nothing in this file is run"
            )
            return
    for name in names:
        if name in answers.values:
            answers.tell(line, f"{name} stands twice; this one counts")
        try:
            answers.values[name] = _literal(value)
        except NotALiteral as error:
            answers.values.pop(name, None)
            answers.tell(line, f"{name} is not read: {error}", name)
        except RecursionError:
            answers.tell(line, f"{name} is not read: too many brackets, one inside the other", name)


def _literal(node: ast.expr) -> Answer:
    match node:
        case ast.Constant(value=bool() | None as value):
            return value
        case ast.Constant(value=str() as value):
            return value.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text
        case ast.Constant(value=int() | float() as value):
            return _bounded(value)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_literal(part) for part in parts]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _number(_literal(operand))
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _literal(left), _literal(right)
            if isinstance(one, str) and isinstance(op, ast.Add) and isinstance(other, str):
                return one + other
            return _calculated(_number(one), op, _number(other))
        case ast.JoinedStr():
            raise NotALiteral("write a plain string, without f before it")
        case ast.Name(id=name):
            raise NotALiteral(f"{name} is a name, and names are not looked up; write a string in quotes or a number")
        case ast.Call():
            raise NotALiteral("functions are not called here; write the number itself, or + - * / ** of numbers")
    raise NotALiteral("only strings, numbers (with + - * / ** and brackets) and lists of them are read")


def _number(value: Answer) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotALiteral("only numbers can be calculated with")
    return value


def _calculated(left: float, op: ast.operator, right: float) -> int | float:
    try:
        if isinstance(op, ast.Pow):
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > MAX_BITS:
                raise OverflowError
            result = left**right
        elif type(op) in _OPERATORS:
            result = _OPERATORS[type(op)](left, right)
        else:
            raise NotALiteral("only + - * / ** are calculated")
    except ZeroDivisionError:
        raise NotALiteral("a number is divided by 0") from None
    except OverflowError:
        raise NotALiteral("the number is too large") from None
    if isinstance(result, complex):
        raise NotALiteral("a root of a negative number")
    return _bounded(result)


def _bounded(value: int | float) -> int | float:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise NotALiteral("the number is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise NotALiteral("the number is too large")
    return value
