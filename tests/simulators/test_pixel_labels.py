"""Labels of pixels: they add up to the image, follow their definitions, and go through files."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits

from astrogan.dataset import SchemaError, label_names, plane_names, read_samples, validate_samples, write_samples
from astrogan.export import to_fits
from catalogs import Band, Survey
from simulators import EPL, ExternalShear, StrongLens, WeakLens
from simulators.testing import check_simulator

SURVEY = Survey(
    "two bands",
    0.2,
    (
        Band("g", psf_fwhm=0.8, background_sigma=30.0, electrons_per_unit=5.0),
        Band("r", psf_fwhm=0.7, psf_beta=3.5, background_sigma=10.0, electrons_per_unit=4.0),
    ),
)
STRONG = StrongLens(survey=SURVEY, size=32, accuracy="fast", neighbours=0.1)
WEAK = WeakLens(survey=SURVEY, size=32, neighbours=0.1)


@dataclasses.dataclass(frozen=True)
class Labelled:
    """A simulator that always adds labels of pixels."""

    inner: object

    def simulate(self, n, seed, start=0):
        return self.inner.simulate(n, seed, start, labels="pixel")


@pytest.fixture(scope="module")
def strong():
    truth = STRONG.draw(6, seed=3)
    two = truth.drop_vars([name for name in truth.variables if name.startswith("source_")])
    for name in (name for name in truth.variables if name.startswith("source_")):
        one = truth[name]
        moved = one + 0.3 if name in ("source_x", "source_y") else (0.5 * one if name == "source_flux" else one)
        two[name] = xr.concat([one, moved], "component", coords="minimal").transpose("sample", "component", ...)
    return STRONG.observe(STRONG.render(two, labels="pixel"), seed=3)


def sigmas(image):
    """Bands stacked with inverse-variance weights, in sigmas of the stack's background."""
    g, r = np.asarray(image, dtype=float)[:, 0], np.asarray(image, dtype=float)[:, 1]
    return (g / 30.0**2 + r / 10.0**2) / np.sqrt(1 / 30.0**2 + 1 / 10.0**2)


@pytest.mark.parametrize("simulator", [STRONG, WEAK], ids=["strong", "weak"])
def test_the_contract_holds_with_pixel_labels(simulator):
    check_simulator(Labelled(simulator))


@pytest.mark.parametrize("simulator", [STRONG, WEAK], ids=["strong", "weak"])
def test_images_and_labels_are_the_same_with_and_without(simulator):
    plain, labelled = simulator.simulate(3, seed=1), simulator.simulate(3, seed=1, labels="pixel")
    for name in plain.variables:
        assert plain[name].values.tobytes() == labelled[name].values.tobytes(), name
    assert plain.identical(simulator.simulate(3, seed=1, labels="truth"))


def test_component_images_add_up_to_the_expected_image(strong):
    assert strong["part"].values.tolist() == ["light", "source_0", "source_1", "neighbours"]
    assert strong["component_image"].dims == ("sample", "part", "band", "y", "x")
    truth = {name: strong[name].values for name in (*STRONG.labels, *(n for n in strong.variables if "neigh" in n))}
    misfit = {}
    for accuracy in ("fast", "high"):  # rays of two sources fall elsewhere than of one: equal only as rays are right
        drawn = dataclasses.replace(STRONG, accuracy=accuracy).render(truth, labels="pixel")
        gap = drawn["component_image"].astype(float).sum("part") - drawn["image"]
        misfit[accuracy] = float(np.abs(gap).max() / drawn["image"].max())
    assert misfit["fast"] < 1e-3
    assert misfit["high"] < 0.5 * misfit["fast"]
    one = STRONG.render(STRONG.draw(3, seed=3), labels="pixel")
    np.testing.assert_allclose(one["component_image"].sum("part"), one["image"], rtol=1e-5, atol=1e-3)
    assert (strong["component_image"].max(dim=("sample", "band", "y", "x")) > 0).all()
    weak = WEAK.simulate(4, seed=1, labels="pixel")
    assert weak["part"].values.tolist() == ["galaxy", "neighbours"]
    np.testing.assert_allclose(weak["component_image"].sum("part"), weak["clean"], rtol=1e-5, atol=1e-3)


def test_each_component_is_what_is_drawn_without_the_others(strong):
    truth = {name: strong[name].values for name in (*STRONG.labels, *(n for n in strong.variables if "neigh" in n))}
    dark = {name: 0.0 * truth[name] for name in ("light_flux", "source_flux", "neighbour_flux")}
    second = truth["source_flux"] * np.array([0.0, 1.0])[:, None]
    for part, keep in (("light", {"light_flux": truth["light_flux"]}), ("source_1", {"source_flux": second})):
        alone = STRONG.render({**truth, **dark, **keep})["image"]
        assert np.allclose(alone, strong["component_image"].sel(part=part), rtol=1e-5, atol=1e-5 * float(alone.max()))


def test_arc_mask_is_where_the_sources_exceed_one_sigma(strong):
    arcs = strong["component_image"].sel(part=["source_0", "source_1"]).sum("part")
    assert strong["arc_mask"].dtype == np.uint8
    assert np.array_equal(strong["arc_mask"], sigmas(arcs) > 1.0)
    assert 0.01 < float(strong["arc_mask"].mean()) < 0.9


def test_segmentation_names_the_brightest_component(strong):
    own = np.stack([sigmas(strong["component_image"].sel(part=part)) for part in ("light", "source_0", "source_1")])
    bright = sigmas(strong["clean"]) > 1.01
    neighbours = sigmas(strong["component_image"].sel(part="neighbours"))
    number = strong["segmentation"].values
    assert number.dtype == np.int16
    assert (number[sigmas(strong["clean"]) < 0.99] == 0).all()
    clear = bright & (neighbours < 0.9 * own.max(axis=0)) & (np.ptp(np.sort(own, axis=0)[-2:], axis=0) > 1e-3)
    assert np.array_equal(number[clear], 1 + own.argmax(axis=0)[clear])
    assert (number[bright] > 0).all()
    assert {1, 2} < set(np.unique(number))
    assert number.max() > 3


def test_each_neighbour_has_its_own_number():
    """Two neighbours far apart, and no other light."""
    truth = dict.fromkeys(STRONG.labels, 0.0)
    truth |= {"gamma": 2.0, "light_radius": 1.0, "light_n": 1.0, "source_radius": 1.0, "source_n": 1.0}
    near = {"flux": [[[0.0, 0.0], [900.0, 900.0], [900.0, 900.0]]], "x": [[0.0, -2.1, 2.1]], "radius": 0.4, "n": 1.0}
    names = ("flux", "radius", "n", "e1", "e2", "x", "y")
    truth |= {f"neighbour_{name}": np.asarray(near.get(name, 0.0)) for name in names}
    samples = STRONG.render(truth, labels="pixel")
    number = samples["segmentation"].values[0]
    assert set(np.unique(number)) == {0, 4, 5}  # light, source_0, then neighbours 0, 1, 2
    assert number[16, 5] == 4
    assert number[16, 26] == 5
    assert (number[:, :16] != 5).all()


def test_fields_are_those_of_the_lens_at_the_pixels_centres(strong):
    mass = [strong[name].values for name in ("theta_E", "gamma", "lens_e1", "lens_e2", "lens_x", "lens_y")]
    axis = (np.arange(32) - 15.5) * 0.2
    points = np.meshgrid(axis, axis)
    lens, shear = EPL(*mass), ExternalShear(strong["shear_g1"].values, strong["shear_g2"].values)
    pairs = zip(lens.deflection(*points), shear.deflection(*points), strict=True)
    for name, (a, b) in zip(("deflection_x", "deflection_y"), pairs, strict=True):
        assert strong[name].dims == ("sample", "y", "x")
        assert strong[name].attrs["units"] == "arcsec"
        np.testing.assert_allclose(strong[name], a + b, rtol=1e-6, atol=1e-6)
    kappa = lens.convergence(*points)
    np.testing.assert_allclose(strong["convergence"], kappa, rtol=1e-6)
    # both together: the divergence of the deflection is twice the convergence
    divergence = np.gradient(strong["deflection_x"].values, 0.2, axis=2) + np.gradient(
        strong["deflection_y"].values, 0.2, axis=1
    )
    outer = np.hypot(*points) > 2.0
    outer[[0, -1]] = outer[:, [0, -1]] = False
    assert np.allclose(0.5 * divergence[:, outer], kappa[:, outer], rtol=0.05)


def test_files_hold_them(strong, tmp_path):
    samples = validate_samples(strong)
    write_samples(samples, tmp_path / "x.h5", codec="none")
    xr.testing.assert_identical(read_samples(tmp_path / "x.h5"), samples)
    added = {"component_image", "segmentation", "arc_mask", "deflection_x", "deflection_y", "convergence"}
    assert added < set(plane_names(samples))
    assert not added & set(label_names(samples))
    assert "part" not in label_names(samples)
    with xr.open_dataset(tmp_path / "x.h5", engine="h5netcdf") as theirs:
        assert np.array_equal(theirs["segmentation"], samples["segmentation"])
        assert theirs["part"].values.tolist() == samples["part"].values.tolist()
    to_fits(samples, tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits", checksum=True) as hdus:
        for name in added:
            assert np.array_equal(hdus[name.upper()].data, samples[name])
        header = hdus["COMPONENT_IMAGE"].header
        assert header["CTYPE4"] == "PART"
        assert [header[f"PART{k}"] for k in (1, 2, 3, 4)] == samples["part"].values.tolist()
        assert hdus["DEFLECTION_X"].header["BUNIT"] == "arcsec"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ds: ds.assign(segmentation=ds["segmentation"].astype(np.int32)), "segmentation: dtype int32"),
        (lambda ds: ds.drop_vars("part"), r"need their names along \(part\)"),
        (lambda ds: ds.assign_coords(part=[1, 2, 3, 4]), r"need their names along \(part\)"),
        (lambda ds: ds.assign(arc_mask=ds["mask"]), "arc_mask: dims"),
        (
            lambda ds: ds.assign(deflection_x=ds["deflection_x"].assign_attrs(units="mas")),
            "deflection_x: units 'mas' are not 'arcsec'",
        ),
    ],
)
def test_the_schema_knows_them(strong, change, words):
    with pytest.raises(SchemaError, match=words):
        validate_samples(change(strong))


def test_other_kinds_of_labels_are_refused():
    with pytest.raises(ValueError, match="unknown labels 'pixels': did you mean 'pixel'"):
        WEAK.simulate(1, seed=1, labels="pixels")
