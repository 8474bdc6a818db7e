"""Which (given → to) a Med-Art model takes on."""

from __future__ import annotations

from synthmed.medart.config import Config
from synthmed.protocols import Task


def supported(config: Config) -> tuple[Task, ...]:
    """Nothing, a text or labels → the image, and the text that it was drawn from unless that was given.

    Labels beside a text only name what it says.
    """
    image = frozenset({config.image})
    worded = image | {"report"}
    known = frozenset({"labels"} if config.labels else ())
    tasks = [
        Task(frozenset(), worded if config.prompts.sets else image),
        Task(frozenset({"report"}), image, optional=known),
    ]
    return (*tasks, Task(known, worded)) if known else tuple(tasks)
