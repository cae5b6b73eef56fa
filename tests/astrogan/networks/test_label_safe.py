"""The label-safe projection: labels measured by others do not move, and do move when a part of it is left out."""

import functools

import numpy as np
import pytest
import torch

from astrogan.networks.label_safe import constraint_basis, moment_templates, project, project_within
from simulators.moments import adaptive_moments

SAMPLES, BANDS, SIZE = 100, 2, 32
LABELS = ("flux", "radius", "e1", "e2", "x", "y")
STEP = 1e-3


def draw(values, psf):
    import galsim

    flux, radius, e1, e2, x, y, n = values
    light = galsim.Sersic(n, half_light_radius=radius, flux=flux).shear(g1=e1, g2=e2).shift(x, y)
    return galsim.Convolve(light, psf).drawImage(nx=SIZE, ny=SIZE, scale=1.0, dtype=float).array


def clumps(rng, image):
    """A residual of several per cent of the flux: knots where the galaxy is, and a change of its outskirts."""
    y, x = np.indices(image.shape)
    out = np.zeros_like(image)
    for _ in range(12):
        cx, cy = SIZE / 2 + rng.normal(0, 4, 2)
        out += rng.normal() * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 2 / rng.uniform(0.7, 2.5) ** 2)
    return 0.1 * image.sum() * out / np.abs(out).sum()


@functools.cache
def catalogue():
    """200 stamps (two bands of 100 galaxies), S/N 20-200: images, tangents by finite differences, noise, residuals."""
    import galsim

    rng = np.random.default_rng(20)
    images, tangents = np.empty((SAMPLES, BANDS, SIZE, SIZE)), np.empty((SAMPLES, len(LABELS), BANDS, SIZE, SIZE))
    sigma, residual = np.empty_like(images), np.empty_like(images)
    for s in range(SAMPLES):
        n, flux, radius = rng.choice([0.5, 1.0, 2.0, 4.0]), rng.uniform(0.5, 2), rng.uniform(1.2, 3.5)
        values = np.array([flux, radius, *rng.uniform(-0.3, 0.3, 2), *rng.uniform(-0.5, 0.5, 2), n])
        for b in range(BANDS):
            psf = galsim.Moffat(beta=rng.uniform(2.5, 4.5), fwhm=rng.uniform(2.5, 4.0))
            clean = draw(values, psf)
            for k in (1, 2, 3):
                tangents[s, k, b] = (draw(values + STEP * np.eye(7)[k], psf) - clean) / STEP
            tangents[s, 0, b] = clean / flux
            tangents[s, 5, b], tangents[s, 4, b] = np.gradient(-clean)
            shape = np.sqrt(1 + 2 * clean.clip(0) / clean.max())
            snr = np.exp(rng.uniform(np.log(20), np.log(200)))
            sigma[s, b] = shape * np.sqrt(((clean / shape) ** 2).sum()) / snr
            images[s, b] = clean + sigma[s, b] * rng.normal(size=clean.shape)
            residual[s, b] = clumps(rng, clean) + 0.5 * sigma[s, b] * rng.normal(size=clean.shape)
    return images, tangents, sigma, residual


def tensors(dtype, *arrays):
    return [torch.from_numpy(array).to(dtype) for array in arrays]


def refined(dtype, with_tangents=True, with_templates=True):
    """Images, the same plus their residual, and the residual; projected onto the complement of what is asked for."""
    images, tangents, sigma, residual = tensors(dtype, *catalogue())
    if with_tangents or with_templates:
        weight = torch.from_numpy(adaptive_moments(images.numpy()).weight)
        templates = moment_templates(weight, (SIZE, SIZE)) if with_templates else None
        basis = constraint_basis(tangents if with_tangents else None, templates, sigma)
        residual = project(residual, basis, sigma)
    assert residual.dtype == dtype
    return images.numpy(), (images + residual).numpy(), residual.numpy()


def moment_changes(before, after):
    """Change of each adaptive moment of each stamp as GalSim measures it: relative, or in pixels and ellipticity."""
    import galsim

    def measure(image):
        m = galsim.Image(image).FindAdaptiveMom()
        shape = m.observed_shape
        return np.array(
            [m.moments_amp, m.moments_sigma, shape.g1, shape.g2, m.moments_centroid.x, m.moments_centroid.y]
        )

    old, new = (np.array([measure(stamp) for stamp in stack.reshape(-1, SIZE, SIZE)]) for stack in (before, after))
    return np.abs(new - old) / np.where(np.arange(6) < 2, old, 1.0)


def label_changes(residual):
    """Change of each least-squares label and its error, by numpy's solver, all (sample, label)."""
    _, tangents, sigma, _ = catalogue()
    rows = (tangents / sigma[:, None]).reshape(SAMPLES, len(LABELS), -1)
    data = (residual / sigma).reshape(SAMPLES, -1)
    change = np.array([np.linalg.lstsq(a.T, b)[0] for a, b in zip(rows, data, strict=True)])
    error = np.array([np.sqrt(np.diag(np.linalg.inv(a @ a.T))) for a in rows])
    return np.abs(change), error


@pytest.mark.reference
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adaptive_moments_do_not_move(dtype):
    before, after, residual = refined(dtype)
    changes = moment_changes(before, after)
    assert len(changes) == 200
    assert np.median(changes, axis=0).max() < 1e-5
    assert changes.max() < 1e-4
    assert np.median(np.abs(residual).sum((2, 3)) / before.sum((2, 3))) > 0.05


@pytest.mark.reference
@pytest.mark.parametrize("with_tangents", [False, True])
def test_adaptive_moments_move_without_their_templates(with_tangents):
    before, after, _ = refined(torch.float64, with_tangents, with_templates=False)
    assert (np.median(moment_changes(before, after), axis=0) > 1e-3).all()


def test_own_moments_do_not_move_at_all():
    before, after, _ = refined(torch.float64)
    old, new = adaptive_moments(before), adaptive_moments(after)
    assert np.abs(new.weight - old.weight).max() < 1e-6
    assert np.abs(new.amplitude / old.amplitude - 1).max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_least_squares_labels_do_not_move(dtype):
    change, error = label_changes(refined(dtype)[2].astype(np.float64))
    assert (change / error).max() < 1e-6
    assert change.max() < 1e-6


@pytest.mark.parametrize("with_templates", [False, True])
def test_least_squares_labels_move_without_the_tangents(with_templates):
    change, error = label_changes(refined(torch.float64, False, with_templates)[2])
    assert (np.median(change / error, axis=0) > 1e-2).all()
    assert (np.median(change, axis=0) > 1e-4).all()


def test_template_sums_are_the_moments():
    stamps = catalogue()[0][:4]
    moments = adaptive_moments(stamps)
    templates = moment_templates(torch.from_numpy(moments.weight), (SIZE, SIZE))
    sums = (templates.numpy() * stamps[:, :, None]).sum((3, 4)) / moments.amplitude[..., None] * 2
    zero = np.zeros_like(moments.x)
    shape = [zero + 1, zero, zero, moments.mxx - moments.myy, 2 * moments.mxy, moments.mxx + moments.myy]
    assert np.allclose(sums, np.array([1, 1, 1, 0.5, 0.5, 0.5]) * np.stack(shape, -1), atol=1e-6)


def test_black_and_white_stay_where_they_were_and_so_do_the_labels():
    images, tangents, sigma, residual = tensors(torch.float64, *catalogue())
    basis = constraint_basis(tangents, None, sigma)
    low, high = images.amin((-2, -1)), images.amax((-2, -1))
    free = project(residual, basis, sigma)

    def beyond(change):
        """How far pixels lie outside the limits, as a share of what the projection alone leaves outside."""
        pixels = images + change
        outside = (low[..., None, None] - pixels).clamp(min=0) + (pixels - high[..., None, None]).clamp(min=0)
        return float(outside.sum())

    once, thrice = (project_within(residual, basis, sigma, images, low, high, rounds) for rounds in (1, 3))
    assert beyond(free) > 0
    assert beyond(once) < 0.3 * beyond(free)
    assert beyond(thrice) < 0.1 * beyond(free)
    change, error = label_changes(thrice.numpy())
    assert (change / error).max() < 1e-9
    nowhere = torch.full_like(low, -torch.inf), torch.full_like(high, torch.inf)
    assert torch.equal(project_within(residual, basis, sigma, images, *nowhere), free)
