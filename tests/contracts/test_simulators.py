"""Laws that every stamp simulator obeys; a new simulator is one entry in SIMULATORS."""

import dataclasses

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from astrogan.dataset import validate_samples
from catalogs import Band, Survey
from simulators import LABELS, StrongLens, WeakLens, streams
from simulators._kernels._jit import JIT_ENABLED, set_threads
from simulators.deflectors import MASSES, SubhaloPopulation
from simulators.light import GalaxyImage
from simulators.psf import Gaussian, Moffat, PSFLibrary
from simulators.selection import MinMagnification
from simulators.simulator import Simulator
from simulators.testing import check_batches, check_contents, check_seeds

ACF = ((0.05, 0.2, 0.05), (0.2, 1.0, 0.2), (0.05, 0.2, 0.05))
SURVEY = Survey(
    "two bands",
    0.2,
    (
        Band("g", psf_fwhm=0.8, background_sigma=3.0, electrons_per_unit=5.0, autocorrelation=ACF),
        Band("r", psf_fwhm=0.7, psf_beta=3.5, background_sigma=2.0, electrons_per_unit=4.0),
    ),
)
SHARED = dataclasses.replace(SURVEY, band_correlation=((1.0, 0.7), (0.7, 1.0)))
SEEING = PSFLibrary([(Gaussian(0.8), Moffat(0.7, 3.0)), Gaussian(0.9), Moffat(0.75, 4.0)])
BLOB = np.add.outer(np.hanning(24), np.hanning(21)) ** 3 * np.hanning(24)[:, None] * np.hanning(21)
GALAXIES = [GalaxyImage(BLOB, 0.08), GalaxyImage(BLOB * np.arange(21), 0.07, np.outer(*[np.hanning(9)] * 2))]


def rare_masses(seed, sample_ids, survey):
    """Labels of the masses that no packaged population has."""
    u = streams.uniform(seed, sample_ids, "masses", (3,))
    labels = {"point_theta_E": 0.2 + 0.1 * u[:, 0], "point_x": -0.8 + 0 * u[:, 0], "point_y": -1.3 + 0.3 * u[:, 1]}
    labels |= {"sheet_kappa": 0.1 * u[:, 2], "z_lens": 0.5 + 0.1 * u[:, 0], "z_source": 2.0 + u[:, 1]}
    labels |= {f"multipole{m}_{name}": 0.05 * u[:, m - 3] for m in (3, 4) for name in ("a", "phi")}
    labels |= {f"los_{name}": 0.2 * u[:, :2] for name in ("theta_E", "e1", "e2")}
    return labels | {"los_x": 1.0 + u[:, :2], "los_y": 0.5 - u[:, 1:], "los_z": u[:, :2] + np.array([0.2, 0.7])}


COSMOLOGY = FlatLambdaCDM(70, 0.3)
CLUMPS = SubhaloPopulation(z_lens=0.5, z_source=2.0, cosmology=COSMOLOGY, mass=(1e9, 1e10), radius=1.0)
RARE = ("sie", "shear", "point", "sheet", "multipole3", "multipole4", "subhalos", "line_of_sight")
TINY = {"survey": SURVEY, "size": 24, "accuracy": "fast"}
IMAGE = dict(flux=1.0, zoom=1.0, angle=0.0, x=0.0, y=0.0, g1=0.0, g2=0.0, kappa=0.0)
SIMULATORS = {
    "weak, bands sharing noise": WeakLens(survey=SHARED, size=24),
    "weak": WeakLens(survey=SURVEY, size=24),
    "weak, one band": WeakLens(survey="lsst", bands="i", size=24),
    "weak with neighbours": WeakLens(survey=SURVEY, size=24, neighbours=0.2),
    "weak, PSF by sample": WeakLens(survey=SURVEY, size=24, psf=SEEING, neighbours=0.1),
    "strong": StrongLens(survey=SURVEY, size=24, accuracy="fast"),
    "strong with neighbours": StrongLens(survey=SURVEY, size=24, accuracy="fast", neighbours=0.05),
    "strong, selected": StrongLens(survey=SURVEY, size=24, accuracy="fast", select=MinMagnification(3.0)),
    "weak, rings of three": WeakLens(survey=SURVEY, size=24, ring=3),
    "strong, real galaxies behind": StrongLens(survey=SURVEY, size=24, accuracy="fast", source=GALAXIES),
    "strong, knots behind bulge and disk": StrongLens(
        survey=SURVEY, size=24, accuracy="fast", light="bulge-disk", source="knots"
    ),
    "weak, bulges and disks": WeakLens(survey=SURVEY, size=24, light="bulge-disk"),
    "weak, knots in rings": WeakLens(survey=SURVEY, size=24, light="knots", ring=2),
    "weak, Gaussians": WeakLens(survey=SURVEY, size=24, light="gaussian", psf=SEEING),
    "weak, points": WeakLens(survey=SURVEY, size=24, light="point"),
    "weak, images": WeakLens(survey=SURVEY, size=24, light=GALAXIES),
    "strong, quasar": StrongLens(**TINY, quasar=True, psf=SEEING),
    "strong, group": StrongLens(**TINY, mass=("epl", "shear", "nfw", "members")),
    "strong, rare masses": StrongLens(**TINY, mass=RARE, population=(rare_masses, CLUMPS), cosmology=COSMOLOGY),
}


@pytest.fixture(params=SIMULATORS, ids=str)
def simulator(request):
    return SIMULATORS[request.param]


@pytest.mark.parametrize("check", [check_contents, check_batches, check_seeds])
def test_contract(simulator, check):
    check(simulator)


def test_list_is_complete():
    assert {type(s) for s in SIMULATORS.values()} == set(Simulator.__subclasses__())


def test_every_mass_is_simulated():
    simulated = {name for one in SIMULATORS.values() if isinstance(one, StrongLens) for name in one.mass}
    assert simulated == set(MASSES)


def test_samples_keep_the_schema(simulator):
    validate_samples(simulator.simulate(2, seed=1))


@pytest.mark.skipif(not JIT_ENABLED, reason="needs compiled kernels to have threads")
def test_threads_change_nothing(simulator):
    with set_threads(1):
        alone = simulator.simulate(4, seed=3)
    both = simulator.simulate(4, seed=3)
    assert alone["image"].values.tobytes() == both["image"].values.tobytes()


def test_steps_are_the_simulation(simulator):
    truth = simulator.draw(2, seed=5)
    clean = simulator.render(truth)
    seen = simulator.observe(clean, seed=5)
    assert seen.identical(simulator.simulate(2, seed=5))
    assert np.array_equal(seen["clean"], clean["image"])


def test_any_mapping_of_labels_is_rendered(simulator):
    truth = simulator.draw(2, seed=5)
    labels = {str(name): truth[name].values for name in truth.variables if name in LABELS}
    assert np.array_equal(simulator.render(labels)["image"], simulator.render(truth)["image"])


def test_noise_is_what_the_variance_says(simulator):
    seen = simulator.simulate(40, seed=9)
    pull = (seen["image"] - seen["clean"]) / np.sqrt(seen["variance"])
    assert float(pull.mean()) == pytest.approx(0.0, abs=0.05)
    assert float(pull.std()) == pytest.approx(1.0, abs=0.05)


def test_bands_share_noise_as_the_survey_says():
    seen = WeakLens(survey=SHARED, size=32).simulate(30, seed=2)
    assert seen["image"].attrs["units"] == SHARED.unit
    quiet = dataclasses.replace(
        SHARED,
        bands=tuple(dataclasses.replace(b, electrons_per_unit=np.inf, autocorrelation=((1.0,),)) for b in SHARED.bands),
    )
    seen = WeakLens(survey=quiet, size=32).simulate(30, seed=2)
    noise = (seen["image"] - seen["clean"]).values
    matrix = np.corrcoef(noise.swapaxes(0, 1).reshape(2, -1))
    assert matrix[0, 1] == pytest.approx(0.7, abs=0.01)
    assert np.allclose(noise.std(axis=(0, 2, 3)), [3.0, 2.0], rtol=0.02)


def each(tangents, label, values, after=""):
    """(tangent, value) of a label, for each of its components where it has several."""
    if values.ndim == 1 or values.shape[1] == 1:
        return [(tangents.sel(label=label + after), values.squeeze(values.dims[1:]))]
    return [(tangents.sel(label=f"{label}_{k}{after}"), values[:, k]) for k in range(values.shape[1])]


def test_tangents_predict_small_moves(simulator):
    simulator = dataclasses.replace(simulator, accuracy="high" if isinstance(simulator, StrongLens) else "default")
    truth = simulator.draw(2, seed=12)
    tangents = simulator.tangent(truth)
    brightest = float(simulator.render(truth)["image"].max())
    for label in simulator.layout.moved:
        if label in simulator.flux_labels:
            continue
        step, ends, values = 5e-4, [], []
        for sign in (0.5, -0.5):
            moved = truth.copy(deep=True)
            moved[label].values[...] = np.clip(moved[label] + sign * step, LABELS[label].low, LABELS[label].high)
            values.append(moved[label])
            ends.append(simulator.render(moved)["image"].values.astype(float))
        widths = each(tangents, label, values[0] - values[1])
        predicted = sum(tangent.values * width.values[:, None, None, None] for tangent, width in widths)
        difference = ends[0] - ends[1]
        scale = np.abs(predicted).max(axis=(1, 2, 3)) + 1e-5 * brightest
        assert (np.abs(difference - predicted).max(axis=(1, 2, 3)) < 0.1 * scale).all(), label


def test_flux_tangents_add_up_to_the_image(simulator):
    truth = simulator.draw(3, seed=12)
    if "neighbour_flux" in truth:
        truth["neighbour_flux"].values[...] = 0.0
    tangents = simulator.tangent(truth, simulator.flux_labels)
    total = sum(
        tangent.values * amount.values[:, None, None, None]
        for label in simulator.flux_labels
        for band in simulator.bands
        for tangent, amount in each(tangents, label, truth[label].sel(band=band), f"_{band}")
    )
    lensed = isinstance(simulator, StrongLens)  # whose tangents are those of accurate images, as right as rays are
    image = dataclasses.replace(simulator, accuracy="high" if lensed else simulator.accuracy).render(truth)["image"]
    assert np.allclose(total, image, atol=(1e-4 if lensed else 1e-5) * float(image.max()))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: WeakLens(survey="lst"), "unknown survey 'lst': did you mean 'lsst'"),
        (lambda: WeakLens(survey="lsst", bands=["R"]), "did you mean 'r'"),
        (lambda: WeakLens(survey="lsst", population="weak-lens"), "did you mean 'weak-lensing'"),
        (lambda: WeakLens(survey="lsst", population="weak-lens").draw(1, seed=0), "did you mean 'weak-lensing'"),
        (lambda: WeakLens(survey="lsst", accuracy="hi"), "did you mean 'high'"),
        (lambda: WeakLens(survey="lsst", light="sersik"), "unknown light 'sersik': did you mean 'sersic'"),
        (lambda: WeakLens(survey="lsst", light=[]), "one or more GalaxyImage"),
        (lambda: StrongLens(survey="lsst", light="knot"), "did you mean 'knots'"),
        (lambda: StrongLens(survey="lsst", source="point"), "quasar=True"),
        (lambda: WeakLens(survey=SURVEY, light=GALAXIES).tangent({}, ["image_index"]), "label with a tangent"),
        (
            lambda: WeakLens(survey=SURVEY, light=GALAXIES).render({**IMAGE, "image_index": 2}),
            r"image_index = 2 is outside \[0, 1\]",
        ),
        (lambda: WeakLens(survey=SURVEY, light=GALAXIES).render({**IMAGE, "image_index": 0.5}), "not a whole number"),
        (lambda: WeakLens(survey="lsst", size=-4), r"size = -4 is outside \[8, 4096\] pixels"),
        (lambda: WeakLens(survey="lsst", size=10**9), "size = 1e.09 is outside"),
        (lambda: WeakLens(survey="lsst", size=32.5), "not a whole number"),
        (lambda: WeakLens(survey="lsst", neighbours=-1.0), "neighbours = -1"),
        (lambda: WeakLens(survey=SURVEY).draw(0, seed=1), "n = 0 is outside"),
        (lambda: WeakLens(survey=SURVEY).draw(10, seed=-1), "seed"),
        (lambda: WeakLens(survey=SURVEY).render({"flux": 1.0}), "missing label radius"),
        (
            lambda: WeakLens(survey=SURVEY).tangent(WeakLens(survey=SURVEY).draw(1, seed=1), ["thetaE"]),
            "unknown WeakLens label",
        ),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


GOOD = dict(flux=10.0, radius=0.5, n=1.0, e1=0.0, e2=0.0, x=0.0, y=0.0, g1=0.0, g2=0.0, kappa=0.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flux": np.nan}, "WeakLens label flux = nan"),
        ({"radius": -0.5}, "WeakLens label radius = -0.5 is outside"),
        ({"g1": 0.95}, "label g1 = 0.95"),
        ({"e1": 0.9, "e2": 0.9}, r"\|e\|"),
        ({"fluxx": 1.0}, "unknown WeakLens label 'fluxx': did you mean 'flux'"),
        ({"flux": np.ones((2, 3))}, "must broadcast"),
        ({"x": "left"}, "x"),
    ],
)
def test_bad_labels_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        WeakLens(survey=SURVEY, size=24).render({**GOOD, **change})
