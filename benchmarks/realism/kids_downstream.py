"""What a regressor learns from raw, classical, refined and real KiDS stamps, tested on real ones held out.

python benchmarks/realism/kids_downstream.py [SEED...]  # after kids_r.py
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from _common import BUILD, JUDGED, SEEDS, start
from _tables import put, rows
from kids_r import EDGE, FRAME, SCALE, SIZE, SNR, sky

from astrogan.cli.sky import Sky, read_sky, weak_simulator
from astrogan.cli.work import simulate
from astrogan.models import Refiner
from astrogan.validation import downstream
from simulators import WeakLens

LABELS = {"log flux": "ln of the flux over the sky's rms", "log radius": "ln of the half-light radius"}
KINDS = ("raw", "classical", "refined", "real", "shuffled")


def other_side() -> Sky:
    """The frame measured with its sides exchanged: the labels of the stamps that `sky` holds out are fitted too."""
    return read_sky(str(FRAME), SIZE, "r", SCALE, edges=[-1.0, EDGE], snr=SNR)


def labelled(labels: Mapping[str, np.ndarray], sigma: float) -> dict[str, np.ndarray]:
    flux = np.asarray(labels["flux"])[:, 0]
    return {"log flux": np.log(flux / sigma), "log radius": np.log(np.asarray(labels["radius"]))}


def scores(seed: int, here: Sky, there: Sky) -> dict[tuple[str, str, str], tuple[float, float]]:
    """(judge, set, label) -> R² on the held-out side and its error."""
    _, steps = start()
    sigma = here.survey.bands[0].background_sigma
    raw = simulate(weak_simulator(here, SIZE), JUDGED, seed + 100, steps)
    refined = Refiner.load(BUILD / f"kids-r-{seed}.safetensors").apply(raw.samples, raw.tangents, seed=seed)
    plain = WeakLens(survey=here.survey, size=SIZE).simulate(JUDGED, seed)
    sets = {
        name: ((samples["image"].values / sigma).astype(np.float32), labelled(samples, sigma))
        for name, samples in (("raw", raw.samples), ("classical", plain), ("refined", refined))
    }
    sets["real"] = here.training, labelled(here.galaxies.labels, sigma)
    test = there.training, labelled(there.galaxies.labels, sigma)
    return {
        (model, row.trained_on, row.label): (row.score.value, row.score.error)
        for model in ("features", "cnn")
        for row in downstream(sets, test, seed=seed, model=model)
    }


def main(seeds: list[int]) -> None:
    here, there = sky(), other_side()
    found = [scores(seed, here, there) for seed in seeds]
    body = []
    for model in ("features", "cnn"):
        for label in LABELS:
            cells = []
            for kind in KINDS:
                values = [one[model, kind, label] for one in found]
                lowest = min(values)
                cells.append(f"{lowest[0]:.3f} ± {lowest[1]:.3f}")
            body.append([f"{label}, {model}", *cells])
    head = ["R² on real stamps held out", *KINDS]
    about = f"Lowest of {len(seeds)} seed{'s' if len(seeds) > 1 else ''}; {len(there.training)} stamps test."
    put("results.md", "kids-downstream", f"{about}\n\n{rows(head, body)}")


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or list(SEEDS))
