"""A name for the content of a dataset that no codec, library version or machine changes."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import xarray as xr

__all__ = ["attribute_digest", "digest"]


def digest(ds: xr.Dataset) -> str:
    """SHA-256, in hexadecimal, of the decoded arrays: variables by name, each with its dims, type and shape.

    Values enter little-endian in C order; attributes do not enter.
    """
    sha = hashlib.sha256(b"astrogan samples 1\n")
    for name in sorted(map(str, ds.variables)):
        variable = ds[name]
        values = np.asarray(variable.values)
        if values.dtype.kind in "iuf":
            kind = values.dtype.name
            content = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False)).reshape(-1)
            content = content.view(np.uint8)
        else:
            kind = "text"
            content = np.frombuffer(json.dumps(values.tolist()).encode(), np.uint8)
        sha.update(json.dumps([name, list(variable.dims), kind, list(values.shape), content.size]).encode() + b"\n")
        sha.update(content.data)
    return sha.hexdigest()


def attribute_digest(ds: xr.Dataset) -> str:
    """SHA-256, in hexadecimal, of the attributes of the dataset and of all its variables, by name."""
    attrs = {str(name): ds[name].attrs for name in ds.variables}
    text = json.dumps([ds.attrs, attrs], sort_keys=True, default=lambda value: np.asarray(value).tolist())
    return hashlib.sha256(text.encode()).hexdigest()
