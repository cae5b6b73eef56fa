"""What the command line refuses: one clear line, a non-zero exit code, nothing left behind."""

import sys

import numpy as np
import pytest
from astropy.io import fits

from astrogan.cli import main


def run(monkeypatch, capsys, *arguments):
    """Exit code and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["astrogan", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, capsys.readouterr().err


def image(path, pixels):
    header = fits.Header({"PIXSCALE": 0.2, "MAGZERO": 25.0})
    fits.PrimaryHDU(np.asarray(pixels, dtype=np.float32), header).writeto(path)
    return path


def noise(seed=0):
    return np.random.Generator(np.random.PCG64(seed)).normal(0, 1, (200, 200))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "missing.fits", "missing.fits"),
        (lambda folder: (folder / "notes.txt").write_text("hello") and folder / "notes.txt", "notes.txt"),
        (lambda folder: (folder / "fake.fits").write_bytes(b"SIMPLE? no") and folder / "fake.fits", "fake.fits"),
        (lambda folder: image(folder / "nan.fits", np.full((200, 200), np.nan)), "nan.fits"),
        (lambda folder: image(folder / "flat.fits", np.ones((200, 200))), "no noise"),
        (lambda folder: image(folder / "line.fits", np.ones(200)), "line.fits"),
        (lambda folder: image(folder / "empty.fits", noise()), "source|galax|blank"),
    ],
)
@pytest.mark.parametrize("command", ["demo", "train"])
def test_images_that_cannot_be_used(monkeypatch, capsys, tmp_path, command, make, words):
    work, out = tmp_path / "in", tmp_path / "out"
    work.mkdir()
    out.mkdir()
    target = {"demo": ["demo", "--out", out / "made"], "train": ["train", "refiner", "--out", out / "m.safetensors"]}
    code, error = run(monkeypatch, capsys, *target[command], "--real", make(work))
    assert code == 1
    assert error.startswith("astrogan: ")
    assert error.count("\n") == 1
    assert any(word in error for word in words.split("|")), error
    assert not list(out.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--minutes", "-1"], "minutes = -1 is outside"),
        (["--minutes", "nan"], "minutes = nan"),
        (["--galaxies", "0"], "galaxies = 0 is outside"),
        (["--lenses", "100000000"], "lenses = 1e"),
        (["--bands", "xyz"], "band"),
    ],
)
def test_numbers_and_names(monkeypatch, capsys, tmp_path, options, words):
    code, error = run(monkeypatch, capsys, "demo", "--out", tmp_path / "made", *options)
    assert code == 1
    assert words in error
    assert not list(tmp_path.iterdir())


def test_existing_output_is_kept(monkeypatch, capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for extra in ([], ["--overwrite"]):
        code, error = run(monkeypatch, capsys, "demo", "--out", tmp_path / "mine", *extra)
        assert code == 1
        assert "mine" in error
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


@pytest.mark.parametrize("name", ["what.txt", "gone.h5", "gone.safetensors"])
def test_info_and_export(monkeypatch, capsys, tmp_path, name):
    code, error = run(monkeypatch, capsys, "info", tmp_path / name)
    assert code == 1
    assert name in error
    code, error = run(monkeypatch, capsys, "export", tmp_path / name, "-o", tmp_path / "out.fits")
    assert code == 1
    assert not list(tmp_path.iterdir())


def test_unknown_command_and_option(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, capsys, "demos")[0] == 2
    assert run(monkeypatch, capsys, "demo", "--minute", "1")[0] == 2
