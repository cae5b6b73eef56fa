"""Simulators of other packages: one is built, installed into a folder, found by its entry point, and keeps the laws."""

import subprocess
import sys
import zipfile
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from astrogan.dataset import read_samples, validate_samples, write_samples
from simulators import StrongLens, WeakLens, get_simulator, list_simulators, plugin
from simulators.testing import check_simulator

PACKAGE = Path(__file__).parent / "plugin_package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds the example package as an installer leaves it."""
    built, folder = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(PACKAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


@pytest.fixture
def on_path(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    yield installed
    sys.modules.pop("blank_sky", None)


def test_it_is_found_and_keeps_the_laws(on_path, tmp_path):
    assert list_simulators() == ("StrongLens", "WeakLens", "BlankSky")
    made = get_simulator("BlankSky")
    assert made.__module__ == "blank_sky"
    assert Path(sys.modules["blank_sky"].__file__).parent == on_path
    check_simulator(made(size=12))
    samples = validate_samples(made(bands="i").simulate(3, seed=1))
    write_samples(samples, tmp_path / "x.h5")
    assert read_samples(tmp_path / "x.h5").attrs["simulator"] == "BlankSky"


def test_a_fault_in_it_is_found(on_path, monkeypatch):
    made = get_simulator("BlankSky")
    honest = made.simulate

    def numbered(self, n, seed, start=0):
        """Numbers its samples from 0 wherever it starts."""
        return honest(self, n, seed)

    monkeypatch.setattr(made, "simulate", numbered)
    with pytest.raises(AssertionError, match="depends on the batch"):
        check_simulator(made())


def test_ours_need_no_package():
    assert list_simulators()[:2] == ("StrongLens", "WeakLens")
    assert get_simulator("WeakLens") is WeakLens
    assert get_simulator("StrongLens") is StrongLens
    with pytest.raises(ValueError, match="unknown simulator 'stronglens': did you mean 'StrongLens'"):
        get_simulator("stronglens")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("Gone", "no_such_module_here:Thing")], "Gone': no_such_module_here:Thing of .* cannot be imported"),
        ([("Gone", "simulators.plugin:Thing")], "cannot be imported: .*has no attribute 'Thing'"),
        ([("Gone", "simulators.plugin:GROUP")], "is 'astrogan.simulators', which is not callable"),
        ([("Gone", "a:b"), ("Gone", "c:d")], "simulator 'Gone' is brought by a:b and by c:d: remove one"),
        ([("WeakLens", "a:b")], "simulator 'WeakLens' is brought by a:b and by astrogan: remove one"),
    ],
)
def test_broken_packages_are_named(monkeypatch, entries, words):
    points = EntryPoints([EntryPoint(name, value, plugin.GROUP) for name, value in entries])
    monkeypatch.setattr(plugin, "entry_points", lambda group: points)
    with pytest.raises(ValueError, match=words):
        get_simulator("Gone")
