"""R6: the refiners that `kids_r.py` left, on galaxies simulated as SDSS Stripe 82 shows them, against real ones there.

python benchmarks/realism/kids_to_sdss.py [SEED...]
"""

from __future__ import annotations

from pathlib import Path

from _common import BUILD, DATA, JUDGED, Experiment, command, judged_by, start
from _tables import put, table

from astrogan.cli.sky import Sky, read_sky, weak_simulator
from astrogan.cli.work import simulate
from astrogan.models import Refiner

FRAME, SIZE = DATA / "sdss_stripe82" / "fpC-004192-r4-0300.fit.gz", 48
SNR = 7.0  # the frame is shallow: above 10 there are 142 galaxies


def sky() -> Sky:
    return read_sky(str(FRAME), SIZE, snr=SNR)


def transfer(experiment: Experiment, seed: int) -> Path:
    """Judge one refiner of KiDS."""
    path = BUILD / f"kids-r-{seed}.safetensors"
    if not path.is_file():
        raise SystemExit(f"{path.name} is not there: run kids_r.py {seed} first")
    begun, steps = start()
    stripe, refiner = experiment.sky(), Refiner.load(path)
    judged = simulate(weak_simulator(stripe, experiment.size), JUDGED, seed, steps)
    return judged_by(experiment, stripe, refiner, judged, seed, begun)


if __name__ == "__main__":
    command(
        Experiment("kids-to-sdss", sky, SIZE), lambda seeds: put("results.md", "kids-to-sdss", table(seeds)), transfer
    )
