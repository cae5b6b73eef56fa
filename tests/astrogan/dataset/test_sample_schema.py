from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from astrogan.dataset import SCHEMA_VERSION, SchemaError, label_names, plane_names, validate_samples
from catalogs.schema import Band, Survey
from simulators.labels import LABELS


def test_known_variables_get_their_units_and_names(samples):
    checked = validate_samples(samples)
    assert checked["image"].attrs == {"units": "nJy", "long_name": "image"}
    assert checked["variance"].attrs["units"] == "nJy2"
    assert checked["flux"].attrs["units"] == "nJy"
    assert checked["x"].attrs == {"units": "arcsec", "long_name": LABELS["x"].long_name}
    assert checked.attrs["schema_version"] == SCHEMA_VERSION


def test_validation_leaves_its_input_alone_and_copies_no_pixels(samples):
    before = samples.copy(deep=True)
    checked = validate_samples(samples)
    xr.testing.assert_identical(samples, before)
    assert np.shares_memory(checked["image"].values, samples["image"].values)


def test_validated_samples_are_valid(samples):
    once = validate_samples(samples)
    xr.testing.assert_identical(validate_samples(once), once)


def test_labels_called_like_dimensions_are_labels(samples):
    assert set(label_names(samples)) == {"flux", "x", "y", "source_x", "kind", "key", "age"}
    assert set(plane_names(samples)) == {"image", "variance", "mask", "psf"}


def test_observed_stamps_need_no_seed(samples):
    del samples.attrs["seed"]
    validate_samples(samples.assign_attrs(simulator=""))
    with pytest.raises(SchemaError, match=r"seed = 'missing' is not an integer in \[0, 2\^64\)"):
        validate_samples(samples)


def test_bad_pixels_are_allowed_only_where_flagged(samples):
    samples["image"][2, 0, 3, 3] = np.nan
    with pytest.raises(SchemaError, match=r"image: 1 samples \(first: sample_id 42\) have NaN.* qc_flag is not 0"):
        validate_samples(samples)
    samples["qc_flag"][2] = 1
    validate_samples(samples)


def test_infinite_variance_means_no_information_but_negative_is_refused(samples):
    samples["variance"][1, 0, 0, 0] = np.inf
    validate_samples(samples)
    samples["variance"][1, 0, 0, 0] = -1
    with pytest.raises(SchemaError, match="variance: 1 samples"):
        validate_samples(samples)


def _with(name, change):
    def breaker(ds):
        ds[name] = change(ds[name])
        return ds

    return breaker


def _attr(**attrs):
    return lambda ds: ds.assign_attrs(attrs)


def _without(name):
    def breaker(ds):
        del ds.attrs[name]
        return ds

    return breaker


def _units(name, units):
    def breaker(ds):
        ds[name].attrs["units"] = units
        return ds

    return breaker


OTHER = Survey("other", 0.2, (Band("g", 0.7, 1.0), Band("i", 0.7, 1.0))).to_json()
BROKEN = {
    "dimension": (lambda ds: ds.rename_dims(sample="smaple"), "unknown dimension 'smaple': did you mean 'sample'?"),
    "no image": (lambda ds: ds.drop_vars("image"), "image: this variable is missing"),
    "no ids": (lambda ds: ds.drop_vars("sample_id"), "sample_id: this variable is missing"),
    "order": (
        lambda ds: ds.transpose("band", "sample", ...),
        r"image: dims \(band, sample, y, x\) are not \(sample, band",
    ),
    "float64 image": (
        _with("image", lambda v: v.astype(float)),
        "image: dtype float64 is not allowed; allowed: float32",
    ),
    "float16 label": (
        _with("age", lambda v: v.astype("f2")),
        "age: dtype float16 is not allowed; allowed: float32, float64",
    ),
    "bool label": (_with("kind", lambda v: v.astype(bool)), "kind: dtype bool is not allowed"),
    "complex label": (_with("age", lambda v: v.astype(complex)), "age: dtype complex128 is not allowed"),
    "text label": (_with("age", lambda v: v.astype(str)), "age: dtype <U32 is not allowed"),
    "big-endian": (_with("age", lambda v: v.astype(">f8")), "age: dtype >f8 is not allowed"),
    "compound": (_with("age", lambda v: v.copy(data=np.zeros(6, "i4,f4"))), "age: dtype .* is not allowed"),
    "date": (_with("age", lambda v: v.astype("M8[s]")), "age: dtype datetime64"),
    "float64 plane": (
        lambda ds: ds.assign(kappa_map=(("sample", "y", "x"), np.zeros((6, 12, 10)))),
        "kappa_map: dtype float64 is not allowed",
    ),
    "no units": (lambda ds: ds.assign(mass=("sample", np.ones(6))), "mass: attribute 'units' is missing"),
    "no astropy unit": (_units("age", "parsnips"), "age: units 'parsnips' are not an astropy unit"),
    "other unit": (_units("x", "deg"), "x: units 'deg' are not 'arcsec'"),
    "image unit": (_units("image", "uJy"), "image: units 'uJy' are not 'nJy'"),
    "name": (lambda ds: ds.rename(age="a/b"), "variable name 'a/b' is not made of"),
    "no sample dim": (
        lambda ds: ds.assign(z=("component", np.ones(2))),
        r"z: dims \(component\) do not begin with sample",
    ),
    "empty": (lambda ds: ds.isel(sample=slice(0)), "is empty"),
    "repeated id": (_with("sample_id", lambda v: v * 0), "sample_id: 5 of 6 values repeat"),
    "NaN label": (_with("age", lambda v: v * np.nan), "age: 6 of 6 values are NaN or infinite"),
    "flags": (
        lambda ds: ds.assign(kind=ds.kind.assign_attrs(flag_meanings="one")),
        "kind: flag_meanings names 1 flags",
    ),
    "reserved attr": (
        lambda ds: ds.assign(age=ds.age.assign_attrs(_FillValue=0)),
        "attribute name '_FillValue' is reserved",
    ),
    "structured attr": (_attr(config={"a": 1}), "attribute config = .* write structures as JSON"),
    "bool attr": (_attr(flag=True), "attribute flag = True is not text or a number"),
    "none attr": (_attr(flag=None), "attribute flag = None is not text or a number"),
    "no survey": (_without("survey"), "attribute 'survey' is missing"),
    "bad survey": (_attr(survey="{"), "attribute survey is not the JSON of a Survey"),
    "half survey": (_attr(survey='{"name": "x"}'), "attribute survey is not the JSON of a Survey"),
    "other bands": (_attr(survey=OTHER), "band: g, r are not the bands of the survey, g, i"),
    "pixel scale": (_attr(pixel_scale=0.3), "attribute pixel_scale = 0.3 is not that of its survey, 0.2 arcsec"),
    "seed": (_attr(seed=-1), "attribute seed = -1 is not an integer"),
    "bool seed": (_attr(seed=1.5), "attribute seed = 1.5 is not an integer"),
    "simulator": (_attr(simulator=3), "attribute simulator = 3 is not a name"),
    "version": (_attr(schema_version=99), "attribute schema_version = 99; this astrogan knows version 1"),
    "no dataset": (lambda ds: {"image": 1}, r"samples must be an xarray.Dataset, not dict"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_the_schema_is_named(samples, case):
    breaker, message = BROKEN[case]
    with pytest.raises(SchemaError, match=message):
        validate_samples(breaker(samples))


def test_further_planes_and_dimensions_of_the_schema_are_allowed(samples):
    more = samples.assign(
        kappa_map=(("sample", "y", "x"), np.zeros((6, 12, 10), np.float32), {"units": "", "long_name": "convergence"}),
        depth=("band", np.ones(2), {"units": "mag", "long_name": "depth"}),
        clean=samples["image"],
    )
    assert set(plane_names(validate_samples(more))) == {"image", "variance", "mask", "psf", "clean", "kappa_map"}
