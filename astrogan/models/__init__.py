"""Published systems, one file each. Importing this loads torch."""

from __future__ import annotations

from astrogan.models.frames import refine_frame
from astrogan.models.holes import Holes, as_holes
from astrogan.models.inpainting import Inpainter, InpainterConfig
from astrogan.models.inpainting_training import InpainterTraining, train_inpainter
from astrogan.models.real import RealStamps, check_alike, check_real, real_stamps
from astrogan.models.refiner import Refiner, RefinerConfig, shipped_weights
from astrogan.models.restoration import Restored, Restorer, RestorerConfig
from astrogan.models.restoration_training import RestorerTraining, train_restorer
from astrogan.models.scaling import Stamps, as_stamps
from astrogan.models.training import RefinerTraining, train_refiner

__all__ = [
    "Holes",
    "Inpainter",
    "InpainterConfig",
    "InpainterTraining",
    "RealStamps",
    "Refiner",
    "RefinerConfig",
    "RefinerTraining",
    "Restored",
    "Restorer",
    "RestorerConfig",
    "RestorerTraining",
    "Stamps",
    "as_holes",
    "as_stamps",
    "check_alike",
    "check_real",
    "real_stamps",
    "refine_frame",
    "shipped_weights",
    "train_inpainter",
    "train_refiner",
    "train_restorer",
]
