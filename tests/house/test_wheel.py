"""What a user installs: the three packages with their data, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("astrogan", "simulators", "catalogs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel built from this checkout, opened."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("astrogan-*.whl"))) as archive:
        yield archive


def test_every_file_of_the_packages_and_no_other(wheel):
    in_tree = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    in_wheel = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert in_wheel == in_tree


def test_data_files_are_in(wheel):
    names = set(wheel.namelist())
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {f"catalogs/surveys/{name}.toml" for name in ("lsst", "hsc", "kids", "euclid_vis")} <= names
    assert {f"catalogs/populations/{name}.toml" for name in ("weak-lensing", "galaxy-galaxy")} <= names
    assert any(name.endswith((".html", ".jinja")) for name in names), "the report's template"


def test_weights_come_with_a_card_and_stay_small(wheel):
    weights = [entry for entry in wheel.infolist() if entry.filename.endswith(".safetensors")]
    assert weights
    for entry in weights:
        assert entry.file_size <= 2_000_000
        assert entry.filename.removesuffix(".safetensors") + ".json" in wheel.namelist()


def test_metadata(wheel):
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    text = wheel.read(metadata).decode()
    assert "License-Expression: BSD-3-Clause" in text
    assert "Requires-Python: >=3.11" in text
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    for entry in ("astrogan = astrogan.cli:main", "astrogan = astrogan.dataset.backend:AstroganBackend"):
        assert entry in wheel.read(entry_points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
