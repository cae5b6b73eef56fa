"""Contract checks that every stamp simulator must pass, ours and third-party ones: each raises AssertionError with
the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from catalogs import Survey
    from simulators.population import Give

__all__ = ["SimulatesSamples", "check_batches", "check_contents", "check_population", "check_seeds", "check_simulator"]


class SimulatesSamples(Protocol):
    """All that a third-party simulator must have."""

    def simulate(self, n: int, seed: int, start: int = 0) -> xr.Dataset:
        """Samples start .. start+n-1 of run `seed`."""


def check_simulator(simulator: SimulatesSamples, *, seed: int = 7) -> None:
    """Run every check below."""
    check_contents(simulator, seed=seed)
    check_batches(simulator, seed=seed)
    check_seeds(simulator, seed=seed)


def check_contents(simulator: SimulatesSamples, *, seed: int = 7) -> None:
    """Dims, dtypes, units and finiteness of what `simulate` gives."""
    samples = simulator.simulate(3, seed)
    assert samples["image"].dims == ("sample", "band", "y", "x"), f"image has dims {samples['image'].dims}"
    assert samples["image"].dtype == np.float32, f"image is {samples['image'].dtype}, not float32"
    assert samples["sample_id"].values.tolist() == [0, 1, 2], "sample_id must count from start"
    for name, variable in samples.variables.items():
        if variable.dtype.kind == "f":
            assert np.isfinite(variable.values).all(), f"{name} has values that are not finite"
        assert name == "band" or "units" in variable.attrs, f"{name} has no units"
        assert name == "band" or variable.attrs.get("long_name"), f"{name} has no long_name"
    for name in ("pixel_scale", "survey", "simulator", "seed"):
        assert name in samples.attrs, f"attribute {name} is missing"


def check_batches(simulator: SimulatesSamples, *, seed: int = 7) -> None:
    """A sample is the same bytes alone, in any batch and at any place in it."""
    together = simulator.simulate(5, seed, start=10)
    for at, part in ((0, simulator.simulate(1, seed, start=10)), (2, simulator.simulate(3, seed, start=12))):
        for name in together.data_vars:
            if "sample" in together[name].dims:
                same = together[name].isel(sample=slice(at, at + part.sizes["sample"])).values
                assert same.tobytes() == part[name].values.tobytes(), f"{name} depends on the batch"


def check_seeds(simulator: SimulatesSamples, *, seed: int = 7) -> None:
    """Equal seeds give equal bytes; other seeds and other samples give other images."""
    one, again, other = (simulator.simulate(2, key)["image"].values for key in (seed, seed, seed + 1))
    assert one.tobytes() == again.tobytes(), "the same seed gave another image"
    assert not np.array_equal(one, other), "another seed gave the same image"
    assert not np.array_equal(one[0], one[1]), "two samples are the same image"


def check_population(give: Give, survey: Survey, *, seed: int = 7) -> None:
    """A function that serves as a population gives a sample the same rows alone, in any batch and in any order."""
    ids = np.arange(10, 15, dtype=np.int64)
    together = {name: np.asarray(values) for name, values in give(seed, ids, survey).items()}
    for order in ([0], [3], [4, 2, 0], [0, 1, 2, 3, 4]):
        part = give(seed, ids[order], survey)
        assert set(part) == set(together), f"{set(part) ^ set(together)} depend on the batch"
        for name, values in part.items():
            assert np.array_equal(np.asarray(values), together[name][order]), f"{name} depends on the batch"
    for name, values in give(seed + 1, ids, survey).items():
        fixed = np.array_equal(np.asarray(values), together[name])
        assert not fixed or (together[name] == together[name][0]).all(), f"{name} does not depend on the seed"
