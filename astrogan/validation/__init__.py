"""How real images are and what realism cost the labels: arrays in, numbers with errors out, and a page to show them."""

from __future__ import annotations

from astrogan.validation.checks import downstream_table, label_table, shear_table
from astrogan.validation.classical import classical_baseline
from astrogan.validation.content import ReportContent
from astrogan.validation.downstream import Downstream, downstream
from astrogan.validation.drift import Drift, label_drift, moment_drift
from astrogan.validation.features import Features, measure_features
from astrogan.validation.figures import write_gallery
from astrogan.validation.images import Stretch, fit_stretch, lupton_rgb
from astrogan.validation.kid import frozen_features, kid
from astrogan.validation.leakage import LeakageError, refuse_leaks
from astrogan.validation.memorisation import memorisation, two_model_memorisation
from astrogan.validation.new_objects import new_objects
from astrogan.validation.noise import noise_differences
from astrogan.validation.photometry import moment_change, photometry_change
from astrogan.validation.properties import Distance, measure_properties, property_distances
from astrogan.validation.refit import einstein_radius_change, refit
from astrogan.validation.report import Report, build_report, write_report
from astrogan.validation.shear import ShearBias, shear_bias
from astrogan.validation.tables import Measurement, Row, Table
from astrogan.validation.two_sample import TwoSample, two_sample
from astrogan.validation.validate import validate

__all__ = [
    "Distance", "Downstream", "Drift", "Features", "LeakageError", "Measurement", "Report", "ReportContent", "Row",
    "ShearBias", "Stretch", "Table", "TwoSample", "build_report", "classical_baseline", "downstream",
    "downstream_table", "einstein_radius_change", "fit_stretch", "frozen_features", "kid", "label_drift",
    "label_table", "lupton_rgb", "measure_features", "measure_properties", "memorisation", "moment_change",
    "moment_drift", "new_objects", "noise_differences", "photometry_change", "property_distances", "refit",
    "refuse_leaks", "shear_bias", "shear_table", "two_model_memorisation", "two_sample",
    "validate", "write_gallery", "write_report",
]  # fmt: skip
