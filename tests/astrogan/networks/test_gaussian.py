"""The Gaussian process of windows against the textbook's formulae, and against fields that it should know."""

import numpy as np
import pytest
import torch

from astrogan.networks.gaussian import GRID, WindowProcess

SIZE = 12


@pytest.fixture(scope="module")
def covariance():
    y, x = np.indices((SIZE, SIZE)).reshape(2, -1)
    distance = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    return np.exp(-distance / (2 * 1.2**2))


@pytest.fixture(scope="module")
def windows(covariance):
    """Smooth fields of amplitudes about 8 under unit noise."""
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(SIZE**2))
    amplitude = 8.0 * np.exp(rng.normal(size=(3000, 1)))
    signal = amplitude * (rng.normal(size=(3000, SIZE**2)) @ root.T)
    return torch.from_numpy((signal + rng.normal(size=signal.shape)).reshape(-1, 1, SIZE, SIZE).astype(np.float32))


@pytest.fixture(scope="module")
def process(windows):
    process = WindowProcess(1, SIZE, rank=SIZE**2)
    process.fit(windows[:2500])
    return process


def hole(count):
    known = torch.ones(count, 1, SIZE, SIZE, dtype=torch.bool)
    known[..., 3:8, 4:7] = False
    return known


def test_its_covariance_is_that_of_the_fields(process, covariance):
    found = (process.basis * process.power) @ process.basis.T
    assert np.allclose(found, covariance, atol=0.05)
    assert process.amplitude[0].tolist() == pytest.approx([np.log(64.0), 2.0], abs=0.15)


def test_conditioning_is_that_of_covariances(process, windows):
    """Mean and std as by K_uk (K_kk + n)⁻¹ in double precision, for one amplitude alone."""
    x, known = windows[2500:2504].clone(), hole(4)
    mean, std, _ = process(x, known, torch.ones_like(x), torch.zeros(4, 0, 1, SIZE, SIZE))
    k = known[0].flatten().numpy()
    field = ((process.basis * process.power) @ process.basis.T).double().numpy()
    for n in range(4):
        flat, found = x[n].flatten().double().numpy(), []
        for a2 in GRID[(GRID > 0.05) & (GRID < 1e4)].numpy():
            total = a2 * field + np.eye(SIZE**2)
            gain = np.linalg.solve(total[np.ix_(k, k)], total[np.ix_(k, ~k)]).T
            left = total[np.ix_(~k, ~k)] - gain @ total[np.ix_(k, ~k)]
            same = np.allclose(std[n].flatten()[~k], np.sqrt(np.diag(left)), rtol=1e-4)
            found.append(same and np.allclose(mean[n].flatten()[~k], gain @ flat[k], atol=1e-3))
        assert sum(found) == 1
    assert torch.equal(mean[known], x[known])
    assert not std[known].any()


def test_its_errors_are_as_large_as_it_says_also_of_sums(process, windows):
    x, known = windows[2500:], hole(500)
    white = torch.randn(500, 40, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    mean, std, off = process(x, known, torch.ones_like(x), white)
    chi2 = ((x - mean)[~known] / std[~known]).square()
    assert chi2.mean() == pytest.approx(1.1, abs=0.2)
    light = ((x - mean) * ~known).sum((1, 2, 3))
    spread = off.sum((2, 3, 4)).std(1)
    assert (light / spread).square().mean() == pytest.approx(1.1, abs=0.25)
    naive = std.square().sum((1, 2, 3)).sqrt()
    assert (light / naive).square().mean() > 1.5, "errors of neighbours are correlated: their sum must show it"


def test_a_window_that_nobody_observed_gets_the_prior(process):
    none = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.bool)
    x = torch.full((1, 1, SIZE, SIZE), 1e30)
    mean, std, _ = process(x, none, torch.ones(1, 1, SIZE, SIZE), torch.zeros(1, 0, 1, SIZE, SIZE))
    assert not mean.any()
    assert std.mean() == pytest.approx(np.sqrt(65.0), rel=0.3)


def test_bright_and_faint_windows_have_their_own_amplitude(process, windows):
    """The spread follows the light around the hole, not that of a typical window."""
    x, known = windows[2500:], hole(500)
    light = x[known].view(500, -1).square().mean(1).sqrt()
    std = process(x, known, torch.ones_like(x), torch.zeros(500, 0, 1, SIZE, SIZE))[1].amax((1, 2, 3))
    order = light.argsort()
    assert std[order[-50:]].mean() > 10 * std[order[:50]].mean()
