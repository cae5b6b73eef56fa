from __future__ import annotations

import numpy as np
import pytest

from astrogan.dataset.fingerprints import fingerprints, stamp_digests
from astrogan.validation import LeakageError, refuse_leaks


def test_shared_images_are_an_error_that_counts_them(galaxies) -> None:
    training, others = galaxies(80, 1), galaxies(60, 2)
    exact = {"training_digests": {"real": stamp_digests(training)}}
    refuse_leaks(others, exact)
    with pytest.raises(LeakageError, match="7 of the 67 real images were used to train"):
        refuse_leaks(np.concatenate([others, training[:7]]), exact)
    refuse_leaks(5.5 * training, exact)  # other bits: only the fingerprints know them
    known = {"training_digests": {**exact["training_digests"], "fingerprints": fingerprints(training).ravel().tolist()}}
    refuse_leaks(others, known)
    with pytest.raises(LeakageError, match="3 of the 3 held-out images"):
        refuse_leaks(5.5 * training[:3, 1:2, 4:-4, 4:-4], known, "held-out")


@pytest.mark.parametrize("card", [{}, {"training_digests": 5}, {"training_digests": {"sim": "1"}}])
def test_a_card_that_cannot_be_checked_is_refused(card: dict) -> None:
    with pytest.raises(ValueError, match=r"the card of model '\?' has no training_digests of real images"):
        refuse_leaks(np.zeros((2, 1, 20, 20)), card)
