"""What is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from catalogs import Survey
from catalogs.checks import nearest

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["describe"]


def describe(path: Path) -> str:
    """A few lines about a sample store or a model.

    Raises
    ------
    ValueError, OSError
        For a file that is neither, is damaged or does not exist.
    """
    if path.is_dir():
        return _directory(path)
    readers = {".h5": _store, ".safetensors": _model}
    if path.suffix not in readers:
        raise ValueError(
            f"{path} is neither a sample store (.h5) nor a model; did you mean {nearest(path.suffix, readers)!r}?"
        )
    return readers[path.suffix](path)


def _store(path: Path) -> str:
    from astrogan.dataset import digest, read_samples

    samples = read_samples(path)
    return "\n".join([*_samples(path, samples), f"digest  {digest(samples)}"])


def _directory(path: Path) -> str:
    from astrogan.dataset.backend import open_samples
    from astrogan.dataset.manifest import read_manifest

    manifest = read_manifest(path)
    shards = manifest.shards
    size, flagged = sum(shard.bytes for shard in shards), sum(shard.flagged for shard in shards)
    state = "complete" if manifest.complete else "the run that writes it has not ended"
    lines = [
        *_samples(path, open_samples(path)),
        f"shards  {len(shards)}, {size / 2**20:.1f} MiB, {state}; {flagged} samples are flagged",
        f"job     {manifest.header.job_sha256 or 'none'}",
    ]
    return "\n".join(lines)


def _samples(path: Path, samples: xr.Dataset) -> list[str]:
    from astrogan.dataset import label_names, plane_names

    survey = Survey.from_json(samples.attrs["survey"])
    sizes = ", ".join(f"{name} {size}" for name, size in samples.sizes.items())
    return [
        f"{path}: samples of {samples.attrs['simulator'] or 'observed sky'}",
        f"sizes   {sizes}",
        f"survey  {survey.name}, {survey.pixel_scale:g} arcsec/pixel, bands {', '.join(survey.band_names)}",
        f"pixels  {', '.join(plane_names(samples))} [{survey.unit or 'display values'}]",
        f"labels  {', '.join(label_names(samples))}",
        f"model   {samples.attrs.get('model', 'none')}",
    ]


def _model(path: Path) -> str:
    import json

    from astrogan.models import Inpainter, Refiner, Restorer
    from astrogan.networks.files import kind_of

    kinds: dict[str, type[Inpainter | Refiner | Restorer]] = {"inpainter": Inpainter, "restorer": Restorer}
    kind = kind_of(path)
    model = kinds.get(kind, Refiner).load(path)
    used = [network for name, network in model.networks.items() if name != "critic"]
    count = sum(parameter.numel() for network in used for parameter in network.parameters())
    return f"{path}: {kind} with {count} weights\n{json.dumps(model.card, indent=2)}"
