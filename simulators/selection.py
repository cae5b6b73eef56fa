"""Selection: which drawn objects a run keeps, judged on their truth and their expected images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import one_of, within
from catalogs.schema import Band, Survey
from simulators.noise import variance_map

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Cut",
    "Expected",
    "MinArcSNR",
    "MinMagnification",
    "SelectLike",
    "Selection",
    "arc_snr",
    "drawers_of",
    "selected",
    "selection_of",
    "total_magnification",
]

Array = NDArray[np.float64]
CHUNK = 256  # candidates whose images are held at a time
HOPELESS = 10  # times `most` candidates of which none was accepted


@dataclass(frozen=True, eq=False)
class Expected(Mapping[str, Array]):
    """Expected images of S candidates, each drawn when it is first asked for: float64 (S, band, y, x).

    The names are those of the simulator's parts (``light``, ``sources``, ``quasar``; ``galaxy``), ``neighbours`` where
    there are any, ``unlensed`` (sources and quasar without the lens), ``image`` (everything) and ``variance``.

    Parameters
    ----------
    drawers : mapping of str to function
        Name -> what draws it, given these images.
    survey : Survey
    """

    drawers: Mapping[str, Callable[[Expected], Array]]
    survey: Survey
    _kept: dict[str, Array] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Array:
        if name not in self._kept:
            self._kept[name] = self.drawers[one_of("expected image", name, self.drawers)](self)
        return self._kept[name]

    def __contains__(self, name: object) -> bool:
        return name in self.drawers

    def __iter__(self) -> Iterator[str]:
        return iter(self.drawers)

    def __len__(self) -> int:
        return len(self.drawers)


def drawers_of(
    parts: Mapping[str, Callable[[], Array]], bands: Sequence[Band]
) -> dict[str, Callable[[Expected], Array]]:
    """What draws `Expected` images: the parts given, their sum ``image`` and its ``variance``."""

    def alone(draw: Callable[[], Array]) -> Callable[[Expected], Array]:
        return lambda images: draw()

    return {
        **{name: alone(draw) for name, draw in parts.items()},
        "image": lambda images: np.asarray(np.sum([images[name] for name in parts], axis=0)),
        "variance": lambda images: variance_map(images["image"], bands).astype(np.float64),
    }


Cut = Callable[["xr.Dataset", Expected], ArrayLike]


def _lensed(images: Expected) -> Array:
    """Everything behind the lens: the sources, and the images of a quasar."""
    return images["sources"] + images["quasar"] if "quasar" in images else images["sources"]


def total_magnification(images: Expected) -> Array:
    """Flux of the lensed sources in the stamp over that of the unlensed ones, all bands together, shape (S,).

    A quasar counts with its host: its images in the first flux, itself in the second. Both are as rendered, so light
    beyond the stamp's edge counts in neither; 0 where nothing unlensed has light.
    """
    lensed, unlensed = (light.sum(axis=(1, 2, 3)) for light in (_lensed(images), images["unlensed"]))
    return np.asarray(np.divide(lensed, unlensed, out=np.zeros_like(lensed), where=unlensed > 0))


def arc_snr(images: Expected, band: str | None = None) -> Array:
    """Signal-to-noise ratio of the lensed sources, a quasar's images included, sqrt(sum of s^2 / variance over pixels),
    shape (S,).

    That of a fit of the arcs' flux with everything else known (Horne 1986, PASP 98, 609, eq. 9, for noise without
    correlation), in `band` or in all bands together.
    """
    names = images.survey.band_names
    at = slice(None) if band is None else [names.index(one_of("band", band, names))]
    signal, variance = _lensed(images)[:, at], images["variance"][:, at]
    with np.errstate(divide="ignore", invalid="ignore"):  # without noise the ratio is infinite
        ratio = np.where(signal == 0.0, 0.0, signal**2 / variance)
    return np.asarray(np.sqrt(ratio.sum(axis=(1, 2, 3))))


@dataclass(frozen=True)
class MinMagnification:
    """Strong lenses whose `total_magnification` is at least `minimum`."""

    minimum: float

    def __post_init__(self) -> None:
        within("MinMagnification minimum", self.minimum, 0.0, 1e6)

    def __call__(self, truth: xr.Dataset, images: Expected) -> NDArray[np.bool_]:
        """Which of the S candidates are kept."""
        return np.asarray(total_magnification(images) >= self.minimum)


@dataclass(frozen=True)
class MinArcSNR:
    """Strong lenses whose `arc_snr`, in `band` or in all bands together, is at least `minimum`."""

    minimum: float
    band: str | None = None

    def __post_init__(self) -> None:
        within("MinArcSNR minimum", self.minimum, 0.0, 1e9)

    def __call__(self, truth: xr.Dataset, images: Expected) -> NDArray[np.bool_]:
        """Which of the S candidates are kept."""
        return np.asarray(arc_snr(images, self.band) >= self.minimum)


@dataclass(frozen=True)
class Selection:
    """Cuts that every object of a run passes; a candidate that fails is replaced by the sample's next one.

    Parameters
    ----------
    cuts : sequence of functions
        Each takes the truth (Dataset) and the `Expected` images of S candidates and gives S booleans.
    most : int
        Candidates of one sample after which drawing is given up.
    """

    cuts: tuple[Cut, ...]
    most: int = 1000

    def __post_init__(self) -> None:
        within("Selection most", self.most, 1, 1_000_000)
        for cut in self.cuts:
            if not callable(cut):
                raise ValueError(f"select: {cut!r} is no cut: give MinMagnification, MinArcSNR or a function")

    def judge(self, truth: xr.Dataset, images: Expected) -> NDArray[np.bool_]:
        """What each cut says, shape (cuts, S)."""
        verdicts = np.empty((len(self.cuts), truth.sizes["sample"]), dtype=bool)
        for row, cut in zip(verdicts, self.cuts, strict=True):
            said = np.asarray(cut(truth, images))
            if said.shape != row.shape or said.dtype != bool:
                raise ValueError(f"cut {_name(cut)} gave shape {said.shape} of {said.dtype}, not {len(row)} booleans")
            row[:] = said
        return verdicts


SelectLike = Cut | Selection | Sequence[Cut]


def selection_of(select: SelectLike) -> Selection:
    """The selection meant by one cut, several, or a Selection."""
    if isinstance(select, Selection):
        return select
    return Selection((select,) if callable(select) else tuple(select))


def selected(
    selection: Selection,
    candidates: Callable[[NDArray[np.int64], str], dict[str, Array]],
    show: Callable[[dict[str, Array], NDArray[np.int64]], tuple[xr.Dataset, Expected]],
    ids: NDArray[np.int64],
) -> tuple[dict[str, Array], dict[str, float]]:
    """Labels of the first candidate of each sample id that passes, and what to report.

    Parameters
    ----------
    selection : Selection
    candidates : function
        (sample ids, tag of the candidate) -> labels, label -> (S, ...).
    show : function
        (labels, sample ids) -> truth and expected images.
    ids : array, shape (S,)

    Returns
    -------
    labels : mapping
    report : mapping
        ``candidates`` drawn, and the ``acceptance_rate``.

    Raises
    ------
    ValueError
        Naming the cuts with their rates, if none of the `most` candidates of a sample passes, or none at all of ten
        times as many.
    """
    chosen: dict[str, Array] = {}
    waiting, tried, passed = np.arange(len(ids)), 0, np.zeros(len(selection.cuts))
    for number in range(selection.most):
        labels = candidates(ids[waiting], f".candidate{number}" if number else "")
        verdicts = np.concatenate(
            [
                selection.judge(*show({name: value[part] for name, value in labels.items()}, ids[waiting[part]]))
                for part in np.array_split(np.arange(len(waiting)), math.ceil(len(waiting) / CHUNK))
            ],
            axis=1,
        )
        kept = verdicts.all(axis=0)
        for name, value in labels.items():
            chosen.setdefault(name, np.empty((len(ids), *value.shape[1:])))[waiting[kept]] = value[kept]
        tried, passed, waiting = tried + len(waiting), passed + verdicts.sum(axis=1), waiting[~kept]
        if not waiting.size:
            return chosen, {"candidates": tried, "acceptance_rate": len(ids) / tried}
        if len(waiting) == len(ids) and tried >= HOPELESS * selection.most:
            break
    rates = ", ".join(f"{_name(cut)} {rate:.3g}" for cut, rate in zip(selection.cuts, passed / tried, strict=True))
    raise ValueError(
        f"select: none of {number + 1} candidates of sample {ids[waiting[0]]} was accepted; of {tried} candidates in "
        f"all {(len(ids) - len(waiting)) / tried:.3g} were. Rate by cut: {rates}"
    )


def _name(cut: Any) -> str:
    return getattr(cut, "__name__", None) or repr(cut)
