"""Adaptive moments: laws, GalSim as the reference, and stamps that have none."""

import functools

import numpy as np
import pytest

from simulators.moments import OBJECT_SIGMA, WEIGHT_FLOOR, adaptive_moments, object_moments


@functools.cache
def noisy_stamps(count=80, size=36):
    """Sheared Sersic galaxies under Moffat PSFs with white noise, S/N 20 to 200, float32 (count, size, size)."""
    import galsim

    rng = np.random.default_rng(11)
    stamps = []
    for _ in range(count):
        galaxy = galsim.Sersic(rng.choice([0.5, 1.0, 2.0, 4.0]), half_light_radius=rng.uniform(1.2, 4.0))
        galaxy = galaxy.shear(g1=rng.uniform(-0.3, 0.3), g2=rng.uniform(-0.3, 0.3)).shift(*rng.uniform(-1, 1, 2))
        psf = galsim.Moffat(beta=rng.uniform(2.5, 4.5), fwhm=rng.uniform(2.5, 4.0))
        image = galsim.Convolve(galaxy, psf).drawImage(nx=size, ny=size, scale=1.0, dtype=float).array
        sigma = np.sqrt((image**2).sum()) / np.exp(rng.uniform(np.log(20), np.log(200)))
        stamps.append((image + sigma * rng.normal(size=image.shape)) / sigma)
    return np.array(stamps, dtype=np.float32)


def gaussian(x, y, mxx, mxy, myy, flux=50.0, shape=(40, 44)):
    iy, ix = np.indices(shape)
    det = mxx * myy - mxy**2
    rho2 = (myy * (ix - x) ** 2 - 2 * mxy * (ix - x) * (iy - y) + mxx * (iy - y) ** 2) / det
    return flux * np.exp(-rho2 / 2) / (2 * np.pi * np.sqrt(det))


@pytest.mark.parametrize("leap", [False, True])
@pytest.mark.reference
def test_moments_are_galsims(leap):
    import galsim

    stamps = noisy_stamps()
    ours = adaptive_moments(stamps, leap=leap)
    assert ours.converged.all()
    theirs = [galsim.Image(s, xmin=0, ymin=0).FindAdaptiveMom(precision=1e-8) for s in stamps]
    sigma = np.array([m.moments_sigma for m in theirs])
    assert np.abs(ours.sigma / sigma - 1).max() < 1e-6
    assert np.abs(ours.amplitude / [m.moments_amp for m in theirs] - 1).max() < 1e-6
    assert np.abs(ours.x - [m.moments_centroid.x for m in theirs]).max() < 1e-6
    assert np.abs(ours.y - [m.moments_centroid.y for m in theirs]).max() < 1e-6
    assert np.abs(ours.e1 - [m.observed_shape.g1 for m in theirs]).max() < 1e-6
    assert np.abs(ours.e2 - [m.observed_shape.g2 for m in theirs]).max() < 1e-6


@functools.cache
def blends():
    rng = np.random.default_rng(2)
    pairs = zip(np.tile(noisy_stamps(), (6, 1, 1)), np.tile(noisy_stamps()[::-1], (6, 1, 1)), strict=True)
    return np.array([one + np.roll(other, rng.integers(-15, 16, 2), (0, 1)) for one, other in pairs])


@pytest.mark.reference
def test_blends_end_and_fail_as_in_galsim():
    """With leaps, none fails that GalSim measures."""
    import galsim

    theirs = [galsim.Image(blend).FindAdaptiveMom(strict=False) for blend in blends()]
    failed = np.array([m.error_message != "" for m in theirs])
    sigma = np.array([m.moments_sigma for m in theirs])
    ours, leaping = adaptive_moments(blends()), adaptive_moments(blends(), leap=True)
    assert failed.sum() >= 10
    assert (failed == ours.converged).sum() <= 3
    assert leaping.converged[~failed].all()
    for one in (ours, leaping):
        both = ~failed & one.converged
        assert (np.abs(one.sigma / sigma - 1)[both] < 1e-4).mean() > 0.97


@pytest.mark.parametrize("leap", [False, True])
def test_what_converges_is_a_fixed_point(leap):
    """Under its weight every blend's mean is the weight's centre and its covariance half the weight's."""
    found = adaptive_moments(blends(), leap=leap)
    y, x = np.indices(blends().shape[1:])
    assert found.converged.mean() > 0.9
    for image, (cx, cy, xx, xy, yy) in zip(blends()[found.converged], found.weight[found.converged], strict=True):
        det = xx * yy - xy**2
        dx, dy = x - cx, y - cy
        rho2 = (yy * dx**2 - 2 * xy * dx * dy + xx * dy**2) / det
        light = np.where(np.exp(-rho2 / 2) > WEIGHT_FLOOR, np.exp(-rho2 / 2), 0.0) * image
        light /= light.sum()
        size = det**0.25
        assert np.hypot((light * dx).sum(), (light * dy).sum()) < 1e-6 * size
        second = np.array(
            [(light * dx * dx).sum() - xx / 2, (light * dx * dy).sum() - xy / 2, (light * dy * dy).sum() - yy / 2]
        )
        assert np.abs(second).max() < 1e-6 * size**2


def test_gaussian_is_measured_exactly():
    moments = adaptive_moments(gaussian(20.3, 18.6, 7.0, 2.0, 5.0))
    assert moments.weight == pytest.approx([20.3, 18.6, 7.0, 2.0, 5.0], abs=1e-5)
    assert moments.amplitude == pytest.approx(50.0, rel=1e-5)
    assert moments.sigma == pytest.approx(31.0**0.25, rel=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_ellipticity_is_one_minus_q_over_one_plus_q(angle):
    q, c, s = 0.5, np.cos(angle), np.sin(angle)
    a2, b2 = 16.0, 4.0
    moments = adaptive_moments(
        gaussian(21.5, 19.5, a2 * c * c + b2 * s * s, (a2 - b2) * c * s, a2 * s * s + b2 * c * c, shape=(64, 66))
    )
    e = (1 - q) / (1 + q)
    assert (moments.e1, moments.e2) == pytest.approx((e * np.cos(2 * angle), e * np.sin(2 * angle)), abs=1e-5)


def test_thin_diagonal_object_beyond_the_recurrence():
    image = gaussian(24.2, 23.7, 36.0, 35.0, 36.0, shape=(50, 50))
    moments = adaptive_moments(image)
    assert moments.weight == pytest.approx([24.2, 23.7, 36.0, 35.0, 36.0], rel=1e-4)


def test_flux_scales_only_the_amplitude():
    one, other = adaptive_moments(noisy_stamps(8)), adaptive_moments(noisy_stamps(8) * -8)
    assert np.array_equal(other.amplitude, -8 * one.amplitude)
    assert np.array_equal(other.weight, one.weight)


def test_transposed_stamp_has_transposed_moments():
    one, other = adaptive_moments(noisy_stamps(8)), adaptive_moments(noisy_stamps(8).mT)
    assert np.allclose(other.weight, one.weight[:, [1, 0, 4, 3, 2]], rtol=1e-7, atol=1e-9)
    assert np.allclose(other.e1, -one.e1, atol=1e-9)
    assert np.allclose(other.e2, one.e2, atol=1e-9)


def test_the_object_in_the_middle_is_found_in_company():
    """Beside a brighter neighbour a wide first weight ends on the pair; it may find what a narrow one does not."""
    alone = gaussian(20.0, 20.0, 3.0, 0.2, 2.5)
    pair = alone + 3.0 * gaussian(33.0, 20.0, 6.0, 0.0, 6.0)
    found = object_moments(np.stack([pair, alone]))
    assert np.allclose(found.x, 20.0, atol=0.1)
    assert np.allclose(found.sigma, adaptive_moments(alone).sigma, rtol=0.01)
    assert not abs(adaptive_moments(pair).x - 20.0) < 1.0
    every = object_moments(blends())
    narrow, wide = adaptive_moments(blends(), OBJECT_SIGMA), adaptive_moments(blends())
    rescued = ~narrow.converged & wide.converged
    assert rescued.any()
    assert np.array_equal(every.weight[rescued], wide.weight[rescued])
    assert np.array_equal(every.weight[narrow.converged], narrow.weight[narrow.converged])


def test_bytes_do_not_depend_on_batch_or_threads():
    from simulators._kernels._jit import set_threads

    stamps = noisy_stamps(24)
    whole = adaptive_moments(stamps)
    with set_threads(1):
        assert whole.weight.tobytes() == adaptive_moments(stamps).weight.tobytes()
    alone = [adaptive_moments(stamp) for stamp in stamps]
    assert whole.weight.tobytes() == b"".join(m.weight.tobytes() for m in alone)
    assert whole.amplitude.tolist() == [float(m.amplitude) for m in alone]


def test_leading_dimensions_are_kept():
    stamps = noisy_stamps(24).reshape(4, 3, 2, 36, 36)
    moments = adaptive_moments(stamps)
    assert moments.e1.shape == moments.sigma.shape == moments.converged.shape == (4, 3, 2)
    assert moments.weight.shape == (4, 3, 2, 5)
    assert np.array_equal(moments.x.ravel(), adaptive_moments(noisy_stamps(24)).x)
    assert adaptive_moments(np.empty((0, 8, 8))).x.shape == (0,)


def test_precision_and_byte_order_of_the_input_do_not_matter():
    stamps = noisy_stamps(8)
    for same in (stamps.astype(np.float64), stamps.astype(">f4"), np.asfortranarray(stamps)):
        assert np.array_equal(adaptive_moments(same).weight, adaptive_moments(stamps).weight)


def one_bad_pixel(value):
    stamp = gaussian(9.5, 9.5, 4, 0, 4, shape=(20, 20))
    stamp[10, 10] = value
    return stamp


BAD = {
    "zeros": np.zeros((20, 20)),
    "nan": np.full((20, 20), np.nan),
    "one nan": one_bad_pixel(np.nan),
    "one infinity": one_bad_pixel(np.inf),
    "hot pixel": np.where(np.arange(400).reshape(20, 20) == 190, 1.0, 0.0),
    "flat": np.ones((300, 300)),
    "object at the edge": gaussian(0.0, 39.0, 4, 0, 4, shape=(40, 40)),
    "one pixel": np.ones((1, 1)),
}


@pytest.mark.parametrize("stamp", BAD.values(), ids=BAD)
def test_stamp_without_moments_is_flagged(stamp):
    moments = adaptive_moments(np.stack([stamp, stamp]))
    assert not moments.converged.any()
    for value in (moments.amplitude, moments.sigma, moments.e1, moments.e2, moments.weight):
        assert np.isnan(value).all()


@pytest.mark.parametrize("images", [np.ones(5), np.ones((3, 0, 4)), np.ones((4, 4), dtype=complex), "stamp"])
def test_images_that_are_none_are_refused(images):
    with pytest.raises(ValueError, match="images has shape"):
        adaptive_moments(images)


@pytest.mark.parametrize("sigma", [0.0, np.nan, 61.0])
def test_start_sigma_is_checked(sigma):
    with pytest.raises(ValueError, match="start_sigma"):
        adaptive_moments(np.ones((8, 8)), sigma)
