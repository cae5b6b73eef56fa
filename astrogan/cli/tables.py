"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from astrogan.validation import Report

__all__ = ["summary_table"]


def summary_table(report: Report) -> Table:
    """Scores before and after, the largest drift of any label, the median drift of each moment; beside the controls."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Held-out real sky against simulation", title_justify="left")
    table.add_column("", overflow="fold")
    for name in ("simulated", "refined", "control"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, *cells in report.summary_rows():
        if name.startswith("two-sample"):
            table.add_row(escape(name), *cells)
    drifts: list[dict[str, Any]] = report.numbers["label_drift"]
    lenses = [row for row in drifts if row["quantity"].startswith("lens: ")]
    labels = [row for row in drifts if row not in lenses]
    for name, rows in ((f"{len(labels)} labels of galaxies", labels), (f"{len(lenses)} labels of lenses", lenses)):
        table.add_row(
            escape(f"{name}: worst drift [σ]"), "0", _most(rows, "worst_sigma"), _most(rows, "control_worst_sigma")
        )
    for row in report.numbers["moment_drift"]:
        unit = f" [{row['unit']}]" if row["unit"] else ""
        name = f"{row['quantity']}{unit}: median drift of moments"
        table.add_row(escape(name), "0", f"{row['median']:.1e}", f"{row['control_median']:.1e}")
    flux = report.numbers["moment_drift"][0]
    table.add_row("share of moments that moved", "0", f"{flux['moved']:.3f}", f"{flux['control_moved']:.3f}")
    strength = report.numbers["model_card"].get("strength")
    if strength is not None:
        table.add_row("share of its residual that the refiner adds", "0", f"{strength:g}", "1")
    return table


def _most(rows: Sequence[dict[str, Any]], key: str) -> str:
    values = [row[key] for row in rows if row[key] is not None]
    return f"{max(values):.1e}" if values else "–"
