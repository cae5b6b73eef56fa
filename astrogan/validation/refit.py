"""Labels fitted anew to refined images through the simulator, by damped Gauss-Newton steps to the least chi squared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from astrogan.validation.tables import Measurement, mean_of
from catalogs.checks import one_of, within
from simulators.fit import label_shift
from simulators.labels import LABELS

if TYPE_CHECKING:
    import xarray as xr

    from simulators.simulator import Simulator

__all__ = ["einstein_radius_change", "refit"]

Array = NDArray[np.float64]
MOST_MODULUS = 0.99  # of the largest |e| or |g| of a label: differences for tangents must stay within


def refit(
    simulator: Simulator,
    samples: xr.Dataset,
    names: Sequence[str] | None = None,
    *,
    start: dict[str, Array] | None = None,
    iterations: int = 8,
) -> dict[str, Array]:
    """Labels at which the simulator's expected image fits `image` best, given `variance`.

    Unlike `label_drift`, which is linear in the change, this follows the model as far as it goes; labels that are not
    fitted keep their true values, and so do neighbours.

    Parameters
    ----------
    simulator
        That made the samples.
    samples : Dataset
        Images, variances and labels.
    names : sequence of str, optional
        Labels to fit at once; the first of the simulator's `fits` by default.
    start : dict, optional
        Where to start from, instead of the truth, for some labels.
    iterations : int
        Steps, which end where a label's range does; one that would make chi squared worse is halved twice and tried
        again.

    Returns
    -------
    dict
        Fitted labels, in the shapes of `samples`.
    """
    from simulators.neighbours import NEIGHBOUR_LABELS

    chosen = tuple(names or simulator.fits[0])
    for name in chosen:
        one_of("label", name, simulator.labels)
    within("iterations", iterations, 1, 1000)
    known = (*simulator.labels, *simulator.layout.derived, *NEIGHBOUR_LABELS, "psf_index")
    labels = {name: np.array(samples[name].values, dtype=np.float64) for name in known if name in samples}
    labels |= {name: np.array(np.broadcast_to(value, labels[name].shape)) for name, value in (start or {}).items()}
    data, variance = samples["image"].values.astype(np.float64), samples["variance"].values
    length = np.ones(len(data))
    miss = data - _expected(simulator, labels)
    chi2 = (miss**2 / variance).sum(axis=(1, 2, 3))
    for _ in range(iterations):
        step = label_shift(miss, simulator.tangent(labels, chosen).values, variance)[0]
        trial = _moved(labels, chosen, length[:, None] * np.where(np.isfinite(step), step, 0.0))
        other = data - _expected(simulator, trial)
        found = (other**2 / variance).sum(axis=(1, 2, 3))
        better = found < chi2
        for name in chosen:
            labels[name][better] = trial[name][better]
        miss[better], chi2[better] = other[better], found[better]
        length = np.where(better, np.minimum(1.0, 2.0 * length), 0.25 * length)
    return {name: labels[name] for name in chosen}


def _expected(simulator: Simulator, labels: dict[str, Array]) -> Array:
    return simulator.render(labels)["image"].values.astype(np.float64)


def _moved(labels: dict[str, Array], names: Sequence[str], step: Array) -> dict[str, Array]:
    """Labels after a step (S, K) in the order of tangents, within their ranges."""
    moved, column = dict(labels), 0
    for name in names:
        value = labels[name]
        width = value[0].size
        change = step[:, column : column + width].reshape(value.shape)
        moved[name] = np.clip(value + change, LABELS[name].low, LABELS[name].high)
        column += width
    for name in names:
        if name.endswith(("e1", "e2", "g1", "g2")):
            _keep_modulus(moved, f"{name[:-1]}1", f"{name[:-1]}2", names)
    return moved


def _keep_modulus(moved: dict[str, Array], first: str, second: str, names: Sequence[str]) -> None:
    """Shorten an ellipticity or a shear to an ellipse that there is: of the components, those in `names`."""
    largest = MOST_MODULUS * LABELS[first].high
    if first in names and second in names:
        shrink = largest / np.maximum(np.hypot(moved[first], moved[second]), largest)
        moved[first], moved[second] = moved[first] * shrink, moved[second] * shrink
        return
    free, fixed = (first, second) if first in names else (second, first)
    room = np.sqrt(np.maximum(largest**2 - moved[fixed] ** 2, 0.0))
    moved[free] = np.clip(moved[free], -room, room)


def einstein_radius_change(simulator: Simulator, before: xr.Dataset, after: xr.Dataset) -> Measurement:
    """Mean relative change of theta_E, fitted with all labels of its fit to the images before and after refinement.

    Both fits start 2 % beside the truth; lenses without mass do not count.
    """
    names = next((fit for fit in simulator.fits if "theta_E" in fit), None)
    if names is None:
        raise ValueError(f"{type(simulator).__name__} has no label theta_E")
    start = {"theta_E": 1.02 * np.asarray(before["theta_E"].values, dtype=np.float64)}
    one, other = (refit(simulator, samples, names, start=start)["theta_E"] for samples in (before, after))
    massive = before["theta_E"].values > 0
    return mean_of((other / np.where(massive, one, 1.0) - 1.0)[massive])
