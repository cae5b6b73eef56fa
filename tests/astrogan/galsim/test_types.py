"""Objects, noise and stamps of config files: against the simulators and the laws of noise; bad input is refused."""

import dataclasses

import galsim
import numpy as np
import pytest
from astropy.io import fits
from galsim.config import BuildGSObject, BuildImage, BuildStamp

import astrogan.galsim  # noqa: F401  # registers the types
from astrogan.dataset import read_real_galaxies
from astrogan.models.refiner import Refiner, RefinerConfig
from catalogs import get_survey
from simulators import StrongLens, WeakLens

SERSIC = {"flux": 1e4, "radius": 0.6, "n": 2.0, "e1": 0.2, "e2": -0.1, "x": 0.1, "y": -0.05}
BULGE_DISK = {"flux": 1e4, "bulge_fraction": 0.3, "bulge_radius": 0.3, "bulge_n": 4.0, "bulge_e1": 0.1, "bulge_e2": 0.0}
BULGE_DISK |= {"disk_radius": 0.8, "disk_e1": 0.2, "disk_e2": 0.2, "x": 0.0, "y": 0.0}
KNOTS = {"flux": 1e4, "radius": 0.7, "knot_fraction": 0.5, "knot_radius": 0.1, "knot_seed": 3.0, "angle": 0.3}
KNOTS |= {"e1": 0.2, "e2": 0.1, "x": 0.0, "y": 0.0}
LSST = {"survey": "lsst", "band": "r"}


def config(gal, noise=None, size=48, seed=3, **stamp):
    image = {"size": size, "pixel_scale": 0.2, "random_seed": seed} | ({"noise": noise} if noise else {})
    return {"gal": gal, "psf": {"type": "AstroGANPSF", **LSST}, "image": image, "stamp": stamp}


def drawn(gal, **settings):
    return BuildImage(config(gal, **settings)).array.astype(float)


@pytest.mark.parametrize(("light", "labels"), [("sersic", SERSIC), ("bulge-disk", BULGE_DISK), ("knots", KNOTS)])
def test_galaxies_are_those_of_the_simulators(light, labels):
    sim = WeakLens(survey="lsst", bands="r", size=48, light=light)
    ours = sim.render({**labels, "g1": 0.0, "g2": 0.0, "kappa": 0.0})["image"].values[0, 0]
    theirs = drawn({"type": "AstroGANGalaxy", "light": light, **labels})
    assert np.abs(theirs - ours).max() < 1e-4 * ours.max()
    assert theirs.sum() == pytest.approx(ours.sum(), rel=1e-4)


@pytest.fixture
def catalog(tmp_path):
    """Two galaxies in the format of RealGalaxyCatalog."""
    psf = galsim.Gaussian(fwhm=0.15)
    shapes = galsim.Exponential(half_light_radius=0.5), galsim.Sersic(2.5, half_light_radius=0.4).shear(g1=0.3)
    images = [galsim.Convolve(one, psf).drawImage(nx=96, ny=96, scale=0.05, dtype=float).array for one in shapes]
    psf_image = galsim.Convolve(psf, galsim.Pixel(0.05)).drawImage(nx=31, ny=31, scale=0.05, method="no_pixel").array
    fits.HDUList([fits.PrimaryHDU(images[0]), fits.ImageHDU(images[1])]).writeto(tmp_path / "gal.fits")
    fits.PrimaryHDU(psf_image).writeto(tmp_path / "psf.fits")
    columns = {"GAL_FILENAME": ("20A", ["gal.fits"] * 2), "GAL_HDU": ("J", [0, 1]), "PSF_HDU": ("J", [0, 0])}
    columns |= {"PSF_FILENAME": ("20A", ["psf.fits"] * 2), "PIXEL_SCALE": ("D", [0.05, 0.05])}
    made = [fits.Column(name, kind, array=np.array(values)) for name, (kind, values) in columns.items()]
    fits.BinTableHDU.from_columns(made).writeto(tmp_path / "catalog.fits")
    return str(tmp_path / "catalog.fits")


def test_real_galaxies_are_those_of_the_simulators(catalog):
    gal = {"type": "AstroGANGalaxy", "light": "images", "catalog": catalog, **LSST}
    labels = {"flux": 1e4, "zoom": 1.2, "angle": 0.4}
    sim = WeakLens(survey="lsst", bands="r", size=48, light=read_real_galaxies(catalog))
    still = dict.fromkeys(("x", "y", "g1", "g2", "kappa"), 0.0)
    for index in range(2):
        ours = sim.render({**labels, "image_index": index, **still})["image"].values[0, 0]
        theirs = drawn({**gal, **labels, "image_index": index})
        assert np.abs(theirs - ours).max() < 1e-3 * ours.max()
    base = config(gal)
    found = set()
    for number in range(12):
        BuildGSObject(base | {"obj_num": number, "obj_num_rng": galsim.BaseDeviate(number + 1)}, "gal")
        found.add(float(base["gal"]["_astrogan_truth"]["image_index"][1]))
        base["gal"].pop("current")
    assert found == {0.0, 1.0}


def test_photons_can_be_shot(catalog):
    galaxy = {"type": "AstroGANGalaxy", "light": "images", "catalog": catalog, "flux": 3e4, "deconvolve": False}
    lens = {"type": "AstroGANLens", "deconvolve": False, "theta_E": 1.2}
    for gal in (galaxy | {"zoom": 1.0, "angle": 0.0, "image_index": 1}, lens | LSST):
        smooth, shot = drawn(gal), drawn(gal, draw_method="phot")
        assert shot.sum() == pytest.approx(smooth.sum(), rel=6 / np.sqrt(smooth.sum()))
        assert np.abs(shot - smooth).max() < 7 * np.sqrt(smooth.max()) + 3


def test_lenses_are_those_of_the_simulators():
    sim = StrongLens(survey="lsst", bands="r", size=64, accuracy="high")
    for row in range(4):
        truth = sim.draw(1, seed=9, start=row)
        labels = {name: float(np.ravel(truth[name])[0]) for name in sim.layout.labels}
        ours = sim.render(truth)["image"].values[0, 0]
        sharp = drawn({"type": "AstroGANLens", **LSST, **labels}, size=64)
        assert np.abs(sharp - ours).max() < 1e-3 * ours.max()
        seen = drawn({"type": "AstroGANLens", **LSST, **labels, "deconvolve": False}, size=64)
        assert np.abs(seen - ours).max() < 2e-2 * ours.max()
        assert seen.sum() == pytest.approx(ours.sum(), rel=1e-3)


def test_drawn_labels_follow_the_population_and_the_seed():
    base = config({"type": "AstroGANGalaxy", **LSST, "radius": 0.4})
    truth = []
    for number in range(40):
        BuildStamp(base, obj_num=number, do_noise=False)
        truth.append({name: float(np.ravel(value)[0]) for name, (_, value) in base["gal"]["_astrogan_truth"].items()})
    assert {one["radius"] for one in truth} == {0.4}
    assert {one["x"] for one in truth} == {0.0}
    magnitudes = 31.4 - 2.5 * np.log10([one["flux"] for one in truth])
    assert 19.0 < magnitudes.min() < magnitudes.max() < 27.0
    assert len({one["n"] for one in truth}) == 40


@pytest.mark.parametrize("correlated", [False, True])
def test_noise_is_the_surveys(tmp_path, correlated):
    """Of a catalogued survey, and of one that was measured and kept as JSON."""
    survey, noise = get_survey("lsst"), {"type": "AstroGANNoise", **LSST}
    expected = survey.band("r")
    if correlated:
        acf = ((0.0, 0.2, 0.0), (0.4, 1.0, 0.4), (0.0, 0.2, 0.0))
        expected = dataclasses.replace(expected, electrons_per_unit=np.inf, sky=0.0, autocorrelation=acf)
        noise["survey"] = str(tmp_path / "mine.json")
        (tmp_path / "mine.json").write_text(dataclasses.replace(survey, bands=(expected,)).to_json())
    image = drawn({"type": "Gaussian", "sigma": 0.1, "flux": 0.0}, noise=noise, size=400)
    assert image.std() == pytest.approx(expected.background_sigma, rel=0.02)
    acf = expected.acf
    at = acf[len(acf) // 2, len(acf) // 2 + 1] if len(acf) > 1 else 0.0
    assert np.mean(image[:, 1:] * image[:, :-1]) / image.var() == pytest.approx(at, abs=0.01)


def test_photons_of_sources_are_counted_once():
    """A bright flat source: the variance beyond the background's is its light, drawn by FFT or by photons."""
    band = get_survey("lsst").band("r")
    level = 300.0
    gal = {"type": "Box", "width": 20.0, "height": 20.0, "flux": level * 100**2}
    for method in ("fft", "phot"):
        gain = band.electrons_per_unit if method == "fft" else 1.0  # GalSim's photons are the image's unit
        noise = {"type": "AstroGANNoise", **LSST}
        image = drawn(gal, noise=noise, size=60, draw_method=method)[5:-5, 5:-5]
        assert image.mean() == pytest.approx(level, rel=0.01)
        assert image.var() == pytest.approx(band.background_sigma**2 + level / gain, rel=0.1)


def test_whitened_noise_counts():
    """Noise that an object brought is part of the survey's background, not on top of it."""
    sigma = get_survey("kids").band("r").background_sigma
    base = config({"type": "Gaussian", "sigma": 1.0, "flux": 0.0})
    base["image"]["noise"] = {"type": "AstroGANNoise", "survey": "kids", "band": "r"}
    BuildStamp(base, do_noise=False)
    image = galsim.ImageD(400, 400, scale=0.2)
    image.addNoise(galsim.GaussianNoise(galsim.BaseDeviate(3), sigma=0.5 * sigma))
    galsim.config.AddNoise(base, image, (0.5 * sigma) ** 2)
    assert image.array.std() == pytest.approx(sigma, rel=0.02)
    with pytest.raises(galsim.GalSimConfigError, match="whitening left a variance"):
        galsim.config.AddNoise(base, image, 2 * sigma**2)


def test_refined_stamps_keep_their_moments(model):
    noise = {"type": "AstroGANNoise", **LSST}
    gal = {"type": "AstroGANGalaxy", "flux": 3e4, **{name: SERSIC[name] for name in ("radius", "n", "e1", "e2")}}
    exact = galsim.hsm.HSMParams(convergence_threshold=1e-9)
    for seed in range(1, 4):
        plain = drawn(gal, noise=noise, seed=seed)
        refined = drawn(gal, noise=noise, seed=seed, type="AstroGANStamp", refiner=str(model), **LSST)
        assert np.abs(refined - plain).std() > 0.1
        before, after = (galsim.Image(one, scale=0.2).FindAdaptiveMom(hsmparams=exact) for one in (plain, refined))
        assert after.moments_amp == pytest.approx(before.moments_amp, rel=1e-5)
        assert after.moments_sigma == pytest.approx(before.moments_sigma, rel=1e-5)
        assert after.observed_shape.g1 == pytest.approx(before.observed_shape.g1, abs=1e-5)


BAD = [
    ({"type": "AstroGANGalaxy", "raduis": 1.0}, "did you mean 'radius'"),
    ({"type": "AstroGANGalaxy", "light": "serisc"}, "did you mean 'sersic'"),
    ({"type": "AstroGANGalaxy", **SERSIC, "n": 9.0}, r"n = 9 is outside \[0.3, 8\]"),
    ({"type": "AstroGANGalaxy", **SERSIC, "n": 7.0}, r"GalSim = 7 is outside \[0.3, 6.2\]"),
    ({"type": "AstroGANGalaxy", "radius": 1.0}, "survey and band must say which"),
    ({"type": "AstroGANGalaxy", **SERSIC, "catalog": "x.fits"}, "light: images"),
    ({"type": "AstroGANGalaxy", "survey": "lsts", "band": "r"}, "did you mean 'lsst'"),
    ({"type": "AstroGANGalaxy", **LSST, "flux": float("nan")}, "flux"),
    ({"type": "AstroGANLens", **LSST, "theta_e": 1.0}, "did you mean 'theta_E'"),
    ({"type": "AstroGANLens", **LSST, "theta_E": 200.0}, r"theta_E = 200 is outside \[0, 100\]"),
    ({"type": "AstroGANLens", **LSST, "fine_scale": 1e-3}, "width / fine_scale"),
    ({"type": "AstroGANLens", "survey": "lsst"}, "band is required"),
    ({"type": "AstroGANPSF", "survey": "absent.json", "band": "r"}, "is not a file"),
    ({"type": "AstroGANPSF", "survey": "lsst", "band": "q"}, "'q'"),
]


@pytest.mark.parametrize(("gal", "message"), BAD)
def test_bad_objects_are_refused(gal, message):
    with pytest.raises(ValueError, match=message):
        BuildGSObject(config(gal) | {"rng": galsim.BaseDeviate(1)}, "gal")


@pytest.mark.parametrize(
    ("noise", "image", "message"),
    [
        ({"type": "AstroGANNoise", "survey": "lsst", "band": "r", "bnad": "r"}, {}, "did you mean 'band'"),
        ({"type": "AstroGANNoise", "survey": "lsst", "band": "r"}, {"sky_level": 3.0}, "leave out image.sky_level"),
        ({"type": "AstroGANSensor", "survey": "kids", "band": "r"}, {}, "kids"),
    ],
)
def test_bad_noise_is_refused(noise, image, message):
    base = config({"type": "Gaussian", "sigma": 1.0}, noise=noise)
    base["image"] |= image
    with pytest.raises(ValueError, match=message):
        BuildImage(base)


def test_bad_stamps_are_refused(tmp_path, model):
    gal = {"type": "AstroGANGalaxy", **SERSIC}
    noise = {"type": "AstroGANNoise", **LSST}
    two = tmp_path / "two.safetensors"
    Refiner(RefinerConfig(bands=2, width=8, blocks=1)).save(two)
    for path, message in (("absent", "is not a file"), (str(two), "has 2 bands")):
        with pytest.raises(ValueError, match=message):
            BuildImage(config(gal, noise=noise, type="AstroGANStamp", refiner=path, **LSST))
    scattered = config(gal, noise=noise, type="AstroGANStamp", refiner=str(model), **LSST)
    scattered["image"] |= {"type": "Scattered", "nobjects": 1}
    with pytest.raises(ValueError, match="use Single"):
        BuildImage(scattered)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gal.rotate": "10 degrees"}, "gal.rotate would change the object"),
        ({"image.type": "Tiled", "image.nx_tiles": 1, "image.ny_tiles": 1}, "not 'Tiled'"),
        ({"output.colunms": {}}, "did you mean 'columns'"),
        ({"output.nimages": None}, "nimages is required"),
        ({"gal.skip": True}, "every object was skipped"),
        ({"output.columns": {"name": "psf.type"}}, "is not a number"),
    ],
)
def test_bad_outputs_are_refused(tmp_path, change, message):
    base = config({"type": "AstroGANGalaxy", **SERSIC})
    base["output"] = {"type": "AstroGANHDF5", "nimages": 1, **LSST, "file_name": str(tmp_path / "a.h5")}
    for key, value in change.items():
        field, name = key.split(".")
        base[field] = {k: v for k, v in base[field].items() if k != name} | ({} if value is None else {name: value})
    with pytest.raises(ValueError, match=message):
        galsim.config.Process(base, except_abort=True)
    assert not list(tmp_path.iterdir())
