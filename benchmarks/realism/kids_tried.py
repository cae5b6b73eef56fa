"""One setting of R1 that was tried: AUC of the features' judge on the training side, on which settings were chosen.

python benchmarks/realism/kids_tried.py REGULARISATION [IMAGES]
"""

from __future__ import annotations

import sys

import numpy as np
from _common import Experiment, learn, start
from kids_r import SIZE, sky

from astrogan.validation import new_objects, two_sample


def main(regularisation: float, images: int) -> None:
    _, steps = start()
    here = sky()
    experiment = Experiment("tried", sky, SIZE, images=images, regularisation=regularisation)
    refiner, judged = learn(experiment, here, 1, steps)
    sigma = np.float32(here.survey.bands[0].background_sigma)
    raw = judged.image / sigma
    for strength in (0.0, 1.0):
        refined = refiner.with_strength(strength).apply(judged.samples, judged.tangents, seed=3)["image"].values / sigma
        tests = [two_sample(here.training, refined, seed=seed, classifiers=("features",))[0] for seed in range(6)]
        print(
            f"regularisation {regularisation:g}, {images} images, strength {strength:g}: AUC on the training side "
            f"{np.mean([test.auc for test in tests]):.3f} ± {tests[0].auc_error:.3f}, new objects "
            f"{100 * new_objects(raw, refined).value:.1f} %"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else Experiment("", sky, SIZE).images)
