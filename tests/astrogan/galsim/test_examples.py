"""The examples under the galsim command: the same bytes of any number of processes, other ones of another seed."""

from pathlib import Path

import galsim
import numpy as np
import pytest
from galsim.main import main

import astrogan
from catalogs import get_survey

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "galsim"
SMALL = {
    "lenses": ("output.nimages=3", "image.size=32", "gal.width=6.4"),
    "field": ("image.size=96", "image.nobjects=4"),
    "refined": ("image.size=32",),
}
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # GalSim's processes are forks


@pytest.fixture
def made(tmp_path, monkeypatch, model):
    """``made(example, *settings)``: the files of an example, name -> bytes."""
    monkeypatch.chdir(tmp_path)
    small = SMALL | {"refined": (*SMALL["refined"], f"stamp.refiner={model}")}

    def run(example, *settings):
        for old in tmp_path.glob("out/*"):
            old.unlink()
        main([str(EXAMPLES / f"{example}.yaml"), "output.dir=out", *small[example], *settings, "-v", "0"])
        return {path.name: path.read_bytes() for path in sorted(tmp_path.glob("out/*"))}

    return run


@pytest.mark.parametrize("example", SMALL)
def test_processes_change_nothing_and_seeds_do(made, example):
    alone = made(example)
    assert len(alone) == 2
    assert made(example, "image.nproc=2") == alone
    assert made(example, "output.nproc=2" if example != "field" else "image.nproc=3") == alone
    assert made(example, "output.nproc=3", "image.nproc=3") == alone
    other = made(example, "image.random_seed=77")
    assert all(other[name] != alone[name] for name in alone)


def test_labels_of_the_lenses_are_the_configs(made):
    made("lenses")
    ds = astrogan.read_samples("out/lenses-1.h5")
    assert ds["sample_id"].values.tolist() == [3, 4, 5]
    assert ds.attrs["seed"] == 20
    assert ((ds["theta_E"] > 0.8) & (ds["theta_E"] < 1.8)).all()
    assert len(np.unique(ds["source_x"])) == 3
    noise = (ds["image"] - ds["clean"]) / np.sqrt(ds["variance"])
    assert abs(float(noise.mean())) < 0.1
    assert float(noise.std()) == pytest.approx(1.0, abs=0.05)


def test_refined_galaxies_keep_their_truth(made):
    made("refined")
    ds = astrogan.read_samples("out/refined-0.h5")
    assert ds.attrs["label_safe"] == "moments"
    assert ((ds["flux"] > 2e3) & (ds["flux"] < 2e4)).all()
    assert (np.abs(ds["g1"]) < 0.05).all()
    assert np.ptp(ds["g1"].values) > 0
    assert np.allclose(ds["psf"].sum(("psf_y", "psf_x")), 1.0, atol=1e-6)


def test_a_field_has_galsims_truth_and_the_cameras_marks(made):
    made("field")
    image, truth = galsim.fits.read("out/field.fits"), galsim.Catalog("out/truth.fits")
    assert truth.nobjects == 4
    rms = 1.4826 * np.median(np.abs(image.array - np.median(image.array)))
    band = get_survey("des").band("r")
    assert rms == pytest.approx(band.background_sigma, rel=0.2)
