"""What a simulator's samples consist of: labels, their dimensions, and the parts of the image that they move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.population import PopulationLike

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """The labels of one simulator as it is set up.

    Parameters
    ----------
    labels : tuple of str
        All that the image needs.
    flux_labels : tuple of str
        Those with a band dimension.
    parts : mapping
        What is drawn separately and summed -> the labels that it depends on.
    fits : tuple of tuples of str
        Sets of labels that an image can tell apart.
    steps : mapping of str to float
        Half the difference in `tangent` for each label: a fraction of the value where negative, of a pixel for
        positions.
    population : as a simulator's
        What lies under all other populations; labels that it gives and these samples do not have are left out.
    extras : tuple of str
        Labels that a population may give and no image needs.
    derived : tuple of str
        Labels that follow from the others, and are kept in the truth.
    defaults : mapping of str to str
        Label -> the label whose (first) value it has where it is not given.
    dimensions : mapping of str to str
        Label -> the dimension that it may have between sample and band.
    splits : mapping of str to str
        Part -> the dimension along which it consists of several components.
    arcs : tuple of str
        What the names of lensed components begin with; none without lenses.
    discrete : mapping of str to int
        Labels that choose and so have no tangent, and how many values 0, 1, ... each has; drawn with equal chances
        where no population gives them.
    """

    labels: tuple[str, ...]
    flux_labels: tuple[str, ...]
    parts: Mapping[str, tuple[str, ...]]
    fits: tuple[tuple[str, ...], ...]
    steps: Mapping[str, float]
    population: PopulationLike
    extras: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)
    arcs: tuple[str, ...] = ()
    discrete: Mapping[str, int] = field(default_factory=dict)

    @property
    def given(self) -> tuple[str, ...]:
        """The labels that must be given."""
        return tuple(name for name in self.labels if name not in self.defaults)

    @property
    def continuous(self) -> tuple[str, ...]:
        """Labels that have a tangent."""
        return tuple(name for name in self.labels if name not in self.discrete)

    @property
    def moved(self) -> tuple[str, ...]:
        """Those that `tangent` moves unless told otherwise: all but labels of subhaloes, which may be thousands."""
        return tuple(name for name in self.continuous if self.dimensions.get(name) != "subhalo")

    def step(self, name: str, pixel_scale: float) -> float:
        """Half the difference by which `tangent` moves a label; a fraction of its value where negative."""
        step = self.steps[name]
        return step * pixel_scale if step > 0 and name.endswith(("x", "y")) else step
