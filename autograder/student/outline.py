"""What stands where in the topic's file, and what in it is still a stub; read from the source, which runs nothing."""

import ast

MAX_IDENTIFIERS = 20_000

# Where a node's name stands, for those that have one.
_PLACES: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.arg: "arg",
    ast.Attribute: "attr",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
}


def outline(tree: ast.Module) -> list[tuple[str, int, int, bool]]:
    """(name, first line, last line, whether it is unwritten) of each function and class at top level."""
    found = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    last = {node.name: node for node in found}  # a name that is defined twice is what it was defined as last
    return [
        (node.name, node.lineno, node.end_lineno or node.lineno, last[node.name] is node and _unwritten(node))
        for node in found
    ]


def identifiers(tree: ast.Module) -> list[str]:
    """Every name that stands in the source: what it defines, imports, uses and takes as an argument."""
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if place := _PLACES.get(type(node)):
            found[getattr(node, place)] = None
        elif isinstance(node, ast.alias):
            found |= dict.fromkeys([*node.name.split("."), *([node.asname] if node.asname else [])])
        if len(found) >= MAX_IDENTIFIERS:
            break
    return list(found)


def _unwritten(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """A function that only raises NotImplementedError; a class with a method that comes to that whatever happens."""
    if isinstance(node, ast.ClassDef):
        return any(_gives_up(part.body) for part in node.body if isinstance(part, ast.FunctionDef))
    body = [part for part in node.body if not _is_docstring(part)]
    return len(body) == 1 and _gives_up(body)


def _gives_up(body: list[ast.stmt]) -> bool:
    for part in body:
        raised = part.exc if isinstance(part, ast.Raise) else None
        if isinstance(raised, ast.Call):
            raised = raised.func
        if isinstance(raised, ast.Name) and raised.id == "NotImplementedError":
            return True
    return False


def _is_docstring(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)
