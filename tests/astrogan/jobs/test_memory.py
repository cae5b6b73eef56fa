"""What the log says of the memory of workers."""

from __future__ import annotations

import json


def test_the_log_has_the_peak_memory_of_every_shard(whole):
    log = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    peaks = [event["peak_mib"] for event in log if event["event"] == "shard"]
    assert len(peaks) == 12
    assert all(50 < peak < 1536 for peak in peaks)
    assert peaks == sorted(peaks)


def test_memory_does_not_grow_with_the_shard(run, job, tmp_path):
    """A shard of 60 MB raw pixels is made from batches of 256: the process holds them and what is compressed alone."""
    import tracemalloc

    settings = ("simulate.samples=5000", "store.shard_size=5000", "simulate.options={delay: 0.0}", "simulate.size=32")
    options = [part for setting in settings for part in ("--set", setting)]
    tracemalloc.start()
    try:
        assert run("run", job, "--out", "large", "--workers", 0, *options)[0] == 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    raw = 5000 * 2 * 32 * 32 * 4 * 2  # image and variance
    assert peak < 0.9 * raw
