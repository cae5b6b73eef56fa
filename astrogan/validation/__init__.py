"""How real images are and what realism cost the labels: arrays in, numbers with errors out, and a page to show them."""

from __future__ import annotations

from astrogan.validation.content import ReportContent
from astrogan.validation.drift import Drift, label_drift, moment_drift
from astrogan.validation.features import Features, measure_features
from astrogan.validation.figures import write_gallery
from astrogan.validation.images import Stretch, fit_stretch, lupton_rgb
from astrogan.validation.report import Report, build_report, write_report
from astrogan.validation.two_sample import TwoSample, two_sample

__all__ = [
    "Drift",
    "Features",
    "Report",
    "ReportContent",
    "Stretch",
    "TwoSample",
    "build_report",
    "fit_stretch",
    "label_drift",
    "lupton_rgb",
    "measure_features",
    "moment_drift",
    "two_sample",
    "write_gallery",
    "write_report",
]
