from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import astrogan

ROOT = Path(__file__).resolve().parents[2]


def test_importing_astrogan_loads_nothing_heavy():
    script = "import sys, astrogan; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["numpy", "xarray", "h5py", "astropy", "torch", "numba", "pandas", "skimage", "simulators", "catalogs"]
    done = subprocess.run([sys.executable, "-c", script, *heavy], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_every_public_name_exists_and_is_listed():
    for name in astrogan.__all__:
        assert getattr(astrogan, name) is not None
    assert set(astrogan.__all__) <= set(dir(astrogan))
    assert len(astrogan.__all__) <= 21


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match=r"has no attribute 'red_samples'; it has .*read_samples"):
        astrogan.red_samples  # noqa: B018


def test_version_is_the_package_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project.get("version", astrogan.__version__) == astrogan.__version__


@pytest.mark.parametrize("package", ["astrogan", "simulators", "catalogs"])
def test_packages_are_typed(package):
    assert (ROOT / package / "py.typed").is_file()
