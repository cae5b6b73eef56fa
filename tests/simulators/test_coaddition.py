"""Dithered frames, and the image and weights that they add up to."""

import numpy as np
import pytest

from simulators.sensor import FLAGS, ChipGaps, CosmicRays, Photons, ReadNoise, Sensor, Sky, coadd, dithers, sensor_of


def plain(images):
    images = np.asarray(images, np.float32)
    return images, np.ones_like(images), np.zeros(images.shape, np.uint8)


def test_light_is_shared_by_overlap():
    star = np.zeros((1, 9, 9))
    star[0, 4, 4] = 100.0
    image, weight = coadd(*plain(star), [(0.25, -0.5)])
    assert image[3:6, 3:7].tolist() == [[0, 37.5, 12.5, 0], [0, 37.5, 12.5, 0], [0, 0, 0, 0]]
    assert (weight[1:-1, 1:-1] == 1.0).all()
    assert weight[0].max() == 1.0
    assert weight[-1].max() == 0.5


def test_whole_pixels_move_a_frame_as_it_is():
    image = np.random.default_rng(1).normal(size=(1, 6, 7))
    out, weight = coadd(*plain(image), [(3.0, 2.0)], (10, 12))
    assert np.array_equal(out[2:8, 3:10], image[0].astype(np.float32))
    assert weight.sum() == 42.0


def test_weights_are_inverse_variances_and_flags_are_left_out():
    images, variances, masks = plain([[[1.0, np.nan]], [[4.0, 7.0]]])
    variances[1] = 0.5
    masks[0, 0, 1] = FLAGS["cosmic_ray"]
    image, weight = coadd(images, variances, masks, np.zeros((2, 2)))
    assert image.tolist() == [[3.0, 7.0]]
    assert weight.tolist() == [[3.0, 2.0]]
    masks[1, 0, 1] = FLAGS["no_data"]
    image, weight = coadd(images, variances, masks, np.zeros((2, 2)))
    assert image[0, 1] == weight[0, 1] == 0.0


def test_dithers_fill_the_gaps_and_drop_what_hits_one_frame():
    y, x = np.mgrid[:70, :70]
    scene = 500.0 * np.exp(-((x - 30.0) ** 2 + (y - 34.0) ** 2) / 18.0)
    moves = np.rint(dithers(12, 24.0, seed=4))
    frames = np.stack([np.roll(scene, (-int(dy), -int(dx)), (0, 1)) for dx, dy in moves])[:, None]
    sensor = Sensor((Sky(50.0), Photons(), CosmicRays(2e3, 2e3), ReadNoise(3.0), ChipGaps((2, 1), (9, 0))))
    image, variance, mask = (plane[:, 0] for plane in sensor.expose(frames, 8))
    out, weight = coadd(image - 50.0, variance, mask, moves)
    assert (mask & FLAGS["no_data"]).any()
    assert (mask & FLAGS["cosmic_ray"]).any()
    inner = slice(14, -14), slice(14, -14)
    pull = (out - scene)[inner] * np.sqrt(weight[inner])
    assert weight[inner].min() > 0.0
    assert pull.mean() == pytest.approx(0.0, abs=0.1)
    assert pull.std() == pytest.approx(1.0, abs=0.07)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offsets": [(0.0, np.nan)]}, "offsets = nan"),
        ({"offsets": [(0.0, 1.0), (0.0, 0.0)]}, r"must be \(1, 2\)"),
        ({"variances": -np.ones((1, 3, 3))}, "variance of a good pixel = -1"),
        ({"images": np.full((1, 3, 3), np.inf)}, "good pixel = inf"),
        ({"masks": np.zeros((1, 3, 4), np.uint8)}, r"masks \(1, 3, 4\)"),
        ({"bad": ("cosmic",)}, "did you mean 'cosmic_ray'"),
    ],
)
def test_bad_frames_are_refused_by_name(change, message):
    images, variances, masks = plain(np.zeros((1, 3, 3)))
    given = {"images": images, "variances": variances, "masks": masks, "offsets": [(0.0, 0.0)]}
    with pytest.raises(ValueError, match=message):
        coadd(**(given | change))


def test_cameras_by_survey():
    image, variance, mask = sensor_of("des", detector=31, overscan=4).expose(np.full((60, 80), 400.0), 2)
    assert image.shape == variance.shape == mask.shape == (64, 80)
    assert np.median(image[:60]) == pytest.approx(1100.0, abs=30.0)
    with pytest.raises(ValueError, match="did you mean 'des'"):
        sensor_of("decam")
