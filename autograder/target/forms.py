"""The form of an answer: what each operation of the workbench gives, whatever the student's function returned.

A worker that has not been tampered with always keeps to it, so a test may rely on it.
"""

from collections.abc import Mapping
from typing import Any

from autograder.student.notebook import MAX_CELLS
from autograder.student.wire import Ref


def is_answer(request: Mapping[str, Any], value: Any) -> bool:
    """Whether `value` can be the answer to this request."""
    match request["op"]:
        case "call" if request["after"]:
            return type(value) is tuple and len(value) == 2 and _is(value[1], tuple, len(request["args"]))
        case "call" if request["keep"] == []:
            return isinstance(value, Ref)
        case "answers":
            return _are_answers(value)
        case "vjp":
            return _is(value, list, len(request["wrt"]))
        case "get" if isinstance(request["path"], list):
            return _is(value, list, len(request["path"]))
        case "at" | "prop":
            return isinstance(value, Ref)
        case "take":
            return type(value) is list and len(value) <= request["count"]
        case "parameters":
            return type(value) is dict and all(_is(pair, tuple, 2) and type(pair[1]) is bool for pair in value.values())
        case "value":
            return value is not None
        case "failures":
            return type(value) is list and all(type(each) is dict and type(each.get("cell")) is int for each in value)
        case "same":
            return type(value) is bool
        case "step":
            return value is None or (type(value) is int and 0 < value <= MAX_CELLS)
        case "load":
            return value is None or bool(request.get("stepwise") and is_answer({"op": "step"}, value))
        case "set" | "train" | "zero_grad":
            return value is None
        case _:
            return True


def _are_answers(value: Any) -> bool:
    """Constants by name, and problems as (line, what, name)."""
    match value:
        case (dict(constants), list(problems)):
            told = all(_is(each, tuple, 3) and list(map(type, each)) == [int, str, str] for each in problems)
            return told and all(type(name) is str and _is_answer(each) for name, each in constants.items())
    return False


def _is_answer(value: Any) -> bool:
    if type(value) is list:
        return all(map(_is_answer, value))
    return value is None or type(value) in (str, int, float, bool)


def _is(value: Any, kind: type[list[Any]] | type[tuple[Any, ...]], length: int) -> bool:
    return isinstance(value, kind) and len(value) == length
