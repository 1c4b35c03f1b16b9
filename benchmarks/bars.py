"""A small chart of horizontal bars as SVG, which can be read on a light page and on a dark one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.numbers import short

WIDTH = 760
LEFT = 300
VALUE_SPACE = 80
BAR, BAR_GAP, GROUP_GAP = 14, 4, 18
TOP, FOOT = 58, 34
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.quiet { font-size: 11px; fill: #59636e }
.a { fill: #0969da } .b { fill: #bc4c00 } .c { fill: #8250df }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #9198a1 }
  .a { fill: #4493f8 } .b { fill: #f0883e } .c { fill: #ab7df8 }
}
"""
COLOURS = "abc"


@dataclass(frozen=True)
class Group:
    """Bars that are compared with each other.

    Attributes:
        label: What they measure.
        values: The length of each bar by whose it is.
    """

    label: str
    values: Mapping[str, float]


def bars(title: str, unit: str, groups: Sequence[Group], *, note: str) -> str:
    """Draw a chart: one linear scale for all bars, each with its number at its end.

    Args:
        title: Its heading, which also describes it to those who cannot see it.
        unit: Of all values.
        groups: From top to bottom.
        note: A line below, such as where the numbers are from.

    Returns:
        The SVG document.
    """
    names = list(dict.fromkeys(name for group in groups for name in group.values))
    colours = dict(zip(names, COLOURS, strict=False))
    scale = (WIDTH - LEFT - VALUE_SPACE) / max(value for group in groups for value in group.values.values())
    shapes, top = [*_text(0, 20, title, "title"), *_legend(colours)], TOP
    for group in groups:
        middle = top + (len(group.values) * (BAR + BAR_GAP) - BAR_GAP) / 2
        shapes += _text(LEFT - 10, middle + 4, group.label, anchor="end")
        for name, value in group.values.items():
            shapes += _bar(top, value * scale, colours[name], f"{short(value)} {unit}")
            top += BAR + BAR_GAP
        top += GROUP_GAP
    shapes += _text(0, top + 10, note, "quiet")
    return _document(title, top + FOOT, shapes)


def _document(title: str, height: float, shapes: Sequence[str]) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        *shapes,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _legend(colours: Mapping[str, str]) -> list[str]:
    shapes, left = [], LEFT
    for name, colour in colours.items():
        shapes.append(f'<rect class="{colour}" x="{left}" y="32" width="12" height="12" rx="2"/>')
        shapes += _text(left + 18, 43, name)
        left += 110
    return shapes


def _bar(top: float, length: float, colour: str, number: str) -> list[str]:
    rect = f'<rect class="{colour}" x="{LEFT}" y="{top:g}" width="{max(length, 1):.1f}" height="{BAR}" rx="2"/>'
    return [rect, *_text(LEFT + length + 6, top + BAR - 3, number)]


def _text(left: float, base: float, text: str, kind: str = "", anchor: str = "start") -> list[str]:
    css = f' class="{kind}"' if kind else ""
    return [f'<text{css} x="{left:.1f}" y="{base:g}" text-anchor="{anchor}">{escape(text)}</text>']
