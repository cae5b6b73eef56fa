"""R2: three bands of KiDS at once, colours kept.

python benchmarks/realism/kids_gri.py [SEED...]
"""

from __future__ import annotations

from _common import Experiment, command
from _tables import put, table
from kids_r import EDGE, FRAME, SCALE, SIZE, SNR

from astrogan.cli.sky import Sky, read_sky


def sky() -> Sky:
    return read_sky(str(FRAME), SIZE, "gri", SCALE, edges=[EDGE], snr=SNR)


if __name__ == "__main__":
    experiment = Experiment("kids-gri", sky, SIZE, lesson=1200)  # their constraints fill 1 GiB
    command(experiment, lambda seeds: put("results.md", "kids-gri", table(seeds)))
