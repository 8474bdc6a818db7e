"""How often every kind of finding occurs, and how often each image shows it.

    python benchmarks/phantom/visibility.py [--patients 2000]

A second table has the findings of one patient alone, which the slice goes through.
"""

from __future__ import annotations

import argparse
from collections import Counter

from synthmed.phantom import Phantom
from synthmed.phantom.study import IMAGES
from synthmed.protocols import Request


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=2000)
    n = parser.parse_args().patients
    phantom = Phantom()
    to = ("xray.mask", "ct.mask", *IMAGES)
    samples = phantom.render([Request(to)] * n, range(n))
    number = Counter(len([label for label in sample.labels if label in phantom.labels]) for sample in samples)
    print(f"n = {n}; findings a patient:", {count: f"{100 * number[count] / n:.1f} %" for count in sorted(number)})
    for title, chosen in (("all", samples), ("alone", [sample for sample in samples if len(sample.labels) == 1])):
        print(f"{title:26s}{'n':>6s}" + "".join(f"{name:>8s}" for name in IMAGES))
        for kind in phantom.labels:
            having = [sample for sample in chosen if kind in sample.labels]
            shown = [sum(kind in s.labels_by_image[name] for s in having) / max(len(having), 1) for name in IMAGES]
            print(f"{kind:26s}{len(having):6d}" + "".join(f"{100 * part:7.0f}%" for part in shown))


if __name__ == "__main__":
    main()
