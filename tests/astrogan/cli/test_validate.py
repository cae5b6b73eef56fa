"""`astrogan validate` on stores, FITS and .npy: pages, exit codes, refusals."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from astrogan.cli import main
from astrogan.dataset import write_samples
from astrogan.dataset.fingerprints import stamp_digests
from simulators import WeakLens

COUNT = 90


def call(*argv: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["astrogan", *map(str, argv)])
        with pytest.raises(SystemExit) as stop:
            main()
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulations of one sky: real.npy, raw.h5 and refined.fits, the raw ones with texture."""
    made = tmp_path_factory.mktemp("sets")
    simulator = WeakLens(survey="lsst", bands="r", size=32)
    real, raw = simulator.simulate(COUNT, 1), simulator.simulate(COUNT, 2)
    np.save(made / "real.npy", real["image"].values)
    write_samples(raw, made / "raw.h5", codec="none")
    noise = np.random.default_rng(1).normal(0, 0.1 * raw["image"].values.std(axis=0).min(), raw["image"].shape)
    image = (raw["image"].values + noise).astype(np.float32)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image, name="IMAGE")]).writeto(made / "refined.fits")
    return made


def card(path: Path, names: list[str]) -> Path:
    path.write_bytes(b"")
    path.with_suffix(".json").write_text(json.dumps({"name": "n", "training_digests": {"real": names}}))
    return path


def test_a_page_with_drifts_and_baseline(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report"
    argv = ("validate", folder / "real.npy", folder / "refined.fits", "--raw", folder / "raw.h5", "-o", page)
    assert call(*argv, "--images", 0) == 0
    numbers = json.loads((tmp_path / "report.json").read_text())
    titles = [table["title"] for table in numbers["tables"]]
    assert {"Two-sample tests", "Labels", "Photometry and astrometry", "New objects"} <= set(titles)
    assert all(table["control_fails"] for table in numbers["tables"])
    labels = {row["name"] for row in numbers["tables"][titles.index("Labels")]["rows"]}
    assert {"flux_r", "radius", "g1", "kappa"} <= labels
    assert " pass " in capsys.readouterr().out
    assert call(*argv) == 1  # it exists
    assert "exists already" in capsys.readouterr().err


def test_strict_is_for_pipelines(folder: Path, tmp_path: Path) -> None:
    smooth = np.load(folder / "real.npy")[:, :, ::-1] * 1.5
    np.save(tmp_path / "other.npy", smooth)
    argv = ("validate", folder / "real.npy", tmp_path / "other.npy", "-o", tmp_path / "a.html", "--images", 0)
    assert call(*argv) == 0
    assert call(*argv, "--overwrite", "--strict") == 1


def test_leaks_and_bad_sets_are_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, made = folder / "real.npy", folder / "refined.fits"
    names = stamp_digests(np.load(real)[:4])
    cases = {
        "leak: 4 of the 90 real images": (real, made, "--model", card(tmp_path / "m.safetensors", names)),
        "has no training_digests of real images": (real, made, "--model", _old(tmp_path)),
        "a model is <name>.safetensors": (real, made, "--model", real),
        "there is nothing at this name": (real, tmp_path / "none.npy"),
        "number of real images = 40": (_saved(tmp_path / "few.npy", np.load(real)[:40]), made),
        "bands differ": (_saved(tmp_path / "two.npy", np.load(real).repeat(2, 1)), made),
        "is not (sample, band, y, x)": (_saved(tmp_path / "flat.npy", np.zeros(5)), made),
    }
    for message, argv in cases.items():
        assert call("validate", *argv, "-o", tmp_path / "x.html", "--images", 0) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def _saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def _old(folder: Path) -> Path:
    (folder / "old.safetensors").write_bytes(b"")
    (folder / "old.json").write_text(json.dumps({"name": "old"}))
    return folder / "old.safetensors"


def test_features_are_trained_on_simulations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("astrogan.cli.features.SKIES", 3)
    out = tmp_path / "f.safetensors"
    assert call("train", "features", "--out", out, "--galaxies", 600, "--images", 320) == 0
    made = json.loads(out.with_suffix(".json").read_text())
    assert made["model"] == "features"
    assert "no real image" in made["trained_on"]
    assert set(made["variance_told"]) == set(made["labels"])
