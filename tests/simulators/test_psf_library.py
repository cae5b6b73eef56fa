"""PSFs that vary from sample to sample."""

import numpy as np
import pytest

from catalogs import Band, Survey
from simulators import StrongLens, WeakLens
from simulators.psf import Gaussian, Moffat, PixelPSF, PSFLibrary

SURVEY = Survey("test", 0.2, tuple(Band(name, psf_fwhm=0.7, background_sigma=1.0) for name in "gr"))
SKEW = PixelPSF(np.outer([1.0, 2.0, 4.0, 2.0, 0.5], [1.0, 3.0, 3.0, 1.0]), 0.2)
ENTRIES = [Gaussian(0.7), (Gaussian(0.9), Moffat(0.8, 2.5)), SKEW]


@pytest.mark.parametrize("kind", [WeakLens, StrongLens])
def test_each_sample_is_drawn_under_its_own_psf(kind):
    simulator = kind(survey=SURVEY, size=24, psf=PSFLibrary(ENTRIES), accuracy="fast")
    truth = simulator.draw(6, seed=3)
    truth["psf_index"].values[:] = [2, 0, 1, 1, 0, 2]
    images = simulator.render(truth)["image"].values
    for i, entry in enumerate(truth["psf_index"].values.astype(int)):
        fixed = kind(survey=SURVEY, size=24, psf=ENTRIES[entry], accuracy="fast")
        alone = fixed.render(truth.drop_vars("psf_index").isel(sample=[i]))["image"].values[0]
        assert alone.tobytes() == images[i].tobytes()


def test_labels_of_pixels_are_those_of_each_samples_psf():
    simulator = StrongLens(survey=SURVEY, size=24, psf=PSFLibrary(ENTRIES[:2]), accuracy="fast", neighbours=0.05)
    truth = simulator.draw(4, seed=5)
    truth["psf_index"].values[:] = [1, 0, 1, 0]
    planes = simulator.render(truth, labels="pixel")
    for i, entry in enumerate([1, 0, 1, 0]):
        fixed = StrongLens(survey=SURVEY, size=24, psf=ENTRIES[entry], accuracy="fast", neighbours=0.05)
        alone = fixed.render(truth.drop_vars("psf_index").isel(sample=[i]), labels="pixel")
        assert planes.drop_vars("psf_index").isel(sample=[i]).equals(alone)


def test_a_ring_shares_its_psf():
    index = WeakLens(survey=SURVEY, size=24, psf=PSFLibrary(ENTRIES), ring=4).draw(40, seed=2)["psf_index"].values
    assert (index.reshape(10, 4) == index[::4, None]).all()
    assert len(set(index)) == 3


def test_entries_are_drawn_evenly_and_by_sample():
    simulator = WeakLens(survey=SURVEY, size=24, psf=PSFLibrary(ENTRIES))
    truth = simulator.draw(600, seed=1)
    index = truth["psf_index"].values
    assert np.bincount(index.astype(int), minlength=3) == pytest.approx(200, abs=45)
    assert np.array_equal(simulator.draw(10, seed=1, start=50)["psf_index"], index[50:60])
    same = WeakLens(survey=SURVEY, size=24).draw(600, seed=1)
    assert truth.drop_vars("psf_index").equals(same)


def test_a_seeing_for_every_sample():
    seeing = np.linspace(0.5, 1.5, 8)
    simulator = WeakLens(survey=SURVEY, size=32, psf=PSFLibrary(Gaussian(fwhm) for fwhm in seeing))
    galaxy = dict(flux=100.0, radius=0.3, n=1.0, e1=0.0, e2=0.0, x=0.0, y=0.0, g1=0.0, g2=0.0, kappa=0.0)
    peak = simulator.render({**galaxy, "psf_index": np.arange(8)})["image"].values.max(axis=(1, 2, 3))
    assert (np.diff(peak) < 0).all()


GALAXY = dict(flux=100.0, radius=0.3, n=1.0, e1=0.0, e2=0.0, x=0.0, y=0.0, g1=0.0, g2=0.0, kappa=0.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PSFLibrary([]), "no entries"),
        (lambda: PSFLibrary([Gaussian(0.7), ["wide"]]), "entry 1 holds 'wide', which is not a PSF"),
        (
            lambda: WeakLens(survey=SURVEY, psf=PSFLibrary([Gaussian(0.7), [Gaussian(0.7)]])),
            "psf entry 1 has 1 entries",
        ),
        (lambda: WeakLens(survey=SURVEY, psf=[Gaussian(0.7)] * 3), "psf has 3 entries for 2 bands"),
        (lambda: library().render(GALAXY), "missing label psf_index"),
        (lambda: library().render({**GALAXY, "psf_index": 3}), r"psf_index = 3 is outside \[0, 2\]"),
        (lambda: library().render({**GALAXY, "psf_index": 0.5}), "psf_index = 0.5 is not a whole number"),
        (lambda: WeakLens(survey=SURVEY).render({**GALAXY, "psf_index": 0}), "unknown WeakLens label 'psf_index'"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def library():
    return WeakLens(survey=SURVEY, size=24, psf=PSFLibrary(ENTRIES))
