"""Detection finds what was put in, measures it within its errors, and refuses what is not a sky."""

from __future__ import annotations

import galsim
import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import convolve
from scipy.spatial import cKDTree

from simulators.detection import (
    BLENDED,
    EDGE,
    SATURATED,
    STAR,
    detect,
)

SIGMA = 10.0


def noisy(images, seed, sigma=SIGMA):
    rng = np.random.default_rng(seed)
    return (images + 50.0 + sigma * rng.standard_normal(images.shape)).astype(np.float32)


def matched(sources, truth):
    """Indices of the sources nearest to the true positions, and the distances [pixel]."""
    distance, index = cKDTree(np.stack([sources.x, sources.y], 1)).query(np.stack([truth["x"], truth["y"]], 1))
    return index, distance


def half_light_radius(profile, scale=0.025, side=601):
    """Half-light radius [arcsec] from a finely sampled image."""
    light = profile.drawImage(nx=side, ny=side, scale=scale, method="no_pixel", dtype=float).array
    radius = scale * np.hypot(*np.mgrid[-(side // 2) : side // 2 + 1, -(side // 2) : side // 2 + 1])
    order = np.argsort(radius, axis=None)
    return float(np.interp(0.5, np.cumsum(light.ravel()[order]), radius.ravel()[order]))


@pytest.fixture(scope="module")
def sky(scene):
    return noisy(scene.images, 1)


@pytest.fixture(scope="module")
def sources(sky):
    return detect(sky)


def test_all_bright_objects_are_found_where_they_are(scene, sources):
    for truth in (scene.stars, scene.galaxies):
        index, distance = matched(sources, truth)
        bright = sources.snr[index] > 40
        assert bright.sum() >= 40
        assert (distance < 1.0).mean() > 0.95
        assert (distance[bright] < 0.5).mean() > 0.98
        assert np.median(distance[bright]) < 0.1
    assert len(sources) < 1.3 * (len(scene.galaxies["x"]) + len(scene.stars["x"]))
    assert (np.diff(sources.snr) <= 0).all()


def test_star_fluxes_and_radii(scene, sources):
    index, _ = matched(sources, scene.stars)
    share = sources.flux[index] / scene.stars["flux"]
    reach = sources.aperture[index] * 0.25
    alpha, sigma = scene.psfs[0].scale_radius, scene.psfs[1].sigma
    inside = np.stack([1 - (1 + (reach / alpha) ** 2) ** -2.0, 1 - np.exp(-0.5 * (reach / sigma) ** 2)], axis=1)
    assert np.median(share / inside, axis=0) == pytest.approx([1.0, 1.0], abs=0.015)
    pixel = galsim.Pixel(0.25)  # once in the image, once more in sums over its pixels
    known = [half_light_radius(galsim.Convolve(psf, pixel, pixel)) / 0.25 for psf in scene.psfs]
    assert known[1] < np.median(sources.radius[index]) < known[0]
    alone = [detect(noisy(scene.images[[band]], 2)) for band in (0, 1)]
    for one, radius, losses in zip(alone, known, (0.08, 0.02), strict=True):
        found = np.median(one.radius[matched(one, scene.stars)[0]])
        assert radius * (1 - losses) < found < radius * 1.02  # half of the aperture's light, not of all


@pytest.mark.parametrize("clumped", [False, True])
def test_errors_are_the_scatter_of_repeated_exposures(scene, clumped):
    """Pulls of fluxes between two exposures; correlated noise makes the true scatter twice that of white noise."""
    kernel = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0]) if clumped else np.ones((1, 1))
    kernel /= np.sqrt((kernel**2).sum())
    rng = np.random.default_rng(5)
    shape = scene.images[1].shape
    first, second = (
        detect(scene.images[1] + SIGMA * convolve(rng.standard_normal(shape), kernel, mode="wrap")) for _ in range(2)
    )
    _, distance = matched(second, {"x": first.x, "y": first.y})
    same = distance < 0.5
    index = matched(second, {"x": first.x, "y": first.y})[0][same]
    one, two = first[same], second[index]
    steady = (np.abs(one.aperture / two.aperture - 1) < 0.05) & ~one.having(BLENDED)
    pull = (one.flux - two.flux)[steady, 0] / np.hypot(one.flux_err, two.flux_err)[steady, 0]
    assert steady.sum() > 50
    assert 1.4826 * np.median(np.abs(pull)) == pytest.approx(1.0, abs=0.3)


def test_shapes_point_the_right_way(scene, sources):
    index, distance = matched(sources, scene.galaxies)
    good = (distance < 0.5) & (sources.snr[index] > 50)
    for name in ("e1", "e2"):
        measured, true = getattr(sources, name)[index][good], scene.galaxies[name][good]
        assert np.corrcoef(measured, true)[0, 1] > 0.85
        assert 0.4 < (measured * true).sum() / (true**2).sum() < 1.0  # the PSF rounds
    modulus = np.hypot(sources.e1, sources.e2)
    assert np.allclose(modulus, (sources.a - sources.b) / (sources.a + sources.b))


def test_flags_of_stars(scene, sources):
    stars, galaxies = matched(sources, scene.stars)[0], matched(sources, scene.galaxies)[0]
    assert sources.having(STAR)[stars].mean() > 0.9
    assert sources.having(STAR)[galaxies].mean() < 0.05
    assert not sources.having(SATURATED).any()


def test_flags_of_edges_blends_and_saturation(scene):
    sky = noisy(scene.images, 3)
    sky[:, 340:, 500:] = np.nan
    level = np.float32(2000.0)
    clipped = np.minimum(sky, level)
    found = detect(clipped)
    inner = (found.x < 480) | (found.y < 320)
    gap = (np.abs(found.x - 500) < 4) & (found.y > 340)
    assert found.having(EDGE)[gap].all()
    assert found.having(EDGE)[inner & (found.x > 20) & (found.y > 20)].mean() < 0.05
    bright = found.peak.max(axis=1) > 0.97 * level - 50
    assert found.having(SATURATED)[bright].mean() > 0.5
    assert not found.having(SATURATED)[found.peak.max(axis=1) < 0.9 * level - 50].any()
    pair = np.zeros((100, 100))
    y, x = np.mgrid[:100, :100]
    for at in (45, 53):
        pair += 400.0 * np.exp(-0.5 * ((x - at) ** 2 + (y - 50) ** 2) / 4.0)
    two = detect(noisy(pair, 4))[:2]
    assert two.having(BLENDED).all()
    assert sorted(np.rint(two.x)) == [45, 53]
    assert two.flux[0, 0] == pytest.approx(two.flux[1, 0], rel=0.1)


def test_threshold_follows_the_local_noise():
    """A chip with three times the noise yields no more false detections than its neighbour."""
    rng = np.random.default_rng(7)
    frame = rng.standard_normal((512, 512))
    frame[:, 256:] *= 3.0
    y, x = np.mgrid[:512, :512]
    frame += 200.0 * np.exp(-0.5 * ((x - 100) ** 2 + (y - 256) ** 2) / 4.0)
    found = detect(frame, threshold=2.0)
    assert found.x[0] == pytest.approx(100, abs=0.1)
    quiet, loud = (found.x < 240).sum(), (found.x > 272).sum()
    assert loud <= 2 * quiet + 10


def test_missing_pixels_hold_no_sources_and_take_none(scene, sky, sources):
    for filling in (np.nan, 0.0):
        holed = sky.copy()
        holed[:, 500:600, :] = filling
        found = detect(holed)
        assert not ((found.y > 500) & (found.y < 599)).any()
        far = (sources.y < 450) | (sources.y > 650)
        kept = matched(found, {"x": sources.x[far], "y": sources.y[far]})[1] < 1.0
        assert kept[sources.snr[far] > 20].mean() > 0.98


def test_bands_are_planes_whatever_their_container(sky, sources):
    array = xr.DataArray(sky, dims=("band", "y", "x"), coords={"band": ["g", "r"]})
    assert np.array_equal(detect(array).flux, sources.flux)
    swapped = detect(array, bands="rg")
    assert len(swapped) == len(sources)
    index, distance = matched(swapped, {"x": sources.x, "y": sources.y})
    assert distance.max() < 0.1
    assert np.allclose(swapped.flux[index][:, ::-1], sources.flux, rtol=1e-3, atol=1.0)
    named = array.assign_coords(band=["Ks", "r"])
    assert detect(named, bands="Ks").flux.shape[1] == 1
    assert np.array_equal(detect(named, bands="r, Ks").flux, swapped.flux)
    assert np.array_equal(detect(sky[0]).x, detect(sky[:1]).x)
    assert len(sources[sources.snr > 50]) == (sources.snr > 50).sum()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((64, 64), np.nan), "no finite pixel"),
        (np.zeros(64), r"shape \(64,\)"),
        (np.zeros((1, 1, 64, 64)), r"shape \(1, 1, 64, 64\)"),
        (np.zeros((0, 64, 64)), "shape"),
        (np.zeros((16, 64)), r"image side in y = 16 is outside \[32, 65536\]"),
        (np.zeros((1, 32, 70000)), "image side in x = 70000"),
        (np.ones((64, 64)), "no noise"),
        (np.full((64, 64), "sky"), "numeric"),
    ],
)
def test_refuses_what_is_not_a_sky(images, message):
    with pytest.raises(ValueError, match=message):
        detect(images)


def test_refuses_bands_thresholds_and_empty_skies(sky):
    array = xr.DataArray(sky, dims=("band", "y", "x"), coords={"band": ["g", "r"]})
    with pytest.raises(ValueError, match="unknown band of the images 'R': did you mean 'r'"):
        detect(array, bands="gR")
    with pytest.raises(ValueError, match="2 planes"):
        detect(sky, bands="gri")
    with pytest.raises(ValueError, match="threshold = 0"):
        detect(sky, threshold=0.0)
    with pytest.raises(ValueError, match="no sources above 20 rms"):
        detect(np.random.default_rng(0).standard_normal((128, 128)), threshold=20.0)
