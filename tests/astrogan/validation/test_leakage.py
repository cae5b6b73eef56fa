from __future__ import annotations

import numpy as np
import pytest

from astrogan.dataset.fingerprints import fingerprints
from astrogan.validation import LeakageError, refuse_leaks, training_fingerprints


def test_shared_images_are_an_error_that_counts_them(galaxies) -> None:
    training, others = galaxies(80, 1), galaxies(60, 2)
    card = {"name": "net", "real_stamps": {"fingerprints": fingerprints(training).ravel().tolist()}}
    known = training_fingerprints(card)
    refuse_leaks(others, known)
    with pytest.raises(LeakageError, match="7 of the 67 real images were used to train"):
        refuse_leaks(np.concatenate([others, 5.5 * training[:7]]), known)
    with pytest.raises(LeakageError, match="3 of the 3 held-out images"):
        refuse_leaks(training[:3, 1:2], known, "held-out")


@pytest.mark.parametrize("card", [{}, {"real_stamps": 5}, {"real_stamps": {"sha256": "1"}}])
def test_a_card_that_cannot_be_checked_is_refused(card: dict) -> None:
    with pytest.raises(ValueError, match=r"the card of model '\?' has no real_stamps.fingerprints"):
        training_fingerprints(card)
