"""Published systems, one file each. Importing this loads torch."""

from __future__ import annotations

from astrogan.models.refiner import Refiner, RefinerConfig, shipped_weights
from astrogan.models.scaling import Stamps, as_stamps
from astrogan.models.training import RefinerTraining, train_refiner

__all__ = ["Refiner", "RefinerConfig", "RefinerTraining", "Stamps", "as_stamps", "shipped_weights", "train_refiner"]
