"""What a report must call nothing, or nothing wrong: half-written code, code that gives random numbers, two mistakes.

Each is made of the solution for each item, always the same ones. Of two mistakes at once either may be named, where the
other makes no difference to any test.
"""

import ast
import random
from collections.abc import Iterator, Sequence
from itertools import combinations

from autograder.errors import UsageError
from autograder.mistakes import Mistake, mistakes_of, names_of
from autograder.spec import Item, Topic, Unit
from autograder.verify.cases import Case, files_of

PAIRS = 6  # of mistakes, for each item
_CHANCE = '''

import random as _random


def _by_chance(value):
    """The value's form, with other numbers in it."""
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(map(_by_chance, value))
    if isinstance(value, dict):
        return {{key: _by_chance(part) for key, part in value.items()}}
    if isinstance(value, str):
        return "".join(_random.choice("abcdef") for _ in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _random.randrange(1, 1 << 30)
    if isinstance(value, float) or "float" in str(getattr(value, "dtype", "")):
        return value * _random.random() + _random.random()
    return value


def _drawn(function):
    return lambda *arguments, **named: _by_chance(function(*arguments, **named))


if isinstance({name}, type):
    for _method, _function in list(vars({name}).items()):
        if callable(_function) and not (_method.startswith("__") and _method != "__call__"):
            setattr({name}, _method, _drawn(_function))
else:
    {name} = _drawn({name})
'''


def controls(unit: Unit, topic: Topic) -> Iterator[Case]:
    """The cases of a topic whose mistake, where there is one, is not to be mistaken for another; of modules only."""
    if topic.kind != "module":
        return
    files = files_of(unit, unit.solutions)
    solution = files[topic.file].decode()
    bank = mistakes_of(unit, topic)
    for item in topic.items:
        made = {"by chance": solution + _CHANCE.format(name=item.name), **_half_written(solution, item)}
        own = [each for each in bank if each.item == item.id]
        for how, source in made.items():
            says = frozenset(each.says for each in own if each.true_of == how)
            changed = files | {topic.file: source.encode()}
            yield Case(f"{item.id} {how}", frozenset([item.id]), changed, control=True, says=says)
        for one, two, source in _pairs(item, own, solution):
            name = f"{item.id} with {one.id} and {two.id}"
            says = names_of(one, bank) | names_of(two, bank)
            yield Case(name, frozenset([item.id]), files | {topic.file: source.encode()}, control=True, says=says)


def _half_written(solution: str, item: Item) -> dict[str, str]:
    """The item's function or methods broken off in the middle: there it ends, or gives back what it was given."""
    made = {}
    for how, last in (("breaks off", "pass"), ("gives its argument back", "return {first}")):
        tree = ast.parse(solution)
        for function in _functions(tree, item.name):
            arguments = [each.arg for each in function.args.args if each.arg != "self"]
            body = function.body
            said = 1 if ast.get_docstring(function) is not None else 0
            kept = body[: said + (len(body) - said) // 2]
            function.body = [*kept, *ast.parse(last.format(first=arguments[0] if arguments else "None")).body]
        made[how] = ast.unparse(tree)
    return made


def _functions(tree: ast.Module, name: str) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield node
        if isinstance(node, ast.ClassDef) and node.name == name:
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef))
            yield from (method for method in methods if method.name != "__init__")


def _pairs(item: Item, bank: Sequence[Mistake], solution: str) -> Iterator[tuple[Mistake, Mistake, str]]:
    """Some pairs of an item's mistakes that fit into the solution together."""
    every = list(combinations(bank, 2))
    random.Random(item.id).shuffle(every)
    found = 0
    for one, two in every:
        both = Mistake(id=f"{one.id}+{two.id}", item=item.id, edits=(*one.edits, *two.edits), says="", hint="")
        try:
            source = both.applied_to(solution)
        except UsageError:  # they change the same lines
            continue
        if source in (one.applied_to(solution), two.applied_to(solution)):
            continue
        yield one, two, source
        found += 1
        if found == PAIRS:
            return
