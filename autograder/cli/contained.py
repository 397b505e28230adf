"""`--in-docker`: what the command in the container is told is what this one was told, whatever that is.

The words are made from the command's own parameters, so that none can be forgotten: a path is mounted read-only and
called by its name inside, what a container cannot do is refused, and everything else is passed on as it was given.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from autograder.errors import UsageError
from autograder.gradebook.database import VARIABLE as GRADEBOOK
from autograder.machine.container import GIVEN, OUT, SUBMISSIONS, UNIT, Mount

_SELF = "in_docker"  # the flag itself
REFUSED = {
    "cluster": "the container has no network. Machines of a cluster keep students' code apart themselves",
    "gradebook": f"the container has no network and writes to --out alone: the gradebook is {OUT}/gradebook.sqlite",
}


def contained(context: click.Context, root: Path) -> tuple[list[str], list[Mount]]:
    """What `autograder COMMAND` is to be told inside, and what it needs to find there besides --out.

    Raises `UsageError` for what a container cannot do, and for a path that is not there.
    """
    if os.environ.get(GRADEBOOK):
        raise UsageError(f"--in-docker does not go with the variable {GRADEBOOK}: {REFUSED['gradebook']}")
    words: list[str] = []
    mounts = [Mount(root, UNIT)]
    for parameter in context.command.params:
        value = context.params[str(parameter.name)]
        if parameter.name == _SELF or value is None:
            continue
        if isinstance(parameter, click.Option):
            told, needed = _option(parameter, value, root)
        else:
            told, needed = _submissions(value)
        words += told
        mounts += needed
    return words, mounts


def _option(option: click.Option, value: object, root: Path) -> tuple[list[str], list[Mount]]:
    name = max(option.opts, key=len)
    if option.name in REFUSED:
        raise UsageError(f"--in-docker and {name} do not go together: {REFUSED[option.name]}")
    if option.name == "out":
        return [f"{name}={OUT}"], []
    if option.name == "rules":
        return [f"{name}={_in_unit(str(value), root)}"], []
    if option.is_bool_flag:
        return (option.opts if value else option.secondary_opts)[-1:], []
    if option.is_flag:  # one of several that set the same value
        return [name] if value == option.flag_value else [], []
    words: list[str] = []
    mounts: list[Mount] = []
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, Path):
            mounts.append(_given(name, each))
        words.append(f"{name}={mounts[-1].target if isinstance(each, Path) else each}")
    return words, mounts


def _given(option: str, path: Path) -> Mount:
    """A file that an option names, to be read."""
    if not path.is_file():
        raise UsageError(f"{option} {path}: there is no such file")
    return Mount(path.resolve(), f"{GIVEN}/{option.strip('-')}/{path.name}")


def _in_unit(rules: str, root: Path) -> str:
    """A rule file's name as it is inside, where there is nothing but the unit."""
    path = (root / rules).resolve()
    if not path.is_relative_to(root):
        raise UsageError(f"--in-docker: --rules {rules} is not in {root}, and the container sees no other rules")
    return path.relative_to(root).as_posix()


def _submissions(paths: Sequence[Path]) -> tuple[list[str], list[Mount]]:
    """Names and neighbours stay: students are named for files and folders, and lone files of one folder are one's."""
    mounts = list(_mounted(dict.fromkeys(Path(os.path.abspath(path)) for path in paths)))
    return [mount.target for mount in mounts], mounts


def _mounted(paths: Iterable[Path]) -> Iterator[Mount]:
    folders: dict[Path, str] = {}
    for path in paths:
        if path.is_symlink():
            raise UsageError(f"{path} is a link: name what it leads to")
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        folder = folders.setdefault(path.parent, f"{SUBMISSIONS}/{len(folders)}/{path.parent.name}".rstrip("/"))
        yield Mount(path, f"{folder}/{path.name}")
