"""Strong lenses in and out of lenstronomy's keyword arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from astrogan.dataset.schema import label_names
from catalogs.checks import one_of, within
from simulators.light.sersic import sersic_b

__all__ = ["from_lenstronomy", "to_lenstronomy"]

Keywords = dict[str, Any]
_MASS = {"theta_E": "theta_E", "gamma": "gamma", "lens_e1": "e1", "lens_e2": "e2"}
_MASS |= {"lens_x": "center_x", "lens_y": "center_y"}
_SHEAR = {"shear_g1": "gamma1", "shear_g2": "gamma2"}
_SHAPE = {"e1": "e1", "e2": "e2", "x": "center_x", "y": "center_y"}
_LIGHTS = ("SERSIC", "SERSIC_ELLIPSE")
_ELSEWHERE = ("halo_", "point_", "sheet_", "multipole", "subhalo_", "member_", "los_", "quasar_", "neighbour_")


def to_lenstronomy(truth: xr.Dataset, sample: int, band: str | None = None) -> tuple[Keywords, Keywords]:
    """The keyword arguments with which lenstronomy draws a sample of `StrongLens`: `kwargs_model`, `kwargs_params`.

    The first holds `lens_model_list` (EPL or SIE, and SHEAR), `lens_light_model_list` and `source_light_model_list`
    (SERSIC_ELLIPSE); the second `kwargs_lens`, `kwargs_lens_light` and `kwargs_source`. Angles are in arcsec, fluxes in
    the survey's unit: amplitudes are per arcsec^2. Images agree to what the two codes err by: lenstronomy's b_n is an
    approximation, for which radius and amplitude make up exactly.

    Parameters
    ----------
    truth
        Labels, as from `StrongLens.draw`.
    sample
        Its place along ``sample``.
    band
        Its name; may be left out where there is one only.

    Raises
    ------
    ValueError
        For a sample or band that is not there, or labels that these models do not hold (haloes, quasars, other light).
    """
    names = truth["band"].values.tolist()
    at = names.index(one_of("band", names[0] if band is None and len(names) == 1 else str(band), names))
    count = truth.sizes["sample"]
    sample = int(within("sample", sample, -count, count - 1))
    labels = {}
    for name in label_names(truth):
        variable = truth[name].variable
        value = variable[sample].values
        labels[name] = value[..., at] if "band" in variable.dims else value
    _refuse_others(labels)
    power = {ours: theirs for ours, theirs in _MASS.items() if ours in labels}
    masses = [("EPL" if "gamma" in labels else "SIE", _renamed(labels, power))]
    if "shear_g1" in labels:
        masses.append(("SHEAR", _renamed(labels, _SHEAR)))
    sources = np.broadcast_arrays(
        *(np.atleast_1d(labels[f"source_{name}"]) for name in ("flux", "radius", "n", *_SHAPE))
    )
    lights = {
        "lens_light": [_light(*(float(labels[f"light_{name}"]) for name in ("flux", "radius", "n", *_SHAPE)))],
        "source_light": [_light(*map(float, row)) for row in zip(*sources, strict=True)],
    }
    model = {"lens_model_list": [name for name, _ in masses]}
    model |= {f"{part}_model_list": ["SERSIC_ELLIPSE"] * len(rows) for part, rows in lights.items()}
    params = {"kwargs_lens": [keywords for _, keywords in masses]}
    return model, params | {"kwargs_lens_light": lights["lens_light"], "kwargs_source": lights["source_light"]}


def from_lenstronomy(
    kwargs_model: Mapping[str, Sequence[str]], kwargs_params: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """The labels with which `StrongLens` draws what lenstronomy's keyword arguments mean.

    Parameters
    ----------
    kwargs_model
        `lens_model_list` of one EPL or SIE and at most one SHEAR, `lens_light_model_list` of at most one and
        `source_light_model_list` of one or more of SERSIC and SERSIC_ELLIPSE.
    kwargs_params
        `kwargs_lens`, `kwargs_lens_light`, `kwargs_source` of one lens, or a sequence of such.

    Returns
    -------
    dict of arrays, (samples,) or of sources (samples, component), fluxes with one band more
        A SIE has `gamma` = 2; without SHEAR, `shear_g1` and `shear_g2` are 0; without lens light, `light_flux` is. For
        several bands, concatenate the `source_flux` and `light_flux` of each along the last dimension.

    Raises
    ------
    ValueError
        For another model (the nearest one is given), or keyword arguments that are missing.
    """
    rows = [kwargs_params] if isinstance(kwargs_params, Mapping) else list(kwargs_params)
    made = [_labels(kwargs_model, row) for row in rows]
    labels = {name: np.array([row[name] for row in made]) for name in made[0]}
    return {name: values[..., None] if name.endswith("flux") else values for name, values in labels.items()}


def _labels(model: Mapping[str, Sequence[str]], params: Mapping[str, Any]) -> Keywords:
    """The labels of one lens."""
    lenses = _pairs("lens_model_list", model, params, "kwargs_lens", ("EPL", "SIE", "SHEAR"))
    main = [keywords for name, keywords in lenses if name != "SHEAR"]
    shear = [keywords for name, keywords in lenses if name == "SHEAR"]
    light = _pairs("lens_light_model_list", model, params, "kwargs_lens_light", _LIGHTS)
    sources = _pairs("source_light_model_list", model, params, "kwargs_source", _LIGHTS)
    for what, found, low, high in (
        ("EPL or SIE in lens_model_list", main, 1, 1),
        ("SHEAR in lens_model_list", shear, 0, 1),
        ("lens_light_model_list", light, 0, 1),
        ("source_light_model_list", sources, 1, 64),
    ):
        within(f"number of {what}", len(found), low, high)
    _about_the_centre(shear)
    given = {"gamma": 2.0, "center_x": 0.0, "center_y": 0.0, **main[0]}
    labels = {ours: _value(given, theirs) for ours, theirs in _MASS.items()}
    labels |= {ours: _value(shear[0], theirs) if shear else 0.0 for ours, theirs in _SHEAR.items()}
    place = {"x": labels["lens_x"], "y": labels["lens_y"]}
    none = {"flux": 0.0, "radius": 1.0, "n": 1.0, "e1": 0.0, "e2": 0.0, **place}
    labels |= {f"light_{name}": value for name, value in (_sersic(light[0][1]) if light else none).items()}
    each = [_sersic(keywords) for _, keywords in sources]
    return labels | {f"source_{name}": np.array([one[name] for one in each]) for name in each[0]}


def _about_the_centre(shear: list[Mapping[str, float]]) -> None:
    """Refuse a shear about another point, which moves the source."""
    for name in ("ra_0", "dec_0"):
        if shear and shear[0].get(name, 0.0) != 0.0:
            raise ValueError(
                f"SHEAR {name} = {shear[0][name]:g} is not 0: labels have the shear about the stamp's centre"
            )


def _pairs(
    name: str, model: Mapping[str, Sequence[str]], params: Mapping[str, Any], key: str, valid: Sequence[str]
) -> list[tuple[str, Mapping[str, float]]]:
    models, keywords = list(model.get(name, ())), list(params.get(key) or ())
    for one in models:
        one_of(f"model in {name}", one, valid)
    if len(models) != len(keywords):
        raise ValueError(f"{name} names {len(models)} models, {key} has {len(keywords)}")
    return list(zip(models, keywords, strict=True))


def _renamed(labels: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float]:
    return {theirs: float(labels[ours]) for ours, theirs in names.items()}


def _value(keywords: Mapping[str, float], name: str) -> float:
    if name not in keywords:
        raise ValueError(f"keyword argument {name!r} is missing: there are {', '.join(keywords)}")
    return float(keywords[name])


def _their_b(n: float) -> float:
    """Lenstronomy's b_n (`SersicUtil.k_bn`), that of Capaccioli (1989)."""
    return max(1.9992 * n - 0.3271, 1e-5)


def _total(n: float, radius: float) -> float:
    """Flux of lenstronomy's Sersic of amplitude 1, which is the brightness at `radius` [arcsec]."""
    b = _their_b(n)
    return 2.0 * math.pi * n * radius**2 * math.exp(b - 2.0 * n * math.log(b) + math.lgamma(2.0 * n))


def _light(flux: float, radius: float, n: float, e1: float, e2: float, x: float, y: float) -> dict[str, float]:
    """A Sersic of ours as lenstronomy's: the same exp(-b (r / radius)^(1/n)) with its b."""
    theirs = radius * (_their_b(n) / float(sersic_b(n))) ** n
    shape = {"e1": e1, "e2": e2, "center_x": x, "center_y": y}
    return {"amp": flux / _total(n, theirs), "R_sersic": theirs, "n_sersic": n, **shape}


def _sersic(keywords: Mapping[str, float]) -> dict[str, float]:
    """A Sersic of lenstronomy as ours."""
    amp, radius, n = (_value(keywords, name) for name in ("amp", "R_sersic", "n_sersic"))
    within("n_sersic", n, 0.3, 8.0)
    ours = radius * (float(sersic_b(n)) / _their_b(n)) ** n
    shape = {name: float(keywords.get(theirs, 0.0)) for name, theirs in _SHAPE.items()}
    return {"flux": amp * _total(n, radius), "radius": ours, "n": n, **shape}


def _refuse_others(labels: Mapping[str, Any]) -> None:
    others = [name for name in labels if name.startswith(_ELSEWHERE)]
    needed = [
        *_MASS,
        *(f"{owner}_{name}" for owner in ("light", "source") for name in ("flux", "radius", "n", *_SHAPE)),
    ]
    missing = [name for name in needed if name not in labels and name != "gamma"]
    if others or missing:
        found = f"has {', '.join(others)}" if others else f"lacks {', '.join(missing)}"
        raise ValueError(f"the sample {found}: to_lenstronomy knows EPL, SIE and SHEAR, and Sersic light")
