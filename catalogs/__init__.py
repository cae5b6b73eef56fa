"""What instruments and populations are: numbers with units, references and dates; no pixels."""

from catalogs.load import get_population, get_survey, list_populations, list_surveys, references
from catalogs.population import Population
from catalogs.schema import Band, Survey

__all__ = [
    "Band",
    "Population",
    "Survey",
    "get_population",
    "get_survey",
    "list_populations",
    "list_surveys",
    "references",
]
