"""astrogan in GalSim's config files: ``modules: [astrogan.galsim]``; see docs/galsim.md.

Importing it registers the objects AstroGANGalaxy, AstroGANLens and AstroGANPSF, the stamp AstroGANStamp, the noises
AstroGANNoise and AstroGANSensor, the output AstroGANHDF5 and the template astrogan-default. All draw in their builders,
from the config's generator, so that no number depends on the number of processes: an input object behind GalSim's proxy
would draw from a copy of it.
"""

from pathlib import Path

from galsim.config import (
    RegisterExtraOutput,
    RegisterNoiseType,
    RegisterObjectType,
    RegisterOutputType,
    RegisterStampType,
    RegisterTemplate,
)

from astrogan.galsim.convert import galaxy_image, to_galsim, with_noise
from astrogan.galsim.galaxies import build_galaxy, build_lens, build_psf
from astrogan.galsim.noise import NoiseType, SensorType
from astrogan.galsim.objects import light_object, psf_object
from astrogan.galsim.output import EXTRA, OutputType, SampleCollector
from astrogan.galsim.stamp import StampType

__all__ = ["galaxy_image", "light_object", "psf_object", "to_galsim", "with_noise"]

RegisterObjectType("AstroGANGalaxy", build_galaxy)
RegisterObjectType("AstroGANLens", build_lens)
RegisterObjectType("AstroGANPSF", build_psf)
RegisterStampType("AstroGANStamp", StampType())
RegisterNoiseType("AstroGANNoise", NoiseType())
RegisterNoiseType("AstroGANSensor", SensorType())
RegisterOutputType("AstroGANHDF5", OutputType())
RegisterExtraOutput(EXTRA, SampleCollector())
RegisterTemplate("astrogan-default", str(Path(__file__).with_name("astrogan-default.yaml")))
