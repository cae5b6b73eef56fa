"""The whole judgement on toys: what is alike passes, what is not fails, controls fail, leaks are refused."""

from __future__ import annotations

import json
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from astrogan.dataset.fingerprints import stamp_digests
from astrogan.validation import LeakageError, Measurement, Report, Row, Table, validate, write_report
from astrogan.validation.tables import bootstrap, mean_of


@pytest.fixture(scope="module")
def refined(galaxies) -> np.ndarray:
    """The raw images of `report`, with a little texture."""
    return (galaxies(150, 2) + np.random.default_rng(5).normal(0, 0.05, (150, 3, 32, 32))).astype(np.float32)


@pytest.fixture(scope="module")
def report(galaxies, refined) -> Report:
    return validate(
        5.0 * galaxies(150, 1), 5.0 * refined, reference=5.0 * galaxies(150, 2), training=5.0 * galaxies(80, 7),
        images=1200,
    )  # fmt: skip


def rows_of(report: Report) -> dict[str, dict]:
    return {f"{table['title']}: {row['name']}": row for table in report.numbers["tables"] for row in table["rows"]}


def test_images_of_one_distribution_pass_and_every_control_fails(report: Report) -> None:
    rows = rows_of(report)
    assert len(rows) > 25
    assert {name: row["passed"] for name, row in rows.items() if not row["passed"]} == {}
    assert {table["title"]: table["control_fails"] for table in report.numbers["tables"]} == dict.fromkeys(
        [
            "Two-sample tests", "Kernel distance", "Properties", "Noise", "Memorisation", "Photometry and astrometry",
            "New objects",
        ],
        True,
    )  # fmt: skip
    assert report.numbers["warnings"] == []
    assert report.numbers["verdict"]["controls_failed"] == report.numbers["verdict"]["controls"] == 7


def test_every_row_has_a_classical_baseline_an_error_and_a_control(report: Report) -> None:
    for name, row in rows_of(report).items():
        assert row["classical"] is not None, name
        assert row["control"] is not None, name
        assert row["synthetic"]["error"] >= 0, name


def test_other_images_fail_and_are_not_taken_for_refined_ones(galaxies) -> None:
    found = validate(
        galaxies(120, 1), galaxies(120, 2, flux=450.0, correlation=0.5), reference=galaxies(120, 3), images=0
    )
    rows = rows_of(found)
    for name in ("Two-sample tests: accuracy, features", "Noise: autocorrelation (0, 1)", "Properties: flux"):
        assert not rows[name]["passed"], name
        assert rows[name]["classical_passed"], name
    assert "Photometry and astrometry: flux" not in rows
    assert any("not made one by one" in note for note in found.numbers["notes"])


def test_without_a_reference_there_is_no_baseline(galaxies) -> None:
    card = {"training_digests": {"real": stamp_digests(galaxies(60, 3))}, "config": {"strength": 0.25}}
    found = validate(galaxies(60, 1), galaxies(60, 2), card=card, images=0)
    assert any("adds 25% of the change" in note for note in found.numbers["notes"])
    assert all(row["classical"] is None for row in rows_of(found).values())
    assert found.numbers["verdict"]["classical_checks"] == 0


def test_training_images_among_the_real_ones_are_a_leak(galaxies) -> None:
    real = galaxies(60, 1)
    card = {"name": "net", "training_digests": {"real": stamp_digests(real[50:])}}
    with pytest.raises(LeakageError, match="10 of the 60 real images"):
        validate(real, galaxies(60, 2), card=card, images=0)


def test_a_control_that_passes_is_a_warning(galaxies) -> None:
    blind = Table("Blind", "", "nothing", [Row("x", "", Measurement(0, 1), control=Measurement(0.5, 1.0))])
    found = validate(galaxies(60, 1), galaxies(60, 2), images=0, tables=[blind])
    assert found.numbers["warnings"] == ["Blind: the control (nothing) passes, so this table says nothing"]


class Images(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.sources.append(dict(attrs)["src"] or "")


def test_page_and_json_are_self_contained(report: Report, tmp_path: Path) -> None:
    write_report(tmp_path / "v.html", report)
    text = (tmp_path / "v.html").read_text(encoding="utf-8")
    page = Images(text)
    assert "http" not in text
    assert not page.tags & {"script", "link", "iframe"}
    assert len(page.sources) == 4
    for source in page.sources:
        assert imread(BytesIO(b64decode(source.partition(",")[2], validate=True)))[..., :3].std() > 0.02
    assert json.loads((tmp_path / "v.json").read_text())["schema"] == "astrogan.validation/1"
    assert "PASS" in text


def test_rows_pass_within_limit_and_three_errors() -> None:
    row = Row("x", "", Measurement(0.1, 0.02), limit=0.05, control=Measurement(0.3, 0.01))
    assert row.passed
    assert row.control_fails
    assert not Row("x", "", Measurement(0.1, 0.02)).passed
    assert Row("x", "", Measurement(0.1, 0.02), ideal=Measurement(0.2, 0.03)).passed
    assert Row("x", "", Measurement(float("nan"), 1.0)).passed is None
    assert Table("t", "", "", [Row("x", "", Measurement(0, 1))]).control_fails is None


def test_errors_are_true() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(3, 2, 400)
    assert mean_of(values).error == pytest.approx(0.1, rel=0.1)
    drawn = bootstrap(lambda x: float(np.median(x)), values, seed=0, draws=400)
    assert drawn.error == pytest.approx(1.2533 * 0.1, rel=0.25)
    together = bootstrap(lambda a, b: float(np.mean(a - b)), values, values + 1, seed=0, paired=True)
    assert (together.value, together.error) == (pytest.approx(-1), pytest.approx(0, abs=1e-12))
