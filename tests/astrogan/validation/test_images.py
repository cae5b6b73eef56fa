from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from astrogan.validation import Stretch, fit_stretch, lupton_rgb, write_gallery
from astrogan.validation.images import tile

PLAIN = Stretch(gains=(1.0, 1.0, 1.0), black=0.0, white=100.0, soft=1.0)


def pixel(*values: float) -> np.ndarray:
    """A stamp of one colour, bands from blue to red."""
    return np.tile(np.reshape(values, (1, -1, 1, 1)), (1, 1, 16, 16)).astype(np.float32)


def test_the_last_band_is_red_and_the_first_blue() -> None:
    red = lupton_rgb(pixel(0.0, 0.0, 60.0), PLAIN)[0, 0, 0]
    blue = lupton_rgb(pixel(60.0, 0.0, 0.0), PLAIN)[0, 0, 0]
    assert red.argmax() == 0
    assert blue.argmax() == 2
    assert np.array_equal(red, blue[::-1])


def test_brightness_is_asinh_and_ends_at_black_and_white() -> None:
    for level in (0.0, 0.5, 10.0, 100.0):
        expected = 255 * np.arcsinh(level) / np.arcsinh(100.0)
        assert lupton_rgb(pixel(level, level, level), PLAIN)[0, 3, 3] == pytest.approx(expected, abs=1)
    assert (lupton_rgb(pixel(1e9, 1e9, 1e9), PLAIN) == 255).all()
    assert (lupton_rgb(pixel(-1e9, -1e9, -1e9), PLAIN) == 0).all()


def test_bright_pixels_keep_their_hue_and_faint_ones_fade_to_grey() -> None:
    bright = lupton_rgb(pixel(40.0, 60.0, 80.0), PLAIN)[0, 0, 0].astype(float)
    assert bright[0] / bright[2] == pytest.approx(2.0, rel=0.15)
    brighter = lupton_rgb(pixel(4e3, 6e3, 8e3), PLAIN)[0, 0, 0].astype(float)
    assert brighter[0] == 255
    assert brighter[0] / brighter[2] == pytest.approx(2.0, rel=0.1)
    faint = lupton_rgb(pixel(0.4, 0.6, 0.8), PLAIN)[0, 0, 0].astype(float)
    assert faint[0] / faint[2] < 1.3


@pytest.mark.parametrize(("bands", "shown"), [(1, (0, 0, 0)), (3, (2, 1, 0)), (5, (4, 2, 0))])
def test_any_number_of_bands(bands: int, shown: tuple[int, int, int]) -> None:
    values = [5.0 * 3**k for k in range(bands)]
    scale = Stretch((1.0,) * bands, 0.0, 1000.0, 1.0)
    three = Stretch((1.0,) * 3, 0.0, 1000.0, 1.0)
    chosen = pixel(*(values[k] for k in reversed(shown)))
    assert np.array_equal(lupton_rgb(pixel(*values), scale), lupton_rgb(chosen, three))


def test_two_bands_have_their_mean_between() -> None:
    green = lupton_rgb(pixel(20.0, 60.0), Stretch((1.0, 1.0), 0.0, 100.0, 1.0))
    assert np.array_equal(green, lupton_rgb(pixel(20.0, 40.0, 60.0), PLAIN))


def test_the_scale_does_not_depend_on_the_panel(galaxies) -> None:
    stamps = galaxies(40, 1)
    scale = fit_stretch(stamps)
    assert np.array_equal(lupton_rgb(stamps, scale)[:5], lupton_rgb(stamps[:5], scale))
    assert scale.black < 0 < scale.soft < scale.white
    scaled = fit_stretch(7 * stamps)
    assert scaled.white == pytest.approx(7 * scale.white, rel=1e-5)
    assert np.abs(lupton_rgb(7 * stamps, scaled).astype(int) - lupton_rgb(stamps, scale)).max() <= 1


def test_one_broken_stamp_does_not_set_the_white_balance(galaxies) -> None:
    stamps = galaxies(60, 2)
    broken = stamps.copy()
    broken[0, 1] = 1e6
    assert fit_stretch(broken).gains == pytest.approx(fit_stretch(stamps).gains, rel=0.1)


def test_tiles_stand_y_up_pixel_for_pixel() -> None:
    stamps = np.random.default_rng(1).integers(0, 255, (3, 4, 5, 3)).astype(np.uint8)
    sheet = tile(stamps, 2, zoom=2, gap=3, ground=(9, 9, 9))
    assert sheet.shape == (2 * 8 + 3, 2 * 10 + 3, 3)
    assert np.array_equal(sheet[:8:2, :10:2], stamps[0, ::-1])
    assert np.array_equal(sheet[11::2, :10:2], stamps[2, ::-1])
    assert (sheet[8:11] == 9).all()
    assert (sheet[11:, 10:] == 9).all()


def test_gallery_shows_every_stamp_unresampled_on_one_scale(galaxies, tmp_path) -> None:
    real, other = galaxies(4, 1), galaxies(4, 2, flux=100.0)
    path = write_gallery(tmp_path / "gallery.png", {"Real": real, "Refined": other}, columns=2, rows=2, zoom=2)
    picture = np.round(255 * imread(path)[..., :3]).astype(np.uint8)
    scale = fit_stretch(real)
    for stamp in (*lupton_rgb(real, scale), *lupton_rgb(other, scale)):
        assert holds(picture, stamp[::-1].repeat(2, axis=0).repeat(2, axis=1))
    assert [p.name for p in tmp_path.iterdir()] == ["gallery.png"]
    again = write_gallery(tmp_path / "again.png", {"Real": real, "Refined": other}, columns=2, rows=2, zoom=2)
    assert again.read_bytes() == path.read_bytes()


def holds(picture: np.ndarray, stamp: np.ndarray) -> bool:
    """Whether `stamp` stands somewhere in `picture`, pixel for pixel."""
    ny, nx = stamp.shape[:2]
    corners = np.argwhere((picture[: 1 - ny or None, : 1 - nx or None] == stamp[0, 0]).all(axis=-1))
    return any(np.array_equal(picture[i : i + ny, j : j + nx], stamp) for i, j in corners)


def test_strips_put_matched_stamps_above_one_another(galaxies, tmp_path) -> None:
    raw = galaxies(10, 3)
    path = write_gallery(tmp_path / "s.png", {"simulated": raw, "refined": raw}, layout="strips", columns=4, zoom=1)
    picture = np.round(255 * imread(path)[..., :3]).astype(np.uint8)
    stamp = lupton_rgb(raw, fit_stretch(raw))[0, ::-1]
    corners = np.argwhere((picture[:-31, :-31] == stamp[0, 0]).all(axis=-1))
    found = [(i, j) for i, j in corners if np.array_equal(picture[i : i + 32, j : j + 32], stamp)]
    assert len(found) == 2
    assert found[0][1] == found[1][1]
    assert found[1][0] - found[0][0] == 33


def test_bad_input_is_refused_and_leaves_nothing(galaxies, tmp_path) -> None:
    stamps = galaxies(4, 1)
    with pytest.raises(ValueError, match="did you mean 'strips'"):
        write_gallery(tmp_path / "g.png", {"a": stamps}, layout="strip")
    with pytest.raises(ValueError, match="differ in"):
        write_gallery(tmp_path / "g.png", {"a": stamps, "b": stamps[:, :1]})
    with pytest.raises(ValueError, match="at least one panel"):
        write_gallery(tmp_path / "g.png", {})
    with pytest.raises(ValueError, match="has 3 bands; the stamps have 1"):
        lupton_rgb(stamps[:, :1], PLAIN)
    with pytest.raises(ValueError, match="white > black"):
        Stretch((1.0,), 1.0, 0.5, 1.0)
    assert list(tmp_path.iterdir()) == []
