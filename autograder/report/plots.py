"""The plots of the class page, as SVG that stands inside of it.

matplotlib draws them, and is imported here alone, once a page is rendered; where it is not installed there are no
plots. Colours become the page's own, so that plots follow it into the dark and onto paper; no plot tells by colour
alone. Each says in words what it shows. No student's text comes in here.
"""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _QUIET, _RULE, _FILL = "#010101", "#020202", "#030303", "#040404"  # stand for the page's own, below
_COLOURS = {_INK: "var(--ink)", _QUIET: "var(--quiet)", _RULE: "var(--rule)", _FILL: "var(--wait)"}
_ODD = 0.1  # discriminations below have their item's name beside them
_MANY = 40  # students from which on the marks are drawn in finer steps


@dataclass(frozen=True)
class Plot:
    """An SVG element without script or style sheet, and what it shows in words."""

    svg: str
    says: str


def marks(scores: Sequence[float], most: float) -> Plot | None:
    """How the marks spread, from 0 to the most that can be had."""
    if len(scores) < 2 or most <= 0:
        return None
    steps = 20 if len(scores) >= _MANY else 10
    most = max([most, *scores])
    edges = [most * step / steps for step in range(steps + 1)]
    counts = [0] * steps
    for score in scores:
        counts[min(int(score / most * steps), steps - 1)] += 1
    width = most / steps
    middle = sorted(scores)[len(scores) // 2]

    def draw(axes: "Axes") -> None:
        axes.bar(edges[:-1], counts, width=width * 0.94, align="edge", color=_FILL, linewidth=0)
        for edge, count in zip(edges, counts, strict=False):
            if count:
                axes.annotate(
                    str(count),
                    (edge + width * 0.47, count),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    color=_INK,
                )
        axes.set_xlim(0, most)
        axes.set_ylim(0, max(counts) * 1.15)
        axes.locator_params(axis="y", integer=True)
        axes.set_xlabel("marks")
        axes.set_ylabel("students")

    told = ", ".join(f"{edges[step]:g} to {edges[step + 1]:g}: {count}" for step, count in enumerate(counts) if count)
    return _plot(draw, f"How many students have how many marks. {told}. Half have {middle:g} or more.", "marks")


def items(points: Sequence[tuple[str, float, float]]) -> Plot | None:
    """Each item (name, difficulty p, discrimination r) as a dot; those that stand out have their name beside them."""
    if len(points) < 2:
        return None
    odd: list[tuple[str, float, float]] = []  # no name on top of another
    for name, p, r in sorted(points, key=lambda point: point[2]):
        if r < _ODD and all(abs(r - other[2]) > 0.08 or abs(p - other[1]) > 0.5 for other in odd):
            odd.append((name, p, r))

    def draw(axes: "Axes") -> None:
        axes.axhline(0, color=_QUIET, linewidth=0.8)
        axes.plot([p for _, p, _ in points], [r for _, _, r in points], "o", ms=5, color=_FILL, alpha=0.55, mew=0)
        for name, p, r in odd:
            left = p > 0.5
            axes.annotate(
                name, (p, r), (-6 if left else 6, 0), textcoords="offset points", ha="right" if left else "left",
                va="center", color=_INK, fontsize=8,
            )  # fmt: skip
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(min(-0.1, min(r for _, _, r in points) - 0.1), 1.05)
        axes.set_xlabel("difficulty p: hard on the left, easy on the right")
        axes.set_ylabel("discrimination r")

    below = sum(r < 0 for _, _, r in points)
    says = f"Difficulty and discrimination of {len(points)} items; {below or 'none'} below zero."
    return _plot(draw, f"{says} The table has the figures.", "items")


def _plot(draw: "Callable[[Axes], None]", says: str, name: str) -> Plot | None:
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        return None
    with mpl.rc_context(
        {
            "svg.fonttype": "none",  # text stays text
            "svg.hashsalt": name,  # the same plot gives the same bytes
            "svg.id": f"plot-{name}",
            "axes.edgecolor": _RULE,
            "axes.labelcolor": _QUIET,
            "xtick.color": _QUIET,
            "ytick.color": _QUIET,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "font.size": 9,
        }
    ):
        figure = Figure(figsize=(5.4, 2.6), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Plot(_for_page(text.getvalue(), name), says)


def _for_page(svg: str, name: str) -> str:
    """Only the drawing: no prologue, no style sheet (it would style the page), ids of its own, the page's font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(\bid="|"#|url\(#)(?!plot-)', rf"\1plot-{name}-", svg)
    svg = re.sub(
        r"font(?:-family)?: (?:([\d.]+)px )?[^;\"]*", lambda font: f"font-size: {font[1]}px" if font[1] else "", svg
    )
    for stands_for, own in _COLOURS.items():
        svg = svg.replace(stands_for, own)
    return svg.strip()
