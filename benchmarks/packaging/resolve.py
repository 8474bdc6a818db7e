"""Whether the dependencies resolve to wheels for the Pythons that are not tested here.

    python benchmarks/packaging/resolve.py [3.12 3.13]

Builds the wheel, asks pip's resolver for each version without installing, and prints what it would take.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = ("torch", "numpy", "scipy", "monai", "torchio", "diffusers", "transformers", "clean-fid")


def resolve(wheel: Path, python: str, folder: Path) -> int:
    report = folder / f"{python}.json"
    options = ["--dry-run", "--ignore-installed", "--quiet", "--only-binary=:all:", "--python-version", python]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", folder / "none", "--report", report, wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"Python {python}: does not resolve: {done.stderr.strip().splitlines()[-1]}")
        return 1
    found = {
        entry["metadata"]["name"].lower(): entry["metadata"]["version"]
        for entry in json.loads(report.read_text())["install"]
    }
    versions = ", ".join(f"{name} {found[name]}" for name in SHOWN)
    print(f"Python {python}: {len(found)} packages resolve ({versions})")
    return 0


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
        subprocess.run(build, check=True)
        (wheel,) = folder.glob("synthmed-*.whl")
        return max(resolve(wheel, python, folder) for python in sys.argv[1:] or ["3.12", "3.13"])


if __name__ == "__main__":
    sys.exit(main())
