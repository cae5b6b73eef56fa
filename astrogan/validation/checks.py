"""Tables of checks: synthetic against real, and refined against raw, beside the classical baseline and a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from astrogan.validation.controls import CHANGED, INVENTED, WRONG_PSF, WRONG_SKY
from astrogan.validation.downstream import SHUFFLED, Downstream, scores_of
from astrogan.validation.drift import Drift
from astrogan.validation.kid import frozen_features, kernel_distance
from astrogan.validation.memorisation import memorisation
from astrogan.validation.new_objects import new_objects
from astrogan.validation.noise import noise_differences
from astrogan.validation.photometry import moment_change, photometry_change
from astrogan.validation.properties import Distance, distances_of, measure_properties
from astrogan.validation.tables import Measurement, Row, Table
from astrogan.validation.two_sample import TwoSample

if TYPE_CHECKING:
    from astrogan.validation.shear import ShearBias

__all__ = [
    "downstream_table", "kernel_table", "label_table", "memory_table", "moments_table", "noise_table", "objects_table",
    "properties_table", "shear_table", "two_sample_table",
]  # fmt: skip

Stamps = NDArray[np.float32]
FLUX, PLACE, SHAPE = 1e-3, 1e-2, 1e-3  # drifts that are allowed: relative, pixel, ellipticity
NEW = 0.02  # share of new objects
SETS: tuple[str, ...] = ("synthetic", "classical")


def two_sample_table(scores: Mapping[str, Sequence[TwoSample]]) -> Table:
    """Accuracy and AUC; `scores` of ``synthetic``, and of ``classical``, ``control`` and ``floor`` where there are."""
    rows = []
    for k, score in enumerate(scores["synthetic"]):
        for key, error in (("accuracy", "error"), ("auc", "auc_error")):
            found = {
                name: Measurement(getattr(tests[k], key), getattr(tests[k], error)) for name, tests in scores.items()
            }
            ideal = Measurement(0.5, 0.0)
            name = f"{key}, {score.classifier}"
            rows.append(
                Row(
                    name,
                    "",
                    found["synthetic"],
                    found.get("classical"),
                    found.get("control"),
                    found.get("floor", ideal),
                )
            )
    caption = "How well a trained judge tells synthetic from real images it has not seen; ideal: real from real."
    return Table("Two-sample tests", caption, WRONG_SKY, rows)


def kernel_table(sets: Mapping[str, Stamps], seed: int) -> Table:
    """KID of each set against ``real``, and of its halves for the ideal."""
    features = {name: frozen_features(stamps) for name, stamps in sets.items()}
    found = {name: kernel_distance(features["real"], features[name], seed=seed) for name in SETS if name in features}
    control = kernel_distance(features["real"], features["control"], seed=seed)
    ideal = kernel_distance(features["half"], features["other_half"], seed=seed)
    row = Row("KID", "", found["synthetic"], found.get("classical"), control, ideal)
    caption = (
        "Unbiased squared discrepancy of features that a network learnt from simulated labels; 0 for one distribution."
    )
    return Table("Kernel distance", caption, WRONG_SKY, [row])


def properties_table(sets: Mapping[str, Stamps], seed: int) -> Table:
    """Wasserstein-1 distance of every property, and their mean in units of the real scatter."""
    measured = {name: measure_properties(stamps) for name, stamps in sets.items() if name in ("real", "wide", *SETS)}
    every = {name: distances_of(measured["real"], measured[name], seed=seed) for name in SETS if name in measured}
    every["control"] = distances_of(measured["real"], measured["wide"], seed=seed)
    rows = []
    for k, row in enumerate(every["synthetic"]):
        found = {name: table[k].distance for name, table in every.items()}
        rows.append(Row(row.name, row.unit, found["synthetic"], found.get("classical"), found["control"], row.floor))
    means = {name: _mean(table) for name, table in every.items()}
    floor = _mean([Distance(d.name, d.unit, d.floor, d.floor, d.scatter) for d in every["synthetic"]])
    rows.append(Row("mean", "real scatter", means["synthetic"], means.get("classical"), means["control"], floor))
    caption = "Wasserstein-1 distance to the real images; ideal: halves of the real set, at these numbers."
    return Table("Properties", caption, WRONG_PSF, rows)


def _mean(distances: Sequence[Distance]) -> Measurement:
    values = np.array([d.distance.value / d.scatter for d in distances])
    errors = np.array([d.distance.error / d.scatter for d in distances])
    return Measurement(float(values.mean()), float(np.sqrt((errors**2).sum()) / len(errors)))


def noise_table(sets: Mapping[str, Stamps], seed: int) -> Table:
    """Sky rms, autocorrelation and power spectrum against the real ones'."""
    every = {name: noise_differences(sets["real"], sets[name], seed=seed) for name in SETS if name in sets}
    every["control"] = noise_differences(sets["real"], sets["control"], seed=seed)
    rows = [
        Row(key, "", value, every.get("classical", {}).get(key), every["control"][key])
        for key, value in every["synthetic"].items()
    ]
    caption = "Synthetic minus real, medians over images, mean of the bands."
    return Table("Noise", caption, WRONG_SKY, rows)


def memory_table(synthetic: Stamps, training: Stamps, real: Stamps, classical: Stamps | None, seed: int) -> Table:
    """Nearest neighbours among training images against those among the real ones that judge."""
    control = training + np.random.default_rng(seed).normal(0, 0.3, training.shape).astype(np.float32)
    sets = {"synthetic": synthetic, "classical": classical, "control": control}
    every = {name: memorisation(x, training, real, seed=seed) for name, x in sets.items() if x is not None}
    ideals = {"nearer": 0.5, "ratio": 1.0}
    rows = [
        Row(
            {"nearer": "share nearer to training", "ratio": "median d1 / d2"}[key], "", value,
            every.get("classical", {}).get(key), every["control"][key], Measurement(ideals[key], 0.0),
        )
        for key, value in every["synthetic"].items()
    ]  # fmt: skip
    caption = "Distance of synthetic images to the nearest training image (d1) and to the nearest held-out one (d2)."
    return Table("Memorisation", caption, "training images with a little noise", rows)


def moments_table(raw: Stamps, refined: Stamps, control: Stamps) -> Table:
    """Photometry, astrometry and shapes: refined minus raw."""
    units = {"x": "pixel", "y": "pixel", "e1": "", "e2": ""}
    limits = {"x": PLACE, "y": PLACE, "e1": SHAPE, "e2": SHAPE}
    found, wrong = (photometry_change(raw, x) | moment_change(raw, x) for x in (refined, control))
    rows = [
        Row(name, units.get(name, "relative"), value, Measurement(0.0, 0.0), wrong[name], limit=limits.get(name, FLUX))
        for name, value in found.items()
    ]
    caption = "Refined minus raw: fluxes in apertures, and flux, size, place and ellipticity of adaptive moments."
    return Table("Photometry and astrometry", caption, CHANGED, rows)


def objects_table(raw: Stamps, refined: Stamps, control: Stamps) -> Table:
    """Share of detections that the raw images do not have."""
    found, wrong = new_objects(raw, refined), new_objects(raw, control)
    row = Row("share of detections that are new", "", found, Measurement(0.0, 0.0), wrong, limit=NEW)
    return Table("New objects", "Detections above 5 sigma in refined images that the raw ones lack.", INVENTED, [row])


def label_table(drifts: Sequence[Drift], control: str) -> Table:
    """Mean drift of every label, in statistical errors of one image's own fit."""
    rows = [
        Row(
            row.quantity, "σ of its fit", Measurement(row.mean_sigma, row.mean_sigma_error), Measurement(0.0, 0.0),
            Measurement(row.control_mean_sigma, row.control_mean_sigma_error), limit=0.01,
        )
        for row in drifts
    ]  # fmt: skip
    caption = "Refined minus raw: the labels' weighted least-squares estimates, through the simulator's tangents."
    return Table("Labels", caption, control, rows)


def shear_table(refined: Mapping[str, ShearBias], control: Mapping[str, ShearBias], what: str) -> Table:
    """Shear bias by every estimator."""
    rows = []
    for estimator, bias in refined.items():
        for name, limit in (("m1", 1e-3), ("m2", 1e-3), ("c1", 1e-4), ("c2", 1e-4)):
            wrong = getattr(control[estimator], name)
            rows.append(
                Row(f"{name}, {estimator} moments", "", getattr(bias, name), Measurement(0.0, 0.0), wrong, limit=limit)
            )
    caption = "Bias that refinement adds, from pairs of turned galaxies under shears of both signs."
    return Table("Shear", caption, what, rows)


def downstream_table(rows: Sequence[Downstream], synthetic: str, classical: str | None, real: str, score: str) -> Table:
    """Score on real images of what was trained on each set; the ideal is training on real images."""
    sets = {name: scores_of(rows, name) for name in (synthetic, real, SHUFFLED)}
    base = scores_of(rows, classical) if classical else {}
    made = [
        Row(label, score, value, base.get(label), sets[SHUFFLED][label], sets[real][label])
        for label, value in sets[synthetic].items()
    ]
    caption = "A network trained on synthetic images and tested on real ones; ideal: trained on real images."
    return Table("Downstream", caption, "real images with labels shuffled", made)
