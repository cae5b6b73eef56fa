from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from astrogan.validation import Drift, Report, ReportContent, TwoSample, build_report, write_report
from astrogan.validation.content import measure
from astrogan.validation.plots import read_training_log
from astrogan.validation.report import measured, render, short
from catalogs import Survey
from catalogs.schema import Band

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Checks that tags nest; collects images, numbers, tags and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str]] = []
        self.numbers: list[tuple[str, str, str]] = []
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.images.append(given)
        if tag == "data":
            self.numbers.append((given["data-key"], given["value"], ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.open and self.open[-1] == "data":
            key, value, _ = self.numbers[-1]
            self.numbers[-1] = (key, value, data)


def scores(accuracy: float) -> tuple[TwoSample, ...]:
    return tuple(TwoSample(name, accuracy, 0.0123456, accuracy + 0.03, 0.01, 300, 300) for name in ("features", "cnn"))


SIGMA = np.array([5.0, 4.0, 6.0])


@pytest.fixture(scope="module")
def content(galaxies, tmp_path_factory: pytest.TempPathFactory) -> ReportContent:
    log = tmp_path_factory.mktemp("log") / "log.jsonl"
    lines = [
        {"step": k, "images": 64 * k, "seconds": k, "scalars": {"critic": 1 / (k + 1), "r1": 0.1}} for k in range(9)
    ]
    log.write_text("\n".join(json.dumps(line) for line in lines) + '\n{"step": 9, "ima', encoding="utf-8")
    acf = ((0.0, 0.1, 0.0), (0.2, 1.0, 0.2), (0.0, 0.1, 0.0))
    bands = tuple(Band(name, 0.4, float(s), autocorrelation=acf) for name, s in zip("BGR", SIGMA, strict=True))
    scale = SIGMA[:, None, None]
    simulated = galaxies(40, 2) * scale
    return ReportContent(
        title="Galaxies <script>alert(1)</script> & more",
        survey=Survey("picture", 0.05, bands, unit=""),
        real=galaxies(30, 1, correlation=0.5) * scale,
        simulated=simulated,
        refined=simulated + 0.5 * scale * galaxies(40, 3, flux=0.0),
        two_sample_before=scores(0.913572468),
        two_sample_after=scores(0.6087654321),
        two_sample_floor=scores(0.5),
        label_drift=[Drift("g1", "", 40, 1e-9, 3.25e-8, 1e-7, 3e-6, 0.02, 0.3, 0.91, 4.0)],
        moment_drift=[Drift("flux", "relative", 118, 1.5e-6, 2e-5, control_median=0.061)],
        lenses_simulated=galaxies(8, 5, size=40) * scale,
        lenses_refined=galaxies(8, 6, size=40) * scale,
        training_log=log,
        provenance={"real": "sha256 abc", "seed": 7},
        model_card={"name": "<b>net</b>", "width": 24},
        notes=["A note."],
        made=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        versions={"astrogan": "0.1.0"},
    )


@pytest.fixture(scope="module")
def report(content: ReportContent) -> Report:
    return build_report(content)


@pytest.fixture(scope="module")
def written(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert write_report(path, report) is report
    return path


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page(written.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def numbers(written: Path) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(written.with_suffix(".json").read_text(encoding="utf-8"), parse_constant=refuse)


def lookup(numbers: dict, key: str) -> float:
    value = numbers
    for part in key.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def test_numbers_on_the_page_are_the_numbers_in_the_json(page: Page, numbers: dict) -> None:
    assert len(page.numbers) > 60
    for key, value, text in page.numbers:
        assert float(value) == lookup(numbers, key), key
        shown = text.split(" ± ")[0].replace("−", "-")
        if "×10" not in shown:
            assert float(shown) == pytest.approx(float(value), rel=6e-3, abs=6e-3), key
    shown = {key: text for key, _, text in page.numbers}
    assert shown["two_sample.0.before.accuracy"] == "0.914 ± 0.012"
    assert shown["two_sample.1.after.auc"] == "0.639 ± 0.010"
    assert shown["label_drift.0.worst"] == "3.25×10⁻⁸"
    assert shown["label_drift.0.control_median"] == "0.02"
    assert shown["moment_drift.0.control_median"] == "0.061"


def test_json_holds_what_went_in(numbers: dict, content: ReportContent) -> None:
    assert numbers["two_sample"][1]["after"]["accuracy"] == content.two_sample_after[1].accuracy
    assert numbers["survey"]["bands"][2]["background_sigma"] == 6.0
    assert numbers["survey"]["bands"][0]["acf_lag1"] == 0.2
    assert numbers["survey"]["bands"][0]["electrons_per_unit"] is None  # infinite: no photon noise
    assert [band["depth"] for band in numbers["survey"]["bands"]] == [None] * 3  # display values have no magnitudes
    assert numbers["made"] == "2026-01-02T03:04:05+00:00"
    assert numbers["counts"] == {"real": 30, "simulated": 40, "refined": 40}
    assert numbers["residual"]["median_rms"] == pytest.approx(0.5, abs=0.02)


def test_page_is_self_contained_and_escapes_what_it_is_given(written: Path, page: Page) -> None:
    text = written.read_text(encoding="utf-8")
    assert "http" not in text
    assert "url(" not in text
    assert not page.tags & {"script", "link", "iframe", "b"}
    assert "<script>alert(1)</script> & more" in page.words
    assert "<b>net</b>" in page.words


def test_every_image_decodes_and_says_what_it_shows(page: Page) -> None:
    assert len(page.images) == 6
    for image in page.images:
        head, _, data = image["src"].partition(",")
        assert head == "data:image/png;base64"
        pixels = imread(BytesIO(b64decode(data, validate=True)))
        assert min(pixels.shape[:2]) > 150
        assert pixels[..., :3].std() > 0.02
        assert len(image["alt"]) > 30


def test_display_units_are_said_and_calibrated_ones_are_not_called_display(page: Page, report: Report) -> None:
    assert "Display values." in page.words
    survey = {**report.numbers["survey"], "unit": "nJy"}
    text = render(replace(report, numbers={**report.numbers, "survey": survey}))
    assert "Display values." not in text
    assert "Images are in nJy" in text


def test_same_content_gives_the_same_bytes(written: Path, content: ReportContent, tmp_path: Path) -> None:
    again = tmp_path / "again.html"
    write_report(again, content)
    assert again.read_bytes() == written.read_bytes()
    assert again.with_suffix(".json").read_bytes() == written.with_suffix(".json").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.html", "again.json"]


def test_one_band_and_nothing_optional(galaxies, tmp_path: Path) -> None:
    stamps = galaxies(12, 1, bands=1)
    small = ReportContent(
        "Small",
        Survey("one", 0.2, (Band("r", 0.7, 1.0),)),
        stamps,
        stamps + 0.1,
        stamps + 0.2,
        scores(0.9),
        scores(0.8),
    )
    write_report(tmp_path / "r.html", small)
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert len(page.images) == 4
    assert "Strong lenses" not in page.words
    assert "What it cost the labels" not in page.words


def test_a_failed_write_leaves_the_old_report(report: Report, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "report.html"
    write_report(path, report)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_report(path, report)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_distances_see_a_difference_and_its_absence(galaxies) -> None:
    bands = tuple(Band(name, 0.4, 1.0) for name in "BGR")
    same, other = galaxies(200, 2), galaxies(200, 3, flux=900.0)
    content = ReportContent("W", Survey("s", 0.2, bands), galaxies(200, 1), other, same, scores(0.9), scores(0.5))
    numbers = measure(content)
    rows = {row["property"]: row for row in numbers["properties"]}
    assert numbers["survey"]["bands"][0]["depth"] == content.survey.depth("B")
    flux = rows["aperture flux, asinh(σ)"]
    assert flux["simulated"] > 1.0
    assert flux["refined"] < 0.25
    assert flux["floor"] < 0.3


def test_summary_rows_are_the_page_in_short(report: Report) -> None:
    rows = report.summary_rows()
    assert ("two-sample accuracy, cnn", "0.914 ± 0.012", "0.609 ± 0.012", "0.500 ± 0.012") in rows
    assert ("g1: median drift [σ of its fit]", "0", "1×10⁻⁷", "0.91") in rows
    assert ("flux [relative]: median drift of moments", "0", "1.5×10⁻⁶", "0.061") in rows


def test_numbers_for_people() -> None:
    assert [short(x) for x in (None, 0.0, 0.12345, -2.5e-7, 1234567.0, 3)] == [
        "–", "0", "0.123", "−2.5×10⁻⁷", "1.23×10⁶", "3",
    ]  # fmt: skip
    assert measured(0.5, 0.2) == "0.50 ± 0.20"
    assert measured(None, None) == "–"


def test_training_log_survives_a_cut_line(content: ReportContent) -> None:
    columns = read_training_log(content.training_log)
    assert columns["images"] == pytest.approx(64 * np.arange(9))
    assert columns["critic"][1] == 0.5


def test_content_that_does_not_match_is_refused(content: ReportContent) -> None:
    with pytest.raises(ValueError, match="real has 1 bands; survey 'picture' has 3"):
        replace(content, real=np.asarray(content.real)[:, :1])
    with pytest.raises(ValueError, match="do not match"):
        replace(content, refined=np.asarray(content.refined)[:3])
    with pytest.raises(ValueError, match="needs both"):
        replace(content, lenses_refined=None)
    with pytest.raises(ValueError, match="two-sample tests differ"):
        replace(content, two_sample_after=())


def test_importing_validation_loads_no_heavy_package() -> None:
    heavy = ("torch", "matplotlib", "galsim", "jinja2", "scipy", "astropy", "numba")
    code = f"import sys, astrogan.validation; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
