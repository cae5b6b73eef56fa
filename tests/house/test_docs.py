"""Pages that repeat the code say what the code says, and every link between pages leads somewhere."""

import re
import tomllib
from pathlib import Path

import pytest

import astrogan
from simulators.labels import LABELS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def label_table():
    """The table of labels as CONVENTIONS.md must show it."""

    def row(name, label):
        meaning = label.long_name.replace("|", r"\|")
        return f"| `{name}` | {label.unit} | {meaning} | {label.low:g} … {label.high:g} |"

    rows = [row(*item) for item in LABELS.items()]
    return "\n".join(["| label | unit | meaning | range |", "|---|---|---|---|", *rows])


def test_label_table_is_the_codes():
    text = (ROOT / "CONVENTIONS.md").read_text(encoding="utf-8")
    assert label_table() in text, f"CONVENTIONS.md must hold this table:\n{label_table()}"


@pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in PAGES])
def test_merges_are_resolved(page):
    assert not re.search(r"^(<<<<<<<|>>>>>>>)", (ROOT / page).read_text(encoding="utf-8"), re.M)


def anchors(page):
    """What may follow # in a link to `page`."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_the_index_lists_every_page():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "index.md" or f"({name})" in index, name


def test_no_page_names_a_place_on_a_machine():
    """No absolute path; what stands inside a word, a URL, a relative path or a formula is none."""
    for page in PAGES:
        found = re.search(r"(?<![\w./:~|)\]*-])/\w+/\w", page.read_text(encoding="utf-8"))
        assert not found, f"{page}: {found}"


def test_one_version_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert astrogan.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
