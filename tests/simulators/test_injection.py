"""Painting onto images: the light, its noise, its place and its flux; what images carry is kept; refusals."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy.nddata import CCDData, StdDevUncertainty, VarianceUncertainty
from astropy.wcs import WCS

from catalogs import Band, Survey
from simulators import Field, Gaussian, StrongLens, WeakLens, inject

KIDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "kids_viking" / "frame_x0000-2079"
SURVEY = Survey(
    "test", 0.2, tuple(Band(name, psf_fwhm=0.8, background_sigma=3.0, electrons_per_unit=4.0) for name in "gr")
)
POINT = WeakLens(survey=SURVEY, size=48, light="point")
SHY = {"flux": 500.0, "x": 0.0, "y": 0.0, "g1": 0.0, "g2": 0.0, "kappa": 0.0}


def tan(scale=0.2, ra=150.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crpix, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [60, 50], [ra, 2.0]
    wcs.wcs.cdelt = [-scale / 3600, scale / 3600]
    return wcs


def ccd(**options):
    return CCDData(np.zeros((60, 60)), unit="nJy", **options)


def noiseless(light="point"):
    bands = tuple(Band(name, psf_fwhm=0.8, background_sigma=3.0) for name in "gr")
    return WeakLens(survey=Survey("test", 0.2, bands), size=48, light=light)


def test_light_lies_where_it_is_asked_for():
    """Without photon noise the flux is exact to the PSF's wings, and the centroid is the place, between pixels."""
    sky = np.random.default_rng(1).normal(0, 3, (2, 100, 120))
    done = inject(sky, noiseless(), SHY, 40.3, 61.8, seed=1)
    light = done.images - sky
    y, x = np.indices(sky.shape[1:])
    for plane in light:
        assert plane.sum() == pytest.approx(500, rel=2e-3)
        assert (plane * x).sum() / plane.sum() == pytest.approx(40.3, abs=2e-3)
        assert (plane * y).sum() / plane.sum() == pytest.approx(61.8, abs=2e-3)
    np.testing.assert_allclose(light, done.light, atol=1e-4)
    assert done.images.dtype == sky.dtype
    assert (light[:, :30] == 0).all()


def test_a_lens_moves_as_a_whole():
    """Painted half a pixel on, a lens is the lens of labels that are all half a pixel on."""
    lens = StrongLens(survey=Survey("s", 0.2, (Band("r", psf_fwhm=0.8, background_sigma=1.0),)), size=48)
    truth = lens.draw(2, seed=3)
    done = inject(np.zeros((48, 48)), lens, truth.isel(sample=[0]), 24.0, 23.5, seed=1)
    moved = truth.copy()
    for name in moved.variables:
        if name.endswith("_x"):
            moved[name] = moved[name] + 0.1
    expected = lens.render(moved)["image"].values[0, 0]
    np.testing.assert_allclose(done.light[0], expected, atol=1e-6 * expected.max())
    assert float(done.truth["lens_x"][0]) == float(truth["lens_x"][0])


def test_photons_are_poisson():
    """Over many points the variance of the light is its mean over the electrons per unit, the images' own untouched."""
    count = 400
    x, y = (part.ravel() for part in np.meshgrid(np.arange(20) * 48 + 24.0, np.arange(20) * 48 + 24.0))
    truth = {name: np.full(count, value) for name, value in SHY.items()}
    done = inject(np.zeros((2, 960, 960), np.float32), POINT, truth, x, y, seed=5)
    exact = inject(np.zeros((2, 960, 960), np.float32), noiseless(), truth, x, y, seed=5).light
    pull = (done.light - exact) / np.sqrt(np.maximum(exact, 1e-9) / 4.0)
    core = exact > 5.0
    assert pull[core].mean() == pytest.approx(0.0, abs=0.03)
    assert pull[core].std() == pytest.approx(1.0, abs=0.03)
    assert done.light.sum() == pytest.approx(count * 2 * 500.0, rel=5e-3)
    again = inject(np.zeros((2, 960, 960), np.float32), POINT, truth, x, y, seed=5)
    np.testing.assert_array_equal(again.light, done.light)


def test_what_images_carry_is_kept():
    """WCS, unit, header, mask and NaN of CCDData; the variance grows by the light's."""
    data = np.full((100, 120), 7.0)
    data[3, 4] = np.nan
    frames = {
        name: CCDData(
            data, unit="nJy", wcs=tan(), meta={"OBJECT": name}, uncertainty=StdDevUncertainty(np.full(data.shape, 3.0))
        )
        for name in "ugr"
    }
    ra, dec = tan().all_pix2world(30.25, 70.5, 0)
    done = inject(frames, POINT, SHY, ra, dec, sky=True, seed=1)
    assert list(done.images) == ["u", "g", "r"]
    assert done.images["u"] is frames["u"]
    red = done.images["r"]
    assert (red.unit, red.meta["OBJECT"]) == ("nJy", "r")
    assert red.wcs.wcs.crval.tolist() == [150.0, 2.0]
    assert np.isnan(red.data[3, 4])
    assert (frames["r"].data[50:] == 7.0).all()
    assert done.truth["column"].item() == pytest.approx(30.25, abs=1e-6)
    assert done.truth["ra"].item() == pytest.approx(float(ra), abs=1e-9)
    grown = red.uncertainty.array**2 - 9.0
    assert grown.sum() == pytest.approx(500 / 4.0, rel=0.01)
    plane = xr.DataArray(np.zeros((2, 60, 60)), dims=("band", "y", "x"), coords={"band": ["g", "r"]}, attrs={"a": 1})
    assert inject(plane, POINT, SHY, 30, 30, seed=1).images.attrs == {"a": 1}


def test_zero_points_scale_the_light():
    done = inject(np.zeros((2, 60, 60)), noiseless(), SHY, 30, 30, seed=1, zero_point={"g": 31.4, "r": 31.4 - 2.5})
    assert done.light[1].sum() == pytest.approx(0.1 * done.light[0].sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((3, 60, 60))}, "3 planes for the 2 bands g, r"),
        ({"bands": "gi"}, "unknown band of the images 'r'"),
        ({"x": 99.0}, "inject x = 99 is outside"),
        ({"y": np.nan}, "inject y = nan is outside"),
        ({"x": [1.0, 2.0]}, "inject x has shape"),
        ({"sky": True}, "need coordinates"),
        ({"wcs": tan(0.25)}, "pixels of 0.25 arcsec, the simulator of 0.2"),
        ({"zero_point": {"g": 30.0}}, "unknown band of zero_point 'r'"),
        ({"truth": SHY | {"flux": -1.0}}, "flux = -1"),
        ({"images": {"g": np.zeros((60, 60)), "r": np.zeros((60, 61))}}, "of one shape"),
        (
            {"images": {"g": ccd(wcs=tan()), "r": ccd(wcs=tan(ra=150.001))}},
            "band r: its WCS differs from that of band g",
        ),
        (
            {"images": dict.fromkeys("gr", ccd(uncertainty=StdDevUncertainty(np.full((60, 60), np.nan))))},
            "variance of the images = nan",
        ),
        (
            {"images": dict.fromkeys("gr", ccd(uncertainty=VarianceUncertainty(np.full((60, 60), -1.0))))},
            "variance of the images = -1",
        ),
        ({"simulator": dataclasses.replace(POINT, psf=Gaussian(13.0))}, "psf fwhm = 13 is outside .*the image's"),
        ({"y": -0.6}, "inject y = -0.6 is outside"),
    ],
)  # fmt: skip
def test_bad_injections_are_refused(change, message):
    given = {"images": np.zeros((2, 60, 60)), "simulator": POINT, "truth": SHY, "x": 30.0, "y": 30.0, "seed": 1}
    with pytest.raises(ValueError, match=message):
        inject(**(given | change))


def test_fields_take_lenses():
    """A simulated frame is an image like any other; its WCS is read."""
    field = Field(survey=SURVEY, size=96, density=20.0, stars=0.0)
    frame = field.simulate(seed=1)
    done = inject(frame["image"], POINT, SHY, 50.0, 40.0, seed=2, wcs=field.wcs)
    assert (done.images.values - frame["image"].values).sum() == pytest.approx(1000.0, rel=0.1)


def kids_frames():
    """KiDS frames by band and a survey of their noise."""
    from astropy.io import fits

    frames = {band: fits.getdata(KIDS / f"{band}.fits").astype(np.float32) for band in "gri"}
    sigma = {b: float(1.4826 * np.median(np.abs(plane - np.median(plane)))) for b, plane in frames.items()}
    bands = tuple(Band(b, psf_fwhm=0.8, background_sigma=s, electrons_per_unit=1e3 / s) for b, s in sigma.items())
    return frames, Survey("kids", 0.339, bands)


@pytest.mark.skipif(not KIDS.is_dir(), reason="needs the KiDS frames of ../shared/data")
def test_flux_on_real_sky_is_unbiased():
    """Points painted onto blank places of real KiDS frames: the optimal flux in each band is right to 1 %."""
    frames, survey = kids_frames()
    sigma = [band.background_sigma for band in survey.bands]
    simulator = WeakLens(survey=survey, size=32, light="point")
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(40, 2040, 48), np.linspace(40, 2560, 60)))
    corners = [(round(row) - 10, round(column) - 10) for column, row in zip(x, y, strict=True)]
    windows = [np.s_[low : low + 21, left : left + 21] for low, left in corners]
    planes = list(zip(frames.values(), sigma, strict=True))
    blank = np.array([all(np.abs(plane[window]).max() < 5 * s for plane, s in planes) for window in windows])
    x, y = x[blank], y[blank]
    assert len(x) > 100
    truth = {name: np.full(len(x), value) for name, value in SHY.items()}
    truth["flux"] = 300.0 * np.array(sigma) * np.ones((len(x), 1))
    done = inject(frames, simulator, truth, x, y, seed=1)
    left, low = (np.rint(at - 15.5).astype(int) for at in (x, y))
    moved = SHY | {"flux": 1.0, "x": (x - left - 15.5) * 0.339, "y": (y - low - 15.5) * 0.339}
    stars = simulator.render(moved)["image"].values.astype(float)[:, :, 5:27, 5:27]
    for i, band in enumerate("gri"):
        places = enumerate(zip(low + 5, left + 5, strict=True))
        fluxes = [optimal_flux(done.images[band][b : b + 22, a : a + 22], stars[j, i]) for j, (b, a) in places]
        error = np.std(fluxes) / np.sqrt(len(x)) / truth["flux"][0, i]
        assert error < 3e-3
        assert np.mean(fluxes) / truth["flux"][0, i] == pytest.approx(1.0, abs=0.01)


@pytest.mark.skipif(not KIDS.is_dir(), reason="needs the KiDS frames of ../shared/data")
def test_arcs_around_red_galaxies_keep_their_flux():
    """What is on the frames beyond the real galaxies fits the lens's image with its own flux, to 1 % in each band."""
    from astropy.io import fits

    frames, survey = kids_frames()
    found = fits.getdata(KIDS.parent / "detections_r.fits")
    red = (found["mag_ap3_g"] - found["mag_ap3_r"] > 0.9) & (found["mag_r_kron"] < 21.5) & (found["resolved"] > 0)
    inside = (found["x"] > 40) & (found["x"] < 2040) & (found["y"] > 40) & (found["y"] < 2560)
    x, y = (np.rint(found[name][red & inside][:40]) + 0.5 for name in "xy")  # the stamp is the frame's own pixels
    lens = StrongLens(survey=survey, size=48)
    truth = lens.draw(len(x), seed=5)
    sigma = np.array([band.background_sigma for band in survey.bands])
    truth["source_flux"] = truth["source_flux"] * 0 + 200.0 * sigma
    truth["light_flux"] = truth["light_flux"] * 0
    done = inject(frames, lens, truth, x, y, seed=1)
    images = lens.render(truth)["image"].values.astype(float)
    for i, band in enumerate("gri"):
        added = done.images[band].astype(float) - frames[band]
        corners = [(int(row - 23.5), int(column - 23.5)) for column, row in zip(x, y, strict=True)]
        alone = np.array([added[low : low + 48, left : left + 48] for low, left in corners])
        ratio = (alone * images[:, i]).sum(axis=(1, 2)) / (images[:, i] ** 2).sum(axis=(1, 2))
        single = apart(x, y, 48)
        assert single.sum() > 20
        assert ratio[single].std() / np.sqrt(single.sum()) < 3e-3
        assert np.mean(ratio[single]) == pytest.approx(1.0, abs=0.01)


def apart(x, y, side):
    """Places with no other within a stamp."""
    near = (np.abs(x[:, None] - x) < side) & (np.abs(y[:, None] - y) < side)
    return near.sum(axis=1) == 1


def optimal_flux(seen, star):
    """PSF flux and a constant sky by least squares."""
    design = np.stack([star.ravel(), np.ones(star.size)], axis=1)
    return np.linalg.lstsq(design, seen.ravel().astype(float), rcond=None)[0][0]
