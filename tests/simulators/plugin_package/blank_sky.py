"""All that a third-party simulator needs: `simulate`, keyed noise, and the sample schema."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from catalogs import get_survey
from simulators.noise import add_noise


@dataclass(frozen=True)
class BlankSky:
    """Stamps of a survey's empty sky."""

    survey: str = "lsst"
    bands: str = "gri"
    size: int = 16

    def simulate(self, n: int, seed: int, start: int = 0) -> xr.Dataset:
        """Samples start .. start+n-1 of run `seed`."""
        survey = get_survey(self.survey).select(self.bands)
        ids = np.arange(start, start + n, dtype=np.int64)
        dark = np.zeros((n, len(survey.bands), self.size, self.size), np.float32)
        image, variance = add_noise(dark, survey.bands, seed, ids, survey.noise_mixing)
        stamp = ("sample", "band", "y", "x")
        flux, flux2 = survey.unit, f"{survey.unit}2"
        return xr.Dataset(
            {
                "sample_id": ("sample", ids, {"units": "", "long_name": "sample number in its run"}),
                "image": (stamp, image, {"units": flux, "long_name": "image"}),
                "variance": (stamp, variance, {"units": flux2, "long_name": "noise variance"}),
                "qc_flag": ("sample", np.zeros(n, np.int8), {"units": "", "long_name": "quality flag, 0 = good"}),
            },
            coords={"band": list(survey.band_names)},
            attrs={
                "pixel_scale": survey.pixel_scale,
                "survey": survey.to_json(),
                "simulator": "BlankSky",
                "seed": seed,
            },
        )
