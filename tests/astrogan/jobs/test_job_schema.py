"""What a job file may say, and how it is told that it may not."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from astrogan.jobs.run import load_job
from astrogan.jobs.schema import Job, job_from, job_sha256
from astrogan.jobs.shards import plan
from astrogan.jobs.strict_yaml import parse_yaml

GOOD = {"simulate": {"samples": 100, "seed": 1}, "observe": {}}


def changed(**stages):
    """The good job with other stages, or other keys in them."""
    return {name: {**GOOD.get(name, {}), **stages.get(name, {})} for name in {**GOOD, **stages}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "simulate is missing"),
        (None, "the job = None"),
        ([1], "the job = "),
        (changed(simulate={"sampels": 3}), "simulate.sampels is unknown; did you mean 'samples'?"),
        ({**GOOD, "observ": {}}, "observ is unknown; did you mean 'observe'?"),
        (changed(store={"shardsize": 3}), "store.shardsize is unknown; did you mean 'shard_size'?"),
        (changed(simulate={"samples": 0}), "simulate.samples = 0: Input should be greater than or equal to 1"),
        (changed(simulate={"samples": True}), "simulate.samples = True: Input should be a valid integer"),
        (changed(simulate={"samples": "100"}), "simulate.samples = '100': Input should be a valid integer"),
        (changed(simulate={"samples": 1e3}), "simulate.samples = 1000.0: Input should be a valid integer"),
        (changed(simulate={"seed": -1}), "simulate.seed = -1: "),
        (changed(simulate={"pixel_scale": float("nan")}), "simulate.pixel_scale = nan: Input should be a finite"),
        (changed(simulate={"size": 10**9}), "simulate.size = 1000000000: Input should be less than or equal to 2048"),
        (changed(simulate={"accuracy": "best"}), "simulate.accuracy = 'best': Input should be 'fast', 'default' or"),
        (changed(store={"planes": ["variance"]}), "planes must name image"),
        (changed(simulate={"size": 2048}, store={"shard_size": 10**6}), "is too large; at most 64 GiB"),
        (changed(simulate={"samples": 10**9}, store={"shard_size": 7}), "raise store.shard_size to 1000 at least"),
        ({"simulate": GOOD["simulate"], "refine": {}}, "refine needs observe"),
        *(
            ({**GOOD, "out": out}, "out = ")
            for out in ("../x", "/etc", "~/x", "$HOME/x", "a/../../b", "a\0b", "", "%x")
        ),
    ],
)
def test_faults_are_named_with_their_key(content, words):
    with pytest.raises(ValueError, match=r"^job\.yaml: ") as stop:
        job_from(content, "job.yaml")
    assert words in str(stop.value)
    assert "\n" not in str(stop.value)


def test_the_hash_is_of_what_samples_depend_on():
    job = job_from(GOOD)
    assert job_sha256(job_from({**GOOD, "out": "elsewhere"})) == job_sha256(job)
    assert job_sha256(job_from(changed(store={"codec": "auto"}))) == job_sha256(job)
    others = [changed(simulate={"seed": 2}), changed(store={"codec": "none"}), {"simulate": GOOD["simulate"]}]
    assert len({job_sha256(job_from(other)) for other in others} | {job_sha256(job)}) == 4
    word, listed = (job_from(changed(simulate={"bands": bands})) for bands in ("gr", ["g", "r"]))
    assert job_sha256(word) == job_sha256(listed) != job_sha256(job_from(changed(simulate={"bands": ["g"]})))


def test_every_sample_is_planned_once():
    for samples, size in ((1, 1), (100, 7), (7, 100), (4096, 4096)):
        job = job_from(changed(simulate={"samples": samples, "start": 50}, store={"shard_size": size}))
        ids = [number for task in plan(job) for number in range(task.start, task.start + task.count)]
        assert ids == list(range(50, 50 + samples))
        assert [task.number for task in plan(job)] == list(range(len(plan(job))))


def test_the_json_schema_says_the_same():
    schema = Job.model_json_schema(by_alias=True)
    json.dumps(schema)
    assert {"simulate", "observe", "refine", "validate", "export", "store", "out"} == set(schema["properties"])
    simulate = schema["$defs"]["Simulate"]
    assert simulate["additionalProperties"] is False
    assert simulate["properties"]["size"]["maximum"] == 2048
    assert all(entry.get("description") or "$ref" in entry for entry in simulate["properties"].values())


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("simulate.size", "write it as key.key=value"),
        ("simulate..size=3", "write it as key.key=value"),
        ("simulate.size=[", "--set simulate.size=["),
        ("simulate.sizes=3", "simulate.sizes is unknown; did you mean 'size'?"),
        ("simulate.size.x=3", "simulate.size holds no keys"),
        ("simulate.survey=lstt", "did you mean 'lsst'"),
        ("simulate.simulator=StrongLense", "did you mean 'StrongLens'"),
        ("simulate.population=galaxies", "did you mean"),
        ("simulate.options={neighbour: 3}", "did you mean 'neighbours'"),
        ("refine={model: refiner-hubbel}", "did you mean"),
        ("refine.model=/absent.safetensors", "/absent.safetensors"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, setting, words):
    path = tmp_path / "job.yaml"
    path.write_text("simulate: {samples: 10, seed: 1, size: 64}\nobserve: {}\n")
    with pytest.raises((ValueError, OSError)) as stop:
        load_job(path, [setting])
    assert words in str(stop.value)


def test_settings_are_put_in(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("simulate: {samples: 10, seed: 1, bands: [g]}\nobserve:\n")
    with pytest.raises(ValueError, match="refine needs observe"):
        load_job(path, ["refine.tangents=false"])
    job = load_job(path, ["simulate.samples=1000", "simulate.pixel_scale=0.1", "observe={}", "store.codec=none"])
    assert (job.simulate.samples, job.simulate.pixel_scale, job.store.codec) == (1000, 0.1, "none")
    assert job.observe is not None


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 1e308, 10**30, "lsst", "../..", "\0", "é", ".", float("nan")]),
    st.text(max_size=8),
)
STAGES = ("simulate", "observe", "refine", "validate", "export", "store", "out")
INNER = (
    "samples",
    "seed",
    "size",
    "bands",
    "survey",
    "shard_size",
    "codec",
    "planes",
    "model",
    "options",
    "pixel_scale",
)
KEYS = st.sampled_from([*STAGES, *INNER, "neighbours", "max_flagged", "format", "start", "labels"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)


def refusal(function, content):
    """The message of the ValueError, or nothing; any other exception is a fault."""
    try:
        function(content)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.fault
def test_any_content_is_a_job_or_one_line(fault_scale, faults):
    """Wild values in wild places: a valid job, or a ValueError of one line; nothing else, and at once."""

    @settings(max_examples=70 * fault_scale, deadline=2000, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(VALUES, st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=3))
    def check(anything, simulate, stages):
        for content in (anything, {**GOOD, **stages, "simulate": {**GOOD["simulate"], **simulate}}):
            assert "\n" not in refusal(job_from, content)
            faults()

    check()


@pytest.mark.fault
def test_any_text_is_data_or_one_line(fault_scale, faults):
    pieces = st.sampled_from(
        ["a: ", "- ", "[", "]", "{", "}", "\n", "  ", "&x ", "*x", "!t ", "'", '"', "#", "|", ">", "? "]
    )
    text = st.lists(pieces | st.text(max_size=4), max_size=30).map("".join)

    @settings(max_examples=70 * fault_scale, deadline=2000, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(text | st.binary(max_size=40))
    def check(content):
        assert "\n" not in refusal(parse_yaml, content)
        faults()

    check()
