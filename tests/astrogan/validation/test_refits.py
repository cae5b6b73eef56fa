"""Drift of labels, shear and Einstein radii on simulations in which the drift is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from astrogan.validation import einstein_radius_change, label_drift, refit, shear_bias
from simulators import StrongLens, WeakLens
from simulators.psf import Gaussian, PSFLibrary


@pytest.fixture(scope="module")
def weak() -> WeakLens:
    return WeakLens(survey="lsst", bands="r", size=32)


@pytest.fixture(scope="module")
def strong() -> StrongLens:
    return StrongLens(survey="euclid_vis", size=40)


def resheared(simulator: WeakLens, samples: xr.Dataset, m: float, c: float) -> xr.Dataset:
    """The samples as if their shear were (1 + m) g + c."""
    moved = {name: samples[name].copy(data=(1 + m) * samples[name].values + c) for name in ("g1", "g2")}
    change = simulator.render(samples.assign(moved))["image"].values - simulator.render(samples)["image"].values
    return samples.assign(image=samples["image"].copy(data=samples["image"].values + change))


@pytest.mark.parametrize("estimator", ["adaptive", "fixed"])
def test_an_injected_shear_bias_is_recovered(weak: WeakLens, estimator: str) -> None:
    found = shear_bias(lambda ds: resheared(weak, ds, 0.01, 1e-3), weak, rings=60, seed=3, estimator=estimator)
    scale = 1.0 if estimator == "adaptive" else 0.5  # a weight that does not follow sees part of a change
    for m, c in ((found.m1, found.c1), (found.m2, found.c2)):
        assert m.value == pytest.approx(0.01 * scale, abs=max(4 * m.error, 0.1 * 0.01) if scale == 1 else 0.004)
        assert c.value == pytest.approx(1e-3 * scale, rel=0.15 if scale == 1 else 0.4)
        assert m.error < 0.003
    assert found.rings > 40


def test_no_change_is_no_bias(weak: WeakLens) -> None:
    found = shear_bias(lambda ds: ds, weak, rings=10, seed=1)
    assert (found.m1.value, found.c2.value) == (0.0, 0.0)


def test_blur_is_a_bias(weak: WeakLens) -> None:
    from scipy.ndimage import gaussian_filter

    def blur(ds: xr.Dataset) -> xr.Dataset:
        return ds.assign(image=ds["image"].copy(data=gaussian_filter(ds["image"].values, (0, 0, 1, 1))))

    found = shear_bias(blur, weak, rings=40, seed=1)
    assert found.m1.value < -0.02
    assert found.m1.value + 3 * found.m1.error < 0


def test_one_per_cent_more_flux_is_one_per_cent_of_drift(weak: WeakLens) -> None:
    ds = weak.simulate(40, 5)
    names = weak.fits[0]
    after = ds["image"].values + 0.01 * ds["clean"].values
    tangents = weak.tangent(ds, names)
    rows = label_drift(ds["image"].values, after, tangents.values, ds["variance"].values, tangents["label"].values)
    found = {row.quantity: row for row in rows}
    assert found["flux_r"].mean == pytest.approx(0.01 * float(ds["flux"].mean()), rel=1e-3)
    assert max(abs(found[name].mean_sigma) for name in ("radius", "n", "e1", "e2", "x", "y")) < 1e-3


def test_a_refit_goes_further_than_one_step(weak: WeakLens) -> None:
    """Images of other labels are fitted to those, from the truth."""
    ds = weak.draw(12, 7)
    values = {"radius": 1.15 * ds["radius"].values, "e1": ds["e1"].values + 0.05}
    moved = ds.assign({name: ds[name].copy(data=value) for name, value in values.items()})
    seen = weak.observe(weak.render(moved), 7)
    before = {name: seen[name].copy(data=ds[name].values) for name in values}
    exact = seen.assign(before).assign(image=seen["image"].copy(data=seen["clean"].values))
    found = refit(weak, exact, ("flux", "radius", "e1", "e2", "x", "y"))
    assert found["radius"] == pytest.approx(moved["radius"].values, rel=1e-3)
    assert found["e1"] == pytest.approx(moved["e1"].values, abs=1e-3)
    assert found["flux"].shape == ds["flux"].shape


@pytest.mark.parametrize(
    ("names", "value", "start"), [(("e1", "e2"), 0.65, 0.5), (("g1", "g2"), 0.62, 0.1), (("g1",), 0.62, 0.1)]
)
def test_steps_that_overshoot_end_at_an_ellipse_that_there_is(
    names: tuple[str, ...], value: float, start: float
) -> None:
    """Each component alone stays within its range, and both together make no ellipse."""
    sharp = WeakLens(survey="lsst", bands="r", size=32, psf=Gaussian(0.1))
    flat = {"flux": 1e4, "radius": 0.7, "n": 1.0, "x": 0.0, "y": 0.0, "g1": 0.0, "g2": 0.0, "kappa": 0.0}
    flat |= {"e1": 0.0, "e2": 0.0} | dict.fromkeys((f"{names[0][0]}1", f"{names[0][0]}2"), value)
    seen = sharp.observe(sharp.render({name: np.array([one]) for name, one in flat.items()}), 1)
    exact = seen.assign(image=seen["image"].copy(data=seen["clean"].values))
    found = refit(sharp, exact, names, start=dict.fromkeys(names, start), iterations=20)
    for name in names:
        assert found[name] == pytest.approx(value, abs=0.01)


def test_neighbours_and_the_own_psf_are_part_of_what_is_fitted() -> None:
    psfs = PSFLibrary([Gaussian(0.6), Gaussian(0.9)])
    crowded = WeakLens(survey="lsst", bands="r", size=32, psf=psfs, neighbours=0.1)
    ds = crowded.simulate(6, 3)
    assert set(ds["psf_index"].values) == {0.0, 1.0}
    assert (ds["neighbour_flux"].values > 0).any()
    exact = ds.assign(image=ds["image"].copy(data=ds["clean"].values))
    found = refit(crowded, exact, ("flux", "x"), start={"x": ds["x"].values + 0.02})
    assert found["flux"] == pytest.approx(ds["flux"].values, rel=1e-4)
    assert found["x"] == pytest.approx(ds["x"].values, abs=1e-5)


def test_an_injected_drift_of_the_einstein_radius_is_recovered(strong: StrongLens) -> None:
    ds = strong.simulate(3, 2)
    larger = strong.render(ds.assign(theta_E=1.01 * ds["theta_E"]))["image"].values
    image = ds["image"].values + larger - strong.render(ds)["image"].values
    found = einstein_radius_change(strong, ds, ds.assign(image=ds["image"].copy(data=image)))
    assert found.value == pytest.approx(0.01, abs=2e-3)


def test_bad_input_is_refused(weak: WeakLens) -> None:
    ds = weak.simulate(4, 1)
    with pytest.raises(ValueError, match="WeakLens has no label theta_E"):
        einstein_radius_change(weak, ds, ds)
    with pytest.raises(ValueError, match="unknown label 'radus': did you mean 'radius'"):
        refit(weak, ds, ["radus"])
    with pytest.raises(ValueError, match="unknown estimator 'fix': did you mean 'fixed'"):
        shear_bias(lambda x: x, weak, seed=0, estimator="fix")
    with pytest.raises(ValueError, match="refine made images"):
        shear_bias(lambda x: x.isel(x=slice(0, 30)), weak, rings=8, seed=0)
