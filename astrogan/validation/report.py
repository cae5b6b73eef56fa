"""One self-contained page and one JSON file that say how real the images are and what it cost the labels."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from typing import Any

from astrogan.validation.content import ReportContent, measure
from astrogan.validation.figures import blocks, png, residual_maps, strips, write_bytes
from astrogan.validation.plots import noise_plot, property_plot, read_training_log, training_plot

__all__ = ["Picture", "Report", "build_report", "short", "write_report"]

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Picture:
    """A PNG with what it shows (for readers who cannot see it) and a caption."""

    data: bytes
    alt: str
    caption: str

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + b64encode(self.data).decode("ascii")


@dataclass(frozen=True)
class Report:
    """Every number of a report (as its JSON holds them), its pictures, and the template of its page."""

    numbers: Mapping[str, Any]
    pictures: Mapping[str, Picture]
    template: str = "report.html"

    def summary_rows(self) -> list[tuple[str, str, str, str]]:
        """Rows for a terminal: quantity, simulated, refined, control."""
        rows = []
        for row in self.numbers["two_sample"]:
            cells = [row[key] for key in ("before", "after", "floor")]
            for value, error in (("accuracy", "error"), ("auc", "auc_error")):
                texts = [measured(cell[value], cell[error]) if cell else "–" for cell in cells]
                rows.append((f"two-sample {value}, {row['classifier']}", *texts))
        for row in self.numbers["label_drift"]:
            name = f"{row['quantity']}: median drift [σ of its fit]"
            rows.append((name, "0", short(row["median_sigma"]), short(row["control_median_sigma"])))
        for row in self.numbers["moment_drift"]:
            unit = f" [{row['unit']}]" if row["unit"] else ""
            name = f"{row['quantity']}{unit}: median drift of moments"
            rows.append((name, "0", short(row["median"]), short(row["control_median"])))
        return rows  # type: ignore[return-value]  # four columns: *texts hides their number


def short(value: float | None, digits: int = 3) -> str:
    """A number for people: three digits, powers of ten as such, a dash for none."""
    if value is None:
        return "–"
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text.replace("-", "−")
    mantissa, exponent = text.split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPT)}".replace("-", "−", 1)


def measured(value: float | None, error: float | None) -> str:
    """A value with its error, to the error's second digit."""
    if value is None or error is None or error == 0:
        return short(value)
    decimals = max(0, 1 - floor(log10(error)))
    if decimals > 6:
        return f"{short(value)} ± {short(error, 2)}"
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def build_report(content: ReportContent) -> Report:
    """Measure and draw everything; writes nothing."""
    numbers = measure(content)
    return Report(numbers, _pictures(content, numbers))


def write_report(path: str | os.PathLike[str], content: ReportContent | Report) -> Report:
    """Write the page, and beside it a JSON file of the same name with every number.

    Each file is replaced as a whole or not at all. The page needs nothing else: no network, no scripts.

    Returns
    -------
    Report
        What was written.
    """
    report = content if isinstance(content, Report) else build_report(content)
    page = render(report).encode("utf-8")
    text = json.dumps(report.numbers, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(Path(path).with_suffix(".json"), text.encode("utf-8"))
    write_bytes(path, page)
    return report


def render(report: Report) -> str:
    """The page as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    def lookup(key: str) -> Any:
        value: Any = report.numbers
        for part in key.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        return value

    def number(key: str, error: str = "") -> Markup:
        value = lookup(key)
        if value is None:
            return Markup("–")
        text = measured(value, lookup(error)) if error else short(value)
        return Markup('<data value="{}" data-key="{}">{}</data>').format(json.dumps(value), key, escape(text))

    environment = Environment(
        loader=PackageLoader("astrogan.validation"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    pretty = json.dumps(report.numbers["model_card"], indent=2, ensure_ascii=False)
    return environment.get_template(report.template).render(
        report=report.numbers, pictures=report.pictures, number=number, model_card=pretty
    )


def _pictures(content: ReportContent, numbers: Mapping[str, Any]) -> dict[str, Picture]:
    real, simulated, refined = (content.scaled(s) for s in (content.real, content.simulated, content.refined))
    noise = numbers["noise"]
    figures = {
        "stamps": blocks({"Real": real, "Simulated": simulated, "Refined": refined}, columns=6, rows=6, zoom=2),
        "residuals": residual_maps(content.simulated, content.refined, list(content.sigma)),
        "noise": noise_plot(
            content.survey.band_names, noise["lags"], noise["autocorrelation"], noise["frequency"], noise["power"]
        ),
        "properties": property_plot(content.properties),
    }
    if content.lenses_simulated is not None and content.lenses_refined is not None:
        lenses = {"simulated": content.lenses_simulated, "refined": content.lenses_refined}
        figures["lenses"] = strips({name: content.scaled(stamps) for name, stamps in lenses.items()}, rows=4, zoom=2)
    columns = read_training_log(content.training_log) if content.training_log is not None else {}
    if len(columns) > 1:
        figures["training"] = training_plot(columns)
    return {name: Picture(png(figure), *TEXTS[name]) for name, figure in figures.items()}


TEXTS = {
    "stamps": (
        "Three blocks of colour stamps on one scale: real, simulated and refined objects.",
        "Red, green and blue are the last, middle and first band, on one asinh scale. "
        "Simulated and refined objects match place by place.",
    ),
    "lenses": (
        "Rows of strong gravitational lenses: simulated above, refined below.",
        "Each refined lens stands below the simulation that it is made from, on the same asinh scale.",
    ),
    "noise": (
        "Per band, autocorrelation of the sky against lag and power spectrum against frequency, "
        "for real, simulated and refined stamps.",
        "Medians over stamps: autocorrelation of the border's sky pixels, mean of x and y; "
        "power of the whole stamp under a Hann window.",
    ),
    "properties": (
        "Histograms of twelve measured properties for real, simulated and refined stamps.",
        "Filled: real. The first and last bin hold what lies beyond.",
    ),
    "residuals": (
        "Eight simulated objects, the same refined, and maps of their difference.",
        "What the refiner added, summed over bands in units of the sum's sky rms.",
    ),
    "training": (
        "Small panels of each logged training scalar against images shown.",
        "Means over the steps between two lines of the training log.",
    ),
}
