"""One call that judges synthetic images by all that can be judged, and draws a page of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation import checks, controls
from astrogan.validation.classical import classical_baseline
from astrogan.validation.content import plain, versions_of
from astrogan.validation.figures import blocks, png, residual_maps
from astrogan.validation.inputs import Images, as_images, check_real, refuse_mismatch
from astrogan.validation.leakage import refuse_leaks
from astrogan.validation.noise import autocorrelation, power_spectrum
from astrogan.validation.plots import noise_plot, property_plot
from astrogan.validation.properties import PROPERTIES, measure_properties
from astrogan.validation.report import Picture, Report
from astrogan.validation.tables import Table
from astrogan.validation.two_sample import two_sample

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["validate"]

Stamps = NDArray[np.float32]
SAME = 0.9  # share of images nearer to the raw one of their place than to its neighbour, if they were made from it
HALVES = 80  # real images that can be halved for a two-sample test
LAGS = tuple(range(7))


def validate(
    real: ArrayLike | xr.Dataset | xr.DataArray,
    synthetic: ArrayLike | xr.Dataset | xr.DataArray,
    *,
    reference: ArrayLike | xr.Dataset | xr.DataArray | None = None,
    training: ArrayLike | xr.Dataset | xr.DataArray | None = None,
    card: Mapping[str, Any] | None = None,
    tables: Sequence[Table] = (),
    title: str = "Validation of synthetic images",
    provenance: Mapping[str, object] | None = None,
    seed: int = 0,
    images: int = 16_000,
) -> Report:
    """Judge synthetic images against real ones and, where they were refined, against what they were made from.

    Parameters
    ----------
    real, synthetic : (N, C, y, x) or samples
        In one unit. Real images must not have been used in training.
    reference : (M, C, y, x) or samples, optional
        The raw simulation. The classical baseline is made of it (of its noise-free images, if it has them). If
        image i of `synthetic` is made from its image i, what refinement moved is measured as well.
    training : (K, C, y, x) or samples, optional
        The real images that the model was trained on, for the memorisation test.
    card : mapping, optional
        The model's card: its ``training_digests`` are checked against `real`.
    tables : sequence of Table, optional
        Further ones, such as `label_table`, `shear_table` and `downstream_table`.
    title, provenance
        For the page.
    seed : int
        Of thinning, folds and bootstraps.
    images : int
        Stamps shown to the convolutional judge in each fold; 0 leaves it out.

    Raises
    ------
    LeakageError
        If the model was trained on some of the real images.
    ValueError
        If there are fewer than 50 real images, or they are constant, saturated, contain NaN, or have other bands,
        units, sizes or pixel scales than the others.
    """
    sets = _Sets.read(real, synthetic, reference, training, seed)
    if card is not None:
        refuse_leaks(sets.real.given, card)
    made = [*_against_real(sets, seed, images), *_against_raw(sets, seed), *tables]
    numbers = plain(
        {
            "schema": "astrogan.validation/1",
            "title": title,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions_of(),
            "counts": {name: len(stamps) for name, stamps in sets.shown.items()},
            "bands": list(sets.real.bands),
            "pixel_scale": sets.real.pixel_scale,
            "tables": [table.numbers() for table in made],
            "verdict": _verdict(made),
            "warnings": [
                f"{table.title}: the control ({table.control}) passes, so this table says nothing"
                for table in made
                if table.control_fails is False
            ],
            "notes": _notes(sets, card),
            "provenance": dict(provenance or {}) | {"seed": seed},
            "model_card": {key: value for key, value in (card or {}).items() if key != "training_digests"},
        }
    )
    return Report(numbers, _pictures(sets), "validation.html")


@dataclass(frozen=True, eq=False)
class _Sets:
    """What is compared, in units of the real sky's rms."""

    real: Images
    synthetic: Images
    raw: Images | None
    classical: Stamps | None
    training: Images | None
    seed: int

    @classmethod
    def read(cls, real: Any, synthetic: Any, reference: Any, training: Any, seed: int) -> _Sets:
        """Read and refuse."""
        sky = check_real("real", as_images("real", real))
        found: dict[str, Images | None] = {"synthetic": None, "reference": None, "training": None}
        for name, source in (("synthetic", synthetic), ("reference", reference), ("training", training)):
            if source is not None:
                found[name] = as_images(name, source, scaled_by=sky.sigma)
                refuse_mismatch(("real", sky), (name, found[name]))  # type: ignore[arg-type]  # just made
        assert found["synthetic"] is not None
        baseline = None
        if reference is not None:
            best = reference["clean"] if "clean" in getattr(reference, "data_vars", ()) else reference
            pixels = as_images("reference", best, scaled_by=sky.sigma).pixels
            baseline = classical_baseline(pixels, sky.pixels, seed=seed)
        return cls(sky, found["synthetic"], found["reference"], baseline, found["training"], seed)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The real images in random order."""
        return np.random.default_rng(self.seed).permutation(len(self.real))

    @cached_property
    def compared(self) -> dict[str, Stamps]:
        """Sets that are held against the real one, and its halves."""
        half = len(self.real) // 2
        halves = [self.real.pixels[self.order[part]] for part in (slice(0, half), slice(half, 2 * half))]
        sets = {
            "real": self.real.pixels,
            "synthetic": self.synthetic.pixels,
            "half": halves[0],
            "other_half": halves[1],
        }
        sets |= {} if self.classical is None else {"classical": self.classical}
        blurred = {"control": controls.BLUR, "wide": controls.WIDE}
        return sets | {name: controls.wrong_sky(self.real.pixels, blur) for name, blur in blurred.items()}

    @cached_property
    def shown(self) -> dict[str, Stamps]:
        """Sets on the page."""
        sets = {"real": self.real.pixels, "synthetic": self.synthetic.pixels}
        sets |= {} if self.raw is None else {"raw": self.raw.pixels}
        return sets if self.classical is None else sets | {"classical": self.classical}

    @cached_property
    def paired(self) -> bool:
        """Whether every synthetic image is made from the raw one of its place."""
        if self.raw is None or self.raw.pixels.shape != self.synthetic.pixels.shape:
            return False
        x, y = (images.pixels.reshape(len(images), -1) for images in (self.raw, self.synthetic))
        apart = [((x - np.roll(y, shift, axis=0)) ** 2).sum(axis=1) for shift in (0, 1)]
        return bool(np.mean(apart[0] < apart[1]) > SAME)


def _against_real(sets: _Sets, seed: int, images: int) -> list[Table]:
    compared = sets.compared
    judges = ("features", "cnn") if images else ("features",)
    pairs = {name: ("real", name) for name in (*checks.SETS, "control") if name in compared}
    pairs |= {"floor": ("half", "other_half")} if len(sets.real) >= HALVES else {}
    scores = {
        name: two_sample(compared[one], compared[other], seed=seed, classifiers=judges, images=max(images, 1))
        for name, (one, other) in pairs.items()
    }
    made = [checks.two_sample_table(scores), checks.kernel_table(compared, seed)]
    made += [checks.properties_table(compared, seed), checks.noise_table(compared, seed)]
    if sets.training is not None:
        made.append(
            checks.memory_table(sets.synthetic.pixels, sets.training.pixels, sets.real.pixels, sets.classical, seed)
        )
    return made


def _against_raw(sets: _Sets, seed: int) -> list[Table]:
    if sets.raw is None or not sets.paired:
        return []
    raw, refined = sets.raw.pixels, sets.synthetic.pixels
    ones = np.ones(raw.shape[1])
    return [
        checks.moments_table(raw, refined, controls.changed(raw)),
        checks.objects_table(raw, refined, controls.invented(refined, ones, seed)),
    ]


def _verdict(tables: Sequence[Table]) -> dict[str, int]:
    rows = [row for table in tables for row in table.rows]
    passed = [row.passed for row in rows if row.passed is not None]
    classical = [
        found for row in rows if row.classical is not None and (found := row.passes(row.classical)) is not None
    ]
    told = [table.control_fails for table in tables if table.control_fails is not None]
    return {
        "checks": len(passed),
        "passed": sum(passed),
        "classical_checks": len(classical),
        "classical_passed": sum(classical),
        "controls": len(told),
        "controls_failed": sum(told),
    }


def _notes(sets: _Sets, card: Mapping[str, Any] | None) -> list[str]:
    notes = []
    if sets.raw is None:
        notes.append("There is no raw simulation, so there is no classical baseline and no drift.")
    elif not sets.paired:
        notes.append(
            "The synthetic images are not made one by one from the raw ones, so that drift cannot be measured."
        )
    if card is None:
        notes.append("No model card was given: whether training saw these real images was not checked.")
    else:
        notes.append("None of the real images is among those that the model's card names as its training images.")
        strength = card.get("config", {}).get("strength")
        if strength is not None:
            notes.append(f"The model adds {strength:.0%} of the change that it would make.")
    return notes


def _pictures(sets: _Sets) -> dict[str, Picture]:
    shown = sets.shown
    stamps = {name.capitalize(): values for name, values in shown.items()}
    frequency, acf, power = np.zeros(0), {}, {}
    for name, values in shown.items():
        both = [np.median(autocorrelation(values, lags), axis=0) for lags in _axes()]
        acf[name] = 0.5 * (both[0] + both[1])
        frequency, modes = power_spectrum(values)
        power[name] = np.median(modes, axis=0)
    measured = {name: measure_properties(values) for name, values in shown.items()}
    columns = {
        f"{name} [{unit}]" if unit else name: {key: _finite(found[name]) for key, found in measured.items()}
        for name, unit in PROPERTIES.items()
    }
    figures = {
        "stamps": blocks(stamps, columns=6, rows=5, zoom=2),
        "noise": noise_plot(sets.real.bands, LAGS, acf, frequency, power),
        "properties": property_plot(columns),
    }
    if sets.paired and sets.raw is not None:
        figures["residuals"] = residual_maps(sets.raw.pixels, sets.synthetic.pixels, [1.0] * len(sets.real.bands))
    return {name: Picture(png(figure), *TEXTS[name]) for name, figure in figures.items()}


def _axes() -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    return tuple((0, lag) for lag in LAGS), tuple((lag, 0) for lag in LAGS)


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


TEXTS = {
    "stamps": (
        "Blocks of stamps on one scale: real, synthetic and, where there are, raw and classical images.",
        "One asinh scale; red, green and blue are the last, middle and first band.",
    ),
    "noise": (
        "Autocorrelation of the sky against lag and power spectrum against frequency, band by band, for every set.",
        "Medians over images: autocorrelation of the border's sky pixels; power of whole stamps under a Hann window.",
    ),
    "properties": (
        "Histograms of eight measured properties for every set.",
        "Filled: real. The first and last bin hold what lies beyond.",
    ),
    "residuals": (
        "Eight raw images, the same refined, and maps of their difference.",
        "What refinement added, summed over bands in units of the sum's sky rms.",
    ),
}
