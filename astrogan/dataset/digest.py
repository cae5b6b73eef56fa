"""A name for the content of a dataset that no codec, library version or machine changes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["RunningDigest", "attribute_digest", "digest"]


def digest(ds: xr.Dataset) -> str:
    """SHA-256, in hexadecimal, of the decoded arrays: variables by name, each with its dims, type, shape and own hash.

    Values enter little-endian in C order; attributes do not enter.
    """
    running = RunningDigest()
    running.add(ds)
    return running.hexdigest()


class RunningDigest:
    """The `digest` of a dataset that arrives in batches along ``sample``."""

    def __init__(self) -> None:
        self._hashes: dict[str, Any] = {}
        self._shapes: dict[str, tuple[list[str], str, list[int]]] = {}

    def add(self, batch: xr.Dataset) -> None:
        """Take in the next batch; variables without ``sample`` count once."""
        for key, variable in batch.variables.items():
            name = str(key)
            values = np.asarray(variable.values)
            along = variable.dims[:1] == ("sample",)
            if name not in self._hashes:
                kind = values.dtype.name if values.dtype.kind in "iuf" else "text"
                self._hashes[name] = hashlib.sha256()
                self._shapes[name] = ([str(dim) for dim in variable.dims], kind, [0, *values.shape[1:]])
            elif not along:
                continue
            if values.ndim:
                self._shapes[name][2][0] += values.shape[0]
            else:
                self._shapes[name][2].clear()
            self._hashes[name].update(_content(values))

    def hexdigest(self) -> str:
        """The digest of all batches so far."""
        parts = [[name, *self._shapes[name], self._hashes[name].hexdigest()] for name in sorted(self._hashes)]
        return hashlib.sha256(b"astrogan samples 2\n" + json.dumps(parts).encode()).hexdigest()


def _content(values: NDArray[Any]) -> memoryview:
    if values.dtype.kind not in "iuf":
        return memoryview(json.dumps(values.tolist()).encode())
    little = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False))
    return little.reshape(-1).view(np.uint8).data


def attribute_digest(ds: xr.Dataset) -> str:
    """SHA-256, in hexadecimal, of the attributes of the dataset and of all its variables, by name."""
    attrs = {str(name): variable.attrs for name, variable in ds.variables.items()}
    text = json.dumps([ds.attrs, attrs], sort_keys=True, default=lambda value: np.asarray(value).tolist())
    return hashlib.sha256(text.encode()).hexdigest()
