"""The one training engine: recipes, budgets, averages, history, losses, batches. Importing this loads torch."""

from __future__ import annotations

from astrogan.training.batches import Batch, Batches, Sampler
from astrogan.training.budget import Budget
from astrogan.training.classify import Classifier, fit_classifier
from astrogan.training.device import cpu_threads, mixed_precision, pick_device
from astrogan.training.ema import Ema
from astrogan.training.engine import Trainer
from astrogan.training.history import History
from astrogan.training.losses import R3GAN, AdversarialLoss, SimGAN, self_regularisation
from astrogan.training.optimisation import cosine, minimise, set_learning_rate
from astrogan.training.recipe import Recipe

__all__ = [
    "R3GAN",
    "AdversarialLoss",
    "Batch",
    "Batches",
    "Budget",
    "Classifier",
    "Ema",
    "History",
    "Recipe",
    "Sampler",
    "SimGAN",
    "Trainer",
    "cosine",
    "cpu_threads",
    "fit_classifier",
    "minimise",
    "mixed_precision",
    "pick_device",
    "self_regularisation",
    "set_learning_rate",
]
