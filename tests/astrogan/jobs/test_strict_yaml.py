"""The YAML that job files may be: data without surprises."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

import pytest

from astrogan.jobs.strict_yaml import MAX_SIZE, parse_yaml

SAME = """
text: hello
quoted: "1e5"
list: [1, -2, +3, 0x10, 0o17, 007]
floats: [1.0, 1e5, -1.5E-3, .5, 1., .inf, -.INF]
flags: [true, False]
nothing: [null, ~, ]
text again: [no, on, yes, 12:30:00, 2026-01-01, 1_000, 0b1, =]
nested: {a: {b: [{c: d}]}}
"""


def test_values_are_those_of_yaml_1_2():
    made = parse_yaml(SAME)
    assert made["text"] == "hello"
    assert made["quoted"] == "1e5"
    assert made["list"] == [1, -2, 3, 16, 15, 7]
    assert made["floats"] == [1.0, 1e5, -1.5e-3, 0.5, 1.0, math.inf, -math.inf]
    assert made["flags"] == [True, False]
    assert made["nothing"] == [None, None]
    assert made["text again"] == ["no", "on", "yes", "12:30:00", "2026-01-01", "1_000", "0b1", "="]
    assert made["nested"] == {"a": {"b": [{"c": "d"}]}}
    assert math.isnan(parse_yaml(".nan"))


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{k}: &{k} [{','.join(['*a'] * 9)}]\n" for k in "bcdefgh")
HOSTILE = {
    BOMB: "anchors and aliases",
    "a: *b": "anchors and aliases",
    "[" * 5000: "more than 50 levels",
    "{a: " * 5000: "more than 50 levels",
    "- " * 5000: "more than 50 levels",
    f"[{'1,' * 200_000}]": "or 100000 values",
    "a: 1\nb: {c: 2, c: 3}": "line 2, column 11: the key 'c' is there twice",
    "<<: {a: 1}": "the key '<<' is refused",
    "1: 2": "keys must be text",
    "no: 1\n? [a]\n: b": "keys must be text",
    "a: !!python/object/apply:os.system [ls]": "tags .* are refused",
    "a: !include /etc/passwd": "tags .* are refused",
    "a: !!int '3'": "tags .* are refused",
    "a: b: c": "mapping values are not allowed",
    "a: 'b": "found unexpected end of stream",
    "a: 1\n---\nb: 2": "another document",
    "\0": "not YAML",
    "a: \x07": "not YAML",
    "9" * 5000: "more than 100 digits",
    "%YAML 9.9\n---\na: 1": "incompatible YAML document",
    "x" * (MAX_SIZE + 1): "bytes; at most",
}


@pytest.mark.fault
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:24]))
def test_hostile_text_is_refused_at_once(text):
    begun = time.process_time()
    with pytest.raises(ValueError, match=HOSTILE[text]) as stop:
        parse_yaml(text, "job.yaml")
    assert str(stop.value).startswith("job.yaml:")
    assert "\n" not in str(stop.value)
    assert time.process_time() - begun < 5  # seconds, against hours


def test_bytes_that_are_not_text_are_refused():
    with pytest.raises(ValueError, match="not YAML"):
        parse_yaml(b"\xff\xfe\x00")


@pytest.mark.fault
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of memory")
def test_a_bomb_takes_no_memory():
    code = f"""
import re
from astrogan.jobs.strict_yaml import parse_yaml
try:
    parse_yaml({BOMB!r})
except ValueError as error:
    print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read()).group(1), error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    kibibytes, _, message = done.stdout.partition(" ")
    assert "refused" in message
    assert int(kibibytes) < 200 * 1024
