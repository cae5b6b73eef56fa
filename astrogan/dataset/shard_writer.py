"""A netCDF-4/HDF5 file of samples in the making, in memory: batches go in compressed, the bytes of the file come out.

A label that is called like a dimension (``x``, ``y``) is stored as ``_nc4_non_coord_x``, netCDF-4's own name for such
variables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from astrogan import __version__
from astrogan.dataset.attributes import SCHEMA_VERSION, SchemaError
from astrogan.dataset.codec import Rounder, check_codec, deflate, keeps, round_significant
from astrogan.dataset.digest import RunningDigest, attribute_digest
from astrogan.dataset.schema import PLANES, validate_samples

__all__ = ["BARE_DIMENSION", "NOT_COORDINATE", "ShardWriter", "common_attributes"]

NOT_COORDINATE = "_nc4_non_coord_"
_numbers = count()
BARE_DIMENSION = "This is a netCDF dimension but not a netCDF variable."
CHUNK = 2**20  # most bytes of labels in a chunk
GROWTH = 2**22  # bytes by which the file grows in memory


def common_attributes(first: Mapping[Any, Any], second: Mapping[Any, Any], counts: tuple[int, int]) -> dict[str, Any]:
    """Attributes of `counts` samples together: those that agree; candidates of a selection are added up."""
    both = {key: value for key, value in first.items() if key in second and np.array_equal(second[key], value)}
    if "candidates" in first and "candidates" in second:
        both["candidates"] = int(first["candidates"]) + int(second["candidates"])
        both["acceptance_rate"] = sum(counts) / both["candidates"]
    return {key: both[key] for key in first if key in both}


class ShardWriter:
    """Builds the file of `count` samples.

    Parameters
    ----------
    count
        Samples that will be added in all.
    codec : {"auto", "none"}
        ``auto`` rounds images to 1/24 of their own noise (`codec.rounding_steps`) and `variance` to 13 significant
        bits, ``none`` stores them as they are.
    attributes
        Further attributes of the file itself.
    total
        Samples that this and other files of the store will have together.
    """

    def __init__(
        self, count: int, codec: str = "auto", attributes: Mapping[str, Any] | None = None, total: int | None = None
    ) -> None:
        self.count, self.codec, self.total = count, check_codec(codec), total or count
        self.extra = dict(attributes or {})
        self.done = 0
        self._running = RunningDigest()
        self._rounder: Rounder | None = None
        self._rows: dict[str, list[NDArray[Any]]] = {}
        self._like = xr.Dataset()
        memory = {"driver": "core", "backing_store": False, "block_size": GROWTH}
        name = f"shard {next(_numbers)} in memory"  # HDF5 refuses to make two files of one name at a time
        self._file = h5py.File(name, "w", libver=("earliest", "v110"), track_order=True, **memory)

    def add(self, batch: xr.Dataset) -> None:
        """Compress and take in the next samples.

        Raises
        ------
        SchemaError
            If the batch breaks the schema, or differs from those before in variables, types, sizes or shared values.
        """
        samples = validate_samples(batch)
        count = samples.sizes["sample"]
        if self.done + count > self.count:
            raise SchemaError(f"{self.done + count} samples for a file of {self.count}")
        image = np.ascontiguousarray(samples["image"].values)
        rounder = self._rounder = self._rounder or Rounder(self.total * image[0].nbytes)
        samples, steps = self._with_steps(samples, image, rounder)
        if self.codec == "auto" and "variance" in samples.variables:
            samples = samples.assign(
                variance=samples["variance"].copy(data=round_significant(samples["variance"].values))
            )
        if not self.done:
            self._begin(samples)
        else:
            self._check_alike(samples)
            attrs = common_attributes(self._like.attrs, samples.attrs, (self.done, count))
            self._like.attrs = attrs
        out = np.empty_like(image)
        self._add_plane("image", rounder.chunks(image, steps, out), image.ndim)
        self._running.add(samples.assign(image=samples["image"].copy(data=out)))
        for key, variable in samples.variables.items():
            if key == "image":
                continue
            if _is_plane(variable):
                self._add_plane(str(key), map(deflate, variable.values), variable.ndim)
            elif variable.dims[:1] == ("sample",):
                self._rows.setdefault(str(key), []).append(np.array(variable.values))
        self.done += count

    def close(self) -> tuple[bytes, str, xr.Dataset]:
        """The bytes of the file, the `digest` of its samples, and one of them with all attributes.

        Raises
        ------
        SchemaError
            If samples are missing.
        """
        if self.done != self.count:
            raise SchemaError(f"{self.done} of {self.count} samples were added")
        for name, rows in self._rows.items():
            self._fill(name, np.concatenate(rows))
        name = self._running.hexdigest()
        attrs = {
            **self._like.attrs,
            **self.extra,
            "Conventions": f"CF-1.11 astrogan-{SCHEMA_VERSION}",
            "attribute_digest": attribute_digest(self._like),
            "content_digest": name,
            "written_by": f"astrogan {__version__}",
        }
        coordinates = [str(key) for key in self._like.coords if key not in self._like.dims]
        if coordinates:
            attrs["coordinates"] = " ".join(coordinates)
        _set_attributes(self._file, attrs)
        self._file.flush()
        content = self._file.id.get_file_image()
        self._file.close()
        return content, name, self._like

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:  # something failed before it was closed
            self._file.close()

    def _with_steps(
        self, samples: xr.Dataset, image: NDArray[Any], rounder: Rounder
    ) -> tuple[xr.Dataset, NDArray[Any]]:
        """Samples with ``image_step`` (sample, band) of the image as it will be stored, and those steps.

        An image that keeps its ``image_step`` already is left as it is, so rounding twice is rounding once.
        """
        known = "image_step" in samples.variables
        if known:
            steps = np.asarray(samples["image_step"].values)
            if steps.any() and keeps(image, steps):
                return samples, steps
        steps = rounder.steps(image) if self.codec == "auto" else np.zeros(image.shape[:2], np.float32)
        if self.codec == "none" and not known:
            return samples, steps
        attrs = {"units": samples["image"].attrs["units"], "long_name": PLANES["image_step"].long_name}
        return samples.assign(image_step=(("sample", "band"), steps, attrs)), steps

    def _begin(self, samples: xr.Dataset) -> None:
        self._like = samples.isel(sample=slice(0, 1)).copy(deep=True)
        sizes = {str(dim): length for dim, length in samples.sizes.items()} | {"sample": self.count}
        for number, (dim, length) in enumerate(sizes.items()):
            scale = self._add_dimension(samples, dim, length)
            scale.attrs["_Netcdf4Dimid"] = np.int32(number)
        for key, variable in samples.variables.items():
            if variable.dims != (key,):
                self._create(str(key), variable)
                if variable.dims[0] != "sample":
                    self._fill(str(key), variable.values)

    def _check_alike(self, samples: xr.Dataset) -> None:
        for key in {*self._like.variables, *samples.variables}:
            if key not in samples.variables or key not in self._like.variables:
                raise SchemaError(f"{key}: this variable is in some batches only")
            here, there = samples.variables[key], self._like.variables[key]
            along = here.dims[:1] == ("sample",)
            same = here.dims == there.dims and here.dtype == there.dtype and here.shape[along:] == there.shape[along:]
            if not same or not (along or np.array_equal(here.values, there.values)):
                raise SchemaError(f"{key}: {here.dtype} {here.shape} is not like that of the batches before")

    def _add_dimension(self, samples: xr.Dataset, dim: str, length: int) -> h5py.Dataset:
        if dim not in samples.variables or samples[dim].dims != (dim,):
            scale = self._file.create_dataset(dim, shape=(length,), dtype=">f4")
            scale.make_scale(f"{BARE_DIMENSION}{length:10d}")
            return scale
        values = samples[dim].values
        if values.dtype.kind in "iuf":
            shuffle = values.dtype.itemsize > 1
            scale = self._file.create_dataset(
                dim, (length,), values.dtype, chunks=(length,), compression="gzip", shuffle=shuffle
            )
            if dim != "sample":
                self._fill(dim, values)
        else:
            scale = self._file.create_dataset(dim, data=values.astype(object), dtype=h5py.string_dtype())
        scale.make_scale(dim)
        _set_attributes(scale, samples[dim].attrs)
        return scale

    def _create(self, name: str, variable: xr.Variable) -> None:
        """An empty dataset; one sample in a chunk of a plane, many rows in a chunk of labels."""
        along = variable.dims[0] == "sample"
        length, tail = self.count if along else variable.shape[0], variable.shape[1:]
        row = variable.dtype.itemsize * math.prod(tail)
        dataset = self._file.create_dataset(
            self._key(name),
            (length, *tail),
            variable.dtype,
            chunks=(1 if _is_plane(variable) else min(length, max(1, CHUNK // row)), *tail),
            compression="gzip",
            compression_opts=1,
            shuffle=variable.dtype.itemsize > 1,
        )
        dims = [str(dim) for dim in self._like.sizes]
        for axis, dim in enumerate(variable.dims):
            dataset.dims[axis].attach_scale(self._file[str(dim)])
        dataset.attrs["_Netcdf4Coordinates"] = np.array([dims.index(str(dim)) for dim in variable.dims], np.int32)
        _set_attributes(dataset, variable.attrs)

    def _key(self, name: str) -> str:
        called_like_dimension = name in self._like.dims and self._like[name].dims != (name,)
        return f"{NOT_COORDINATE}{name}" if called_like_dimension else name

    def _add_plane(self, name: str, chunks: Iterable[bytes | memoryview], ndim: int) -> None:
        """Put one chunk for each sample into the file."""
        dataset, after = self._file[name].id, (0,) * (ndim - 1)
        for number, chunk in enumerate(chunks, start=self.done):
            dataset.write_direct_chunk((number, *after), chunk)

    def _fill(self, name: str, values: NDArray[Any]) -> None:
        dataset = self._file[self._key(name)]
        first = dataset.chunks[0]
        for start in range(0, values.shape[0], first):
            chunk = np.zeros(dataset.chunks, values.dtype)
            part = values[start : start + first]
            chunk[: len(part)] = part
            dataset.id.write_direct_chunk((start, *(0,) * (values.ndim - 1)), deflate(chunk))


def _is_plane(variable: xr.Variable) -> bool:
    return variable.ndim > 2 and variable.dims[0] == "sample" and variable.dims[-1] in ("x", "psf_x")


def _set_attributes(item: h5py.Group | h5py.Dataset, attrs: Mapping[Any, Any]) -> None:
    for name, value in attrs.items():
        unsigned = isinstance(value, int) and value >= 2**63
        item.attrs[name] = np.uint64(value) if unsigned else value
