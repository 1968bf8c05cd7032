"""Matplotlib figures as SVG: the same bytes for the same data, and colours that follow the page's light or dark."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_DOTS_PER_INCH = 160
INK, MUTED, GRID = "#1c2126", "#67717c", "#d5dae0"
ACCENT, WARM = "#2f77c9", "#c26a00"
SERIES = (ACCENT, WARM, "#23906a", "#b2488f", "#7a62c4", "#8a7a1f", "#16899c", "#c04a4a")
# In the page these follow the text colour and the theme; in a file of its own a figure keeps its colours.
_THEME = {INK: "currentColor", MUTED: "var(--muted)", GRID: "var(--line)", ACCENT: "var(--accent)", WARM: "var(--warm)"}
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Picture:
    """A finished figure.

    Attributes:
        name: stem of its file.
        caption: what it shows, one sentence.
        alt: what one sees in it, in words.
        svg: the file's text.
        png: the same as pixels, on white.
    """

    name: str
    caption: str
    alt: str
    svg: str
    png: bytes

    @property
    def inline(self) -> str:
        """The figure for use inside a page: themed colours, ids of its own, alt text."""
        text = self.svg[self.svg.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
        for colour, themed in _THEME.items():
            text = text.replace(colour, themed)
        text = re.sub(r'\bid="', f'id="{self.name}-', text)
        text = re.sub(r"(xlink:href=\"|url\()#", rf"\1#{self.name}-", text)
        width, height = map(float, re.findall(r'<svg [^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
        # From points to CSS pixels; on a narrow screen letters stay legible and the figure scrolls.
        size = f'width="{width * 4 / 3:.0f}" height="{height * 4 / 3:.0f}" style="min-width: {width:.0f}px"'
        head = f'<svg role="img" aria-label="{escape(self.alt)}" viewBox="0 0 {width:g} {height:g}" {size}>'
        return head + text[text.index(">") + 1 :].replace("xlink:href", "href")


@contextmanager
def canvas(name: str, width: float, height: float) -> Iterator[Figure]:
    """A figure of this size [inch] in the report's style."""
    with matplotlib.rc_context(_STYLE):
        matplotlib.rcParams["svg.hashsalt"] = name
        yield Figure(figsize=(width, height))


def picture(figure: Figure, name: str, caption: str, alt: str) -> Picture:
    """Renders a figure; call it inside `canvas`."""
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    pixels = io.BytesIO()
    figure.savefig(pixels, format="png", dpi=_DOTS_PER_INCH, facecolor="white", metadata={"Software": None})
    return Picture(name, caption, alt, buffer.getvalue(), pixels.getvalue())
