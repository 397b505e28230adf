"""`autograder review`: the server for readers, and decisions as CSV."""

from collections.abc import Callable, Sequence
from getpass import getuser
from pathlib import Path

import click

from autograder.errors import UsageError
from autograder.gradebook import gradebook_of, last_run, open_gradebook
from autograder.report.files import write_atomically
from autograder.review.desk import Desk
from autograder.review.exchange import bring_in, rows_of
from autograder.spec import Unit

MAX_NAME = 60


def opened(unit_of: Callable[[str], Unit], folder: Path, gradebook: str | None) -> Desk:
    """What there is to read in a folder of reports, with the rules by which it was graded."""
    engine = open_gradebook(gradebook_of(folder, gradebook), make=False)
    run = last_run(engine)
    if run is None:
        raise UsageError(f"{folder} holds no run that came to its end: grade a class into it first")
    desk = Desk(unit_of(run.given["rules"]), engine)
    if not desk.material().questions:
        raise UsageError(f"{folder}: there are no questions in prose to read")
    return desk


def serve(desk: Desk, readers: Sequence[str], port: int) -> int:
    """Serve the pages until Ctrl-C. Each reader is told an address of their own."""
    from waitress import create_server

    from autograder.review.access import LOCAL, Door
    from autograder.review.server import make_app

    door = Door(_names(readers))
    try:
        server = create_server(make_app(desk, door), host=LOCAL[0], port=port, threads=8, ident=None)
    except OSError as error:
        raise UsageError(f"--port {port}: {error.strerror}") from None
    door.port = server.effective_port
    click.echo("On this machine alone. An address is its reader's key: give it to nobody else.")
    for reader in door.readers:
        click.echo(f"  {reader}: {door.address(reader)}")
    click.echo("Everything is saved at once. Ctrl-C ends it.")
    try:
        server.run()
    finally:
        server.close()
    return 0


def export(desk: Desk, path: Path) -> int:
    """Write what every reader decided last to a CSV file."""
    text, number = rows_of(desk.material(), desk.engine)
    try:
        write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"--export {path}: cannot be written: {error.strerror}") from None
    click.echo(f"{number} decisions written to {path}")
    return 0


def take_in(desk: Desk, path: Path) -> int:
    """Keep the decisions of a CSV file. The exit status is 1 where a row is wrong; the others are kept."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--import {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--import {path}: not UTF-8 text; save it as CSV UTF-8") from None
    done = bring_in(desk.material(), desk.engine, text, str(path))
    for problem in done.problems:
        click.echo(problem, err=True)
    click.echo(f"{done.kept} decisions kept, {done.same} stood there already, {len(done.problems)} rows not taken")
    if done.stale:
        click.echo(f"{done.stale} of them are on an earlier text of their answer and do not count")
    return 1 if done.problems else 0


def _names(readers: Sequence[str]) -> list[str]:
    names = [reader.strip() for reader in readers] or [getuser()]
    for name in names:
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise UsageError(f"--reader {name!r}: a name of 1 to {MAX_NAME} printable characters")
    if len(set(names)) < len(names):
        raise UsageError("--reader: two readers have the same name")
    return names
