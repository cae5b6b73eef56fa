"""Laws of images, critical curves, caustics and arrival times."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from simulators.deflectors import (
    EPL,
    NFW,
    SIE,
    ConvergenceSheet,
    ExternalShear,
    MultiPlane,
    PointMass,
    Subhalos,
    Sum,
)
from simulators.lensing import (
    Window,
    arrival_times,
    caustics,
    critical_curves,
    einstein_radius,
    image_positions,
    time_delay_distance,
)

COSMOLOGY = FlatLambdaCDM(70, 0.3)
DISTANCE = time_delay_distance(0.5, 2.0, COSMOLOGY)
DAYS_PER_ARCSEC2 = 0.0280005  # for 1 Mpc: Mpc / c x arcsec^2 in days
LENSES = {
    "SIE": SIE(1.1, 0.25, 0.1, 0.05, -0.03),
    "power law": EPL(1.0, 1.7, 0.2, -0.1),
    "steep power law": EPL(1.0, 2.3, 0.2, -0.1),
    "NFW": NFW(3.0, 1.5, 0.2, 0.1),
    "point mass in a field": Sum([PointMass(1.0), ExternalShear(0.05, 0.1), ConvergenceSheet(0.1)]),
    "with subhaloes": Sum(
        [SIE(1.0, 0.1, 0.2), Subhalos([[0.1, 0.2]], [[0.02, 0.03]], 5.0, [[0.9, -0.2]], [[0.2, -1]])]
    ),
    "planes": MultiPlane([SIE(0.9, 0.2, 0.1), NFW(1.0, 0.3, 0.1, 0.0, 0.1, 0.1)], [0.5, 0.9], 2.0, COSMOLOGY),
}


def random_sources(count, radius, seed=1):
    u, v = np.random.Generator(np.random.PCG64(seed)).uniform(0, 1, (2, count))
    return radius * np.sqrt(u) * np.cos(2 * np.pi * v), radius * np.sqrt(u) * np.sin(2 * np.pi * v)


def winding(curve, x, y):
    """How often a closed curve (M, 2) goes round each point."""
    angle = np.unwrap(np.arctan2(curve[:, 1] - y[:, None], curve[:, 0] - x[:, None]), axis=1)
    return np.rint((angle[:, -1] - angle[:, 0]) / (2 * np.pi)).astype(int)


def images_of(lens, x, y, **options):
    return image_positions(lens.take(np.zeros(len(x), int)), x, y, **options)


@pytest.mark.parametrize("name", LENSES)
def test_images_map_back_to_their_source(name):
    lens, (x, y) = LENSES[name], random_sources(25, 0.8)
    for sx, sy, images in zip(x, y, images_of(lens, x, y), strict=True):
        assert len(images) >= 1
        back = np.stack(lens.source(images.x, images.y))[:, 0]
        assert np.abs(back - [[sx], [sy]]).max() < 1e-11
        assert np.allclose(images.magnification, lens.magnification(images.x, images.y)[0])
        assert np.all(np.diff(images.fermat) >= 0)
        assert images.parity[0] == 1  # the first image is a minimum of the arrival time
        distance = np.hypot(images.x - images.x[:, None], images.y - images.y[:, None])
        assert (distance + np.eye(len(images)) > 1e-6).all()


def test_images_of_an_isothermal_sphere():
    beta, turn = np.array([0.01, 0.3, 0.99, 1.01, 1.7]), 0.6
    for b, images in zip(beta, images_of(SIE(1.0), beta * np.cos(turn), beta * np.sin(turn)), strict=True):
        along = images.x * np.cos(turn) + images.y * np.sin(turn)
        expected = [b + 1, b - 1] if b < 1 else [b + 1]
        assert np.allclose(along, expected, rtol=0, atol=1e-9)
        assert np.allclose(images.magnification, 1 + 1 / b if b > 1 else [1 + 1 / b, 1 - 1 / b])


def test_images_of_a_point_mass():
    beta = np.array([0.02, 0.4, 2.5])
    for b, images in zip(beta, images_of(PointMass(1.3), 0 * beta, beta), strict=True):
        expected = 0.5 * (b + np.array([1, -1]) * np.sqrt(b**2 + 4 * 1.3**2))
        assert np.allclose(images.y, expected, rtol=0, atol=1e-9)
        assert np.allclose(images.magnification, 1 / (1 - (1.3 / expected) ** 4))
        assert images.magnification.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("e1", [0.15, 0.6])
def test_multiplicities_of_an_isothermal_ellipsoid(e1):
    """Sources within the cut have one image more, those within the caustic two; a naked cusp makes three."""
    lens = SIE(1.0, e1, 0.0)
    (caustic,) = caustics(lens, Window(step=0.01))[0]
    tips = 0.9 * caustic[[caustic[:, 0].argmax(), caustic[:, 1].argmax()]].T
    x, y = np.concatenate([random_sources(60, 1.2), random_sources(20, 0.1), tips], axis=1)
    angle = np.linspace(0, 2 * np.pi, 4001)
    cut = -np.stack(lens.deflection(1e-6 * np.cos(angle), 1e-6 * np.sin(angle)))[:, 0].T
    clear = np.min([np.hypot(c[:, 0] - x[:, None], c[:, 1] - y[:, None]).min(axis=1) for c in (caustic, cut)], 0) > 5e-3
    x, y = x[clear], y[clear]
    expected = 1 + np.abs(winding(cut, x, y)) + 2 * np.abs(winding(caustic, x, y))
    found = np.array([len(images) for images in images_of(lens, x, y)])
    assert np.array_equal(found, expected)
    assert set(found) == ({1, 2, 4} if e1 < 0.3 else {1, 2, 3, 4})


def test_odd_number_theorem():
    """A lens without singular centre has 1, 3 or 5 images, by its caustics, and one more minimum or maximum."""
    lens = LENSES["NFW"]
    x, y = random_sources(60, 0.5)
    curves = caustics(lens, Window(step=0.01))[0]
    assert len(curves) == 2
    away = [np.hypot(c[:, 0] - x[:, None], c[:, 1] - y[:, None]).min(axis=1) for c in curves]
    x, y = (points[np.min(away, axis=0) > 3e-3] for points in (x, y))
    expected = 1 + 2 * sum(np.abs(winding(curve, x, y)) for curve in curves)
    found = images_of(lens, x, y, faintest=0.0)
    assert np.array_equal([len(images) for images in found], expected)
    assert set(expected) == {1, 3, 5}
    assert all(images.parity.sum() == 1 for images in found)


def test_two_images_merge_on_a_fold():
    """Both are found at any depth within the caustic, of opposite parity, as bright as depth^(-1/2)."""
    lens = SIE(1.0, 0.3, 0.0)
    (caustic,) = caustics(lens, Window(size=4.0, step=0.002))[0]
    fold = caustic[np.argmin(np.abs(np.arctan2(caustic[:, 1], caustic[:, 0]) - np.pi / 4))]
    bright = []
    for depth in (1e-3, 1e-5, 1e-7):
        outside, inside = (image_positions(lens, *(fold * (1 - side * depth)))[0] for side in (-1, 1))
        assert (len(outside), len(inside)) == (2, 4)
        pair = np.argsort(-np.abs(inside.magnification))[:2]
        bright.append(inside.magnification[pair])
        assert bright[-1].sum() == pytest.approx(0.0, abs=0.1 * np.abs(bright[-1][0]))
    bright = np.abs(bright).mean(axis=1)
    assert bright[1:] / bright[:-1] == pytest.approx([10.0, 10.0], rel=2e-2)


def test_the_critical_curve_of_an_isothermal_sphere_is_its_einstein_ring():
    lens = SIE([1.0, 1.7], 0.0, 0.0, 0.2, -0.1)
    for theta_e, (ring,), (caustic,) in zip([1.0, 1.7], critical_curves(lens), caustics(lens), strict=True):
        assert np.allclose(np.hypot(ring[:, 0] - 0.2, ring[:, 1] + 0.1), theta_e, rtol=0, atol=1e-9)
        assert np.allclose(caustic, [0.2, -0.1], rtol=0, atol=1e-9)  # a point behind the lens
    assert np.allclose(einstein_radius(lens), [1.0, 1.7], rtol=2e-6)


@pytest.mark.parametrize("name", LENSES)
def test_critical_curves_are_where_the_magnification_is_infinite(name):
    lens = LENSES[name]
    curves = critical_curves(lens)[0]
    assert curves
    for curve in curves:
        assert np.abs(1 / lens.magnification(*curve.T)).max() < 1e-9
        assert np.array_equal(curve[0], curve[-1])


def test_area_within_the_critical_curve_of_an_isothermal_ellipsoid():
    """The curve is the contour of convergence 1/2, an ellipse of axis ratio q and area pi theta_E^2."""
    lens = SIE(1.2, 0.3, -0.2)
    (curve,) = critical_curves(lens)[0]
    assert np.allclose(lens.convergence(*curve.T), 0.5, rtol=0, atol=1e-9)
    assert einstein_radius(lens) == pytest.approx(1.2, rel=1e-5)
    assert np.isnan(einstein_radius(ConvergenceSheet(0.3)))[0]
    assert np.isnan(einstein_radius(lens, Window(size=2.0)))[0]


def test_cusps_of_an_isothermal_ellipsoid():
    """On the axes: critical points at b / q and b, carried to the source plane (Kormann et al. 1994)."""
    q = (1 - 0.2) / (1 + 0.2)
    flat, b = np.sqrt(1 - q**2), np.sqrt(q)
    (caustic,) = caustics(SIE(1.0, 0.2, 0.0), Window(step=0.005))[0]
    assert np.abs(caustic[:, 0]).max() == pytest.approx(np.abs(b / q - b / flat * np.arctan(flat / q)), rel=1e-3)
    assert np.abs(caustic[:, 1]).max() == pytest.approx(np.abs(b - b / flat * np.arctanh(flat)), rel=1e-3)
    radius = np.hypot(*caustic[:-1].T)
    peaks = (radius > np.roll(radius, 1)) & (radius >= np.roll(radius, -1))
    assert peaks.sum() == 4


def test_delays_of_an_isothermal_sphere_and_a_point_mass():
    sphere, point = image_positions(SIE(1.2), 0.3, 0.0)[0], image_positions(PointMass(1.2), 0.3, 0.0)[0]
    assert sphere.delays(DISTANCE) == pytest.approx([0.0, 2 * 1.2 * 0.3 * DISTANCE * DAYS_PER_ARCSEC2], rel=1e-5)
    u = 0.3 / 1.2
    root = np.sqrt(u**2 + 4)
    scaled = 0.5 * u * root + np.log((root + u) / (root - u))
    assert point.delays(DISTANCE)[1] == pytest.approx(1.2**2 * scaled * DISTANCE * DAYS_PER_ARCSEC2, rel=1e-5)


def test_days_of_the_constants():
    mpc, second = 3.0856775814913673e22 / 299792458.0, (np.pi / 648000) ** 2
    assert pytest.approx(mpc * second / 86400, rel=1e-5) == DAYS_PER_ARCSEC2


def test_arrival_times_are_those_of_the_images():
    lens = LENSES["planes"]
    images = image_positions(lens, 0.05, 0.1)[0]
    times = arrival_times(lens, images.x, images.y, lens.time_delay_distance)[0]
    assert np.allclose(times - times[0], images.delays(lens.time_delay_distance))


def test_the_mass_sheet_changes_delays_alone():
    """lambda x lens + sheet (1 - lambda) has the same images of lambda x source; delays scale with lambda."""
    scale = 0.8
    lens = EPL(1.0, 2.0, 0.2, 0.1)
    turned = Sum([EPL(scale, 2.0, 0.2, 0.1), ConvergenceSheet(1 - scale)])
    plain, other = image_positions(lens, 0.06, 0.03)[0], image_positions(turned, 0.06 * scale, 0.03 * scale)[0]
    assert np.allclose([plain.x, plain.y], [other.x, other.y], rtol=0, atol=1e-9)
    assert np.allclose(other.magnification * scale**2, plain.magnification)
    assert np.allclose(other.delays(DISTANCE), scale * plain.delays(DISTANCE))


def test_no_lens_has_one_image_and_no_critical_curve():
    none = ExternalShear(0.0, 0.0)
    images = image_positions(none, 0.31, -0.2)[0]
    assert (images.x[0], images.y[0]) == pytest.approx((0.31, -0.2), abs=1e-12)
    assert len(images) == 1
    assert images.magnification[0] == 1
    assert images.delays(DISTANCE)[0] == 0
    assert critical_curves(none) == caustics(none) == [[]]
    assert len(image_positions(none, 7.0, 0.0)[0]) == 0  # outside the window


def test_windows_move():
    lens = SIE(1.0, 0.2, 0.1, 30.0, -20.0)
    here = Window(size=6.0, x=30.0, y=-20.0)
    moved, there = image_positions(lens, 30.05, -20.02, here)[0], image_positions(SIE(1.0, 0.2, 0.1), 0.05, -0.02)[0]
    assert np.allclose([moved.x - 30, moved.y + 20], [there.x, there.y], rtol=0, atol=1e-9)
    assert einstein_radius(lens, here) == pytest.approx(1.0, rel=1e-5)
    assert image_positions(lens.take([]), [], []) == []


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: image_positions(SIE([1.0, 2.0]), [0.1, 0.2, 0.3], 0.0), r"source x has shape \(3,\).* each of 2"),
        (lambda: image_positions(SIE(1.0), 0.1, np.nan), "source y = nan"),
        (lambda: image_positions(SIE(1.0), 0.1, 0.0, faintest=2.0), "faintest = 2"),
        (lambda: Window(size=0.0), "Window size = 0"),
        (lambda: Window(step=0.0), "Window step = 0"),
        (lambda: Window(step=5.0), "Window step = 5"),
        (lambda: Window(x=np.inf), "Window x = inf"),
        (lambda: arrival_times(SIE(1.0), 0.0, 1.0, -1.0), "time-delay distance = -1"),
        (lambda: time_delay_distance(2.0, 0.5, COSMOLOGY), "z_lens = 2"),
    ],
)
def test_bad_values_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
