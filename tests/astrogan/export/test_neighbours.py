"""Neighbours are rows of a table of their own, and only those that shine."""

import numpy as np
from astropy.io import fits

from astrogan.export import to_fits
from simulators import WeakLens


def test_each_neighbour_with_light_is_a_row(tmp_path):
    samples = WeakLens(survey="lsst", bands="gr", size=24, neighbours=0.2).simulate(5, seed=1)
    to_fits(samples, tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits", checksum=True) as hdus:
        rows = hdus["NEIGHBOURS"].data
        assert len(rows) == np.count_nonzero(samples["neighbour_flux"].values.any(axis=-1))
        for row in rows:
            one = samples.isel(sample=int(row["sample_id"]))
            (at,) = np.nonzero(one["neighbour_x"].values == row["x"])[0]
            assert one["neighbour_flux"].values[at].tolist() == [row["flux_g"], row["flux_r"]]
            assert one["neighbour_radius"].values[at] == row["radius"]
        assert not any("neighbour" in name for name in hdus["TRUTH"].columns.names)
        assert hdus["TRUTH"].columns.names[:9] == [
            "sample_id",
            "qc_flag",
            "flux_g",
            "flux_r",
            "radius",
            "n",
            "e1",
            "e2",
            "x",
        ]
