"""What a sample has several of are rows of tables of their own, and only those that are there."""

import dataclasses

import numpy as np
from astropy.io import fits

from astrogan.export import to_fits
from simulators import StrongLens, WeakLens


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


def test_images_and_galaxies_are_rows(tmp_path):
    lens = StrongLens(survey="lsst", bands="gr", size=24, accuracy="fast", mass=("epl", "members"), quasar=True)
    samples = dataclasses.replace(lens, population=quasars).simulate(4, seed=1)
    to_fits(samples, tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits", checksum=True) as hdus:
        for name, label in (("MEMBERS", "member_theta_E"), ("LENSED_IMAGES", "image_magnification")):
            rows, values = hdus[name].data, samples[label].values
            assert rows[label.split("_", 1)[1]].tolist() == values[values != 0].tolist()
            assert rows["sample_id"].tolist() == np.nonzero(values)[0].tolist()
        names = hdus["TRUTH"].columns.names
        assert "quasar_flux_g" in names
        assert not any(name.startswith(("member", "image")) for name in names)


def quasars(seed, sample_ids, survey):
    """A bright one in each host."""
    return {"quasar_flux": np.full((len(sample_ids), len(survey.bands)), 500.0)}
