"""Shear through the refiners of R1: rings of galaxies alone in their stamps, and in the company that the sky has.

python benchmarks/realism/kids_shear.py [SEED...]  # after kids_r.py
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from _common import BUILD, SEEDS
from _tables import put, rows
from kids_r import SIZE, sky

from astrogan.cli.sky import weak_simulator
from astrogan.models import Refiner
from astrogan.validation import shear_bias

RINGS = 200
LIMITS = {"m": 1e-3, "c": 1e-4}
Found = dict[tuple[str, str, str, bool], tuple[float, float]]


def biases(seed: int, simulators: dict[str, Any]) -> Found:
    """(company, estimator, m or c, projected) -> the larger of both components, and its error."""
    refiner = Refiner.load(BUILD / f"kids-r-{seed}.safetensors").with_strength(1.0)
    found: Found = {}
    for company, simulator in simulators.items():
        for safe in (True, False):

            def apply(samples: Any, simulator: Any = simulator, safe: bool = safe) -> Any:
                tangents = simulator.tangent(samples) if safe else None
                return refiner.apply(samples, tangents, seed=seed, label_safe=safe)

            for estimator in ("adaptive", "fixed"):
                bias = shear_bias(apply, simulator, rings=RINGS, seed=seed, estimator=estimator)
                for letter in LIMITS:
                    both = [getattr(bias, f"{letter}{k}") for k in (1, 2)]
                    one = max(both, key=lambda part: abs(part.value))
                    found[company, estimator, letter, safe] = (one.value, one.error)
    return found


def main(seeds: list[int]) -> None:
    crowded = weak_simulator(sky(), SIZE)
    simulators = {"alone": dataclasses.replace(crowded, neighbours=0.0), "in company": crowded}
    every = [biases(seed, simulators) for seed in seeds]
    body = []
    for company in simulators:
        for estimator in ("adaptive", "fixed"):
            for letter, limit in LIMITS.items():
                pairs = [
                    max((one[company, estimator, letter, safe] for one in every), key=lambda pair: abs(pair[0]))
                    for safe in (True, False)
                ]
                value, error = pairs[0]
                kept = "yes" if abs(value) <= limit else "within its error" if abs(value) <= limit + error else "**no**"
                cells = [f"{value:.1e} ± {error:.1e}" for value, error in pairs]
                body.append([f"{letter}, {estimator} moments, {company}", *cells, f"{limit:g}", kept])
    about = f"Worst component of {len(seeds)} seed{'s' if len(seeds) > 1 else ''}, {RINGS} rings for each sign of each."
    put(
        "results.md",
        "kids-shear",
        f"{about}\n\n{rows(['', 'refined', 'not projected', 'limit', 'kept by refined'], body)}",
    )


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or list(SEEDS))
