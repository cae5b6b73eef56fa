"""Laws that every effect of a sensor obeys; a new effect is one entry in `simulators.sensor.EFFECTS`, OFF and ON."""

import dataclasses
import importlib
import inspect
import math
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import simulators.sensor as sensors
from simulators._kernels._jit import set_threads
from simulators.sensor import EFFECTS, FLAGS, Effect, Sensor

OFF = {
    sensors.Sky: sensors.Sky(0.0),
    sensors.Fringing: sensors.Fringing(0.0),
    sensors.Ghosts: sensors.Ghosts(0.0),
    sensors.Trails: sensors.Trails(0.0),
    sensors.Photons: sensors.Photons(False),
    sensors.BrighterFatter: sensors.BrighterFatter(0.0),
    sensors.Dark: sensors.Dark(0.0),
    sensors.CosmicRays: sensors.CosmicRays(0.0, 0.0),
    sensors.HotPixels: sensors.HotPixels(0.0),
    sensors.BadColumns: sensors.BadColumns(0.0),
    sensors.Saturation: sensors.Saturation(math.inf),
    sensors.ChargeTransfer: sensors.ChargeTransfer(0.0, 0.0),
    sensors.NonLinearity: sensors.NonLinearity(0.0),
    sensors.ReadNoise: sensors.ReadNoise(0.0),
    sensors.Gain: sensors.Gain(1.0, 0.0),
    sensors.Bias: sensors.Bias(0.0, 0.0),
    sensors.Quantisation: sensors.Quantisation(0),
    sensors.ChipGaps: sensors.ChipGaps((1, 1), (9, 9)),
}
ON = {
    sensors.Sky: sensors.Sky(100.0),
    sensors.Fringing: sensors.Fringing(20.0, 10.0),
    sensors.Ghosts: sensors.Ghosts(0.01, 2e4, 8.0),
    sensors.Trails: sensors.Trails(6.0, aeroplanes=0.5),
    sensors.Photons: sensors.Photons(),
    sensors.BrighterFatter: sensors.BrighterFatter(),
    sensors.Dark: sensors.Dark(0.3),
    sensors.CosmicRays: sensors.CosmicRays(2e3, 5e2),
    sensors.HotPixels: sensors.HotPixels(0.01),
    sensors.BadColumns: sensors.BadColumns(0.1),
    sensors.Saturation: sensors.Saturation(3e4),
    sensors.ChargeTransfer: sensors.ChargeTransfer(1e-3, 1e-3),
    sensors.NonLinearity: sensors.NonLinearity(1e-6),
    sensors.ReadNoise: sensors.ReadNoise(4.0),
    sensors.Gain: sensors.Gain(3.0, 0.05),
    sensors.Bias: sensors.Bias(300.0, 20.0),
    sensors.Quantisation: sensors.Quantisation(16),
    sensors.ChipGaps: sensors.ChipGaps((2, 2), (3, 4)),
}
OWN = {sensors.Trails, sensors.Photons, sensors.Dark, sensors.CosmicRays, sensors.HotPixels, sensors.ReadNoise}
RISING = (
    sensors.Sky,
    sensors.Photons,
    sensors.Saturation,
    sensors.ChargeTransfer,
    sensors.NonLinearity,
    sensors.Gain,
    sensors.Bias,
    sensors.Quantisation,
    sensors.BadColumns,
)
CONSERVING = (sensors.BrighterFatter, sensors.Saturation, sensors.ChargeTransfer)
PIXEL_BY_PIXEL = (sensors.Photons, sensors.Dark, sensors.ReadNoise, sensors.CosmicRays)  # numbers of the image's own
LAYOUT = dict(amplifiers=2, overscan=5, time=20.0)
BANDS = ("g", "r")


def light():
    """Frames (3, 2, 56, 72) with a star that saturates and blank sky."""
    y, x = np.mgrid[:56, :72]
    star = (1.0 + ((x - 20) ** 2 + (y - 30) ** 2) / 6.0) ** -3.0
    scale = np.array([[1e5, 3e4], [2e5, 1e3], [8e4, 6e4]])
    return (scale[:, :, None, None] * star + 3.25).astype(np.float32)


def expose(*effects, expected=None, ids=(4, 0, 9), seed=5, bands=BANDS, corners=None, sky=0.0, **layout):
    expected = light() if expected is None else expected
    return Sensor(effects, **(LAYOUT | layout)).expose(expected, seed, ids, bands, corners=corners, sky=sky)


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture(params=EFFECTS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


def test_lists_are_complete():
    package = sensors
    modules = [importlib.import_module(f"simulators.sensor.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = {c for m in modules for _, c in inspect.getmembers(m, inspect.isclass) if issubclass(c, Effect)}
    assert found - {Effect} == set(EFFECTS) == set(OFF) == set(ON)
    assert {flag for kind in EFFECTS for flag in kind.flags} == set(FLAGS)
    assert sorted(FLAGS.values()) == [2**i for i in range(len(FLAGS))]


def test_conventions_show_the_flags():
    table = (Path(__file__).parents[2] / "CONVENTIONS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", table, re.M)
    assert [(name, int(bit)) for name, bit in rows] == list(FLAGS.items())


def test_numbers_that_make_no_sense_are_refused_by_name(kind):
    for field in dataclasses.fields(kind):
        for value in (math.nan, "much", -1e9, *((1e99,) if kind is not sensors.Saturation else ())):
            with pytest.raises(ValueError, match=f"{kind.__name__} {field.name}"):
                kind(**{field.name: value})


@pytest.mark.parametrize("kind", [kind for kind in EFFECTS if kind is not sensors.ChipGaps])  # which refuses them
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 5)])
def test_frames_smaller_than_its_reach_go_through(kind, shape):
    """Trails, ghosts, tracks and shifts reach over the edges of such frames."""
    expected = np.full((1, 1, *shape), 1e5, np.float32)
    image, variance, mask = expose(ON[kind], expected=expected, ids=(3,), bands=("r",), amplifiers=1)
    assert image.shape == variance.shape == mask.shape == (1, 1, shape[0] + 5, shape[1])
    assert np.isfinite(image).all()
    assert np.isfinite(variance).all()


def test_negative_light_stays_finite_and_is_not_counted(kind):
    expected = -light()
    image, variance, _ = expose(ON[kind], expected=expected)
    assert np.isfinite(image).all()
    assert (variance >= 0.0).all()


def test_off_changes_nothing(kind):
    assert OFF[kind].off
    assert not ON[kind].off
    blank = expose()
    assert same(expose(OFF[kind]), blank)
    assert np.array_equal(blank[0][:, :, :56], light())
    assert not blank[1].any()


@pytest.mark.parametrize("kind", [kind for kind in EFFECTS if kind not in (sensors.Photons, sensors.Quantisation)])
def test_off_changes_nothing_even_where_it_is_applied(kind, monkeypatch):
    """The numbers alone make no difference, but for two switches: nothing hides behind the question what is off."""
    monkeypatch.setattr(kind, "off", False)
    assert same(expose(OFF[kind]), expose())


def test_on_changes_the_image(kind):
    assert not np.array_equal(expose(ON[kind])[0], expose()[0])


def test_input_is_left_alone(kind):
    expected = light()
    expose(ON[kind], expected=expected)
    assert np.array_equal(expected, light())


def test_depends_on_seed_sample_and_band_alone(kind):
    whole = expose(ON[kind])
    with set_threads(1):
        assert same(expose(ON[kind]), whole)
        alone = expose(ON[kind], expected=light()[2:, 1:], ids=(9,), bands=BANDS[1:])
    assert same(alone, [plane[2:, 1:] for plane in whole])
    random = {
        sensors.Trails,
        sensors.Photons,
        sensors.Dark,
        sensors.CosmicRays,
        sensors.HotPixels,
        sensors.BadColumns,
        sensors.ReadNoise,
        sensors.Gain,
        sensors.Bias,
        sensors.Fringing,
    }
    assert same(expose(ON[kind], seed=6), whole) == (kind not in random)


@pytest.mark.parametrize("kind", sorted(OWN, key=EFFECTS.index))
def test_samples_and_bands_have_numbers_of_their_own(kind):
    expected = np.full((2, 2, 120, 130), 3e3, np.float32)
    image = expose(ON[kind], expected=expected, ids=(1, 2))[0]
    later = Sensor((ON[kind],), **LAYOUT).expose(expected, 5, (1, 2), BANDS, number=1)[0]
    for first, second in ((image[0], image[1]), (image[:, 0], image[:, 1]), (image, later)):
        assert not np.array_equal(first, second)


def test_numbers_are_its_own(kind):
    """Another effect before it changes none of its random numbers: seen in the mask, or in what it adds to darkness."""
    other = sensors.Trails(3.0) if kind is not sensors.Trails else sensors.CosmicRays(500.0)
    bits = sum(FLAGS[flag] for flag in kind.flags if flag not in ("saturated", "bleed"))
    alone, together = expose(ON[kind]), expose(ON[kind], other)
    assert np.array_equal(alone[2] & bits, together[2] & bits)


def test_flags_are_set_exactly_where_it_acted(kind):
    """On light without a grain, and 0 where nothing shines, so that no change is lost in rounding."""
    expected = np.where(light() > 20.0, light(), 0.0).astype(np.float32)
    before, after = expose(expected=expected), expose(ON[kind], expected=expected)
    mine = sum(FLAGS[flag] for flag in kind.flags)
    set_by_it = (after[2] & ~before[2]) != 0
    assert not (after[2] & ~before[2] & ~np.uint8(mine)).any()
    if not mine:
        assert np.array_equal(after[2], before[2])
    elif kind is sensors.BadColumns or kind is sensors.ChipGaps:  # no charge, no change
        assert (set_by_it | (before[0] == after[0])).all()
        assert (before[0] == after[0])[set_by_it].mean() > 0.0
    elif kind is sensors.Quantisation:  # which rounds every pixel, and flags those it cuts
        assert np.array_equal(set_by_it, before[0] > 2**16 - 0.5)
    else:
        assert np.array_equal(set_by_it, before[0] != after[0])


@pytest.mark.parametrize("kind", [kind for kind in EFFECTS if kind not in PIXEL_BY_PIXEL])
def test_a_cut_out_is_what_the_frame_has_there(kind):
    """Away from edges, over which columns, tracks and stars reach: the chip is one, with its defects."""
    whole = np.full((1, 1, 400, 300), 1e4, np.float32)
    whole[0, 0, 214:222, 165] = 2e6
    corner, side = (99, 80), 128
    cut = whole[:, :, corner[0] : corner[0] + side, corner[1] : corner[1] + side]
    layout = dict(ids=(11,), bands=("r",), amplifiers=3, overscan=0, frame=(400, 300))
    image, _, mask = expose(ON[kind], expected=whole, **layout)
    part, _, flags = expose(ON[kind], expected=cut, corners=[corner], sky=1e4, **layout)
    inner = slice(30, 98)
    there = slice(corner[0] + 30, corner[0] + 98), slice(corner[1] + 30, corner[1] + 98)
    assert part[0, 0, inner, inner] == pytest.approx(image[0, 0][there], rel=2e-5)
    assert np.array_equal(flags[0, 0, inner, inner], mask[0, 0][there])
    assert not np.array_equal(part, cut)


@pytest.mark.parametrize("kind", RISING)
def test_more_light_never_gives_less(kind):
    expected = light()
    brighter = expected + np.random.default_rng(3).exponential(50.0, expected.shape).astype(np.float32)
    assert (expose(ON[kind], expected=brighter)[0] >= expose(ON[kind], expected=expected)[0]).all()


@pytest.mark.parametrize("kind", [sensors.Sky, sensors.Dark, sensors.NonLinearity, sensors.Gain, sensors.Bias])
def test_calibration_takes_off_what_it_can(kind):
    """In the mean of 4e4 pixels, and exactly where nothing is counted."""
    expected = np.linspace(10.0, 2e4, 40_000).reshape(1, 1, 200, 200).astype(np.float32)
    raw, off = (Sensor((ON[kind],), 20.0, 2, 5).expose(expected, 3, calibrated=done)[0] for done in (False, True))
    assert abs(raw[:, :, :200] - expected).mean() > 3.0
    assert off.shape == expected.shape
    assert (off - expected).mean() == pytest.approx(0.0, abs=4.0 * math.sqrt(6.0 / 40_000))
    if kind is not sensors.Dark:
        assert off == pytest.approx(expected, rel=1e-5, abs=0.01)


@pytest.mark.parametrize("kind", CONSERVING)
def test_charge_is_conserved(kind):
    """Room is left at the ends of columns and registers, where charge leaves."""
    expected = np.zeros((1, 1, 400, 300), np.float32)
    expected[0, 0, 150:206, 40:112] = light()[0, 0]
    effect = sensors.ChargeTransfer(1e-4, 1e-4) if kind is sensors.ChargeTransfer else ON[kind]
    image = expose(effect, expected=expected, ids=(0,), bands=("r",), amplifiers=1)[0]
    assert not np.array_equal(image[:, :, :400], expected)
    assert image.sum(dtype=np.float64) == pytest.approx(expected.sum(dtype=np.float64), rel=1e-7)


def test_the_chips_own_defects_stay_in_all_exposures(kind):
    """Fixed patterns are the detector's; all else differs from exposure to exposure."""
    expected = np.full((2, 1, 100, 100), 4e4, np.float32)
    first, second = (
        expose(ON[kind], expected=expected, ids=(1, 2), bands=("r",), detector=number)[:3:2] for number in (7, 8)
    )
    differs = {sensors.Trails, sensors.Photons, sensors.Dark, sensors.CosmicRays, sensors.ReadNoise, sensors.HotPixels}
    assert np.array_equal(first[0][0], first[0][1]) == (kind not in differs)
    assert np.array_equal(first[1][0], first[1][1]) == (kind not in {sensors.Trails, sensors.CosmicRays})
    own = {sensors.Fringing, sensors.BadColumns, sensors.Gain, sensors.Bias, sensors.HotPixels}
    assert np.array_equal(first[0], second[0]) == (kind not in own)
