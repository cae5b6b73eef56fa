"""Truth to pixels: simulators of lensed galaxies as a survey sees them, in numpy and numba.

Names load on first use, so that importing the package costs nothing and compiles nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulators._profile_fit import fitted_galaxies
    from simulators.calibration import calibrate, measured_galaxies
    from simulators.deflectors import EPL, ExternalShear
    from simulators.detection import clear_of_glare, cut_out, detect, split_by_position, strip_edges
    from simulators.field import Field
    from simulators.fit import label_shift
    from simulators.grid import PixelGrid
    from simulators.injection import inject
    from simulators.labels import LABELS
    from simulators.light import Sersic
    from simulators.moments import adaptive_moments
    from simulators.noise import add_noise
    from simulators.plugin import get_simulator, list_simulators
    from simulators.population import Rows
    from simulators.psf import PSF, Gaussian, Moffat
    from simulators.shear_injection import inject_shear
    from simulators.simulator import Simulator
    from simulators.strong_lens import StrongLens
    from simulators.weak_lens import WeakLens

_HOME = {
    "EPL": "deflectors",
    "ExternalShear": "deflectors",
    "Field": "field",
    "Gaussian": "psf",
    "LABELS": "labels",
    "Moffat": "psf",
    "PSF": "psf",
    "PixelGrid": "grid",
    "Rows": "population",
    "Sersic": "light",
    "Simulator": "simulator",
    "StrongLens": "strong_lens",
    "WeakLens": "weak_lens",
    "adaptive_moments": "moments",
    "add_noise": "noise",
    "calibrate": "calibration",
    "clear_of_glare": "detection",
    "cut_out": "detection",
    "detect": "detection",
    "fitted_galaxies": "_profile_fit",
    "get_simulator": "plugin",
    "inject": "injection",
    "inject_shear": "shear_injection",
    "label_shift": "fit",
    "list_simulators": "plugin",
    "measured_galaxies": "calibration",
    "split_by_position": "detection",
    "strip_edges": "detection",
}
__all__ = [
    "EPL",
    "LABELS",
    "PSF",
    "ExternalShear",
    "Field",
    "Gaussian",
    "Moffat",
    "PixelGrid",
    "Rows",
    "Sersic",
    "Simulator",
    "StrongLens",
    "WeakLens",
    "adaptive_moments",
    "add_noise",
    "calibrate",
    "clear_of_glare",
    "cut_out",
    "detect",
    "fitted_galaxies",
    "get_simulator",
    "inject",
    "inject_shear",
    "label_shift",
    "list_simulators",
    "measured_galaxies",
    "split_by_position",
    "strip_edges",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        from catalogs.checks import nearest

        raise AttributeError(f"module 'simulators' has no attribute {name!r}; did you mean {nearest(name, __all__)!r}?")
    value = getattr(importlib.import_module(f"simulators.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
