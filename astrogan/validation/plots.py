"""Line figures of the report: noise, properties and training, real against simulated against refined."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.figures import DPI, FAINT, INK, accent, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["noise_plot", "property_plot", "read_training_log", "training_plot"]

Array = NDArray[np.float64]
STYLES = {"real": (0, (1, 0)), "simulated": (0, (4, 2)), "refined": (0, (1, 0))}
PANEL = 250  # pixels


def grid(count: int, columns: int, height: int = PANEL) -> tuple[Figure, list[Axes]]:
    """A dark figure of `count` small panels in rows of `columns`."""
    rows = -(-count // columns)
    figure = canvas(columns * PANEL * 1.1 + 40, rows * height + 40)
    axes = [figure.add_subplot(rows, columns, k + 1) for k in range(count)]
    for panel in axes:
        panel.set_facecolor("#161b22")
        panel.tick_params(colors=FAINT, labelsize=8)
        panel.grid(color="#30363d", linewidth=0.5)
        for spine in panel.spines.values():
            spine.set_color("#30363d")
    return figure, axes


def finish(figure: Figure, axes: Sequence[Axes], names: Sequence[str]) -> Figure:
    """Legend above the panels; margins and gaps in pixels."""
    handles, labels = axes[0].get_legend_handles_labels()
    if names:
        figure.legend(
            handles, labels, loc="upper left", ncols=len(names), frameon=False, labelcolor=INK, fontsize=10,
            bbox_to_anchor=(0.01, 1.0), borderaxespad=0.3,
        )  # fmt: skip
    width, height = figure.get_figwidth() * DPI, figure.get_figheight() * DPI
    rows = axes[0].get_subplotspec().get_gridspec().nrows  # type: ignore[union-attr]  # made by subplots
    top, bottom, gap = 62.0 if names else 30.0, 46.0, 70.0
    panel = (height - top - bottom - gap * (rows - 1)) / rows
    figure.subplots_adjust(
        left=52 / width, right=1 - 14 / width, bottom=bottom / height, top=1 - top / height, wspace=0.28,
        hspace=gap / panel,
    )  # fmt: skip
    return figure


def heading(panel: Axes, title: str, x: str = "", y: str = "") -> None:
    """Title and axis labels of a panel."""
    panel.set_title(title, color=INK, fontsize=9.5, loc="left", pad=5)
    panel.set_xlabel(x, color=FAINT, fontsize=8.5)
    panel.set_ylabel(y, color=FAINT, fontsize=8.5)


def curve(panel: Axes, name: str, position: int, x: ArrayLike, y: ArrayLike, marker: str = "") -> None:
    """One set's line in its colour."""
    panel.plot(
        x, y, color=accent(name, position), linestyle=STYLES.get(name, "-"), label=name, linewidth=1.7, marker=marker,
        markersize=3.5,
    )  # fmt: skip


def noise_plot(
    bands: Sequence[str],
    lags: Sequence[int],
    acf: Mapping[str, ArrayLike],
    frequency: ArrayLike,
    power: Mapping[str, ArrayLike],
) -> Figure:
    """Sky autocorrelation (bands, lags) above, power spectrum (bands, bins) below, for up to 4 bands."""
    shown = list(range(len(bands)))[:4]
    figure, axes = grid(2 * len(shown), max(2, len(shown)))
    for i, (top, bottom) in zip(shown, zip(axes, axes[len(shown) :], strict=False), strict=False):
        for k, name in enumerate(acf):
            curve(top, name, k, lags, np.asarray(acf[name])[i], marker="o")
            curve(bottom, name, k, frequency, np.asarray(power[name])[i])
        bottom.set_yscale("log")
        heading(top, f"{bands[i]}: sky autocorrelation", "lag [pixel]")
        heading(bottom, f"{bands[i]}: power spectrum", "frequency [cycles/pixel]", "σ²" if i == 0 else "")
    return finish(figure, axes, list(acf))


def property_plot(properties: Mapping[str, Mapping[str, ArrayLike]]) -> Figure:
    """Histograms of each property: name -> set -> values (N,); limits at the 0.5 and 99.5 percentiles of them all."""
    figure, axes = grid(len(properties), 4, height=220)
    sets: list[str] = []
    for panel, (title, values) in zip(axes, properties.items(), strict=True):
        arrays = {name: np.asarray(column, dtype=np.float64) for name, column in values.items()}
        sets = list(arrays)
        low, high = np.quantile(np.concatenate(list(arrays.values())), [0.005, 0.995])
        edges = np.linspace(low, max(high, low + 1e-9), 31)
        for k, (name, column) in enumerate(arrays.items()):
            height = np.histogram(np.clip(column, edges[0], edges[-1]), edges)[0] / max(len(column), 1)
            if name == "real":
                panel.stairs(height, edges, fill=True, color=accent(name, k), alpha=0.28)
            panel.stairs(
                height, edges, color=accent(name, k), linestyle=STYLES.get(name, "-"), linewidth=1.6, label=name
            )
        panel.set_yticklabels([])
        heading(panel, title)
    return finish(figure, axes, sets)


def read_training_log(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Columns of a training log (JSON lines with `images` and `scalars`): name -> values, NaN where a line lacks one.

    Lines that are not complete JSON, such as one cut short by a crash, are skipped.
    """
    lines = []
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
            lines.append({"images": float(line["images"]), **{k: float(v) for k, v in line["scalars"].items()}})
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    names = dict.fromkeys(name for line in lines for name in line)
    return {name: np.array([line.get(name, np.nan) for line in lines]) for name in names}


def training_plot(columns: Mapping[str, Array]) -> Figure:
    """One small panel per logged scalar (up to 12) against thousands of images shown."""
    names = [name for name in columns if name != "images"][:12]
    figure, axes = grid(len(names), min(4, len(names)), height=200)
    for panel, name in zip(axes, names, strict=True):
        good = np.isfinite(columns[name])
        panel.plot(columns["images"][good] / 1e3, columns[name][good], color="#58a6ff", linewidth=1.3)
        heading(panel, name.replace("_", " "), "images [thousand]")
    return finish(figure, axes, [])
