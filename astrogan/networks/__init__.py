"""Building blocks of networks: the residual trunk, local critics, a classifier. Importing this loads torch."""

from __future__ import annotations

from astrogan.networks.classifier import FeatureNet, StampClassifier
from astrogan.networks.critics import MultiScaleCritic, PatchCritic
from astrogan.networks.dense import DenseUNet
from astrogan.networks.residual import ResidualTrunk

__all__ = ["DenseUNet", "FeatureNet", "MultiScaleCritic", "PatchCritic", "ResidualTrunk", "StampClassifier"]
