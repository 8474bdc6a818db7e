"""Render: one batch of a plan into samples, checked, with their provenance. Nowhere else is a generator called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from synthmed.errors import UserError
from synthmed.generation.plan import Plan
from synthmed.generation.quality import duplicates, problems
from synthmed.modality import image_name
from synthmed.protocols import Generator
from synthmed.sample import Provenance, Quality, Sample

ATTEMPTS = 3
"""Draws of one sample before it is kept with ``quality.accepted`` false."""


def render_batch(generator: Generator, plan: Plan, batch: range) -> list[Sample]:
    """Make the samples of one of the plan's batches.

    A rejected sample is drawn again with the next attempt's seed, together with the batch's other rejected ones; so
    the result depends on the plan alone. Duplicates are looked for within the batch, which may be rendered on its own;
    ``dataset.json`` counts those of the whole set.

    Returns:
        One sample an index, with values on the stored grid, key, provenance and quality filled in.

    Raises:
        UserError: a given image and the mask made of it, or a given mask and its image, are of two sizes.
        ValueError: the generator returned another number of samples than asked for.
    """
    samples: dict[int, Sample] = {}
    waiting = list(range(len(batch)))
    faults: list[list[str]] = [[] for _ in batch]
    for attempt in range(ATTEMPTS):
        for place, sample in zip(waiting, _draw(generator, plan, [batch[i] for i in waiting], attempt), strict=True):
            # A given image may well be dark all over; drawing again would not change it.
            found_here = problems(sample, plan.layout)
            faults[place] = [fault for fault in found_here if fault.partition(":")[2] not in plan.copied]
            samples[place] = _on_grid(sample, plan)
        repeats = duplicates([samples[place] for place in range(len(batch))])
        found = [faults[place] + ["duplicate"] * repeats[place] for place in range(len(batch))]
        waiting = [place for place, reasons in enumerate(found) if reasons]
        if not waiting:
            break
    return [
        replace(samples[place], quality=Quality(not reasons, ";".join(reasons))) for place, reasons in enumerate(found)
    ]


def _draw(generator: Generator, plan: Plan, indices: Sequence[int], attempt: int) -> list[Sample]:
    requests = [plan.request(index, generator) for index in indices]
    seeds = [plan.seed_of(index, attempt) for index in indices]
    samples = generator.render(requests, seeds)
    if len(samples) != len(indices):
        raise ValueError(f"{plan.model} returned {len(samples)} samples for {len(indices)} requests")
    for index, seed, request, sample in zip(indices, seeds, requests, samples, strict=True):
        sample.key = plan.key(index)
        # A generator that was asked for nothing may have prompted itself.
        sample.prompt = request.prompt or sample.prompt
        _copy(request.given, plan.copied, sample)
        sample.provenance = Provenance(
            index,
            seed,
            attempt,
            plan.model_name,
            plan.model_fingerprint,
            str(plan.sampler.get("name", "")),
            generator.pairing,
        )
    return samples


def _copy(given: Mapping[str, Any], names: Sequence[str], sample: Sample) -> None:
    for name in names:
        if name == "report":
            sample.report = given[name]
            continue
        image = image_name(name)
        if image.mask:
            sample.masks[image.image] = given[name]
        else:
            sample.images[name] = given[name]
        sample.labels_by_image.setdefault(image.image, list(sample.labels))
        _check_aligned(sample, image.image)


def _check_aligned(sample: Sample, name: str) -> None:
    """A mask is stored beside its image, pixel by pixel; the given one of the two may not have the model's size."""
    if name in sample.images and name in sample.masks:
        image, mask = sample.images[name].shape[1:], sample.masks[name].shape[1:]
        if image != mask:
            raise UserError(
                f"{name} is {image[0]} x {image[1]} and {name}.mask {mask[0]} x {mask[1]}: resize the given one to the "
                "other's size, or leave it out of to"
            )


def _on_grid(sample: Sample, plan: Plan) -> Sample:
    """What a reader of the stored sample gets."""
    fields = plan.layout.images
    images = {name: fields[name].dequantise(fields[name].quantise(image)) for name, image in sample.images.items()}
    labels = {name: list(sample.labels_by_image[name]) for name in fields}
    spacing = {name: sample.spacing.get(name, (1.0, 1.0)) for name in fields}
    return replace(sample, images=images, labels=list(sample.labels), labels_by_image=labels, spacing=spacing)
