"""What grading.yml says to preload, in the process that all workers are forked from, or in a worker of its own.

numpy                          a module: it is imported
package.module:function gpt2   a function: it is called, with the words behind it, for what it then keeps
"""

import pkgutil
from collections.abc import Iterable


def preload(entries: Iterable[str]) -> None:
    """Raises what the import or the call raises."""
    for entry in entries:
        name, *arguments = entry.split()
        found = pkgutil.resolve_name(name)
        if ":" in name:
            found(*arguments)


def module_of(entry: str) -> str:
    """The module that an entry names."""
    return entry.split(maxsplit=1)[0].partition(":")[0]
