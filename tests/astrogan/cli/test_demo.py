"""The demo from end to end on real sky, with small numbers."""

import json
import sys

import numpy as np
import pytest
from astropy.io import fits

from astrogan.cli import main
from astrogan.dataset import read_samples


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "made"
    numbers = {"--galaxies": 120, "--lenses": 3, "--minutes": 0.05, "--judge-images": 200}
    argv = ["astrogan", "demo", "--out", str(folder), *(str(x) for pair in numbers.items() for x in pair)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 0
    return folder


def test_everything_is_there_and_nothing_else(made):
    names = {"galaxies.h5", "galaxies.fits", "lenses.h5", "lenses.fits", "gallery.png", "lenses.png", "report.html"}
    names |= {"report.json", "refiner.safetensors", "refiner.json", "training"}
    assert {path.name for path in made.iterdir()} == names
    assert [path.name for path in made.parent.iterdir()] == ["made"]


def test_store_holds_labels_and_three_kinds_of_pixels(made):
    samples = read_samples(made / "galaxies.h5")
    assert samples.sizes["sample"] == 120
    assert np.isfinite(samples["image"]).all()
    strength = json.loads((made / "refiner.json").read_text())["config"]["strength"]
    assert np.array_equal(samples["image"], samples["simulated"]) == (strength == 0)
    assert {"g1", "g2", "flux", "radius", "clean", "variance", "neighbour_flux"} <= set(samples.variables)
    assert samples.attrs["label_safe"] == "moments, tangents"


def test_fits_holds_the_same_pixels_and_labels(made):
    samples = read_samples(made / "lenses.h5")
    with fits.open(made / "lenses.fits", checksum=True) as hdus:
        assert np.array_equal(hdus["IMAGE"].data, samples["image"])
        assert np.allclose(hdus["TRUTH"].data["theta_E"], samples["theta_E"])


def test_labels_did_not_drift_and_the_control_did(made):
    report = json.loads((made / "report.json").read_text())
    rows = {row["quantity"]: row for row in report["label_drift"]}
    assert {"flux_g", "g1", "kappa", "lens: theta_E", "lens: source_x"} <= set(rows)
    assert max(row["worst_sigma"] for row in rows.values()) < 0.01
    assert max(row["control_median_sigma"] for row in rows.values()) > 0.02
    assert all(row["median"] < 1e-4 for row in report["moment_drift"])


def test_scores_are_probabilities_with_errors(made):
    report = json.loads((made / "report.json").read_text())
    assert [row["classifier"] for row in report["two_sample"]] == ["features", "cnn"]
    for row in report["two_sample"]:
        for key in ("before", "after", "floor"):
            assert 0.3 < row[key]["accuracy"] <= 1
            assert row[key]["error"] > 0


def test_card_says_what_it_saw(made):
    card = json.loads((made / "refiner.json").read_text())
    assert card["model"] == "refiner"
    assert card["real_stamps"]["count"] > 100
    assert "public domain" in card["licence"]
    assert card["training"]["steps"] > 0


def test_info_and_export_read_what_the_demo_wrote(made, tmp_path, capsys, monkeypatch):
    for name in ("galaxies.h5", "refiner.safetensors"):
        monkeypatch.setattr(sys, "argv", ["astrogan", "info", str(made / name)])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 0
        assert name in capsys.readouterr().out
    monkeypatch.setattr(
        sys, "argv", ["astrogan", "export", str(made / "lenses.h5"), "-o", str(tmp_path / "again.fits")]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert (tmp_path / "again.fits").read_bytes() == (made / "lenses.fits").read_bytes()
