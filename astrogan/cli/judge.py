"""The demo's judgement: real against simulated and refined, and what refinement did to the labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from astrogan.cli.progress import Step
from astrogan.cli.sky import Sky
from astrogan.cli.work import Array, Refined

if TYPE_CHECKING:
    from astrogan.validation import Drift, ReportContent, TwoSample

__all__ = ["judge"]


def judge(sky: Sky, made: dict[str, Refined], lesson: slice, images: int, seed: int, step: Step) -> ReportContent:
    """Everything the report shows; galaxies of the `lesson` that trained the refiner are left out of its scores."""
    from astrogan.validation import ReportContent, moment_drift

    sigma = np.array([band.background_sigma for band in sky.survey.bands], dtype=np.float32)[:, None, None]
    galaxies, lenses = made["galaxies"].part(slice(lesson.stop, None)), made["lenses"]
    raw, refined = galaxies.raw.image, galaxies.image
    before, after, floor = _scores(sky.held_out, raw / sigma, refined / sigma, images, seed, step)
    step.done(
        "; ".join(f"{a.classifier} {a.accuracy:.3f} -> {b.accuracy:.3f}" for a, b in zip(before, after, strict=True))
    )
    lens_drift = [replace(row, quantity=f"lens: {row.quantity}") for row in fitted_drift(lenses)]
    return ReportContent(
        title=f"astrogan demo on {sky.survey.name}",
        survey=sky.survey,
        real=sky.held_out * sigma,
        simulated=raw,
        refined=refined,
        two_sample_before=before,
        two_sample_after=after,
        two_sample_floor=floor,
        label_drift=[*fitted_drift(galaxies), *lens_drift],
        moment_drift=moment_drift(raw, refined, control=galaxies.control),
        lenses_simulated=lenses.raw.image,
        lenses_refined=lenses.image,
        provenance={"real sky": sky.source, "seed": seed, **sky.survey.references},
    )


def _scores(real: Array, raw: Array, refined: Array, images: int, seed: int, step: Step) -> list[tuple[TwoSample, ...]]:
    """Two-sample scores of raw and refined against real, and of one half of the real stamps against the other."""
    from astrogan.validation import two_sample

    half = len(real) // 2
    scores = []
    for index, (one, other) in enumerate(((real, raw), (real, refined), (real[:half], real[half : 2 * half]))):
        scores.append(two_sample(one, other, seed=seed, images=images))
        step.advance((index + 1) / 4)
    return scores


def fitted_drift(made: Refined) -> list[Drift]:
    """Drift of every label, each in the first of the simulator's fits that holds it."""
    from astrogan.validation import label_drift

    rows: dict[str, Drift] = {}
    names = [str(name) for name in made.raw.tangents["label"].values]
    variance = made.raw.samples["variance"].values
    for labels in made.raw.simulator.fits:
        chosen = [name for name in names if any(_is_of(name, label) for label in labels)]
        jacobian = made.raw.tangents.sel(label=chosen).values
        for row in label_drift(made.raw.image, made.image, jacobian, variance, chosen, control=made.control):
            rows.setdefault(row.quantity, row)
    return [rows[name] for name in names]


def _is_of(tangent: str, label: str) -> bool:
    """Whether a tangent belongs to the label: it has its name, perhaps with a band after it."""
    return tangent == label or (tangent.startswith(f"{label}_") and label.endswith("flux"))
