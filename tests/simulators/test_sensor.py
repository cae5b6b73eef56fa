"""What single effects of a sensor do, against physics and slow, obvious versions of them."""

import itertools
import math

import numpy as np
import pytest

from simulators import sensor as sensors
from simulators.sensor import FLAGS, Sensor


def expose(expected, *effects, seed=3, **layout):
    return Sensor(effects, **layout).expose(np.asarray(expected, np.float32), seed)


def test_variance_is_that_of_repeated_exposures():
    expected = np.full((400, 1, 6, 8), 200.0, np.float32)
    light = (sensors.Sky(100.0), sensors.Photons(), sensors.Dark(2.0))
    readout = (sensors.ReadNoise(7.0), sensors.Gain(2.0, 0.05), sensors.Bias(), sensors.Quantisation())
    chain = Sensor((*light, *readout), 30.0, 2, 3, detector=5)
    image, variance, _ = chain.expose(expected, 1)
    lit, dark = (300 + 60 + 49) / 4 + 1 / 12, 49 / 4 + 1 / 12
    assert variance[:, :, :6].mean() == pytest.approx(lit, rel=0.1)
    assert (image.var(axis=0, ddof=1) / variance[0])[:, :6].mean() == pytest.approx(1.0, abs=0.04)
    assert (image.var(axis=0, ddof=1) / variance[0])[:, 6:].mean() == pytest.approx(1.0, abs=0.05)
    assert variance[:, :, 6:].mean() == pytest.approx(dark, rel=0.1)


def area_change(effect, j, i):
    """Of the pixel j rows and i columns from an electron: what its four borders moved by."""
    n, factor = len(effect.along), effect.strength
    across, along = np.pad(effect.across, ((0, 0), (1, 1))), np.pad(effect.along, ((1, 1), (0, 0)))
    across[:, 0], along[0] = -across[:, 1], -along[1]  # the near borders of the electron's own column and row
    assert len(across) == n + 1
    return factor * (across[j, i + 1] - across[j, i] + along[j + 1, i] - along[j, i])


def test_flat_fields_have_the_covariances_of_the_areas():
    """Astier et al. 2019: covariances of a flat of mean m are m^2 times the areas' changes, the variance m + m^2 a."""
    effect, mean = sensors.BrighterFatter(), 5e4
    flat = expose(np.full((1024, 1024), mean), sensors.Photons(), effect)[0] - mean
    inner = flat[8:-8, 8:-8].astype(np.float64)
    error = mean / math.sqrt(inner.size)
    for dy, dx in ((1, 0), (0, 1), (1, 1)):
        moved, area = inner[dy:, dx:] * inner[: len(inner) - dy, : inner.shape[1] - dx], area_change(effect, dy, dx)
        assert moved.mean() == pytest.approx(area * mean**2, abs=3 * error + 0.05 * area * mean**2)
    assert area_change(effect, 1, 0) > 2.0 * area_change(effect, 0, 1) > 0.0
    assert inner.var() - mean == pytest.approx(area_change(effect, 0, 0) * mean**2, rel=0.1)


def test_decam_moves_charge_as_its_flats_are_correlated():
    """Gruen et al. 2015: correlations fall about as r^-2.5, alike along both axes but for neighbours."""
    effect = next(e for e in sensors.sensor_of("des").effects if isinstance(e, sensors.BrighterFatter))
    far = [(j, i) for j in range(4) for i in range(j + 1) if 1.0 < math.hypot(j, i) < 4.0]
    change = [area_change(effect, *lag) for lag in far]
    assert change == pytest.approx([area_change(effect, i, j) for j, i in far], rel=1e-6)
    assert np.polyfit(np.log(np.hypot(*np.array(far).T)), np.log(change), 1)[0] == pytest.approx(-2.5, abs=0.4)
    assert area_change(effect, 1, 0) > 3.0 * area_change(effect, 0, 1) > 0.0


def naive_bloom(column, full):
    """Electron by electron: those that overflow walk up and down by turns until they find room."""
    held = [min(charge, full) for charge in column]
    for y, charge in enumerate(column):
        for number in range(max(0, charge - full)):
            at, way = y, 1 if number % 2 else -1
            while 0 <= at < len(held) and held[at] >= full:
                at += way
            if 0 <= at < len(held):
                held[at] += 1
    return held


def test_blooming_is_that_of_single_electrons():
    column = np.array([2, 3, 0, 5, 60, 9, 1, 0, 4, 0, 0, 2])
    image, _, mask = expose(column[:, None], sensors.Saturation(10.0))
    assert np.abs(image[:, 0] - naive_bloom(column, 10)).max() <= 1.0
    assert image.max() == 10.0
    assert image.sum() == pytest.approx(column.sum())
    assert mask[4, 0] == FLAGS["saturated"]
    assert set(mask[[3, 5, 6], 0]) == {FLAGS["bleed"]}


def test_blooming_leaves_at_the_ends_of_a_column():
    image = expose([[0.0], [1000.0], [0.0]], sensors.Saturation(10.0))[0]
    assert image[:, 0].tolist() == [10.0, 10.0, 10.0]


def naive_transfer(column, inefficiency, release):
    """Charge of each pixel, and what traps hold, pixel by pixel in the order of readout."""
    held, out = 0.0, []
    for y, charge in enumerate(column):
        lost = charge * (1.0 - (1.0 - inefficiency) ** (y + 1))
        back = held * (1.0 - math.exp(-1.0 / release))
        held += lost - back
        out.append(charge - lost + back)
    return np.array(out)


@pytest.mark.parametrize("axis", [0, 1])
def test_deferred_charge_trails_away_from_the_register(axis):
    line = np.zeros(60)
    line[40] = 1e4
    effect = sensors.ChargeTransfer(1e-3, 0.0, 3.0) if axis == 0 else sensors.ChargeTransfer(0.0, 1e-3, 3.0)
    image = expose(line[:, None] if axis == 0 else line[None], effect)[0].ravel()
    assert image == pytest.approx(naive_transfer(line, 1e-3, 3.0), abs=1e-3)
    assert not image[:40].any()
    assert image[41] > image[42] > image[50] > 0


def test_deferred_charge_of_the_last_row_comes_out_in_the_overscan():
    image = expose(np.full((50, 4), 1e4), sensors.ChargeTransfer(1e-3, 0.0), overscan=6)[0]
    assert image[50] == pytest.approx(naive_transfer([1e4] * 50 + [0.0], 1e-3, 2.0)[50], rel=1e-4)
    assert (np.diff(image[50:], axis=0) < 0).all()


def tracks(effect, n=400, side=96):
    """Charge and extent in x and y of what hit each of `n` frames and none of its edges; the share of frames hit."""
    images, _, masks = Sensor((effect,), time=60.0).expose(np.zeros((n, 1, side, side), np.float32), 2)
    hit = masks.any(axis=(1, 2, 3))
    inside = hit & ~np.concatenate([masks[..., [0, -1]], masks[..., [0, -1], :].swapaxes(2, 3)], 3).any(axis=(1, 2, 3))
    extent = [[np.ptp(np.flatnonzero(mask[0].any(axis=axis))) for axis in (0, 1)] for mask in masks[inside]]
    return images[inside].sum(axis=(1, 2, 3), dtype=np.float64), np.hypot(*np.array(extent).T), hit.mean()


LANDAU = {5: -1.28, 16: -0.49, 50: 1.58, 84: 7.54}  # percentiles about the most probable loss [xi]: scipy.stats.landau
RARE = 0.1 / (96 * 10e-4) ** 2  # per cm2 and minute: one in ten frames


def test_muons_come_as_cosine_squared_and_leave_a_landau_tail():
    charge, extent, hit = tracks(sensors.CosmicRays(RARE, 0.0, depth=100.0, diffusion=0.2), 6000)
    assert hit == pytest.approx(1.0 - math.exp(-0.1), abs=0.012)
    assert np.mean(extent > 10.0 + 1.5) == pytest.approx(1.0 / (1.0 + 1.15**2) ** 2, abs=0.07)  # cos^4 at tan = extent
    steep = extent < 6.0
    path = np.hypot(extent * 10.0, 100.0)[steep]
    landau = math.log(2 * 511e3 * 38.0**2 / 173.0) + math.log(17.83 * path.mean() / 173.0) + 0.2 - 1.0 - 3.18
    for share, above in LANDAU.items():  # PDG 2022, fluctuations in energy loss; density effect at 4 GeV
        wanted = 17.83 * (landau + above) / 3.62
        assert np.percentile(charge[steep] / path, share) == pytest.approx(wanted, rel=0.08)


def test_electrons_wander_and_stop():
    """Energies even up to 300 keV in silicon that is thick for them: 3.62 eV for each electron, and bent tracks."""
    charge, extent, _ = tracks(sensors.CosmicRays(0.0, RARE, depth=1000.0, diffusion=0.2, hardest=300.0), 3000)
    assert charge.max() < 2.2 * 300.0 / 0.00362
    assert charge.mean() == pytest.approx(150.0 / 0.00362 * 1.05, rel=0.2)  # a tenth of it leaves by the sides
    straight = math.pi / 4 * 0.0171 * 150.0**1.75 / 10.0  # seen from all sides
    assert np.median(extent) < 0.8 * straight


def test_tracks_have_a_width():
    image = expose(np.zeros((500, 500)), sensors.CosmicRays(3e3, 0.0, diffusion=0.5), time=60.0)[0]
    hit = image > 0
    beside = hit & (np.roll(hit, 1, 0) | np.roll(hit, -1, 0)) & (np.roll(hit, 1, 1) | np.roll(hit, -1, 1))
    assert hit.sum() > 3000
    assert beside.sum() > 0.6 * hit.sum()
    assert np.std(image[hit]) > 0.5 * image[hit].mean()


def test_a_trail_holds_its_light_and_the_psfs_width():
    for seed in range(20):
        image = np.asarray(
            expose(np.zeros((300, 300)), sensors.Trails(0.7, 500.0, 500.0, 4.0, 3.5, 0.0, 0.0, 0.0), seed=seed)[0]
        )
        rows = image[100:200].sum(axis=1)
        if rows.min() == 0.0 or image[100:200, :30].any() or image[100:200, -30:].any():
            continue
        centre = (image[100:200] * np.arange(300)).sum(axis=1) / rows
        slope = np.polyfit(np.arange(100), centre, 1)[0]
        if np.abs(centre - np.polyval(np.polyfit(np.arange(100), centre, 1), np.arange(100))).max() < 0.1:
            assert rows == pytest.approx(500.0 * math.hypot(1.0, slope), rel=5e-3)
            return
    pytest.fail("no single trail in twenty exposures")


def test_fringes_have_their_amplitude_and_no_mean():
    image = expose(np.zeros((600, 600)), sensors.Fringing(20.0, 30.0))[0]
    assert abs(image).max() == pytest.approx(20.0, rel=1e-3)
    assert abs(image.mean()) < 2.0
    assert image.std() == pytest.approx(20.0 / math.sqrt(2.0), rel=0.1)


def test_a_ghost_holds_its_share_across_the_centre():
    expected = np.zeros((301, 301), np.float32)
    expected[100, 120] = 1e7
    image = expose(expected, sensors.Ghosts(1e-2, 1e5, 30.0, 0.5, 1.0))[0] - expected
    y, x = np.mgrid[:301, :301]
    assert image.sum(dtype=np.float64) == pytest.approx(1e-2 * (1e7 - 1e5), rel=5e-3)
    assert (image * y).sum() / image.sum() == pytest.approx(200.0, abs=1e-2)
    assert (image * x).sum() / image.sum() == pytest.approx(180.0, abs=1e-2)
    assert image[200, 180] == 0.0


def test_bad_columns_are_blocked_away_from_the_register():
    image, _, mask = expose(np.full((200, 300), 1000.0), sensors.BadColumns(0.05, 0.2))
    bad = (mask == FLAGS["bad_column"]).any(axis=0)
    assert 0 < bad.sum() < 40
    assert (np.diff(mask.astype(int), axis=0) >= 0).all()
    assert image[mask > 0].max() <= 200.0


def test_hot_pixels_are_as_many_as_said():
    image, _, mask = expose(np.zeros((1000, 1000)), sensors.HotPixels(1e-3, 5.0), time=10.0)
    hot = image[mask > 0]
    assert hot.size == pytest.approx(1000, abs=120)
    assert np.median(hot) == pytest.approx(100.0, rel=0.2)
    assert hot.max() < 6e4


def test_the_converter_and_a_late_chain():
    image = expose([[-3.0, 0.4, 0.6, 300.0]], sensors.Quantisation(8))[0]
    assert image[0].tolist() == [0.0, 0.0, 1.0, 255.0]
    assert expose([[1e5, -5.0]], sensors.NonLinearity(1e-7))[0][0] == pytest.approx([1e5 / 1.01, -5.0], rel=1e-6)


def test_chips_of_a_mosaic_have_equal_sides():
    mask = expose(np.zeros((50, 104)), sensors.ChipGaps((2, 3), (6, 4)))[2]
    assert "".join(map(str, (mask[0] > 0).astype(int))) == "0" * 32 + "1111" + "0" * 32 + "1111" + "0" * 32
    assert "".join(map(str, (mask[:, 0] > 0).astype(int))) == "0" * 22 + "1" * 6 + "0" * 22


def test_amplifiers_differ():
    image = expose(np.full((8, 40), 1000.0), sensors.Gain(2.0, 0.02), sensors.Bias(100.0, 5.0), amplifiers=4)[0]
    steps = image[0, ::10]
    assert len(set(steps.tolist())) == 4
    assert (image == np.repeat(steps, 10)).all()


def test_amplifiers_share_columns_that_they_do_not_divide():
    steps = expose(np.full((2, 11), 1000.0), sensors.Bias(0.0, 5.0), amplifiers=3)[0][0] - 1000.0
    assert [len(list(same)) for _, same in itertools.groupby(steps)] == [3, 4, 4]


def test_a_bias_beyond_the_converter_saturates_everything():
    image, _, mask = expose(np.zeros((4, 5)), sensors.Bias(70_000.0, 0.0), sensors.Quantisation(16))
    assert (image == 65535).all()
    assert (mask == FLAGS["saturated"]).all()
    image, _, mask = expose(np.full((4, 5), 50.0), sensors.Saturation(10.0), sensors.Bias(300.0, 0.0))
    assert (image == 310.0).all()


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int64", "float32", "float64", ">f4"])
def test_any_kind_of_number_is_light(dtype):
    image = expose(np.array([[3, 70], [0, 12]], dtype), sensors.Sky(5.0))[0]
    assert image.dtype == np.float32
    assert image.tolist() == [[8.0, 75.0], [5.0, 17.0]]


def test_flags_are_cf():
    attributes = sensors.flag_attributes()
    assert attributes["flag_meanings"].split() == list(FLAGS)
    assert attributes["flag_masks"].tolist() == list(FLAGS.values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sensor((sensors.Dark(), sensors.Dark(1.0))), "Dark is given 2 times"),
        (lambda: Sensor(("dark",)), "is no effect"),
        (lambda: Sensor((sensors.Dark,)), r"did you mean Dark\(\)"),
        (lambda: Sensor(time=0.0), r"Sensor time = 0 is outside \(0"),
        (lambda: Sensor(amplifiers=1.5), "amplifiers = 1.5 is not a whole number"),
        (lambda: Sensor(overscan=-1), "Sensor overscan = -1"),
        (lambda: Sensor().expose(np.zeros(4), 1), "must be"),
        (lambda: Sensor().expose(np.full((2, 2), np.nan), 1), "expected = nan"),
        (lambda: Sensor().expose([[1.0, -np.inf]], 1), "expected = -inf"),
        (lambda: Sensor().expose(np.ones((2, 2), bool), 1), "expected holds bool"),
        (lambda: Sensor().expose(np.ones((2, 2), complex), 1), "expected holds complex"),
        (lambda: Sensor().expose([["1"]], 1), "expected holds <U1"),
        (lambda: Sensor().expose(np.zeros((0, 3)), 1), r"shape \(0, 3\)"),
        (lambda: Sensor().expose(np.zeros((1, 2, 3, 3)), 1, bands=("g", "g")), "must differ"),
        (lambda: Sensor().expose(np.zeros((2, 2)), 1, number=1.5), "number = 1.5"),
        (lambda: Sensor().expose(np.zeros((2, 2)), 1, sky=np.nan), "sky = nan"),
        (lambda: Sensor(frame=(9.5, 9)), "frame"),
        (lambda: Sensor().expose(np.zeros((2, 2)), 1, corners=[(0, 0)]), "need a sensor with a frame"),
        (lambda: Sensor(frame=(9, 9)).expose(np.zeros((2, 2)), 1, corners=[(0, 8)]), "corners: columns = 8"),
        (lambda: Sensor(frame=(9, 9)).expose(np.zeros((2, 2)), 1, corners=[(0.5, 1)]), "whole numbers"),
        (lambda: Sensor().expose(np.zeros((2, 1, 3, 3)), 1, [1]), "1 ids"),
        (lambda: Sensor(amplifiers=9).expose(np.zeros((4, 4)), 1), "amplifiers = 9"),
        (lambda: sensors.Saturation(0.0), "full_well = 0"),
        (lambda: sensors.Saturation(math.nan), "full_well = nan"),
        (lambda: sensors.BrighterFatter(across=((1e-6,),)), r"across has shape \(1, 1\)"),
        (lambda: sensors.BrighterFatter(along=((math.nan,) * 5,) * 4), "along = nan"),
        (lambda: sensors.ChipGaps((1.5, 2), (3, 3)), "two whole numbers"),
        (lambda: Sensor((sensors.ChipGaps((9, 1), (9, 0)),)).expose(np.zeros((4, 4)), 1), "gap = 9"),
        (lambda: sensors.Quantisation(1.5), "whole"),
        (lambda: sensors.Trails(faintest=5.0, brightest=1.0), "brightest = 1"),
        (lambda: sensors.Gain(0.0), "Gain gain = 0"),
        (lambda: sensors.Bias(math.nan), "Bias level = nan"),
    ],
)
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()
