"""What the bench found, as a table with the goals beside it, and as a plot."""

from pathlib import Path
from typing import Any

GOALS = {
    "otter_run_over_ours": ("at least", 10.0),
    "cpu_over_bare_tests": ("at most", 1.3),
    "worker_ms": ("at most", 60.0),
    "call_ms": ("at most", 1.0),
    "first_over_regrade": ("at least", 50.0),
    "check_over_import_torch": ("at most", 1.5),
    "check_over_watch": ("at least", 1.0),
    "watch_ms": ("at most", 500.0),
    "one_job_over_two": ("at least", 1.8),
    "parent_memory_growth": ("at most", 0.1),
}


def table(found: dict[str, Any]) -> str:
    """A row a figure; under it what failed, the machine and the time."""
    lines = ["| figure | measured | wanted | |", "| --- | --- | --- | --- |"]
    for name, (word, goal) in GOALS.items():
        value = found.get(name)
        if value is None:
            lines.append(f"| {name} | not measured | {word} {goal:g} | |")
            continue
        reached = value >= goal if word == "at least" else value <= goal
        lines.append(f"| {name} | {value:.3g} | {word} {goal:g} | {'' if reached else 'missed'} |")
    for name, why in found.get("failed", {}).items():
        lines += ["", f"{name} failed: {why}"]
    where = found["machine"]
    lines += [
        "",
        f"{where['date']}, {where['processor']}, {where['cores']} cores, load at the start {where['load']:.1f}",
    ]
    return "\n".join(lines) + "\n"


def plot(found: dict[str, Any], path: Path) -> None:
    """Time and memory of light classes as they grow."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    counts = sorted(int(count) for count in found["light"])
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for axes, title, unit, lines in (
        (left, "Time", "seconds", {"wall": "wall", "cpu": "CPU, all processes"}),
        (right, "Memory", "MB, peak", {"parent_mb": "the command itself", "all_mb": "all processes together (PSS)"}),
    ):
        for (key, label), marker in zip(lines.items(), "os", strict=True):
            axes.plot(counts, [found["light"][str(count)][key] for count in counts], marker=marker, label=label)
        axes.set(xlabel="submissions (one topic)", ylabel=unit, title=title)
        axes.set_ylim(0, None)
        axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
