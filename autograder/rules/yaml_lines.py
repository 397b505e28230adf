"""YAML with the line of every key, so that an error can say where it is."""

from dataclasses import dataclass
from typing import Any

import yaml

Location = tuple[int | str, ...]  # the keys on the way to a value: ("topics", 0, "name")

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where PyYAML has been built with it


def read(text: str) -> Any:
    """The data in `text`. Raises `yaml.YAMLError` where the text is not YAML."""
    return yaml.load(text, Loader=LOADER)


@dataclass(frozen=True)
class Lines:
    """Where each value stands, lines counted from 1."""

    known: dict[Location, int]
    duplicates: tuple[tuple[str, int], ...]

    def of(self, path: Location) -> int:
        """The line of a value or, where it is missing, of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.known:
                return self.known[path[:end]]
        return 1


def read_with_lines(text: str) -> tuple[Any, Lines]:
    """The data in `text` and the lines they stand on. Raises `yaml.YAMLError` where the text is not YAML."""
    loader = LOADER(text)
    root = loader.get_single_node()
    known: dict[Location, int] = {}
    duplicates: list[tuple[str, int]] = []

    def walk(node: yaml.Node | None, path: Location) -> None:
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.value in seen:
                    duplicates.append((key.value, line))
                seen.add(key.value)
                known[(*path, key.value)] = line
                walk(value, (*path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                known[(*path, index)] = value.start_mark.line + 1
                walk(value, (*path, index))

    walk(root, ())
    data = loader.construct_document(root) if root is not None else None
    return data, Lines(known, tuple(duplicates))
