"""Shear fields: the statistics of random ones over 1,000 realisations, haloes, catalogues, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.deflectors import EPL, NFW
from simulators.shear_fields import SHEAR_FIELDS, ClusterShear, RandomShear, ShearCatalogue, ShearField

N, SPACING, REALISATIONS = 32, 20.0, 1000


def e_power(k):
    return 2e-4 * k**-1.5


def b_power(k):
    return 1e-5 * k**-1.0


def modes(grid):
    """Power of each mode [arcsec^2] of a periodic grid, and the modes."""
    transform = np.fft.fft2(np.asarray(grid, dtype=np.float64)) * SPACING / grid.shape[-1]
    return np.abs(transform) ** 2, transform


def wave_vectors(n=N):
    k = 2 * np.pi * np.fft.fftfreq(n, SPACING)
    return np.meshgrid(k, k)


def e_and_b(gamma1, gamma2):
    """E and B modes of a shear, by Kaiser & Squires: exp(-2 i phi) gamma."""
    kx, ky = wave_vectors(gamma1.shape[-1])
    twice = np.where(kx**2 + ky**2 > 0, (kx + 1j * ky) ** 2, 0) / np.maximum(kx**2 + ky**2, 1e-30)
    first, second = modes(gamma1)[1], modes(gamma2)[1]
    return twice.real * first + twice.imag * second, twice.real * second - twice.imag * first


@pytest.fixture(scope="module")
def realisations():
    """Power (R, N, N) of kappa and of the E and B modes of shear."""
    powers = []
    for number in range(REALISATIONS):
        field = RandomShear(e_power, N, SPACING, seed=4, number=number, b_power=b_power)
        e, b = e_and_b(*field.grids[:2])
        powers.append([modes(field.grids[2])[0], np.abs(e) ** 2, np.abs(b) ** 2])
    return np.moveaxis(np.array(powers), 1, 0)


def inner(n=N):
    """Modes below the Nyquist frequency, but for the mean."""
    kx, ky = wave_vectors(n)
    top = np.pi / SPACING * 0.999
    return (np.abs(kx) < top) & (np.abs(ky) < top) & (kx**2 + ky**2 > 0), np.hypot(kx, ky)


def test_power_and_its_scatter_are_the_theorys(realisations):
    """Powers of modes are exponential: their mean is P, their standard deviation too, kurtosis and all.

    Of R realisations the mean has the error P / sqrt(R), the variance P^2 sqrt(8 / R); chi^2 over modes, which come in
    pairs k and -k.
    """
    inside, k = inner()
    for measured, theory in zip(realisations, (e_power, e_power, b_power), strict=True):
        ratio = measured[:, inside] / theory(k[inside])
        pull = (ratio.mean(axis=0) - 1) * np.sqrt(REALISATIONS)
        half = pull.size / 2
        assert np.abs(pull).max() < 5
        assert (pull**2).mean() == pytest.approx(1.0, abs=5 * np.sqrt(2 / half))
        assert ratio.mean() == pytest.approx(1.0, abs=5 / np.sqrt(REALISATIONS * half))
        scatter = (ratio.var(axis=0) - 1) / np.sqrt(8 / REALISATIONS)
        assert scatter.mean() == pytest.approx(0.0, abs=5 / np.sqrt(half))


def test_modes_are_independent(realisations):
    """Binned powers scatter as 1 / sqrt(modes): neighbours in k do not follow one another."""
    inside, k = inner()
    for measured, theory in zip(realisations, (e_power, e_power, b_power), strict=True):
        band = inside & (k > 0.08) & (k < 0.11)
        binned = (measured[:, band] / theory(k[band])).mean(axis=1)
        expected = np.sqrt(2 / band.sum())  # k and -k are one mode
        assert binned.std() == pytest.approx(expected, rel=5 / np.sqrt(2 * REALISATIONS))


@pytest.mark.parametrize("n", [32, 33, 200])
def test_e_does_not_leak_into_b(n):
    field = RandomShear(e_power, n, SPACING, seed=1)
    e, b = e_and_b(*field.grids[:2])
    assert np.abs(b).max() < 1e-6 * np.abs(e).max()
    kappa = modes(field.grids[2])[1]
    assert np.abs(e - kappa).max() < 1e-6 * np.abs(e).max()


def test_pure_b_has_no_convergence():
    field = RandomShear(lambda k: 0 * k, N, SPACING, seed=1, b_power=b_power)
    e, b = e_and_b(*field.grids[:2])
    assert np.abs(e).max() < 1e-6 * np.abs(b).max()
    assert not field.grids[2].any()


@pytest.mark.reference
def test_variance_is_galsims():
    """Both codes' conventions for P(k) are the same: variances of shear and convergence over 60 fields of each."""
    import galsim

    spectrum = galsim.PowerSpectrum(e_power, b_power, units=galsim.arcsec)
    rng, theirs, ours = galsim.BaseDeviate(8), [], []
    for number in range(60):
        g1, g2, kappa = spectrum.buildGrid(
            grid_spacing=SPACING, ngrid=N, rng=rng, units=galsim.arcsec, get_convergence=True
        )
        theirs.append([(g1**2 + g2**2).mean(), (kappa**2).mean()])
        first, second, own = RandomShear(e_power, N, SPACING, seed=3, number=number, b_power=b_power).grids
        ours.append([(first**2 + second**2).mean(), (own**2).mean()])
    error = np.hypot(np.std(theirs, axis=0), np.std(ours, axis=0)) / np.sqrt(60)
    assert (np.abs(np.mean(theirs, axis=0) - np.mean(ours, axis=0)) < 4 * error + 0.05 * np.mean(ours, axis=0)).all()


def test_points_have_the_grids_values():
    field = RandomShear(e_power, N, SPACING, seed=4)
    axis = (np.arange(N) - (N - 1) / 2) * SPACING
    x, y = (part.ravel() for part in np.meshgrid(axis, axis))
    g1, g2, kappa = field.at(x, y)
    first, second, own = (grid.ravel().astype(float) for grid in field.grids)
    np.testing.assert_allclose(kappa, own, atol=1e-6)
    np.testing.assert_allclose(g1 * (1 - kappa), first, atol=1e-6)
    np.testing.assert_allclose(g2 * (1 - kappa), second, atol=1e-6)
    np.testing.assert_allclose(field.at(x + N * SPACING, y)[0], g1, atol=1e-9)
    assert not np.array_equal(RandomShear(e_power, N, SPACING, seed=4, number=1).grids[0], field.grids[0])


def test_clusters_are_their_haloes():
    """Shear is tangential, and far out twice a halo is the sum of each."""
    halo = NFW(r_s=60.0, alpha_s=12.0)
    angle = np.linspace(0, 6, 25)
    x, y = 200 * np.cos(angle), 200 * np.sin(angle)
    g1, g2, kappa = ClusterShear(halo).at(x, y)
    tangential = -(g1 * np.cos(2 * angle) + g2 * np.sin(2 * angle))
    cross = g1 * np.sin(2 * angle) - g2 * np.cos(2 * angle)
    assert tangential.min() > 0.01
    np.testing.assert_allclose(cross, 0, atol=1e-12)
    own = halo.convergence(np.array([200.0]), np.array([0.0]))[0, 0]
    np.testing.assert_allclose(kappa, own, rtol=1e-9)
    two = ClusterShear(NFW(r_s=[60.0, 30.0], alpha_s=[12.0, 5.0], x=[0.0, 50.0])).at(x, y)
    one = ClusterShear(NFW(r_s=30.0, alpha_s=5.0, x=50.0)).at(x, y)
    np.testing.assert_allclose(two[2], kappa + one[2], rtol=1e-9)
    inside = ClusterShear(EPL(theta_E=20.0, gamma=2.0)).at(np.array([1.0, 21.0]), np.zeros(2))
    assert np.hypot(inside[0], inside[1]).max() <= 0.8 + 1e-12


def test_a_catalogue_is_linear_between_its_points():
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(-50, 50, 6), np.linspace(-50, 50, 6)))
    field = ShearCatalogue(x, y, 1e-3 * x, -2e-3 * y, 0.01)
    at = np.array([-33.0, 7.0]), np.array([12.0, 41.0])
    g1, g2, kappa = field.at(*at)
    np.testing.assert_allclose(g1, 1e-3 * at[0])
    np.testing.assert_allclose(g2, -2e-3 * at[1])
    np.testing.assert_allclose(kappa, 0.01)
    assert field.at([500.0], [50.0])[0] == pytest.approx(0.05)


def test_all_are_shear_fields():
    assert all(issubclass(kind, ShearField) for kind in SHEAR_FIELDS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomShear(e_power, 4, 1.0, 1), "RandomShear size = 4 is outside"),
        (lambda: RandomShear(e_power, 32.5, 1.0, 1), "not a whole number"),
        (lambda: RandomShear(e_power, 32, 0.0, 1), "RandomShear spacing = 0 is outside"),
        (lambda: RandomShear(lambda k: -k, 32, 1.0, 1), "RandomShear power = -"),
        (lambda: RandomShear(e_power, 32, 1.0, 1, b_power=lambda k: k * np.nan), "power = nan"),
        (lambda: RandomShear(lambda k: 1.0, 32, 1.0, 1), "gave 1 values"),
        (lambda: RandomShear(e_power, 32, 1.0, -1), "seed = -1"),
        (lambda: ClusterShear("NFW"), "not a Deflector"),
        (lambda: ClusterShear(NFW(60.0, 12.0), limit=1.0), "limit = 1 is outside"),
        (lambda: ShearCatalogue([0, 1], [0, 1], [0, 0], [0, 0]), "span no area"),
        (lambda: ShearCatalogue([0, 1, 2], [0, 1, 2], [0, 0, 0], [0, 0, 0]), "span no area"),
        (lambda: ShearCatalogue([0, 1, 0], [0, 1, 1], [0, 0], [0, 0, 0]), "columns have shapes"),
        (lambda: ShearCatalogue([0, 1, np.nan], [0, 1, 1], [0, 0, 0], [0, 0, 0]), "ShearCatalogue x = nan"),
        (lambda: ShearCatalogue([0, 1, 0], [0, 1, 1], [0.8, 0, 0], [0.8, 0, 0]), r"\|g\|"),
    ],
)
def test_bad_shear_fields_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
