"""The contracts between the rooms: what a generator is asked, and what it must offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from synthmed.fields import Layout
from synthmed.sample import Pairing, Sample, Scalar


@dataclass(frozen=True)
class Request:
    """What one sample is to hold, and what it is conditioned on.

    Attributes:
        to: canonical names of what is wanted (``report``, ``xray``, ``mri.t2``, ``ct.mask`` …).
        given: by the same names. ``report`` is a string, ``labels`` a tuple of strings, an image (C, H, W) float32 in
            its modality's unit, a mask (1, H, W) uint8.
        prompt: the text that conditions the sample: the given report, or the labels in the generator's words.
    """

    to: tuple[str, ...]
    given: Mapping[str, Any] = field(default_factory=dict)
    prompt: str = ""


@dataclass(frozen=True)
class Task:
    """One supported (given → to): all of ``given`` must be there, any of ``optional`` may be; ``to`` asks for any part.

    A task may bound its images' size: ``size`` is ((least rows, most rows), (least columns, most columns)).
    """

    given: frozenset[str]
    to: frozenset[str]
    optional: frozenset[str] = frozenset()
    size: tuple[tuple[int, int], tuple[int, int]] | None = None

    def allows(self, given: set[str], to: set[str]) -> bool:
        """Whether a request with these names is this task."""
        return self.given <= given <= self.given | self.optional and bool(to) and to <= self.to

    def __str__(self) -> str:
        names = [*sorted(self.given), *(f"[{name}]" for name in sorted(self.optional))]
        bound = f" (rows {self.size[0]}, columns {self.size[1]})" if self.size else ""
        return f"{' + '.join(names) or 'nothing'} -> {', '.join(sorted(self.to))}{bound}"


@runtime_checkable
class Generator(Protocol):
    """Anything that makes samples: the phantom, Med-Art, MedM2G, a third party's model.

    Attributes:
        source: what `synthmed.load_model` takes to load it again in another process: a packaged name or a folder.
        fingerprint: sha256 of the canonical config and of every tensor's name, dtype and bytes.
        tasks: the (given → to) that it supports; others are refused with this list.
        default_to: what it makes when nothing is asked for.
        labels: every label that it can put on a sample, without "no finding".
        attributes: name → an example value (its type counts) of what it puts into `Sample.attributes`.
        packages: the distributions that its bytes depend on, besides numpy and those that write shards. A generator
            that names ``torch`` computes with it, on a GPU where there is one and it has a ``to``.
        sampler: name, steps and guidance of its sampler; empty for none.
        batch_size: how many samples a call of `render` takes at best.
        pairing: what the images of one sample share.
    """

    source: str
    fingerprint: str
    tasks: tuple[Task, ...]
    default_to: tuple[str, ...]
    labels: tuple[str, ...]
    attributes: Mapping[str, Scalar]
    packages: tuple[str, ...]
    sampler: Mapping[str, Scalar]
    batch_size: int
    pairing: Pairing

    def layout(self, to: Sequence[str]) -> Layout:
        """How the fields of a dataset with these names are stored."""
        ...

    def prompt(self, given: Mapping[str, Any]) -> str:
        """The text for given labels (by the domain's template) or a given report; ``""`` where neither is given."""
        ...

    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        """Make one sample a request. Sample i depends on its request, its seed and the batch's make-up, nothing else.

        The samples hold exactly the fields asked for, with values on any grid (the engine rounds them to the stored
        one); key, provenance and quality are the engine's to fill.
        """
        ...


@runtime_checkable
class Flow(Protocol):
    """The diffuser of one modality's latent: all that a sampler sees of a network.

    What else there is to know is in its ``config``: parametrisation (eps, v, x0, velocity), spatial_dims, guidance
    (external, embedded), steps (the numbers of steps that it is made for; empty for any), groups (channels of each part
    of the latent). A few-step student is the same class with another ``guidance`` and ``steps``.
    """

    config: Any

    def denoise(self, z_t: Any, t: Any, condition: Any, given: Any = None) -> Any:
        """The prediction at z_t (B, …) and times (B,), under condition tokens (B, T, width).

        ``given`` (B, groups) tells which parts of z_t are clean.
        """
        ...
