"""The Gaussian process of windows against the textbook's formulae, and against fields that it should know."""

import numpy as np
import pytest
import torch

from astrogan.networks.gaussian import WindowProcess
from astrogan.validation.lmmse import Lmmse

SIZE = 12


@pytest.fixture(scope="module")
def covariance():
    y, x = np.indices((SIZE, SIZE)).reshape(2, -1)
    distance = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    return (np.exp(-distance / (2 * 1.2**2)) + 0.02 * np.eye(SIZE**2)) / 1.02


@pytest.fixture(scope="module")
def windows(covariance):
    """Smooth fields with a little noise, of amplitudes about 8."""
    rng = np.random.default_rng(0)
    fields = rng.normal(size=(3000, SIZE**2)) @ np.linalg.cholesky(covariance).T
    amplitude = 8.0 * np.exp(rng.normal(size=(3000, 1)))
    return torch.from_numpy((amplitude * fields).reshape(-1, 1, SIZE, SIZE).astype(np.float32))


@pytest.fixture(scope="module")
def process(windows):
    process = WindowProcess(1, SIZE, rank=SIZE**2)
    process.fit(windows[:2500])
    return process


def hole(count):
    known = torch.ones(count, 1, SIZE, SIZE, dtype=torch.bool)
    known[..., 3:8, 4:7] = False
    return known


def whole(process):
    k = (process.basis.double() * process.power) @ process.basis.double().T
    return (k + process.rest.double() * torch.eye(SIZE**2)).numpy()


def test_its_covariance_is_that_of_the_fields(process, covariance):
    assert np.allclose(whole(process), covariance, atol=0.05)
    assert float(process.amplitude[0]) == pytest.approx(8.0, rel=0.05)


def test_conditioning_is_that_of_covariances(process, windows):
    """Mean and std as by K_uk (K_kk)⁻¹ in double precision."""
    x, known = windows[2500:2504].clone(), hole(4)
    mean, std, _ = process(x, known, torch.zeros(4, 0, 1, SIZE, SIZE))
    k, total = known[0].flatten().numpy(), whole(process)
    gain = np.linalg.solve(total[np.ix_(k, k)], total[np.ix_(k, ~k)]).T
    left = np.sqrt(np.diag(total[np.ix_(~k, ~k)] - gain @ total[np.ix_(k, ~k)]))
    for n in range(4):
        flat = x[n].flatten().double().numpy()
        a2 = flat[k] @ np.linalg.solve(total[np.ix_(k, k)], flat[k]) + 20 * float(process.amplitude[0]) ** 2
        assert np.allclose(mean[n].flatten()[~k], gain @ flat[k], rtol=1e-3, atol=1e-3 * np.abs(flat).max())
        assert np.allclose(std[n].flatten()[~k], np.sqrt(a2 / (k.sum() + 20)) * left, rtol=1e-3)
    assert torch.equal(mean[known], x[known])
    assert not std[known].any()


def test_its_mean_is_the_linear_baseline(process, windows):
    """With all axes kept it is the estimator that inpainting is held against, which is coded apart."""
    x, known = windows[2500:2520], hole(20)
    mean, std, _ = process(x, known, torch.zeros(20, 0, 1, SIZE, SIZE))
    linear = Lmmse(windows[:2500, 0].numpy()).fill(x[:, 0].numpy(), ~known[:, 0].numpy())
    off = (mean[:, 0] - torch.from_numpy(linear)) / std[:, 0]
    assert off[~known[:, 0]].abs().max() < 0.1  # the two are regularised a little differently


def test_its_errors_are_as_large_as_it_says_also_of_sums(process, windows):
    x, known = windows[2500:], hole(500)
    white = torch.randn(500, 40, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    mean, std, off = process(x, known, white)
    chi2 = ((x - mean)[~known] / std[~known]).square()
    assert chi2.mean() == pytest.approx(0.95, abs=0.15)
    light = ((x - mean) * ~known).sum((1, 2, 3))
    spread = off.sum((2, 3, 4)).std(1)
    assert (light / spread).square().mean() == pytest.approx(1.0, abs=0.2)
    naive = std.square().sum((1, 2, 3)).sqrt()
    assert (light / naive).square().mean() > 1.5, "errors of neighbours are correlated: their sum must show it"


def test_a_window_that_nobody_observed_gets_the_prior(process):
    none = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.bool)
    x = torch.full((1, 1, SIZE, SIZE), 1e30)
    mean, std, _ = process(x, none, torch.zeros(1, 0, 1, SIZE, SIZE))
    assert not mean.any()
    assert std.mean() == pytest.approx(8.0, rel=0.1)


def test_bright_and_faint_windows_have_their_own_amplitude(process, windows):
    """The mean is linear in the light around the hole; the spread follows it."""
    x, known = windows[2500:2600], hole(100)
    one, many = (process(k * x, known, torch.zeros(100, 0, 1, SIZE, SIZE)) for k in (1.0, 1000.0))
    assert ((many[0] / 1000.0 - one[0])[~known] / one[1][~known]).abs().max() < 1e-2
    assert (many[1].sum() / one[1].sum()) == pytest.approx(1000.0, rel=0.2)
