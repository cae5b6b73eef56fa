"""Tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from astrogan.validation import Report

__all__ = ["summary_table"]


def summary_table(report: Report) -> Table:
    """Scores before and after, label drift, and the controls."""
    from rich.table import Table

    table = Table(title="Real sky against simulation", title_justify="left")
    table.add_column("quantity", overflow="fold")
    for name in ("simulated", "refined", "control"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in report.summary_rows():
        table.add_row(*row)
    return table
