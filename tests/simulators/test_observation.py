"""Stamps and fields that go through a sensor: what comes back is calibrated, and off is off."""

import dataclasses

import numpy as np
import pytest

import catalogs
from simulators import Field, StrongLens, WeakLens
from simulators import sensor as sensors
from simulators.sensor import FLAGS, Sensor

VISIT = catalogs.get_survey("des").with_exposures(1)
LENS = dict(survey=VISIT, bands="gr", size=24)
STAR = dict(flux=1e5, radius=0.3, n=1.0, e1=0.0, e2=0.0, x=0.0, y=0.0, g1=0.0, g2=0.0, kappa=0.0)
OFF = (Sensor(), Sensor((sensors.Dark(0.0), sensors.Gain(1.0, 0.0))), Sensor((sensors.Photons(),)))


def same(first, second):
    return all(np.array_equal(first[name], second[name]) for name in ("image", "variance", "mask", "clean"))


def blank(survey, n, size=32, **options):
    """Observed stamps without light."""
    simulator = WeakLens(survey=survey, bands="r", size=size, light="point", **options)
    return simulator.observe(simulator.render(dict(flux=np.zeros(n), x=0.0, y=0.0, g1=0.0, g2=0.0, kappa=0.0)), 3)


@pytest.mark.parametrize("sensor", OFF[:2])
def test_a_sensor_at_rest_changes_nothing(sensor):
    for kind in (WeakLens, StrongLens):
        assert same(kind(**LENS, sensor=sensor).simulate(3, seed=5), kind(**LENS).simulate(3, seed=5))
    field = dict(survey=VISIT, bands="r", size=96)
    assert same(Field(**field, sensor=sensor).simulate(5), Field(**field).simulate(5))


def test_a_sample_is_the_same_in_every_batch_and_keeps_its_truth():
    simulator, plain = StrongLens(**LENS, sensor="des"), StrongLens(**LENS)
    whole, alone = simulator.simulate(4, seed=5), simulator.simulate(1, seed=5, start=2)
    assert same(whole.isel(sample=[2]), alone)
    assert not np.array_equal(whole["image"], plain.simulate(4, seed=5)["image"])
    truth = simulator.draw(2, seed=5)
    assert truth.equals(plain.draw(2, seed=5))
    assert simulator.render(truth).equals(plain.render(truth))
    assert simulator.tangent(truth, ["theta_E"]).equals(plain.tangent(truth, ["theta_E"]))


@pytest.mark.parametrize("exposures", [1, 3])
def test_good_pixels_have_the_expected_light_and_the_variance_told(exposures):
    survey = VISIT.with_exposures(exposures)
    simulator = WeakLens(survey=survey, bands="r", size=24, sensor="des")
    out = simulator.observe(simulator.render({**STAR, "flux": np.full(400, 1e5)}), 3)
    good = out["mask"].values == 0
    pull = ((out["image"] - out["clean"]) / np.sqrt(out["variance"])).values[good]
    assert good.mean() > 0.98
    assert pull.mean() == pytest.approx(0.0, abs=4.0 / np.sqrt(pull.size))
    assert pull.std() == pytest.approx(1.0, abs=0.01)
    edge = out["variance"].values[:, 0, 0, 0]
    assert np.median(edge) == pytest.approx(survey.band("r").background_sigma ** 2, rel=0.02)


def test_flux_comes_back_in_the_surveys_unit():
    """Through amplifiers, a late chain and the converter: 800 stars of 1e5 nJy in an aperture that holds all."""
    readout = (sensors.NonLinearity(1e-6), sensors.Gain(4.0, 0.05), sensors.Bias(), sensors.Quantisation())
    simulator = WeakLens(survey=VISIT, bands="r", size=40, sensor=Sensor(readout, 90.0, 2))
    out = simulator.observe(simulator.render({**STAR, "flux": np.full(800, 1e5)}), 3)
    change = (out["image"] - out["clean"]).sum(("y", "x")).values
    assert change.mean() == pytest.approx(0.0, abs=4.0 * change.std() / np.sqrt(change.size))
    assert change.mean() == pytest.approx(0.0, abs=1e-3 * 1e5)


def test_what_hits_one_exposure_is_left_out_of_many():
    rays = Sensor((sensors.CosmicRays(400.0, 400.0), sensors.BadColumns(0.05, 0.0)), 60.0, frame=(200, 200))
    single, many = (blank(VISIT.with_exposures(n), 30, sensor=rays) for n in (1, 8))
    sigma = VISIT.with_exposures(8).band("r").background_sigma
    assert (single["mask"] != 0).mean() > 0.03
    assert (many["mask"] != 0).mean() < 1e-3
    assert np.abs(many["image"]).max() < 8.0 * sigma
    assert np.std(many["image"].values) > 1.02 * sigma  # fewer exposures where some were hit


def test_what_saturates_in_every_exposure_stays_flagged():
    simulator = WeakLens(survey=VISIT.with_exposures(2), bands="r", size=24, sensor="des")
    out = simulator.observe(simulator.render({**STAR, "flux": 3e9}), 3)
    assert out["mask"].values[0, 0, 12, 12] & FLAGS["saturated"]
    assert (out["mask"].values & FLAGS["bleed"]).any()
    assert out["image"].values.max() < 0.2 * out["clean"].values.max()


def test_a_correlated_background_keeps_its_autocorrelation():
    acf = ((0.0, 0.2, 0.0), (0.2, 1.0, 0.2), (0.0, 0.2, 0.0))
    band = dataclasses.replace(VISIT.band("r"), background_sigma=100.0, autocorrelation=acf)
    survey = dataclasses.replace(VISIT, bands=(band,))
    image = blank(survey, 60, sensor=Sensor((sensors.ReadNoise(20.0), sensors.Bias())))["image"].values[:, 0]
    assert image.std() == pytest.approx(100.0, rel=0.02)
    assert (image[:, 1:] * image[:, :-1]).mean() / image.var() == pytest.approx(0.2, abs=0.015)
    assert (image[..., 1:] * image[..., :-1]).mean() / image.var() == pytest.approx(0.2, abs=0.015)


def test_gaps_have_no_weight():
    out = blank(VISIT, 30, sensor=Sensor((sensors.ChipGaps((3, 1), (20, 0)),), frame=(120, 60)))
    gap = out["mask"].values == FLAGS["no_data"]
    assert 0.05 < gap.mean() < 0.6
    assert (out["image"].values[gap] == 0).all()
    assert np.isinf(out["variance"].values[gap]).all()
    assert np.isfinite(out["variance"].values[~gap]).all()


def test_a_field_and_its_stamps_say_what_flags_mean():
    field = Field(survey=VISIT, bands="r", size=128, sensor="des", density=20.0)
    frames = field.simulate(1)
    stamps = field.stamps(16, frames)
    for ds in (frames, stamps):
        assert ds["mask"].attrs["flag_meanings"].split() == list(FLAGS)
    assert (frames["mask"].values & FLAGS["bad_column"]).any() or (frames["mask"].values != 0).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(sensor="dess"), "did you mean 'des'"),
        (dict(sensor=7), "sensor = 7 is no"),
        (dict(sensor=Sensor((sensors.Sky(1.0),))), "Sky is a part of the survey's bands"),
        (dict(sensor=Sensor(frame=(20, 90))), r"larger than the chip's frame, \(20, 90\)"),
        (dict(sensor=Sensor(overscan=3)), "overscan = 3"),
        (dict(sensor="des", survey=dataclasses.replace(VISIT, bands=(catalogs.Band("r", 1.0, 2.0),))), "infinite"),
        (
            dict(sensor="des", survey=dataclasses.replace(VISIT, bands=(catalogs.Band("r", 1.0, 2.0, 9.0, floor=-1),))),
            "cut at black",
        ),
    ],
)
def test_what_no_stamp_can_go_through_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        WeakLens(**({"survey": VISIT, "bands": "r", "size": 24} | options))
