"""What `astrogan validate` does: read the sets, judge them, write the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from astrogan.cli.progress import Steps
from catalogs.checks import within

if TYPE_CHECKING:
    import xarray as xr
    from rich.table import Table as RichTable

    from astrogan.validation import Drift, Report, Table
    from simulators.weak_lens import WeakLens

__all__ = ["ValidateSettings", "run_validate", "verdict_table"]

DRIFT, RINGS, LENSES = 200, 150, 12  # samples, rings and lenses that are fitted
BLURRED = "refined images blurred by a Gaussian of 0.7 pixel"


@dataclass(frozen=True)
class ValidateSettings:
    """What is judged, by what, and where the page goes."""

    real: Path
    synthetic: Path
    out: Path
    raw: Path | None = None
    model: Path | None = None
    training: Path | None = None
    most: int = 4000
    images: int = 16_000
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        within("most", self.most, 50, 1_000_000)
        within("images", self.images, 0, 1e9)
        within("seed", self.seed, 0, 2**31)

    @property
    def page(self) -> Path:
        """Where the page goes; its numbers go beside it, as .json."""
        return self.out if self.out.suffix == ".html" else self.out.with_name(f"{self.out.name}.html")


def run_validate(settings: ValidateSettings, steps: Steps) -> Report:
    """Judge, write ``<out>.html`` and ``<out>.json``.

    Raises
    ------
    ValueError, OSError
        For sets that cannot be read or judged, or a page that exists or cannot be made; before any work.
    """
    from astrogan.dataset.files import check_target
    from astrogan.validation import validate, write_report
    from astrogan.validation.leakage import refuse_leaks

    for path in (settings.page, settings.page.with_suffix(".json")):
        check_target(path, settings.overwrite)
    card = _card(settings.model)
    with steps.step("Read") as step:
        sets: dict[str, Any] = {
            name: None if path is None else read_set(path, settings.most)
            for name, path in (
                ("real", settings.real), ("synthetic", settings.synthetic), ("raw", settings.raw),
                ("training", settings.training),
            )
        }  # fmt: skip
        step.done(", ".join(f"{len(_pixels(one))} {name}" for name, one in sets.items() if one is not None))
    if card is not None and len(_pixels(sets["real"]).shape) == 4:  # other shapes are refused with the rest
        refuse_leaks(_pixels(sets["real"]), card)
    with steps.step("Refit labels"):
        tables = _fitted(sets["raw"], sets["synthetic"], settings)
    paths = {name: str(path) for name in ("real", "synthetic", "raw", "model") if (path := getattr(settings, name))}
    with steps.step("Judge") as step:
        report = validate(
            sets["real"], sets["synthetic"], reference=sets["raw"], training=sets["training"], card=card, tables=tables,
            title=f"{settings.synthetic.name} beside {settings.real.name}", provenance=paths, seed=settings.seed,
            images=settings.images,
        )  # fmt: skip
        verdict = report.numbers["verdict"]
        step.done(f"{verdict['passed']} of {verdict['checks']} checks passed")
    return write_report(settings.page, report)


def read_set(path: Path, most: int) -> Any:
    """Samples of a store, or stamps (N, C, y, x) of a FITS or .npy file; the first `most`.

    Raises
    ------
    ValueError, OSError
        If it is none of these, or has no stamps.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is nothing at this name")
    if path.suffix == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return _stamps(path, np.array(array[:most]))
    if path.name.lower().endswith((".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")):
        from astropy.io import fits

        with fits.open(path) as hdus:
            found = [hdu for hdu in hdus if hdu.is_image and len(hdu.shape) in (3, 4)]
            named = [hdu for hdu in found if hdu.name == "IMAGE"] or found
            if not named:
                raise ValueError(f"{path}: no cube of stamps (sample, band, y, x) or (sample, y, x) in it")
            return _stamps(path, np.array(named[0].data[:most], dtype=np.float32))
    from astrogan.dataset.backend import open_samples

    return open_samples(path).isel(sample=slice(0, most)).load()


def _stamps(path: Path, array: Any) -> Any:
    if array.ndim not in (3, 4) or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: {array.dtype} {array.shape} is not (sample, band, y, x) or (sample, y, x) of numbers"
        )
    return array


def _pixels(one: Any) -> Any:
    return one["image"] if hasattr(one, "data_vars") else one


def _card(model: Path | None) -> dict[str, Any] | None:
    if model is None:
        return None
    path = model.with_suffix(".json")
    if model.suffix != ".safetensors" or not path.is_file():
        raise ValueError(f"{model}: a model is <name>.safetensors with its card <name>.json beside it")
    card = json.loads(path.read_text())
    if not isinstance(card, dict):
        raise ValueError(f"{path} is not a model card")
    return card


def _fitted(raw: Any, synthetic: Any, settings: ValidateSettings) -> list[Table]:
    """Tables that need the simulator: drift of labels, Einstein radius, shear."""
    simulator = simulator_of(raw) if hasattr(raw, "data_vars") else None
    pixels = _pixels(synthetic)
    if simulator is None or np.shape(pixels) != np.shape(raw["image"]):
        return []
    refined = raw.assign(image=raw["image"].copy(data=np.asarray(pixels, dtype=np.float32)))
    tables = [_labels(simulator, raw, refined)]
    if "theta_E" in raw:
        tables.append(_einstein(simulator, raw.isel(sample=slice(0, LENSES)), refined.isel(sample=slice(0, LENSES))))
    elif settings.model is not None:
        tables.append(_shear(simulator, settings))
    return tables


def simulator_of(samples: xr.Dataset) -> Any:
    """The simulator that made the samples, or None: options other than survey and size are taken as the defaults."""
    from catalogs import Survey
    from simulators import get_simulator, list_simulators

    name = samples.attrs.get("simulator")
    if name not in list_simulators() or "variance" not in samples:
        return None
    survey = Survey.from_json(samples.attrs["survey"])
    made = get_simulator(name)(survey=survey, size=samples.sizes["x"])
    return made if set(made.labels) <= set(samples.variables) else None


def _labels(simulator: Any, raw: xr.Dataset, refined: xr.Dataset) -> Table:
    from astrogan.validation import label_drift, label_table
    from astrogan.validation.controls import CHANGED, changed

    one, other = (samples.isel(sample=slice(0, DRIFT)) for samples in (raw, refined))
    wrong = changed(one["image"].values)
    rows: dict[str, Drift] = {}
    for labels in simulator.fits:
        tangents = simulator.tangent(one, labels)
        names = [str(name) for name in tangents["label"].values]
        for row in label_drift(
            one["image"].values, other["image"].values, tangents.values, one["variance"].values, names, control=wrong
        ):
            rows.setdefault(row.quantity, row)
    return label_table(list(rows.values()), CHANGED)


def _einstein(simulator: Any, raw: xr.Dataset, refined: xr.Dataset) -> Table:
    from astrogan.validation import Measurement, Row, Table, einstein_radius_change
    from astrogan.validation.controls import CHANGED, changed

    wrong = raw.assign(image=raw["image"].copy(data=changed(raw["image"].values)))
    found, control = (einstein_radius_change(simulator, raw, other) for other in (refined, wrong))
    row = Row("theta_E", "relative", found, Measurement(0.0, 0.0), control, limit=2e-3)
    return Table(
        "Einstein radius", "Refined minus raw, every lens fitted anew from 2 % beside the truth.", CHANGED, [row]
    )


def _shear(simulator: WeakLens, settings: ValidateSettings) -> Table:
    from astrogan.models import Refiner
    from astrogan.validation import shear_bias, shear_table

    assert settings.model is not None
    refiner = Refiner.load(settings.model)

    def refine(samples: xr.Dataset) -> xr.Dataset:
        return refiner.apply(samples, simulator.tangent(samples), seed=settings.seed)

    def blurred(samples: xr.Dataset) -> xr.Dataset:
        from scipy.ndimage import gaussian_filter

        image = refine(samples)["image"]
        return samples.assign(image=image.copy(data=gaussian_filter(image.values, (0, 0, 0.7, 0.7))))

    def biases(refiner_like: Callable[[xr.Dataset], xr.Dataset]) -> Any:
        return {
            estimator: shear_bias(refiner_like, simulator, rings=RINGS, seed=settings.seed, estimator=estimator)
            for estimator in ("adaptive", "fixed")
        }

    return shear_table(biases(refine), biases(blurred), BLURRED)


def verdict_table(report: Report) -> RichTable:
    """Every check on the terminal: value, verdict, baseline, and whether the table's control fails."""
    from rich.markup import escape
    from rich.table import Table

    from astrogan.validation.report import measured

    table = Table(title=report.numbers["title"], title_justify="left")
    table.add_column("", overflow="fold", min_width=22)
    for name in ("synthetic", "", "classical"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in report.numbers["tables"]:
        told = {None: "", True: "control fails", False: "control PASSES"}[one["control_fails"]]
        table.add_row(f"[bold]{escape(one['title'])}[/]", told, "", "")
        for row in one["rows"]:
            synthetic, classical = (
                measured(row[key]["value"], row[key]["error"]) if row[key] else "–"
                for key in ("synthetic", "classical")
            )
            passed = {None: "–", True: "pass", False: "FAIL"}[row["passed"]]
            table.add_row(escape(row["name"]), synthetic, passed, classical)
    return table
