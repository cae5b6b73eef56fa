"""What a report is made of, and every number in it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.drift import Drift
from astrogan.validation.features import Features, measure_features
from astrogan.validation.noise import as_stamps, autocorrelation, power_spectrum
from astrogan.validation.properties import wasserstein
from astrogan.validation.two_sample import TwoSample
from catalogs import Survey

__all__ = ["PROPERTIES", "ReportContent", "measure", "plain", "versions_of"]

SETS = ("real", "simulated", "refined")
LAGS = tuple(range(7))
MOST = 2000  # stamps of each set that are measured
PROPERTIES = {
    "peak": "peak brightness, asinh(σ)",
    "flux_middle": "aperture flux, asinh(σ)",
    "r50": "half-light radius [pixel]",
    "concentration": "concentration",
    "ellipticity_outer": "ellipticity, weighted moments",
    "asymmetry": "asymmetry",
    "roughness_3": "smoothness residual",
    "gini": "Gini",
    "m20": "M20",
    "sky_rms": "log sky rms [σ]",
    "neighbour": "brightest neighbour, asinh(σ)",
    "power_7": "log power at high frequency [σ²]",
}


def versions_of() -> dict[str, str]:
    """Versions of Python and of what measures."""
    found = {"python": platform.python_version()}
    for name in ("astrogan", "torch", "numpy", "galsim"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True, eq=False)
class ReportContent:
    """What goes into a report; images in the survey's unit, bands in the survey's order.

    Parameters
    ----------
    title : str
        What was done.
    survey : Survey
        As measured or looked up; its `background_sigma` scales all images.
    real, simulated, refined : (N, C, y, x)
        Stamps; real ones that no training has seen. `refined[i]` is made from `simulated[i]`.
    two_sample_before, two_sample_after : sequence of TwoSample
        Simulated and refined against real.
    two_sample_floor : sequence of TwoSample, optional
        One half of the real stamps against the other: what a perfect simulation would score.
    label_drift, moment_drift : sequence of Drift, optional
        From `label_drift` and `moment_drift`, with their controls.
    lenses_simulated, lenses_refined : (M, C, y, x), optional
        The strong-lens gallery, matched.
    training_log : path, optional
        The JSON lines of the training.
    provenance, model_card : mapping, optional
        Where the data and the weights come from: digests, seeds, commands.
    notes : sequence of str, optional
        Sentences for the top of the page.
    made : datetime
        Time of making.
    versions : mapping of str to str
        Package -> version.
    """

    title: str
    survey: Survey
    real: ArrayLike
    simulated: ArrayLike
    refined: ArrayLike
    two_sample_before: Sequence[TwoSample]
    two_sample_after: Sequence[TwoSample]
    two_sample_floor: Sequence[TwoSample] = ()
    label_drift: Sequence[Drift] = ()
    moment_drift: Sequence[Drift] = ()
    lenses_simulated: ArrayLike | None = None
    lenses_refined: ArrayLike | None = None
    training_log: str | Path | None = None
    provenance: Mapping[str, object] = field(default_factory=dict)
    model_card: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    versions: Mapping[str, str] = field(default_factory=versions_of)

    def __post_init__(self) -> None:
        bands = len(self.survey.bands)
        for name in SETS:
            stamps = as_stamps(name, getattr(self, name))
            if stamps.shape[1] != bands:
                raise ValueError(f"{name} has {stamps.shape[1]} bands; survey {self.survey.name!r} has {bands}")
        if np.shape(self.simulated) != np.shape(self.refined):
            raise ValueError(f"simulated {np.shape(self.simulated)} and refined {np.shape(self.refined)} do not match")
        if (self.lenses_simulated is None) != (self.lenses_refined is None):
            raise ValueError("the strong-lens gallery needs both lenses_simulated and lenses_refined")
        before, after = ([t.classifier for t in tests] for tests in (self.two_sample_before, self.two_sample_after))
        if before != after:
            raise ValueError(f"two-sample tests differ: {before} before, {after} after")

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Rms of the sky per band [survey unit]; 1 where the survey has none."""
        sigma = np.array([band.background_sigma for band in self.survey.bands])
        return np.where(sigma > 0, sigma, 1.0)

    def scaled(self, stamps: ArrayLike) -> NDArray[np.float32]:
        """Stamps in units of the sky's rms."""
        return np.asarray(as_stamps("stamps", stamps) / self.sigma[:, None, None], dtype=np.float32)

    @cached_property
    def features(self) -> dict[str, Features]:
        """Measured properties of each set (the first 2,000 stamps)."""
        names = self.survey.band_names
        return {name: measure_features(self.scaled(getattr(self, name))[:MOST], names) for name in SETS}

    @cached_property
    def properties(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """The columns of `features` that are shown: title -> set -> values; of the middle band where per band."""
        middle = self.survey.band_names[len(self.survey.bands) // 2]
        known = self.features["real"].names
        columns = {key if key in known else f"{key} {middle}": title for key, title in PROPERTIES.items()}
        return {title: {name: self.features[name][column] for name in SETS} for column, title in columns.items()}


def measure(content: ReportContent) -> dict[str, Any]:
    """Every number of the report, as JSON holds it: infinities and NaN are None."""
    numbers = {
        "schema": "astrogan.report/1",
        "title": content.title,
        "made": content.made.isoformat(timespec="seconds"),
        "versions": dict(content.versions),
        "counts": {name: int(np.shape(getattr(content, name))[0]) for name in SETS},
        "survey": _survey(content.survey),
        "two_sample": _two_samples(content),
        "label_drift": [asdict(row) for row in content.label_drift],
        "moment_drift": [asdict(row) for row in content.moment_drift],
        "properties": _distances(content),
        "noise": _noise(content),
        "residual": _residual(content),
        "provenance": dict(content.provenance),
        "model_card": dict(content.model_card),
        "notes": list(content.notes),
    }
    found: dict[str, Any] = plain(numbers)
    return found


def plain(value: Any) -> Any:
    """Containers, strings and finite numbers only."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value if value is None else str(value)


def _survey(survey: Survey) -> dict[str, Any]:
    bands = [
        {
            "name": band.name,
            "psf_fwhm": band.psf_fwhm,
            "background_sigma": band.background_sigma,
            "acf_lag1": band.acf[len(band.acf) // 2, len(band.acf) // 2 + 1] if len(band.acf) > 1 else 0.0,
            "electrons_per_unit": band.electrons_per_unit,
            "depth": survey.depth(band.name) if survey.unit and band.background_sigma > 0 else np.nan,
        }
        for band in survey.bands
    ]
    return {"name": survey.name, "pixel_scale": survey.pixel_scale, "unit": survey.unit, "bands": bands}


def _two_samples(content: ReportContent) -> list[dict[str, Any]]:
    floors = {row.classifier: asdict(row) for row in content.two_sample_floor}
    pairs = zip(content.two_sample_before, content.two_sample_after, strict=True)
    return [
        {"classifier": a.classifier, "before": asdict(a), "after": asdict(b), "floor": floors.get(a.classifier)}
        for a, b in pairs
    ]


def _distances(content: ReportContent) -> list[dict[str, Any]]:
    """Wasserstein-1 distance to the real stamps per property, in units of the real scatter (half the 16-84 % range)."""
    rows = []
    for title, sets in content.properties.items():
        real = sets["real"]
        scatter = max(float(np.subtract(*np.quantile(real, [0.84, 0.16]))) / 2, 1e-9)
        distance = {name: wasserstein(real, sets[name]) / scatter for name in ("simulated", "refined")}
        floor = wasserstein(real[::2], real[1::2]) / scatter if len(real) > 1 else np.nan
        rows.append({"property": title, **distance, "floor": floor})
    return rows


def _noise(content: ReportContent) -> dict[str, Any]:
    acf, power, frequency = {}, {}, np.zeros(0)
    for name in SETS:
        stamps = content.scaled(getattr(content, name))[:MOST]
        along_x, along_y = (np.median(autocorrelation(stamps, lags), axis=0) for lags in _both_axes())
        acf[name] = 0.5 * (along_x + along_y)
        frequency, modes = power_spectrum(stamps)
        power[name] = np.median(modes, axis=0)
    return {"lags": LAGS, "autocorrelation": acf, "frequency": frequency, "power": power}


def _both_axes() -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    return tuple((0, lag) for lag in LAGS), tuple((lag, 0) for lag in LAGS)


def _residual(content: ReportContent) -> dict[str, float]:
    change = content.scaled(content.refined) - content.scaled(content.simulated)
    rms = np.sqrt(np.mean(change.astype(np.float64) ** 2, axis=(1, 2, 3)))
    return {"median_rms": float(np.median(rms)), "worst_rms": float(rms.max())}
