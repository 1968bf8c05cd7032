"""The figure of all training sessions over time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from matplotlib.patches import Rectangle

from gesture.report.sessions import Session
from gesture.report.svg import INK, MUTED, SERIES, Picture, canvas, picture

_CAPTION = (
    "Training sessions by stage. A stroke ends a session that had to stop early; a cross marks one that was killed, "
    "with dots until the next; thin lines are waits; a number counts steps done again."
)


def timeline(ledger: Mapping[str, Sequence[Session]]) -> Picture | None:
    """When each member was trained: a bar a session, waits, kills and replayed steps; None where nothing is known."""
    known = {name: [one for one in own if one.start] for name, own in ledger.items()}
    known = {name: own for name, own in known.items() if own}
    if not known:
        return None
    moments = [moment for own in known.values() for one in own for moment in (one.start, one.end) if moment]
    begin, span = min(moments), (max(moments) - min(moments)).total_seconds()
    seconds, unit = (3600, "h") if span > 2 * 3600 else (60, "min")
    with canvas("sessions", 4.6, 0.9 + 0.26 * len(known)) as figure:
        axes = figure.add_subplot()
        for place, own in enumerate(known.values()):
            _draw(axes, place, own, begin, seconds)
        axes.set_yticks(range(len(known)), list(known), color=INK)
        axes.set_ylim(len(known) - 0.5, -0.6)
        axes.set_xlabel(f"time since the first session [{unit}]")
        axes.grid(axis="y", visible=False)
        stages = sorted({one.stage for own in known.values() for one in own})
        handles = [Rectangle((0, 0), 1, 1, color=_colour(stage)) for stage in stages]
        figure.legend(handles, [f"stage {stage}" for stage in stages], loc="outside upper right", ncols=len(stages))
        return picture(figure, "sessions", _CAPTION, _in_words(known))


def _draw(axes: Any, place: int, own: Sequence[Session], begin: datetime, seconds: float) -> None:
    """One member's row."""
    before: Session | None = None
    for one in own:
        assert one.start is not None
        left = (one.start - begin).total_seconds() / seconds
        if before is not None and before.start is not None:
            since = before.end or before.start
            style = "-" if before.end else ":"
            at = (since - begin).total_seconds() / seconds
            axes.plot([at, left], [place, place], color=MUTED, linewidth=0.9, linestyle=style)
        if one.end is None:
            axes.plot([left], [place], "x", color=_colour(one.stage), markersize=5)
        else:
            width = one.hours * 3600 / seconds
            axes.barh(place, width, left=left, height=0.5, color=_colour(one.stage))
            if one.reason != "done":
                axes.plot([left + width], [place], "|", color=INK, markersize=11)
        if one.replayed:
            axes.annotate(f"{one.replayed}", (left, place - 0.28), ha="left", va="bottom", fontsize=6.5, color=MUTED)
        before = one


def _colour(stage: int) -> str:
    return SERIES[(stage - 1) % len(SERIES)]


def _in_words(known: Mapping[str, Sequence[Session]]) -> str:
    said = []
    for name, own in known.items():
        killed = sum(one.end is None for one in own)
        hours = sum(one.hours for one in own)
        said.append(f"{name}: {len(own)} sessions, {hours:.2f} h" + (f", {killed} killed" if killed else ""))
    return "Training sessions over time. " + "; ".join(said)
