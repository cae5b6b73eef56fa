"""The list of the shards of a store: what each holds, and hashes by which damage is noticed.

One JSON object on each line, the first for the store, one more for every shard that is whole on the disk; each ends in
``check``, the beginning of the SHA-256 of the rest of its line.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from astrogan.dataset.attributes import SCHEMA_VERSION
from astrogan.dataset.files import replace_file
from astrogan.dataset.hdf5 import StoreError

__all__ = [
    "MANIFEST",
    "Header",
    "Manifest",
    "Shard",
    "append_line",
    "attributes_from",
    "checked",
    "described",
    "read_manifest",
    "shard_file",
    "write_manifest",
]

MANIFEST = "manifest.jsonl"
MAX_BYTES = 2**30
MAX_LINE = 2**24
VARYING = ("candidates", "acceptance_rate")  # attributes of a shard, not of a store
_FILE = re.compile(r"shards/shard-\d{5,9}\.h5")
_PARTS = re.compile(r"manifest-\d+-of-\d+\.jsonl")


def shard_file(number: int) -> str:
    """Where shard `number` is, relative to the store."""
    return f"shards/shard-{number:05d}.h5"


@dataclass(frozen=True)
class Header:
    """What all shards of a store share.

    Attributes
    ----------
    variables
        Name to ``dims``, ``dtype``, ``shape`` (without ``sample``), ``attrs`` and, for text, ``values``.
    attrs
        The samples' attributes.
    job_sha256
        Hash of the resolved job that made them; empty without one.
    shards
        Their number, once all are written; None before.
    """

    variables: dict[str, dict[str, Any]]
    attrs: dict[str, Any]
    coords: list[str]
    job_sha256: str = ""
    shards: int | None = None
    schema_version: int = SCHEMA_VERSION

    def same_as(self, other: Header) -> bool:
        """Whether shards with these headers may be in one store."""
        return self._text() == other._text()

    def without_varying(self) -> Header:
        """Without the attributes that each shard has of its own."""
        return replace(self, attrs={name: value for name, value in self.attrs.items() if name not in VARYING})

    def _text(self) -> str:
        kept = self.without_varying()
        content = [kept.variables, kept.attrs, sorted(kept.coords), kept.job_sha256, kept.schema_version]
        return json.dumps(content, sort_keys=True)

    @classmethod
    def of(cls, samples: xr.Dataset, job_sha256: str = "") -> Header:
        """Header of a store of samples like these."""
        variables = {str(key): described(samples[key].variable) for key in samples.variables}
        return cls.made(variables, samples.attrs, [str(key) for key in samples.coords], job_sha256)

    @classmethod
    def made(
        cls, variables: dict[str, dict[str, Any]], attrs: Mapping[Any, Any], coords: list[str], job_sha256: str
    ) -> Header:
        """A header in the one order that does not depend on where it was read: coordinates of dimensions come first."""
        names = sorted(variables, key=lambda name: variables[name]["dims"] != [name])
        plain = {str(name): _plain(attrs[name]) for name in sorted(attrs)}
        return cls({name: variables[name] for name in names}, plain, sorted(coords), job_sha256)


@dataclass(frozen=True)
class Shard:
    """One line of the manifest: a file, its hashes and what it holds."""

    shard: int
    file: str
    bytes: int
    sha256: str
    content_digest: str
    samples: int
    first_id: int
    flagged: int

    def __post_init__(self) -> None:
        numbers = (self.shard, self.bytes, self.samples, self.flagged)
        if any(isinstance(number, bool) or not isinstance(number, int) or number < 0 for number in numbers):
            raise StoreError(f"numbers {numbers} of a shard are not counts")
        if not isinstance(self.file, str) or not _FILE.fullmatch(self.file) or self.file != shard_file(self.shard):
            raise StoreError(f"file {self.file!r} is not {shard_file(self.shard)!r}")


@dataclass(frozen=True)
class Manifest:
    """A store's header and its shards in order."""

    header: Header
    shards: tuple[Shard, ...]

    @property
    def complete(self) -> bool:
        """Whether all shards were written."""
        return self.header.shards is not None


def described(variable: xr.Variable) -> dict[str, Any]:
    """A variable as a header has it."""
    along = variable.dims[:1] == ("sample",)
    numbers = variable.dtype.kind in "iuf"
    what = {
        "dims": [str(dim) for dim in variable.dims],
        "dtype": variable.dtype.name if numbers else "text",
        "shape": list(variable.shape[along:]),
        "attrs": {str(name): _plain(variable.attrs[name]) for name in sorted(variable.attrs)},
    }
    return what if numbers else {**what, "values": variable.values.tolist()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.name, "values": value.tolist()}
    return value.item() if isinstance(value, np.generic) else value


def attributes_from(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as they were before `Header.of` made them JSON."""
    arrays = {name: value for name, value in plain.items() if isinstance(value, dict)}
    return {**plain, **{name: np.array(value["values"], value["dtype"]) for name, value in arrays.items()}}


def _line(content: Header | Shard) -> str:
    return checked(json.dumps(asdict(content)))


def checked(text: str) -> str:
    """A line of a manifest: a JSON object with the hash of its own text added."""
    return f'{text[:-1]}, "check": "{sha256(text.encode()).hexdigest()[:16]}"}}\n'


def write_manifest(folder: Path, manifest: Manifest, name: str = MANIFEST) -> None:
    """Write the whole list, shards in order, in place of the old one."""
    shards = sorted(manifest.shards, key=lambda shard: shard.shard)
    replace_file(folder / name, (_line(manifest.header) + "".join(map(_line, shards))).encode())


def append_line(folder: Path, shard: Shard, name: str = MANIFEST) -> None:
    """Add a shard that is whole on the disk, and flush it."""
    with open(folder / name, "ab") as file:
        file.write(_line(shard).encode())
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path, *, partial: bool = False) -> Manifest:
    """The manifest of a store, with those of array jobs that are not yet merged.

    Parameters
    ----------
    partial
        Let a last line be incomplete, which a killed run leaves behind.

    Raises
    ------
    StoreError
        If it was changed, is cut short, or names a shard twice.
    FileNotFoundError
        If there is none.
    """
    names = [name for name in sorted(os.listdir(folder)) if name == MANIFEST or _PARTS.fullmatch(name)]
    if not names:
        raise FileNotFoundError(f"{folder}: no {MANIFEST}, so it is no sample store")
    manifests = [_read(folder / name, partial) for name in names]
    header = manifests[0].header
    for name, other in zip(names, manifests, strict=True):
        if not other.header.same_as(header):
            raise StoreError(f"{folder / name}: made by another job than {names[0]}")
    shards = tuple(sorted((one for manifest in manifests for one in manifest.shards), key=lambda one: one.shard))
    if len({shard.shard for shard in shards}) != len(shards):
        raise StoreError(f"{folder}: damaged (a shard is listed twice)")
    if header.shards is not None and header.shards != len(shards):
        raise StoreError(f"{folder / MANIFEST}: damaged ({len(shards)} of {header.shards} shards are listed)")
    return Manifest(header, shards)


def _read(path: Path, partial: bool) -> Manifest:
    if path.is_symlink() or not path.is_file():
        raise StoreError(f"{path}: not a plain file")
    if path.stat().st_size > MAX_BYTES:
        raise StoreError(f"{path}: larger than {MAX_BYTES} bytes")
    lines = path.read_bytes().splitlines(keepends=True)
    if partial and lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    contents = [_parse(line, f"{path}: line {number}") for number, line in enumerate(lines, start=1)]
    try:
        header = Header(**contents[0])
        shards = tuple(Shard(**content) for content in contents[1:])
    except (TypeError, IndexError, StoreError) as error:
        raise StoreError(f"{path}: damaged ({error})") from None
    if header.schema_version != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: schema_version = {header.schema_version!r}; this astrogan knows version {SCHEMA_VERSION}"
        )
    return Manifest(header, shards)


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(line) if len(line) <= MAX_LINE else {}
        text = line.decode().rpartition(', "check": ')[0]
        good = checked(f"{text}}}").encode() == line
    except (ValueError, RecursionError):
        good = False
    if not good:
        raise StoreError(f"{where}: damaged (it is not what was written)")
    del content["check"]
    return content
