"""A small canvas: matplotlib draws once, and the SVG takes its colours and its font from the page.

Each colour is drawn as a stand-in and becomes a CSS variable, so that one drawing serves light and dark. Each text is
drawn as a coded stand-in and is written in afterwards, escaped: no name from the data meets matplotlib's mathematics or
its fonts. Draw inside `look()`, which keeps out a person's own matplotlib style.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Affine2D, Transform

from burnish.report.wording import plain

# Width of every drawing in its own units, 1/72 inch. A phone of 390 px shows it about 336 px wide, so that text of
# 12 units is about 11 px there, and 15 px at the greatest width that the style sheet allows (460 px).
WIDTH = 360
TEXT = 12.0
SMALL = 10.5

INK, MUTED, LINE, ACCENT, COOL, SOFT, PANEL = (f"#00000{n}" for n in range(1, 8))
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    ACCENT: "--accent",
    COOL: "--cool",
    SOFT: "--soft",
    PANEL: "--panel",
}
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "burnish",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that the layout is the same everywhere
    "axes.unicode_minus": True,
    "path.simplify": True,
}

Align = Literal["left", "center", "right"]


@contextmanager
def look() -> Iterator[None]:
    """The report's own settings of matplotlib, for the time of drawing."""
    with style.context(["default", _SETTINGS]):
        yield


def drawing(height: float, *, left: float = 2, right: float = 6, top: float = 4, bottom: float = 34) -> Axes:
    """Axes on a fresh canvas, margins in drawing units, in the report's plain look."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    box = (left / WIDTH, bottom / height, (WIDTH - left - right) / WIDTH, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(which="both", length=0, pad=4, labelsize=SMALL, labelcolor=MUTED)
    axes.grid(axis="x", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def write(
    axes: Axes,
    at: tuple[float, float],
    text: str,
    *,
    color: str = INK,
    align: Align = "left",
    size: float = TEXT,
    **more: Any,
) -> None:
    """Writes any text at a point in data coordinates (or those of `transform`)."""
    coded = plain(text).encode().hex()
    axes.text(*at, f"§{coded}§", color=color, ha=align, fontsize=size, clip_on=False, parse_math=False, **more)


def x_title(axes: Axes, text: str) -> None:
    """The horizontal axis's name, at its right end below the tick labels."""
    write(axes, (1, 0), text, color=MUTED, align="right", size=SMALL, va="top", transform=_below(axes, 20))


def y_title(axes: Axes, text: str) -> None:
    """The vertical axis's name, level above its top end, where it reads without turning the head."""
    height = axes.bbox.height
    left = axes.bbox.x0 / axes.bbox.width
    write(axes, (-left, 1 + 8 / height), text, color=MUTED, size=SMALL, transform=axes.transAxes)


def _below(axes: Axes, units: float) -> Transform:
    return axes.transAxes + Affine2D().translate(0, -units)


def raised(axes: Axes, units: float = 7.0) -> Transform:
    """Data coordinates, lifted by so many drawing units: for a name above its mark."""
    return axes.transData + Affine2D().translate(0, units)


def ticks(axes: Axes, axis: Literal["x", "y"], *, shares: bool = False, most: int = 6) -> None:
    """Few, round tick labels; shares of 1 in per cent."""
    target = axes.xaxis if axis == "x" else axes.yaxis
    target.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]))
    target.set_major_formatter(FuncFormatter(lambda value, _: tick(value, shares=shares)))


def tick(value: float, *, shares: bool = False) -> str:
    """A tick's label.

    >>> tick(0.25, shares=True), tick(12500.0), tick(-0.5)
    ('25 %', '12,500', '−0.5')
    """
    scaled = round(value * 100 if shares else value, 10) + 0.0
    text = f"{scaled:,.10g}" if abs(scaled) < 1e6 else f"{scaled:.3g}"
    return text.replace("-", "−") + (" %" if shares else "")


def finish(axes: Axes, name: str, description: str) -> str:
    """The drawing as an `<svg>` element for the page. `name` is unique on the page; `description` is what it shows."""
    buffer = io.StringIO()
    figure = _figure(axes)
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    body = text[text.index(">", text.index("<svg")) + 1 :]
    height = round(figure.bbox.height)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" class="figure {name}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(plain(description))}">'
    )
    return opening + _clean(body, name)


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes are on no drawing; begin with `drawing`")
    return figure


def _shorter(attribute: re.Match[str]) -> str:
    """Two decimals: a hundredth of a unit is finer than any screen."""
    return re.sub(r"(\.\d\d)\d+", r"\1", attribute[0])


def _clean(body: str, name: str) -> str:
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.S)  # would style the whole page
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'(\sid="|href="#|url\(#)([mp]?[0-9A-Za-z_]+)', rf"\1{name}-\2", body)
    body = re.sub(r"font-family:[^;\"]*;?\s*", "", body)
    body = re.sub(r'\s*transform="rotate\(-?0 [^)]*\)"', "", body)
    body = re.sub("|".join(_VARIABLES), lambda found: f"var({_VARIABLES[found[0]]})", body)
    body = re.sub(r'(?<=\s)(?:d|x|y|transform)="[^"]*"', _shorter, body)
    body = re.sub(r"\s*\n\s*", " ", body)
    return re.sub("§([0-9a-f]*)§", lambda found: html.escape(bytes.fromhex(found[1]).decode()), body)
