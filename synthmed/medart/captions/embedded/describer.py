"""The default back end: no weights, no network."""

from __future__ import annotations

from collections.abc import Sequence

from synthmed.errors import UserError
from synthmed.medart.captions.domain import Domain
from synthmed.medart.captions.embedded.facts import trait_names
from synthmed.medart.captions.embedded.measure import measure
from synthmed.medart.captions.embedded.words import caption
from synthmed.medart.captions.protocol import Failure, Picture
from synthmed.registry import nearest


class EmbeddedDescriber:
    """Measures the pixels and words what it finds. It sees colour, form and grain; it knows no anatomy."""

    name = "embedded"

    def describe(self, pictures: Sequence[Picture], domain: Domain, seeds: Sequence[int]) -> list[str | Failure]:
        """See `synthmed.medart.captions.protocol.Describer`; a picture of fewer than 16 pixels a side fails.

        Raises:
            UserError: the domain names a trait that there is not.
        """
        known = trait_names()
        for trait in (*domain.wording.traits, *domain.wording.optional):
            if trait not in known:
                raise UserError(f"domain {domain.name}: no trait {trait!r}{nearest(trait, known)}")
        return [self._one(picture, domain, seed) for picture, seed in zip(pictures, seeds, strict=True)]

    def _one(self, picture: Picture, domain: Domain, seed: int) -> str | Failure:
        try:
            measures = measure(picture.pixels, domain.wording.foreground)
        except ValueError as error:
            return Failure(str(error))
        return caption(measures, domain, picture.label, seed)
