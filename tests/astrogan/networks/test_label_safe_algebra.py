"""The algebra of the label-safe projection, against dense matrices on small random problems, and bad input."""

import numpy as np
import pytest
import torch

from astrogan.networks.label_safe import constraint_basis, moment_templates, project


def problem(seed=1, samples=3, labels=4, bands=2, size=(7, 9)):
    rng = torch.Generator().manual_seed(seed)
    shape = (samples, bands, *size)
    tangents = torch.randn((samples, labels, bands, *size), generator=rng, dtype=torch.float64)
    centre = torch.tensor([size[1] / 2, size[0] / 2, 3.0, 0.6, 2.0], dtype=torch.float64)
    weight = centre + 0.2 * torch.randn((samples, bands, 5), generator=rng, dtype=torch.float64)
    sigma = 0.5 + torch.rand(shape, generator=rng, dtype=torch.float64)
    return tangents, moment_templates(weight, size), sigma, torch.randn(shape, generator=rng, dtype=torch.float64)


def by_pseudo_inverse(tangents, templates, sigma, residual):
    """The projection written out with dense matrices, one sample at a time."""
    out = np.empty(residual.shape)
    for s in range(len(out)):
        noise = sigma[s].numpy()
        rows = [] if tangents is None else [row / noise for row in tangents[s].numpy()]
        for band, own in enumerate([] if templates is None else templates[s].numpy()):
            for row in own:
                full = np.zeros(noise.shape)
                full[band] = row * noise[band]
                rows.append(full)
        rows = np.array([row.ravel() / max(np.linalg.norm(row), 1e-300) for row in rows])
        white = (residual[s].numpy() / noise).ravel()
        kept = white - np.linalg.pinv(rows, rcond=1e-6) @ (rows @ white)
        out[s] = kept.reshape(noise.shape) * noise
    return torch.from_numpy(out)


def with_duplicates(tangents, templates, sigma):
    tangents[:, 1] = -3.0 * tangents[:, 0]
    return tangents, templates, sigma


def with_silent_labels(tangents, templates, sigma):
    tangents[:, 0] = 0.0
    tangents[1, 2:, 0] = 0.0
    return tangents, templates, sigma


def with_a_template_as_tangent(tangents, templates, sigma):
    tangents[:, 3] = 0.0
    tangents[:, 3, 1] = templates[:, 1, 0] * sigma[:, 1] ** 2
    return tangents, templates, sigma


def with_tiny_tangents(tangents, templates, sigma):
    return 1e-20 * tangents, templates, sigma


CASES = {
    "both": lambda j, t, s: (j, t, s),
    "tangents": lambda j, t, s: (j, None, s),
    "templates": lambda j, t, s: (None, t, s),
    "duplicates": with_duplicates,
    "silent labels": with_silent_labels,
    "template as tangent": with_a_template_as_tangent,
    "tiny units": with_tiny_tangents,
    "no labels": lambda j, t, s: (j[:, :0], t, s),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_projection_is_the_pseudo_inverse(case):
    *parts, residual = problem()
    parts = case(*parts)
    expected = by_pseudo_inverse(*parts, residual)
    assert torch.allclose(project(residual, constraint_basis(*parts), parts[2]), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_rows_are_orthonormal_or_zero(case):
    basis = constraint_basis(*case(*problem()[:3]))
    gram = basis @ basis.mT
    lengths = gram.diagonal(dim1=1, dim2=2)
    assert ((lengths - lengths.round()).abs() < 1e-12).all()
    assert torch.allclose(gram, torch.diag_embed(lengths.round()), atol=1e-11)


def test_nearly_parallel_tangents_both_count():
    tangents, templates, sigma, residual = problem()
    tangents[:, 1] = tangents[:, 0] + 1e-4 * tangents[:, 1]
    kept = project(residual, constraint_basis(tangents, templates, sigma), sigma)
    left = (kept / sigma**2)[:, None] * (tangents[:, 1] - tangents[:, 0])[:, None]
    assert left.flatten(1).sum(-1).abs().max() < 1e-12


def test_projecting_twice_changes_nothing():
    *parts, residual = problem()
    basis = constraint_basis(*parts)
    once = project(residual, basis, parts[2])
    assert torch.allclose(project(once, basis, parts[2]), once, rtol=0, atol=1e-13)


def test_sample_does_not_depend_on_its_batch():
    tangents, templates, sigma, residual = problem(samples=5)
    whole = project(residual, constraint_basis(tangents, templates, sigma), sigma)
    for s in range(5):
        one = slice(s, s + 1)
        alone = project(residual[one], constraint_basis(tangents[one], templates[one], sigma[one]), sigma[one])
        assert torch.allclose(alone, whole[one], rtol=0, atol=1e-13)


def test_gradients_pass_through_the_residual_alone():
    tangents, templates, sigma, residual = problem(samples=1, labels=2, bands=2, size=(4, 5))
    for part in (tangents, sigma, residual):
        part.requires_grad_()
    basis = constraint_basis(tangents, templates, sigma)
    assert not basis.requires_grad
    assert torch.autograd.gradcheck(lambda r: project(r, basis, sigma), residual)
    torch.manual_seed(0)
    (torch.randn_like(residual) * project(residual, basis, sigma)).sum().backward()
    assert sigma.grad is None
    assert tangents.grad is None
    along = (basis @ (residual.grad * sigma).flatten(1)[..., None]).abs().max()
    assert residual.grad.abs().max() > 0.1
    assert along < 1e-12


def test_half_precision_neither_enters_nor_leaves():
    *parts, residual = problem()
    basis, sigma = constraint_basis(*parts), parts[2]
    plain = project(residual.float(), basis, sigma)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(project(residual.float(), basis, sigma), plain)
        assert torch.allclose(project(residual.float(), basis.float(), sigma), plain, atol=1e-5)
    assert project(residual.bfloat16(), basis, sigma).dtype == torch.float32


@pytest.mark.parametrize("bad", [[np.nan] * 5, [4, 4, -1, 0, 1], [4, 4, 1, 2, 1], [4, np.inf, 1, 0, 1]])
def test_band_without_moments_constrains_nothing(bad):
    weight = torch.tensor([[[4.0, 3.0, 2.0, 0.1, 2.0], bad]], dtype=torch.float64)
    templates = moment_templates(weight, (7, 9))
    assert templates[:, 0].any()
    assert not templates[:, 1].any()
    sigma, residual = torch.ones(1, 2, 7, 9), torch.ones(1, 2, 7, 9)
    kept = project(residual, constraint_basis(None, templates, sigma), sigma)
    assert torch.equal(kept[:, 1], residual[:, 1])
    assert (kept[:, 0] * templates[:, 0, 0]).sum().abs() < 1e-5


def spoil(part, value):
    spoilt = part.clone()
    spoilt.view(-1)[5] = value
    return spoilt


FAULTS = {
    "nothing": (lambda j, t, s: (None, None, s), "needs tangents, templates or both"),
    "zero sigma": (lambda j, t, s: (j, t, spoil(s, 0.0)), "sigma.*positive and finite"),
    "infinite sigma": (lambda j, t, s: (j, t, spoil(s, torch.inf)), "sigma.*positive and finite"),
    "flat sigma": (lambda j, t, s: (j, t, s[0]), "sigma.*must be"),
    "NaN tangent": (lambda j, t, s: (spoil(j, torch.nan), t, s), "tangents must be finite"),
    "NaN template": (lambda j, t, s: (j, spoil(t, torch.nan), s), "templates must be finite"),
    "tangents of one band": (lambda j, t, s: (j[:, :, :1], t, s), "tangents.*do not match"),
    "templates of one band": (lambda j, t, s: (j, t[:, :1], s), "templates.*do not match"),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_bad_constraints_are_refused(fault, message):
    with pytest.raises(ValueError, match=message):
        constraint_basis(*fault(*problem()[:3]))


def test_shapes_that_do_not_match_are_refused():
    *parts, residual = problem()
    basis = constraint_basis(*parts)
    for bad in (
        (residual[:2], basis, parts[2]),
        (residual, basis[:, :, :-1], parts[2]),
        (residual, basis[0], parts[2]),
    ):
        with pytest.raises(ValueError, match="do not match"):
            project(*bad)
    with pytest.raises(ValueError, match="moments has shape"):
        moment_templates(torch.ones(3, 5), (4, 4))
