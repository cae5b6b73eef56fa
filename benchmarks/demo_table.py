"""Make the README's picture and table: run the demo on the Hubble field, and on a KiDS frame where there is one.

python benchmarks/demo_table.py            # run both demos into build/, then write
python benchmarks/demo_table.py FOLDER...  # write from demos that were run before
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
HEADINGS = {"demo-hubble": "Hubble eXtreme Deep Field, JPEG", "demo-kids": "KiDS g, r, i"}
KIDS = ROOT.parent / "shared" / "data" / "kids_viking" / "frame_x0000-2079"
BLOCK = re.compile(r"(<!-- demo table -->\n).*?(<!-- end of demo table -->)", re.DOTALL)


def cell(row: dict | None) -> str:
    return "–" if row is None else f"{row['accuracy']:.3f} ± {row['error']:.3f}"


def lines_of(name: str, report: dict) -> list[str]:
    lines = [f"| **{HEADINGS.get(name, name)}** | | | |"]
    for row in report["two_sample"]:
        cells = (cell(row[key]) for key in ("before", "after", "floor"))
        lines.append(f"| told from held-out real, {row['classifier']} judge | {' | '.join(cells)} |")
    for kind, lens in (("galaxies", False), ("lenses", True)):
        rows = [row for row in report["label_drift"] if row["quantity"].startswith("lens: ") is lens]
        worst, control = (max(row[key] or 0.0 for row in rows) for key in ("worst_sigma", "control_worst_sigma"))
        lines.append(f"| worst drift of {len(rows)} labels of {kind} [σ] | 0 | {worst:.1e} | {control:.1e} |")
    for row in report["moment_drift"]:
        unit = f" [{row['unit']}]" if row["unit"] else ""
        cells = f"{row['median']:.1e} | {row['control_median']:.1e}"
        lines.append(f"| median drift of {row['quantity']}{unit}, adaptive moments | 0 | {cells} |")
    flux = report["moment_drift"][0]
    lines.append(
        f"| share of moment fluxes that moved by over 0.1 % | 0 | {flux['moved']:.3f} | {flux['control_moved']:.3f} |"
    )
    lines.append(f"| share of its residual that the refiner adds | 0 | {report['model_card']['strength']:g} | 1 |")
    return lines


def run_demos() -> list[Path]:
    folders = []
    for name, real in (("hubble", ["hubble"]), ("kids", [str(KIDS), "--pixel-scale", "0.339"])):
        if name == "kids" and not KIDS.is_dir():
            print("no KiDS frame beside the checkout: its rows are left out")
            continue
        folder = ROOT / "build" / f"demo-{name}"
        folder.parent.mkdir(exist_ok=True)
        subprocess.run(["astrogan", "demo", "--real", *real, "--out", str(folder), "--overwrite"], check=True)
        folders.append(folder)
    return folders


def main(folders: list[Path]) -> None:
    head = ["| | simulated | refined | control |", "|---|---|---|---|"]
    body = [
        line for folder in folders for line in lines_of(folder.name, json.loads((folder / "report.json").read_text()))
    ]
    table = "\n".join(head + body) + "\n"
    text = README.read_text()
    if not BLOCK.search(text):
        sys.exit("README.md has no demo table to replace")
    README.write_text(BLOCK.sub(lambda match: match.group(1) + table + match.group(2), text))
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    for name in ("gallery.png", "lenses.png"):
        shutil.copyfile(folders[0] / name, images / name)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]] or run_demos())
