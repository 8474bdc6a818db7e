"""Draw a contact sheet of phantom patients: one row each, images with and without their masks and boxes.

    python benchmarks/phantom/contact_sheet.py ~/synthmed-runs/phantom [--patients 12] [--labels nodule,cardiomegaly]

Writes ``contact-sheet.png`` and the reports as ``contact-sheet.txt``. ``--each`` draws one patient for every kind.
"""

from __future__ import annotations

import argparse
import colorsys
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from synthmed.phantom import Phantom
from synthmed.protocols import Request
from synthmed.sample import Sample

COLUMNS = ("xray", "xray+", "ct", "ct+", "mri", "mri+", "mri.t2", "mri.pd")
CT_WINDOW = (-1000.0, 400.0)


def grey(sample: Sample, name: str) -> np.ndarray:
    image = sample.images[name][0]
    if name == "ct":
        image = (image - CT_WINDOW[0]) / (CT_WINDOW[1] - CT_WINDOW[0])
    return np.repeat((np.clip(image, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def overlay(sample: Sample, name: str, zoom: int) -> Image.Image:
    base, mask = grey(sample, name).astype(float), sample.masks[name][0]
    for value in np.unique(mask[mask > 1]):
        colour = np.array(colorsys.hsv_to_rgb(0.61803 * int(value) % 1, 0.9 if value > 7 else 0.5, 1)) * 255
        weight = 0.5 if value > 7 else 0.22
        base[mask == value] = (1 - weight) * base[mask == value] + weight * colour
    picture = enlarge(base.astype(np.uint8), zoom)
    draw = ImageDraw.Draw(picture)
    for box in sample.boxes:
        if box.image == name:
            corner = [box.x * zoom, box.y * zoom, (box.x + box.width) * zoom - 1, (box.y + box.height) * zoom - 1]
            draw.rectangle(corner, outline=(255, 255, 0))
    return picture


def enlarge(array: np.ndarray, zoom: int) -> Image.Image:
    return Image.fromarray(array).resize((array.shape[1] * zoom, array.shape[0] * zoom), Image.Resampling.BICUBIC)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--zoom", type=int, default=2)
    parser.add_argument("--labels", default="")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--columns", default=",".join(COLUMNS))
    arguments = parser.parse_args()
    phantom, columns, zoom = Phantom(), arguments.columns.split(","), arguments.zoom
    given: list[dict[str, object]] = [{}] * arguments.patients
    if arguments.each:
        given = [{"labels": (kind,)} for kind in phantom.labels]
    elif arguments.labels:
        given = [{"labels": tuple(arguments.labels.split(","))}] * arguments.patients
    requests = [Request(phantom.default_to, values) for values in given]
    samples = phantom.render(requests, range(arguments.seed, arguments.seed + len(requests)))
    height, width = (count * zoom for count in phantom.config.size)
    sheet = Image.new("RGB", (width * len(columns), (height + 14) * len(samples)))
    draw, text = ImageDraw.Draw(sheet), []
    for row, sample in enumerate(samples):
        top = row * (height + 14)
        caption = f"{sample.labels} film {sample.labels_by_image['xray']} ct {sample.labels_by_image['ct']}"
        draw.text(
            (2, top), f"{arguments.seed + row}: {caption} {sample.attributes['findings']}"[:240], fill=(255, 255, 255)
        )
        for column, name in enumerate(columns):
            plain = name.removesuffix("+")
            picture = overlay(sample, plain, zoom) if name.endswith("+") else enlarge(grey(sample, plain), zoom)
            sheet.paste(picture, (column * width, top + 14))
        text.append(f"{arguments.seed + row}: {caption}\n" + textwrap.fill(str(sample.report), 110))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    sheet.save(arguments.folder / "contact-sheet.png")
    (arguments.folder / "contact-sheet.txt").write_text("\n\n".join(text) + "\n")
    print(arguments.folder / "contact-sheet.png", sheet.size)


if __name__ == "__main__":
    main()
