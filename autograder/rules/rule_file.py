"""A file of rules, grading.yml or a variant of it, and what is wrong with it: a line each, with file, line and key."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from autograder.errors import UsageError
from autograder.rules.yaml_lines import Lines, Location, read_with_lines


@dataclass(frozen=True)
class RuleFile:
    """What the file holds, not checked yet, and the lines it stands on."""

    path: Path
    data: dict[str, Any]
    lines: Lines

    @classmethod
    def read(cls, path: Path) -> "RuleFile":
        """`UsageError` where there is no such file, or no rules in it."""
        try:
            data, lines = read_with_lines(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise UsageError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f":{mark.line + 1}" if mark else ""
            raise UsageError(f"{path}{where}: not YAML: {getattr(error, 'problem', error)}") from None
        if not isinstance(data, dict):
            raise UsageError(f"{path}:1: must hold `unit:` and `topics:`, not {type(data).__name__}")
        return cls(path, data, lines)

    @property
    def duplicates(self) -> list[str]:
        """The keys that stand twice."""
        return [f"{self.path}:{line}: the key {key!r} stands twice" for key, line in self.lines.duplicates]

    def wrong(self, error: ValidationError) -> list[str]:
        """Everything that pydantic found, and the keys that stand twice."""
        return [*self.duplicates, *(self.line(each["loc"], _words(each)) for each in error.errors())]

    def line(self, loc: Location, text: str) -> str:
        """`grading.yml:41: item attention.softmax: points: must be positive, got -2`"""
        owner, inner = "", loc
        node: Any = self.data
        for depth, key in enumerate(loc):
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                break
            if isinstance(node, dict) and len(loc) > depth:
                for kind, name in (("item", node.get("id")), ("topic", node.get("name"))):
                    if isinstance(name, str):
                        owner, inner = f"{kind} {name}: ", loc[depth + 1 :]
                        break
        key = ".".join(str(part) for part in inner if part != "[key]")
        return f"{self.path}:{self.lines.of(loc)}: {owner}{key + ': ' if key else ''}{text}"


def _words(error: Any) -> str:
    """pydantic's message in the words of this file."""
    kind, text = error["type"], str(error["msg"])
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return text.removeprefix("Value error, ")
    return f"{text[:1].lower()}{text[1:]}, got {error['input']!r}"
