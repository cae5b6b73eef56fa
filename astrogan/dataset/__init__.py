"""The sample schema, the files that hold samples, and the user's own images."""

from astrogan.dataset.digest import digest
from astrogan.dataset.images import ImageError, hubble_deep_field, read_images
from astrogan.dataset.real_galaxies import read_real_galaxies
from astrogan.dataset.schema import SCHEMA_VERSION, SchemaError, label_names, plane_names, validate_samples
from astrogan.dataset.store import StoreError, read_samples, write_samples

__all__ = [
    "SCHEMA_VERSION",
    "ImageError",
    "SchemaError",
    "StoreError",
    "digest",
    "hubble_deep_field",
    "label_names",
    "plane_names",
    "read_images",
    "read_real_galaxies",
    "read_samples",
    "validate_samples",
    "write_samples",
]
