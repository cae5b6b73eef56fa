"""What is in a file."""

from __future__ import annotations

from pathlib import Path

from catalogs import Survey
from catalogs.checks import nearest

__all__ = ["describe"]


def describe(path: Path) -> str:
    """A few lines about a sample store or a model.

    Raises
    ------
    ValueError, OSError
        For a file that is neither, is damaged or does not exist.
    """
    readers = {".h5": _store, ".safetensors": _model}
    if path.suffix not in readers:
        raise ValueError(
            f"{path} is neither a sample store (.h5) nor a model; did you mean {nearest(path.suffix, readers)!r}?"
        )
    return readers[path.suffix](path)


def _store(path: Path) -> str:
    from astrogan.dataset import digest, label_names, plane_names, read_samples

    samples = read_samples(path)
    survey = Survey.from_json(samples.attrs["survey"])
    sizes = ", ".join(f"{name} {size}" for name, size in samples.sizes.items())
    lines = [
        f"{path}: samples of {samples.attrs['simulator'] or 'observed sky'}",
        f"sizes   {sizes}",
        f"survey  {survey.name}, {survey.pixel_scale:g} arcsec/pixel, bands {', '.join(survey.band_names)}",
        f"pixels  {', '.join(plane_names(samples))} [{survey.unit or 'display values'}]",
        f"labels  {', '.join(label_names(samples))}",
        f"model   {samples.attrs.get('model', 'none')}",
        f"digest  {digest(samples)}",
    ]
    return "\n".join(lines)


def _model(path: Path) -> str:
    import json

    from astrogan.models import Refiner

    refiner = Refiner.load(path)
    count = sum(parameter.numel() for parameter in refiner.networks["refiner"].parameters())
    return f"{path}: refiner with {count} weights\n{json.dumps(refiner.card, indent=2)}"
