"""R6: the refiners that `kids_r.py` left, on galaxies simulated as SDSS Stripe 82 shows them, against real ones there.

python benchmarks/realism/kids_to_sdss.py [SEED...]
"""

from __future__ import annotations

import sys

import numpy as np
from _common import BUILD, DATA, JUDGED, SEEDS, Figures, realism, start
from _tables import put, rows

from astrogan.cli.sky import Sky, read_sky, weak_simulator
from astrogan.cli.work import refine, simulate
from astrogan.models import Refiner
from astrogan.validation import moment_change, new_objects
from astrogan.validation.leakage import refuse_leaks

FRAME, SIZE = DATA / "sdss_stripe82" / "fpC-004192-r4-0300.fit.gz", 48
SNR = 7.0  # the frame is shallow: above 10 there are 142 galaxies
LINES = {"accuracy, features": 1, "AUC, features": 1, "W1": 1, "flux [%]": 100, "size [%]": 100, "new objects [%]": 100}


def transfer(sky: Sky, seed: int) -> dict[str, Figures]:
    """Figures of raw, refined and not projected stamps."""
    _, steps = start()
    refiner = Refiner.load(BUILD / f"kids-r-{seed}.safetensors").with_strength(1.0)
    refuse_leaks(sky.held_out, refiner.card)
    made = refine(refiner, simulate(weak_simulator(sky, SIZE), JUDGED, seed, steps), seed)
    sigma = np.float32(sky.survey.bands[0].background_sigma)
    raw, found = made.raw.image, {}
    for name, images in (("raw", raw), ("refined", made.image), ("not projected", made.control)):
        figures = realism(sky.held_out, images / sigma, seed, ("features",))
        if name != "raw":
            change, objects = moment_change(raw, images), new_objects(raw / sigma, images / sigma)
            parts = {"flux [%]": change["flux"], "size [%]": change["size"], "new objects [%]": objects}
            figures |= {key: (one.value, one.error) for key, one in parts.items()}
        found[name] = figures
    return found


def main(seeds: list[int]) -> None:
    sky = read_sky(str(FRAME), SIZE, snr=SNR)
    every = [transfer(sky, seed) for seed in seeds]
    body = []
    for line, factor in LINES.items():
        cells = []
        for kind in every[0]:
            values = [one[kind][line] for one in every if line in one[kind]]
            value, error = max(values, key=lambda pair: abs(pair[0])) if values else (np.nan, np.nan)
            cells.append(f"{factor * value:.3f} ± {factor * error:.3f}" if values else "–")
        body.append([line, *cells])
    about = f"Worst of {len(seeds)} seed{'s' if len(seeds) > 1 else ''}; {len(sky.held_out)} real stamps held out."
    put("results.md", "kids-to-sdss", f"{about}\n\n{rows(['', *every[0]], body)}")


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or list(SEEDS))
