"""Stamps put into frames, and which of their objects is the brightest in every pixel."""

from simulators._kernels._jit import kernel


@kernel
def add_stamps(first, last, stamps, corners, lowest, end, frame):
    """Add stamps (S, B, n, n) to bands first .. last - 1 of frame (B, Y, X), in their order; corners (S, 2) are the
    row and column of their first pixel. What lies off the frame and off its rows lowest .. end - 1 is left out.
    """
    side = stamps.shape[2]
    for b in range(first, last):
        for s in range(stamps.shape[0]):
            low, left = corners[s, 0], corners[s, 1]
            start, stop = max(0, -left), min(side, frame.shape[2] - left)
            for p in range(max(0, lowest - low), min(side, end - low)):
                line, row = frame[b, low + p], stamps[s, b, p]
                for q in range(start, stop):
                    line[left + q] += row[q]


@kernel
def mark_brightest(stamps, corners, numbers, weights, brightest, segmentation):
    """Where the weighted sum over bands of a stamp exceeds `brightest` (Y, X), put it and the object's number there."""
    bands, side = stamps.shape[1], stamps.shape[2]
    for s in range(stamps.shape[0]):
        low, left = corners[s, 0], corners[s, 1]
        start, stop = max(0, -left), min(side, brightest.shape[1] - left)
        for p in range(max(0, -low), min(side, brightest.shape[0] - low)):
            for q in range(start, stop):
                light = weights[0] * stamps[s, 0, p, q]
                for b in range(1, bands):
                    light += weights[b] * stamps[s, b, p, q]
                if light > brightest[low + p, left + q]:
                    brightest[low + p, left + q] = light
                    segmentation[low + p, left + q] = numbers[s]
