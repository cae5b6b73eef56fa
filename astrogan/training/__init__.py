"""The one training engine: recipes, budgets, averages, history, losses, batches. Importing this loads torch."""

from __future__ import annotations

from astrogan.training.adaptive import AdaptiveAugmentation, few_real
from astrogan.training.batches import Batch, Batches, Sampler
from astrogan.training.budget import Budget
from astrogan.training.classify import Classifier, fit_classifier
from astrogan.training.device import cpu_threads, mixed_precision, pick_device
from astrogan.training.distributed import process_group
from astrogan.training.ema import Ema
from astrogan.training.engine import Trainer
from astrogan.training.health import HealthWarning, Monitor, TrainingStopped
from astrogan.training.history import History
from astrogan.training.losses import FEATURES, R3GAN, AdversarialLoss, SimGAN, self_regularisation
from astrogan.training.optimisation import cosine, minimise, set_learning_rate
from astrogan.training.recipe import Recipe
from astrogan.training.regress import Regressor, fit_regressor, train_features

__all__ = [
    "FEATURES",
    "R3GAN",
    "AdaptiveAugmentation",
    "AdversarialLoss",
    "Batch",
    "Batches",
    "Budget",
    "Classifier",
    "Ema",
    "HealthWarning",
    "History",
    "Monitor",
    "Recipe",
    "Regressor",
    "Sampler",
    "SimGAN",
    "Trainer",
    "TrainingStopped",
    "cosine",
    "cpu_threads",
    "few_real",
    "fit_classifier",
    "fit_regressor",
    "minimise",
    "mixed_precision",
    "pick_device",
    "process_group",
    "self_regularisation",
    "set_learning_rate",
    "train_features",
]
