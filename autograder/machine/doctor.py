"""`autograder doctor`: which layers hold on this machine, found by trying, and what follows from that."""

from rich.console import Console

from autograder.machine.isolation import Trial, lacking, refusal, try_here
from autograder.machine.temporary import remove_left_over
from autograder.spec import Unit

# Each layer, by how its name begins: what it keeps a student's code from, and what it takes to have it.
_LAYERS = {
    "landlock": ("files that it must not read or write", "Linux 5.13 or later, `landlock` in /sys/kernel/security/lsm"),
    "seccomp": ("processes, the network, signals, modes of files", "Linux on x86_64 or aarch64"),
    "another user": ("whoever grades: their files and processes", "run as root, with a Python that others may read"),
    "no capabilities": ("what root may do", "Linux"),
    "no new privileges": ("sudo and the like", "Linux"),
    "network namespace": ("the network, once more", "run as root with CAP_SYS_ADMIN"),
    "rlimits": ("too much memory, time and disk", "Linux"),
}


def doctor(unit: Unit, console: Console) -> int:
    """Tell; the exit status is 1 where hidden tests cannot be run here."""
    left_over = remove_left_over()
    trial = try_here(unit)
    _tell_layers(trial, console)
    if left_over:
        folders = "1 temporary folder" if len(left_over) == 1 else f"{len(left_over)} temporary folders"
        console.print(f"\nRemoved what commands that were killed had left: {folders}.")
    why = refusal(unit, trial)
    if why is not None:
        console.print(f"\nHidden tests are not run here and nobody gets marks: {why}.", style="bold", soft_wrap=True)
        console.print(
            "What to do: `autograder grade --in-docker ...` with Docker or Podman; or grade on another Linux machine,\n"
            "a virtual one, or a runner of continuous integration (ubuntu-24.04). `autograder check` works here.",
            soft_wrap=True,
        )
        return 1
    console.print("\nHidden tests can be run here: submissions are graded in full.", style="bold")
    if lacking(layer for layer in trial.layers if layer != "another user") is not None:
        console.print("Only another user keeps files apart: shut the submissions and reports as well (chmod 700).")
    return 0


def _tell_layers(trial: Trial, console: Console) -> None:
    console.print("What keeps a student's code apart on this machine:\n")
    for name, (against, needs) in _LAYERS.items():
        held = next((layer for layer in trial.layers if layer.startswith(name)), None)
        console.print(f"  {'yes' if held else 'no ':4} {held or name:18} {against}", style="" if held else "dim")
        if held is None:
            console.print(f"{'':24} to have it: {needs}", style="dim", soft_wrap=True)
    console.print("\nTried from within:\n" if trial.refused else "")
    for name, refused in trial.refused.items():
        console.print(f"  {'refused' if refused else 'GOT THROUGH':12} {name}", style="" if refused else "bold red")
