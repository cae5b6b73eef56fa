"""A small dataset that keeps the sample schema, for the tests of stores and exporters."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from catalogs.schema import Band, Survey


def _samples(n: int = 6, bands: tuple[str, ...] = ("g", "r"), size: tuple[int, int] = (12, 10), unit: str = "nJy"):
    rng = np.random.default_rng(4)
    survey = Survey("toy", 0.2, tuple(Band(name, 0.7, 1.0, electrons_per_unit=2.0) for name in bands), unit=unit)
    pixels = ("sample", "band", "y", "x")
    shape = (n, len(bands), *size)
    kinds = {"units": "", "long_name": "kind", "flag_values": np.array([0, 1], np.int8), "flag_meanings": "disc bulge"}
    return xr.Dataset(
        {
            "sample_id": ("sample", np.arange(n) + 40),
            "qc_flag": ("sample", np.zeros(n, np.int8)),
            "image": (pixels, rng.normal(size=shape).astype(np.float32)),
            "variance": (pixels, rng.uniform(0.5, 2, shape).astype(np.float32)),
            "mask": (pixels, rng.integers(0, 4, shape).astype(np.uint8)),
            "psf": (("band", "psf_y", "psf_x"), np.full((len(bands), 5, 3), 1 / 15, np.float32)),
            "flux": (("sample", "band"), rng.uniform(1, 2, (n, len(bands)))),
            "x": ("sample", rng.normal(size=n)),
            "y": ("sample", rng.normal(size=n)),
            "source_x": (("sample", "component"), rng.normal(size=(n, 2))),
            "kind": ("sample", (np.arange(n) % 2).astype(np.int8), kinds),
            "key": ("sample", np.arange(n).astype(np.uint64) + 2**63, {"units": "", "long_name": "key"}),
            "age": ("sample", rng.uniform(size=n), {"units": "Myr", "long_name": "age"}),
        },
        coords={"band": list(bands)},
        attrs={"pixel_scale": 0.2, "survey": survey.to_json(), "simulator": "Toy", "seed": 7, "note": "été"},
    )


@pytest.fixture
def make_samples() -> Callable[..., xr.Dataset]:
    """Builds samples: ``make_samples(n, bands, size, unit)``."""
    return _samples


@pytest.fixture
def samples() -> xr.Dataset:
    """Six samples in two bands."""
    return _samples()


@pytest.fixture
def run(monkeypatch, capsys):
    """``run(*arguments)``: exit code, stdout and stderr of a command, in this process."""

    def run(*arguments):
        from astrogan.cli import main

        monkeypatch.setattr(sys, "argv", ["astrogan", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    return run
