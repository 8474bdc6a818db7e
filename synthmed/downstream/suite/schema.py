"""A suite: a recipe under ``recipes/benchmark/`` that says which rows, tasks, arms and generators are compared."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from synthmed.downstream.arms import ARMS, REAL, Arm
from synthmed.downstream.augment import Augmentation
from synthmed.downstream.cell import FULL, Setting
from synthmed.downstream.fit import FitSettings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]
"""What becomes a part of a file's name."""
Amount = Annotated[float, Field(gt=0, le=1)] | PositiveInt
Seeds = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
TaskKey = tuple[str, str]
"""A task's kind and image."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RowsSpec(_Section):
    """Where real rows are, as `synthmed.evaluation.corpora.open.open_corpus` takes it.

    Attributes:
        place: a folder of shards, or ``SOURCE:PATH``; ``{root}`` stands for the suite's root.
        split: ``train``, ``val``, ``test``, or ``patient:test`` for a deal by patient; all rows if None.
        options: of the source, ``name=value`` each.
        image: the only image that is looked at; all if None.
        window: of CT images, a name or [low, high] in HU.
        size: rows and columns that images are brought to.
    """

    place: str
    split: str | None = None
    options: tuple[str, ...] = ()
    image: str | None = None
    window: str | tuple[float, float] = "none"
    size: PositiveInt | None = None


class TaskSpec(_Section):
    """A task, and which of its cells are trained.

    Attributes:
        kind: as in `synthmed.downstream.TASKS`.
        options: the task's own fields (``exclusive``, ``network``, ``scored``, ``width``, ``bar`` …).
        size: rows and columns in place of the rows' own.
        seeds: of every arm, the same.
        amounts: of real training rows: a share (1.0 for all) or a number. Real rows alone are trained on all of them
            in any case: that says whether the task is learnt.
        arms: by name; real rows alone are always among them.
    """

    kind: Literal["classification", "segmentation", "detection"]
    image: Name
    names: tuple[str, ...]
    options: dict[str, Any] = {}
    size: PositiveInt | None = None
    fit: FitSettings = FitSettings()
    augmentation: Augmentation = Augmentation()
    seeds: Seeds = (0, 1, 2)
    amounts: Annotated[tuple[Amount, ...], Field(min_length=1)] = (FULL,)
    arms: tuple[str, ...] = tuple(arm.name for arm in ARMS)

    @model_validator(mode="after")
    def _sound(self) -> TaskSpec:
        known = [arm.name for arm in ARMS]
        if unknown := [name for name in self.arms if name not in known]:
            raise ValueError(f"no arm {unknown[0]!r}; there are: {', '.join(known)}")
        for name in ("kind", "image", "names", "weights"):
            if name in self.options:
                raise ValueError(f"options: {name} is no option of a task")
        for listed in (self.seeds, self.arms, [f"{amount!r}" for amount in self.amounts]):
            if len(set(listed)) < len(listed):
                raise ValueError("seeds, amounts and arms: each once")
        return self

    @property
    def key(self) -> TaskKey:
        """Unique in a suite."""
        return self.kind, self.image

    @property
    def asked(self) -> tuple[Arm, ...]:
        """The arms, real rows alone first."""
        return (REAL, *(arm for arm in ARMS if arm.name in self.arms and arm != REAL))


class GeneratorSpec(_Section):
    """Where synthetic rows come from: one of ``model``, ``place``, ``trained`` and ``resample``.

    Attributes:
        name: of its tables.
        setting: see `synthmed.downstream.cell.Setting`.
        model: a model's name, folder (``{root}`` allowed) or hub id; its rows are made for the run.
        place: rows that somebody has made, as `RowsSpec.place`, or a folder of images.
        trained: a training recipe, which is trained on each draw of real rows by itself.
        overrides: of that recipe.
        init: a model folder that the recipe starts from, which has not seen this source.
        resample: the stand-in: each arm's own real rows, elastically deformed.
        tasks: the kinds of task that it serves; all if empty.
        n: synthetic rows of a set.
        per: rows for each real one of the largest draw, where ``n`` is not given.
        seed: of a model's rows.
        prompts: ``real``: a model that takes labels gets those of real training rows in turn; ``none``: it decides.
        options, window: of ``place``, as in `RowsSpec`.
        seen: how many real images of this source it saw; by default what its own card says.
    """

    name: Name
    setting: Setting
    model: str | None = None
    place: str | None = None
    trained: str | None = None
    overrides: tuple[str, ...] = ()
    init: str | None = None
    resample: Literal["elastic"] | None = None
    tasks: tuple[Literal["classification", "segmentation", "detection"], ...] = ()
    n: PositiveInt | None = None
    per: PositiveFloat = 5.0
    seed: NonNegativeInt = 0
    prompts: Literal["real", "none"] = "real"
    options: tuple[str, ...] = ()
    window: str | tuple[float, float] = "none"
    seen: NonNegativeInt | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> GeneratorSpec:
        origins = ("model", "place", "trained", "resample")
        if sum(getattr(self, name) is not None for name in origins) != 1:
            raise ValueError(f"give one of {', '.join(origins)}")
        if self.per_draw and self.setting != "strict":
            raise ValueError(f"{self.kind} sees the arm's own rows alone: setting is strict")
        return self

    @property
    def kind(self) -> Literal["model", "place", "trained", "resample"]:
        """Which of the four it is."""
        kinds: tuple[Literal["model", "place", "trained", "resample"], ...] = ("model", "place", "trained", "resample")
        return next(kind for kind in kinds if getattr(self, kind) is not None)

    @property
    def per_draw(self) -> bool:
        """Whether every draw of real rows has synthetic rows of its own."""
        return self.trained is not None or self.resample is not None

    def serves(self, task: TaskSpec) -> bool:
        """Whether it has rows for the task."""
        return not self.tasks or task.kind in self.tasks


class GuardSpec(_Section):
    """What keeps test rows apart from training rows.

    Attributes:
        allow_near: how many near-duplicates between training and test rows are put up with. A patient in both, or equal
            pixels, are always refused.
    """

    allow_near: NonNegativeInt = 0


class Suite(_Section):
    """What one run of ``synthmed benchmark`` compares.

    Attributes:
        name: of its cells.
        title: of its report; the name if empty.
        root: the folder that ``{root}`` stands for.
        validation: real rows of further patients that may choose weights (`FitSettings.validate_every`).
        stop_untrained: leave out the other cells of a task that all real rows do not teach.
        quick: overrides for ``--quick``, ``key=value`` each.
    """

    name: Name
    title: str = ""
    root: str = "."
    train: RowsSpec
    test: RowsSpec
    validation: RowsSpec | None = None
    tasks: Annotated[tuple[TaskSpec, ...], Field(min_length=1)]
    generators: tuple[GeneratorSpec, ...] = ()
    guard: GuardSpec = GuardSpec()
    stop_untrained: bool = False
    quick: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Suite:
        for what, listed in (
            ("tasks: two of one kind and image", [task.key for task in self.tasks]),
            ("generators: two of one name", [generator.name for generator in self.generators]),
        ):
            if len(set(listed)) < len(listed):
                raise ValueError(what)
        return self

    @property
    def settings(self) -> tuple[Setting, ...]:
        """That its generators stand in; strict where there are none."""
        return tuple(dict.fromkeys(generator.setting for generator in self.generators)) or ("strict",)

    def content(self) -> dict[str, Any]:
        """All that results depend on, as JSON; no place on this machine, whose rows are known by their digests."""
        data = self.model_dump(mode="json", exclude={"root", "quick", "train", "test", "validation"})
        for generator in data["generators"]:
            for key in ("model", "place", "init"):
                generator[key] = None if generator[key] is None else "…"
        for task in data["tasks"]:
            del task["fit"]["device"]
        for role in ("train", "test", "validation"):
            rows: RowsSpec | None = getattr(self, role)
            data[role] = None if rows is None else rows.model_dump(mode="json", exclude={"place"})
        return data
