"""Which (given → to) a MedM2G model takes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from synthmed.medm2g.config import Config
from synthmed.protocols import Task


@dataclass(frozen=True)
class AnyOf(Task):
    """A task whose given names are any of ``optional``, at least one of ``some`` among them."""

    some: frozenset[str] = frozenset()

    def allows(self, given: set[str], to: set[str]) -> bool:
        """Whether a request with these names is this task; nothing is asked for that is given."""
        return super().allows(given, to) and bool(given & self.some) and not given & to

    def __str__(self) -> str:
        return f"at least one of {', '.join(sorted(self.some))}, and {super().__str__()}"


def supported(config: Config) -> tuple[Task, ...]:
    """The tasks that follow from the flows, their groups and the prompt encoders.

    - nothing → everything;
    - a text, labels, images of any modalities, or several of them → everything else (a text is not given to itself);
    - a modality's masks, with or without the above → the rest of that modality.
    """
    everything = frozenset(field for flow in config.flows for field in flow.fields)
    images = frozenset(field for field in everything if field != "report" and not field.endswith(".mask"))
    prompts = frozenset({"report", "labels"})
    tasks = [
        Task(frozenset(), everything),
        AnyOf(frozenset(), everything, prompts | images, some=prompts | images),
    ]
    for flow in config.images():
        masks = frozenset(_masks(flow.fields))
        if masks:
            tasks.append(AnyOf(frozenset(), frozenset(flow.fields), prompts | images | masks, some=masks))
    return tuple(tasks)


def _masks(fields: Iterable[str]) -> Iterable[str]:
    return (field for field in fields if field.endswith(".mask"))
