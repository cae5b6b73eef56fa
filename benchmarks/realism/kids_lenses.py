"""R5 in part: strong lenses as KiDS would show them, through R1's refiners: what becomes of the Einstein radius.

python benchmarks/realism/kids_lenses.py [SEED...]  # after kids_r.py
"""

from __future__ import annotations

import sys

import numpy as np
from _common import BUILD, SEEDS, start
from _tables import put, rows
from kids_r import sky

from astrogan.cli.sky import lens_simulator
from astrogan.cli.work import refine, simulate
from astrogan.models import Refiner
from astrogan.validation import einstein_radius_change

SIZE, LENSES, LIMIT = 64, 60, 0.2  # pixels; fitted for each seed; per cent


def changes(seed: int) -> list[tuple[str, float, float]]:
    """Mean relative change of theta_E [%] and its error, refined and not projected, at full strength."""
    _, steps = start()
    refiner = Refiner.load(BUILD / f"kids-r-{seed}.safetensors").with_strength(1.0)
    raw = simulate(lens_simulator(sky(), SIZE), LENSES, seed, steps)
    made = refine(refiner, raw, seed)
    wrong = raw.samples.assign(image=raw.samples["image"].copy(data=made.control))
    found = []
    for name, after in (("refined", made.refined), ("not projected", wrong)):
        change = einstein_radius_change(raw.simulator, raw.samples, after)
        found.append((name, 100 * change.value, 100 * change.error))
    return found


def main(seeds: list[int]) -> None:
    every = [changes(seed) for seed in seeds]
    cells = []
    for kind in range(2):
        value, error = max(((one[kind][1], one[kind][2]) for one in every), key=lambda pair: abs(pair[0]))
        cells.append(f"{value:.3f} ± {error:.3f}")
    kept = "yes" if all(np.abs(one[0][1]) <= LIMIT for one in every) else "**no**"
    head = ["", "refined", "not projected", "limit", "kept by refined"]
    about = f"Worst of {len(seeds)} seed{'s' if len(seeds) > 1 else ''}, {LENSES} lenses each."
    put("results.md", "kids-lenses", f"{about}\n\n{rows(head, [['mean change of theta_E [%]', *cells, LIMIT, kept]])}")


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or list(SEEDS))
