"""R1: refined galaxies against KiDS r stamps of a part of the sky that nothing was fitted to.

python benchmarks/realism/kids_r.py [SEED...]
"""

from __future__ import annotations

from _common import DATA, Experiment, command
from _tables import put, table

from astrogan.cli.sky import Sky, read_sky

SIZE, EDGE, SNR, SCALE = 48, 1600.0, 10.0, 0.339  # pixels; x between train and val [pixel]; arcsec
FRAME = DATA / "kids_viking" / "frame_x0000-2079"


def sky() -> Sky:
    return read_sky(str(FRAME), SIZE, "r", SCALE, edges=[EDGE], snr=SNR)


if __name__ == "__main__":
    command(Experiment("kids-r", sky, SIZE), lambda seeds: put("results.md", "kids-r", table(seeds)))
