"""Pictures of stamps: the gallery of the README and the report's strips and residual maps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.images import Stretch, fit_stretch, lupton_rgb, tile
from astrogan.validation.noise import as_stamps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["blocks", "canvas", "png", "residual_maps", "strips", "write_gallery"]

GROUND, INK, FAINT = "#0d1117", "#e6edf3", "#8b949e"
ACCENTS = ("#e3b341", "#58a6ff", "#3fb950", "#bc8cff")  # real, simulated, refined, anything else
CHANGE = ("#a5d6ff", "#1f6feb", "#0d1117", "#da3633", "#ffc1ba")  # less light, none, more
DPI = 100.0


def write_gallery(
    path: str | os.PathLike[str],
    panels: Mapping[str, ArrayLike],
    *,
    layout: str = "blocks",
    columns: int | None = None,
    rows: int | None = None,
    stretch: Stretch | None = None,
    zoom: int = 3,
) -> Path:
    """Write panels of stamps side by side on one common scale.

    Parameters
    ----------
    path : path
        The PNG to write; replaced as a whole or not at all.
    panels : mapping of str to (N, C, y, x)
        Title -> stamps, shown in this order. The common scale is fitted to the first panel.
    layout : {"blocks", "strips"}
        One titled block per panel; or, for matched objects, one row per panel below the other.
    columns, rows : int, optional
        Stamps across and down a block (5 by 5), or across a strip (8) and strips of each panel (2).
    stretch : Stretch, optional
        Another common scale.
    zoom : int
        Screen pixels per image pixel.

    Raises
    ------
    ValueError
        If there is no panel, the panels' stamps differ in shape, or the layout is unknown.
    """
    from catalogs.checks import one_of

    draw = {"blocks": blocks, "strips": strips}[one_of("layout", layout, ("blocks", "strips"))]
    wanted = {"columns": columns, "rows": rows}
    figure = draw(panels, stretch=stretch, zoom=zoom, **{k: v for k, v in wanted.items() if v is not None})
    return write_bytes(path, png(figure))


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file as a whole or not at all: temporary file beside it, fsync, rename."""
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def png(figure: Figure) -> bytes:
    """The figure as PNG, without anything that depends on when or where it was made."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor(), metadata={"Software": None})
    return buffer.getvalue()


def canvas(width: float, height: float) -> Figure:
    """An empty dark figure of `width` by `height` pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=GROUND)
    FigureCanvasAgg(figure)
    return figure


def accent(title: str, position: int) -> str:
    """The colour of a panel: fixed for real, simulated and refined, by position otherwise."""
    known = [i for i, word in enumerate(("real", "simulated", "refined")) if word in title.lower()]
    return ACCENTS[known[0] if known else position % len(ACCENTS)]


def coloured(panels: Mapping[str, ArrayLike], stretch: Stretch | None) -> dict[str, NDArray[np.uint8]]:
    """Every panel as RGB stamps on the common scale."""
    stamps = {title: as_stamps(f"panel {title!r}", values) for title, values in panels.items()}
    if not stamps:
        raise ValueError("a gallery needs at least one panel of stamps")
    shapes = {values.shape[1:] for values in stamps.values()}
    if len(shapes) > 1:
        raise ValueError(f"the panels' stamps differ in (band, y, x): {', '.join(map(str, sorted(shapes)))}")
    stretch = stretch or fit_stretch(next(iter(stamps.values())))
    return {title: lupton_rgb(values, stretch) for title, values in stamps.items()}


def blocks(
    panels: Mapping[str, ArrayLike], *, columns: int = 5, rows: int = 5, stretch: Stretch | None = None, zoom: int = 3
) -> Figure:
    """One titled block of stamps per panel, side by side."""
    sheets = {
        title: tile(rgb[: columns * rows], columns, zoom=zoom, gap=zoom)
        for title, rgb in coloured(panels, stretch).items()
    }
    gutter, head = 10 * zoom, 24 * zoom
    width = sum(sheet.shape[1] for sheet in sheets.values()) + gutter * (len(sheets) + 1)
    height = max(sheet.shape[0] for sheet in sheets.values()) + head + gutter
    figure = canvas(width, height)
    left = gutter
    for i, (title, sheet) in enumerate(sheets.items()):
        place(figure, sheet, left, head)
        label(figure, title, left, head - 10 * zoom, 9 * zoom, accent(title, i), sheet.shape[1])
        left += sheet.shape[1] + gutter
    return figure


def strips(
    panels: Mapping[str, ArrayLike], *, columns: int = 8, rows: int = 2, stretch: Stretch | None = None, zoom: int = 3
) -> Figure:
    """Matched objects: `columns` per strip, one strip per panel below the other, `rows` such groups."""
    rgb = coloured(panels, stretch)
    groups = min(rows, -(-max(map(len, rgb.values())) // columns))
    sheets = [
        [
            (title, tile(stamps[g * columns : (g + 1) * columns], columns, zoom=zoom, gap=zoom))
            for title, stamps in rgb.items()
        ]
        for g in range(groups)
    ]
    high, wide = sheets[0][0][1].shape[:2]
    margin, side = 8 * zoom, 12 * zoom
    group = len(rgb) * (high + zoom) + 5 * zoom
    figure = canvas(wide + side + margin, 2 * margin + groups * group - 6 * zoom)
    for g, members in enumerate(sheets):
        for i, (title, sheet) in enumerate(members):
            top = margin + g * group + i * (high + zoom)
            place(figure, sheet, side, top)
            label(
                figure,
                title,
                0.55 * side,
                top + high / 2,
                max(4.6 * zoom, 0.11 * high),
                accent(title, i),
                0,
                rotation=90,
            )
    return figure


def place(figure: Figure, sheet: NDArray[np.uint8], left: float, top: float) -> None:
    """Put an RGB sheet on the canvas pixel for pixel, (left, top) from its upper left corner."""
    height = round(figure.get_figheight() * DPI)
    figure.figimage(sheet, round(left), height - round(top) - sheet.shape[0], origin="upper")


def label(
    figure: Figure, text: str, left: float, middle: float, size: float, colour: str, rule: float, rotation: float = 0
) -> None:
    """Write a title at (left, middle) pixels from the upper left corner, over a thin rule of `rule` pixels."""
    width, height = figure.get_figwidth() * DPI, figure.get_figheight() * DPI
    centred = "center" if rotation else "left"
    figure.text(
        left / width, 1 - middle / height, text, color=INK if rule else colour, fontsize=size * 72 / DPI,
        ha=centred, va="center", rotation=rotation,
    )  # fmt: skip
    if rule:
        from matplotlib.lines import Line2D

        level = 1 - (middle + 0.78 * size) / height
        figure.add_artist(Line2D([left / width, (left + rule) / width], [level, level], color=colour, linewidth=2))


def residual_maps(simulated: ArrayLike, refined: ArrayLike, sigma: Sequence[float], *, columns: int = 8) -> Figure:
    """Simulated, refined and their difference in units of the sky's rms, summed over bands, for `columns` objects."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    before, after = as_stamps("simulated", simulated)[:columns], as_stamps("refined", refined)[:columns]
    scale = np.asarray(sigma, dtype=np.float32)[:, None, None]
    change = ((after - before) / scale).mean(axis=1) * np.sqrt(before.shape[1])
    limit = max(float(np.quantile(np.abs(change), 0.995)), 1e-6)
    colours, norm = LinearSegmentedColormap.from_list("change", CHANGE), Normalize(-limit, limit)
    rgb = coloured({"simulated": before / scale, "refined": after / scale}, None)
    zoom, head, side = 3, 10, 36
    rows = [*rgb.items(), ("difference", np.asarray(colours(norm(change), bytes=True))[..., :3])]
    sheets = [(title, tile(stamps, columns, zoom=zoom, gap=zoom)) for title, stamps in rows]
    high, wide = sheets[0][1].shape[:2]
    figure = canvas(wide + side + 110, 3 * (high + zoom) + 2 * head)
    for i, (title, sheet) in enumerate(sheets):
        place(figure, sheet, side, head + i * (high + zoom))
        label(figure, title, 0.5 * side, head + i * (high + zoom) + high / 2, 14, accent(title, 3), 0, rotation=90)
    width, height = figure.get_figwidth() * DPI, figure.get_figheight() * DPI
    axes = figure.add_axes((1 - 90 / width, (head + zoom) / height, 12 / width, high / height))
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=axes)
    bar.set_label("σ", color=FAINT)
    bar.ax.tick_params(colors=FAINT)
    bar.outline.set_visible(False)
    return figure
