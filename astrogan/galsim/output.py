"""Output type AstroGANHDF5: the images of a file as samples with their labels as truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import galsim
import numpy as np
import xarray as xr
from galsim.config import (
    AddNoiseVariance,
    BuildImages,
    ExtraOutputBuilder,
    GetCurrentValue,
    OutputBuilder,
    ParseValue,
)
from galsim.config.noise import GetSky

from astrogan.dataset.store import write_samples
from astrogan.galsim._parameters import TRUTH, Config, band_of, parameters
from astrogan.galsim.noise import OBSERVED
from simulators.labels import LABELS

__all__ = ["EXTRA", "OutputType", "SampleCollector"]

EXTRA = "astrogan_samples"  # the extra output that collects samples
_SEED = "_astrogan_seed"
_CHANGES = ("scale_flux", "dilate", "dilation", "ellip", "rotate", "rotation", "magnify", "magnification", "shift")
_REQUIRED = {"nimages": int, "survey": str, "band": str}
_STAMP = ("sample", "band", "y", "x")


class OutputType(OutputBuilder):  # type: ignore[misc]  # galsim has no types
    """AstroGANHDF5: one ``.h5`` of `nimages` samples for each file.

    `survey` and `band` say what the images are of, their unit among it; `columns` are further labels, as those of
    GalSim's ``truth``; `psf_size` adds the PSF as a plane of so many pixels.
    """

    default_ext = ".h5"

    def setup(self, config: Config, base: Config, file_num: int, logger: Any) -> None:
        """See `galsim.config.OutputBuilder`."""
        seed = base.get("image", {}).get("random_seed")
        if isinstance(seed, int):  # GalSim puts a sequence in its place
            config[_SEED] = seed
        config.setdefault(EXTRA, {})
        super().setup(config, base, file_num, logger)

    def getNImages(self, config: Config, base: Config, file_num: int, logger: Any = None) -> int:
        """See `galsim.config.OutputBuilder`."""
        if "nimages" not in config:
            raise galsim.GalSimConfigError("output.nimages is required for output.type = AstroGANHDF5")
        return int(ParseValue(config, "nimages", base, int)[0])

    def buildImages(
        self,
        config: Config,
        base: Config,
        file_num: int,
        image_num: int,
        obj_num: int,
        ignore: list[str],
        logger: Any,
    ) -> Any:
        """See `galsim.config.OutputBuilder`."""
        optional: dict[str, type] = {"columns": dict, "psf_size": int}
        values, _ = parameters(config, base, _REQUIRED, optional, [*ignore, "file_name", "dir", "nfiles"])
        band_of(values)
        kind = base["image"].get("type", "Single")
        if kind != "Single":
            raise galsim.GalSimConfigError(
                f"AstroGANHDF5 stores one stamp for each image: image.type is Single, not {kind!r}; nimages makes more"
            )
        _check_labels_stay(base.get("gal", {}))
        return BuildImages(values["nimages"], base, image_num, obj_num, logger=logger)

    def canAddHdus(self) -> bool:
        """See `galsim.config.OutputBuilder`."""
        return False

    def writeFile(self, data: Any, file_name: str, config: Config, base: Config, logger: Any) -> None:
        """See `galsim.config.OutputBuilder`."""
        records = [record for record in base["extra_builder"][EXTRA].data if record is not None]
        if not records:
            raise galsim.GalSimConfigError(f"{file_name}: every object was skipped, so there is no sample to write")
        named = {name: ParseValue(config, name, base, str)[0] for name in ("survey", "band")}
        survey = dataclasses.replace(band_of(named), pixel_scale=records[0]["scale"])
        attrs = {"simulator": "galsim", "pixel_scale": survey.pixel_scale, "survey": survey.to_json()}
        attrs |= records[0]["attrs"] | ({"seed": config[_SEED]} if _SEED in config else {})
        variables = {name: _together(name, records) for name in records[0]["planes"]}
        variables |= {name: _label(name, records) for name in records[0]["labels"]}
        ids = np.array([record["number"] for record in records], np.int64)
        variables |= {"sample_id": ("sample", ids), "qc_flag": ("sample", np.zeros(len(ids), np.int8))}
        coords = {"band": ("band", list(survey.band_names))}
        write_samples(xr.Dataset(variables, coords, attrs), file_name, overwrite=True)


class SampleCollector(ExtraOutputBuilder):  # type: ignore[misc]  # galsim has no types
    """Keeps what belongs to a sample while GalSim builds it, in whichever process."""

    def processStamp(self, obj_num: int, config: Config, base: Config, logger: Any) -> None:
        """See `galsim.config.ExtraOutputBuilder`."""
        stamp = base["current_stamp"]
        variance = galsim.ImageF(stamp.bounds, init_value=0.0)
        base["current_noise_image"] = stamp
        AddNoiseVariance(base, variance, True, logger)
        labels = dict(base.get("gal", {}).get(TRUTH, {}))
        labels |= {name: ((), np.asarray(value)) for name, value in _columns(base).items()}
        planes = {"clean": np.array(stamp.array, np.float32)}
        if "noise" in base["image"]:
            planes["variance"] = variance.array
        if "psf_size" in base["output"]:
            planes["psf"] = _psf(base)
        scale = float(np.sqrt(base["wcs"].local(base["image_pos"]).pixelArea()))
        self.scratch[obj_num] = {"labels": labels, "planes": planes, "scale": scale, "number": obj_num, "attrs": {}}
        base.pop(OBSERVED, None)

    def processImage(self, index: int, obj_nums: list[int], config: Config, base: Config, logger: Any) -> None:
        """See `galsim.config.ExtraOutputBuilder`."""
        if not obj_nums:
            return
        record = self.scratch[obj_nums[0]]
        sky = GetSky(base["image"], base, full=True)
        image = base["current_image"].array - (sky.array if isinstance(sky, galsim.Image) else sky)
        seen = dict(base.pop(OBSERVED, {}))
        record["attrs"] = seen.pop("attrs", {})
        record["planes"] = {"image": np.asarray(image, np.float32), **record["planes"], **seen}
        self.data[index] = record


def _psf(base: Config) -> Any:
    """The PSF without the pixel response, of sum 1."""
    size = ParseValue(base["output"], "psf_size", base, int)[0]
    if "psf" not in base:
        raise galsim.GalSimConfigError("output.psf_size: the config has no psf")
    wcs = base["wcs"].local(base["image_pos"])
    drawn = base["psf"]["current"][0].drawImage(nx=size, ny=size, wcs=wcs, method="no_pixel", dtype=float).array
    return (drawn / drawn.sum()).astype(np.float32)


def _columns(base: Config) -> Config:
    """The current values of output.columns, read as GalSim's truth reads its own."""
    columns, found = base["output"].get("columns", {}), {}
    for name, key in columns.items():
        if name.startswith("_"):
            continue
        text = key if isinstance(key, str) else None
        parsed = text is None or text.startswith("$")
        value = ParseValue(columns, name, base, None)[0] if parsed else GetCurrentValue(str(key).lstrip("@"), base)
        if not isinstance(value, int | float | np.number):
            raise galsim.GalSimConfigError(f"output.columns.{name} = {value!r} is not a number")
        found[name] = np.int64(value) if isinstance(value, int | np.integer) else np.float64(value)
    return found


def _check_labels_stay(gal: Mapping[str, Any]) -> None:
    """Refuse what would change an object of ours behind its labels."""
    changes = [name for name in (*_CHANGES, "signal_to_noise") if name in gal]
    if str(gal.get("type", "")).startswith("AstroGAN") and changes:
        raise galsim.GalSimConfigError(
            f"gal.{changes[0]} would change the object after its labels were written down: give the labels of "
            f"{gal['type']} themselves, or write another output type"
        )


def _together(name: str, records: list[Config]) -> Any:
    """One plane of all samples."""
    planes = [record["planes"].get(name) for record in records]
    shapes = {None if plane is None else plane.shape for plane in planes}
    if len(shapes) > 1:
        raise galsim.GalSimConfigError(f"AstroGANHDF5: {name} of the stamps has shapes {shapes}; set image.size")
    dims = ("sample", "band", "psf_y", "psf_x") if name == "psf" else _STAMP
    return dims, np.stack(planes)[:, None]


def _label(name: str, records: list[Config]) -> Any:
    """One label of all samples; units and long names of known ones are the schema's."""
    values = [record["labels"].get(name) for record in records]
    if None in values or len({(value[0], value[1].shape) for value in values}) > 1:
        raise galsim.GalSimConfigError(f"AstroGANHDF5: not all samples have the label {name!r} in one shape")
    attrs = {} if name in LABELS else {"units": "", "long_name": name}
    return ("sample", *values[0][0]), np.stack([value[1] for value in values]), attrs
