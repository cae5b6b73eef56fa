"""A field of 60 objects against GalSim drawing each of them, and its coordinates against GalSim's and the formula."""

import galsim
import numpy as np
import pytest

from catalogs import Band, Survey
from simulators import Field, Moffat

pytestmark = pytest.mark.reference
SIDE, SCALE = 640, 0.2
SURVEY = Survey("test", SCALE, (Band("r", psf_fwhm=0.7, background_sigma=1.0),))
FIELD = Field(survey=SURVEY, size=SIDE, psf=Moffat(0.7, 3.5), centre=(150.1, 2.2))


def objects(count=60, stars=12):
    """Objects on a coarse grid, one to a cell of 80 pixels, at any place between pixels."""
    draw = np.random.default_rng(5)
    cell = draw.choice(64, count, replace=False)
    place = (np.stack([cell % 8, cell // 8]) - 3.5) * 80 * SCALE + draw.uniform(-1, 1, (2, count))
    e, angle = draw.uniform(0, 0.5, count), draw.uniform(0, 2 * np.pi, count)
    return {
        "flux": 10 ** draw.uniform(1, 4, count),
        "radius": draw.uniform(0.15, 0.7, count),
        "n": np.round(draw.uniform(0.6, 4.0, count), 1),
        "e1": e * np.cos(angle),
        "e2": e * np.sin(angle),
        "x": place[0],
        "y": place[1],
        "g1": draw.uniform(-0.05, 0.05, count),
        "g2": draw.uniform(-0.05, 0.05, count),
        "kappa": draw.uniform(-0.05, 0.05, count),
        "star": (np.arange(count) < stars) * 1.0,
    }


def galsim_stamp(at, side):
    """One object on the field's pixels about its cell, and the row and column of the first of them."""
    psf = galsim.Moffat(beta=3.5, fwhm=0.7)
    column, row = (at[k] / SCALE + (SIDE - 1) / 2 for k in "xy")
    left, low = round(column) - side // 2, round(row) - side // 2
    if at["star"]:
        light = psf * at["flux"]
    else:
        mu = 1 / ((1 - at["kappa"]) ** 2 * (1 - at["g1"] ** 2 - at["g2"] ** 2))
        light = galsim.Sersic(at["n"], half_light_radius=at["radius"], flux=at["flux"])
        light = galsim.Convolve(light.shear(g1=at["e1"], g2=at["e2"]).lens(at["g1"], at["g2"], mu), psf)
    offset = (column - left - (side - 1) / 2, row - low - (side - 1) / 2)
    return light.drawImage(nx=side, ny=side, scale=SCALE, offset=offset, dtype=float).array, low, left


def test_photometry():
    """Each object, drawn alone, to 1e-3 of its peak; all together, the sum of GalSim's."""
    drawn, side, total = objects(), 240, 0.0
    for i in range(60):
        one = {name: values[i] for name, values in drawn.items()}
        stamp, low, left = galsim_stamp(one, side)
        ours = np.zeros((SIDE + 2 * side, SIDE + 2 * side))
        ours[side:-side, side:-side] = FIELD.render(one)["image"].values[0]
        theirs = np.zeros_like(ours)
        theirs[low + side : low + 2 * side, left + side : left + 2 * side] = stamp
        inside = np.s_[side:-side, side:-side]
        assert np.abs(ours - theirs)[inside].max() < 1e-3 * stamp.max()
        total = total + theirs[inside]
    together = FIELD.render(drawn)["image"].values[0]
    assert np.abs(together - total).max() < 1e-3 * total.max()
    assert together.sum(dtype=float) == pytest.approx(total.sum(), rel=5e-3)


def test_the_background_is_exactly_nothing():
    one = {"flux": 100.0, "radius": 0.3, "n": 1.0, "e1": 0.0, "e2": 0.0, "x": 0.0, "y": 0.0}
    image = FIELD.render(one)["image"].values[0]
    assert image[312:328, 312:328].min() > 0
    far = np.hypot(*np.indices(image.shape) - (SIDE - 1) / 2) > 100
    assert (image[far] == 0).all()


def test_coordinates():
    """Right ascension and declination by GalSim's TAN projection and by the formula (Calabretta & Greisen 2002)."""
    drawn = objects()
    ds = FIELD.render(drawn)
    origin = galsim.CelestialCoord(150.1 * galsim.degrees, 2.2 * galsim.degrees)
    affine = galsim.AffineTransform(SCALE, 0, 0, SCALE, origin=galsim.PositionD((SIDE - 1) / 2, (SIDE - 1) / 2))
    theirs = galsim.TanWCS(affine, origin)
    u, v = (np.radians(np.asarray(drawn[k]) / 3600) for k in "xy")
    dec0 = np.radians(2.2)
    bottom = np.cos(dec0) - v * np.sin(dec0)
    ra = 150.1 + np.degrees(np.arctan2(-u, bottom))
    dec = np.degrees(np.arctan2(np.sin(dec0) + v * np.cos(dec0), np.hypot(u, bottom)))
    np.testing.assert_allclose(ds["ra"], ra, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ds["dec"], dec, rtol=0, atol=1e-9)
    for i in range(60):
        sky = theirs.toWorld(galsim.PositionD(ds["column"].values[i], ds["row"].values[i]))
        assert sky.ra.deg == pytest.approx(ds["ra"].values[i], abs=1e-9)
        assert sky.dec.deg == pytest.approx(ds["dec"].values[i], abs=1e-9)
