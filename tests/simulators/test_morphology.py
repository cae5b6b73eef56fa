"""Morphology: profiles with known answers, formulas written out in numpy, statmorph as the reference."""

import functools
import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label, map_coordinates, uniform_filter
from scipy.optimize import brentq

from simulators.morphology import morphology

SIZE = 65


def sersic(n, radius, *, e1=0.0, e2=0.0, x=0.0, y=0.0, flux=4000.0, blob=0.0):
    import galsim

    galaxy = galsim.Sersic(n, half_light_radius=radius).shear(g1=e1, g2=e2)
    galaxy = galsim.Add(galaxy, galsim.Gaussian(sigma=1.0, flux=blob).shift(3, 2)) if blob else galaxy
    seen = galsim.Convolve(galaxy.shift(x, y), galsim.Moffat(3.5, fwhm=2.5))
    return flux * seen.drawImage(nx=SIZE, ny=SIZE, scale=1).array.astype(float)


def gaussian(sigma, x=0.0, y=0.0):
    iy, ix = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    return 1e4 * np.exp(-((ix - x) ** 2 + (iy - y) ** 2) / (2 * sigma**2))


@functools.cache
def galaxies(noise=0.2):
    rng = np.random.default_rng(3)
    found = [
        sersic(
            rng.choice([1.0, 2.5, 4.0]), rng.uniform(3, 5), e1=rng.uniform(-0.15, 0.15), e2=rng.uniform(-0.15, 0.15),
            x=rng.uniform(-0.7, 0.7), y=rng.uniform(-0.7, 0.7), blob=0.15 * (k % 3 == 0),
        )
        for k in range(8)
    ]  # fmt: skip
    return np.array([image + rng.normal(0, noise, image.shape) for image in found])


def test_a_gaussian_has_the_radii_of_its_formula():
    found = morphology([gaussian(3.0), gaussian(4.0, 0.3, -0.4)])
    eta = brentq(lambda t: t * np.exp(-t) / (1 - np.exp(-t)) - 0.2, 0.1, 20)  # t = r^2 / 2 sigma^2
    for k, sigma in enumerate((3.0, 4.0)):
        petro = sigma * np.sqrt(2 * eta)
        total = 1 - np.exp(-((1.5 * petro) ** 2) / (2 * sigma**2))
        radii = [sigma * np.sqrt(-2 * np.log(1 - share * total)) for share in (0.2, 0.5, 0.8)]
        assert found.petrosian[k] == pytest.approx(petro, abs=0.05)
        assert [found.r20[k], found.r50[k], found.r80[k]] == pytest.approx(radii, abs=0.06)
        assert found.flux[k] == pytest.approx(total * 2e4 * np.pi * sigma**2, rel=2e-3)
        assert found.concentration[k] == pytest.approx(5 * np.log10(radii[2] / radii[0]), abs=0.06)
    assert [found.x[1], found.y[1]] == pytest.approx([32.3, 31.6], abs=0.07)
    assert np.abs(found.asymmetry).max() < 0.01


def test_asymmetry_is_the_least_of_its_formula():
    image = gaussian(3.0) + 0.3 * gaussian(1.5, 4, 3)
    found = morphology([image])

    def asymmetry(x, y):
        iy, ix = np.indices(image.shape)
        other = map_coordinates(image, [2 * y - iy, 2 * x - ix], order=1, mode="nearest")
        inside = np.hypot(ix - x, iy - y) <= 1.5 * found.petrosian[0]
        return np.abs(image - other)[inside].sum() / np.abs(image)[inside].sum()

    grid = [asymmetry(x, y) for x in np.arange(31, 35, 0.25) for y in np.arange(31, 35, 0.25)]
    assert found.asymmetry[0] == pytest.approx(asymmetry(found.x[0], found.y[0]), abs=1e-6)
    assert 0.1 < found.asymmetry[0] < min(grid) + 0.002


def test_clumps_are_rough_and_noise_is_not():
    rng = np.random.default_rng(1)
    iy, ix = np.indices((SIZE, SIZE))
    smooth = gaussian(5.0) / 10
    clumpy = smooth * (1 + 0.5 * np.sin(1.5 * ix) * np.sin(1.5 * iy))
    noise = rng.normal(0, 5, (40, SIZE, SIZE))
    quiet, rough = morphology(smooth + noise).smoothness, morphology(clumpy + noise).smoothness
    assert quiet.mean() == pytest.approx(morphology([smooth]).smoothness[0], abs=0.01)
    found = morphology([clumpy])
    petro, side = found.petrosian[0], int(0.25 * found.petrosian[0])
    r = np.hypot(ix - found.x[0], iy - found.y[0])
    excess = np.maximum(clumpy - uniform_filter(clumpy, side, mode="nearest"), 0)
    ring = (r >= 0.25 * petro) & (r <= 1.5 * petro)
    expected = excess[ring].sum() / clumpy[r <= 1.5 * petro].sum()
    assert found.smoothness[0] == pytest.approx(expected, rel=1e-6)
    assert rough.mean() == pytest.approx(expected, abs=0.03)
    assert expected > 0.05


def test_gini_and_m20_are_their_formulas():
    """Lotz et al. (2004), eqs. 6 and 8, on the pixels that the Petrosian surface brightness chooses."""
    image = gaussian(4.0) + 0.5 * gaussian(1.5, 6, 2)
    found = morphology([image])
    petro = found.petrosian[0]
    iy, ix = np.indices(image.shape)
    smooth = gaussian_filter(image, 0.2 * petro, mode="nearest", truncate=3.0)
    ring = np.abs(np.hypot(ix - found.x[0], iy - found.y[0]) - petro) <= 0.5
    marks, _ = label(smooth >= smooth[ring].mean())
    inside = marks == marks[32, 32]
    f, x, y = image[inside], ix[inside], iy[inside]
    n = len(f)
    gini = np.abs(f[:, None] - f).sum() / (2 * n * (n - 1) * f.mean())
    moment = f * ((x - (f * x).sum() / f.sum()) ** 2 + (y - (f * y).sum() / f.sum()) ** 2)
    order = np.argsort(-f)
    bright = np.cumsum(f[order]) <= 0.2 * f.sum()
    assert found.gini[0] == pytest.approx(gini, abs=0.005)
    assert found.m20[0] == pytest.approx(np.log10(moment[order][bright].sum() / moment.sum()), abs=0.03)


@pytest.mark.reference
def test_morphology_is_statmorphs():
    """To the scatter that other apertures (circles for ellipses), borders and sampling make at this noise."""
    statmorph = pytest.importorskip("statmorph", reason="needs statmorph, in the dev extra")
    images = galaxies()
    ours = morphology(images)
    theirs = []
    for image in images:
        marks, _ = label(gaussian_filter(image, 1.5) > 0.1)
        own = (marks == marks[SIZE // 2, SIZE // 2]).astype(int)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own, of astropy's fitting
            theirs.append(
                statmorph.SourceMorphology(image, own, label=1, weightmap=np.full_like(image, 0.2), skybox_size=12)
            )
    tolerance = {
        "rpetro_circ": (ours.petrosian, 0.3), "r20": (ours.r20, 0.03), "r50": (ours.r50, 0.06),
        "r80": (ours.r80, 0.25), "concentration": (ours.concentration, 0.06), "asymmetry": (ours.asymmetry, 0.015),
        "smoothness": (ours.smoothness, 0.025), "gini": (ours.gini, 0.03), "m20": (ours.m20, 0.12),
    }  # fmt: skip
    for name, (values, most) in tolerance.items():
        other = np.array([getattr(one, name) for one in theirs])
        if name == "smoothness":  # with a box of one pixel statmorph's is 0
            values, other = (x[ours.petrosian > 8.2] for x in (values, other))
        assert np.median(np.abs(values - other)) < most, name
        if np.std(other) > 2 * most:
            assert np.corrcoef(values, other)[0, 1] > 0.9, name


def test_units_do_not_matter_and_stamps_are_measured_alone():
    images = galaxies()
    one, other = morphology(images), morphology(7.0 * images + 50.0)
    assert other.flux == pytest.approx(7 * one.flux, rel=1e-9)
    for name in ("petrosian", "r50", "asymmetry", "smoothness", "gini", "m20"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, abs=1e-9), name
    alone = [morphology(image[None]).gini[0] for image in images[:3]]
    assert alone == one.gini[:3].tolist()


def test_no_light_has_no_morphology():
    found = morphology(np.zeros((2, 20, 24)) + 3.0)
    assert np.isnan(found.gini).all()
    noise = morphology(np.random.default_rng(2).normal(size=(20, 24, 24)))
    assert np.isfinite(noise.petrosian).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((20, 20)), r"images has shape \(20, 20\)"),
        (np.zeros((2, 12, 20)), "sides of at least 16"),
        (np.full((2, 20, 20), np.nan), "images: 2 stamps are not finite"),
    ],
)
def test_bad_stamps_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        morphology(images)
