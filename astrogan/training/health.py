"""Watches adversarial training for the ways in which it usually fails, says why, and ends it when it is lost."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from catalogs.checks import within

__all__ = ["HealthWarning", "Monitor", "Symptom", "TrainingStopped"]

GRACE = 0.2  # part of the budget in which nothing is judged: the networks are finding each other


class HealthWarning(UserWarning):
    """Training shows a symptom; names it and its likely cause."""


class TrainingStopped(RuntimeError):  # it says what happened, as StopIteration does
    """Training was ended because it could not succeed; says why."""


@dataclass(frozen=True)
class Symptom:
    """A scalar that tells of trouble.

    Attributes
    ----------
    name : str
        What is wrong.
    scalar : str
        Which of the step's scalars tells.
    low, high : (float, float)
        Where the mean over a window warns, and where it ends training: below `low`, or above `high` in absolute value.
    unit : str
    cause : str
        The likely cause, and what to try.
    """

    name: str
    scalar: str
    cause: str
    low: tuple[float, float] = (float("-inf"), float("-inf"))
    high: tuple[float, float] = (float("inf"), float("inf"))
    unit: str = ""

    def degree(self, value: float) -> int:
        """0 well, 1 to be warned of, 2 lost."""
        return sum(value < low or abs(value) > high for low, high in zip(self.low, self.high, strict=True))

    def text(self, value: float) -> str:
        """The symptom in words."""
        return f"{self.name}: {self.scalar} is {value:.3g}{self.unit and ' '}{self.unit}; {self.cause}"


SYMPTOMS = (
    Symptom(
        "collapse",
        "variety",
        "refined stamps differ from each other less than real and simulated ones do: one answer is painted on all; "
        "lower the learning rate, or raise the regularisation or gamma",
        low=(0.5, 0.25),
    ),
    Symptom(
        "critic saturation",
        "margin",
        "the critic tells nearly every pair, so the refiner learns nothing more from it; raise gamma, lower the "
        "learning rate, and check that real and simulated stamps are scaled alike and differ by no artefact",
        high=(6.0, 12.0),
    ),
    Symptom(
        "output equal to input",
        "change",
        "the refiner changes nothing; lower the regularisation, raise the learning rate, or there is nothing to learn",
        low=(0.01, 0.001),
        unit="sigma",
    ),
    Symptom(
        "flux drift",
        "flux",
        "the refiner adds light, as a share of what is there; the simulation's fluxes, sky level or profiles' wings do "
        "not match the real ones: calibrate it first",
        high=(0.05, 0.25),
    ),
)


@dataclass
class Monitor:
    """Judges means of scalars over windows of steps; for the trainer's `watch`.

    Attributes
    ----------
    window : int
        Steps.
    patience : int
        Windows in a row that must be lost before training ends.
    symptoms : tuple of Symptom
    tell : function, optional
        Called with each warning's text; by default it is a `HealthWarning`.
    told : list of str
        Warnings so far.
    """

    window: int = 200
    patience: int = 2
    symptoms: tuple[Symptom, ...] = SYMPTOMS
    tell: Callable[[str], object] | None = None
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        within("health window", self.window, 1, 1e9, "steps")
        within("health patience", self.patience, 1, 1e9, "windows")
        self._values: dict[str, deque[float]] = {one.scalar: deque(maxlen=self.window) for one in self.symptoms}
        self._lost, self._warned = dict.fromkeys(self._values, 0), dict.fromkeys(self._values, False)

    def __call__(self, step: int, fraction: float, scalars: dict[str, float]) -> None:
        """Take in a step's scalars.

        Raises
        ------
        TrainingStopped
            Naming symptom, value, step and likely cause.
        """
        for name, values in self._values.items():
            if name in scalars:
                values.append(scalars[name])
        if fraction < GRACE or step % self.window:
            return
        for symptom in self.symptoms:
            values = self._values[symptom.scalar]
            if values:
                self._judge(symptom, sum(values) / len(values), step)

    def _judge(self, symptom: Symptom, value: float, step: int) -> None:
        degree, name = symptom.degree(value), symptom.scalar
        self._lost[name] = self._lost[name] + 1 if degree == 2 else 0
        if self._lost[name] >= self.patience:
            raise TrainingStopped(f"training was stopped at step {step}: {symptom.text(value)}")
        if degree and not self._warned[name]:
            self.told.append(f"step {step}: {symptom.text(value)}")
            if self.tell is None:
                warnings.warn(self.told[-1], HealthWarning, stacklevel=2)
            else:
                self.tell(self.told[-1])
        self._warned[name] = degree > 0
