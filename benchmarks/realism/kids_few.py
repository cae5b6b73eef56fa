"""R3: as R1, with 200 real stamps to learn from.

python benchmarks/realism/kids_few.py [SEED...]
"""

from __future__ import annotations

from _common import Experiment, command
from _tables import put, table
from kids_r import SIZE, sky

if __name__ == "__main__":
    experiment = Experiment("kids-few", sky, SIZE, few=200)
    command(experiment, lambda seeds: put("results.md", "kids-few", table(seeds)))
