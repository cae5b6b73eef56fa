"""Lensed-galaxy simulators whose images are refined towards real sky by GANs that cannot move the labels."""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "SchemaError": "astrogan.dataset.schema",
    "validate_samples": "astrogan.dataset.schema",
    "StoreError": "astrogan.dataset.store",
    "digest": "astrogan.dataset.store",
    "read_samples": "astrogan.dataset.store",
    "write_samples": "astrogan.dataset.store",
    "open_samples": "astrogan.dataset.backend",
    "write_store": "astrogan.dataset.sharding",
    "verify_store": "astrogan.dataset.verification",
    "ImageError": "astrogan.dataset.images",
    "hubble_deep_field": "astrogan.dataset.images",
    "read_images": "astrogan.dataset.images",
    "to_fits": "astrogan.export.fits",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used, so that ``import astrogan`` costs nothing."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'astrogan' has no attribute {name!r}; it has {', '.join(__all__)}")
    value: object = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
