from __future__ import annotations

from pathlib import Path

import pydantic

from synthmed.runs.options import with_options


class Data(pydantic.BaseModel):
    root: str = "here"
    allow_leak: bool = False


class Model(pydantic.BaseModel):
    seed: int = 0
    init: str | None = None


class Recipe(pydantic.BaseModel):
    data: Data = Data()
    model: Model = Model()


def test_options_stand_over_the_recipe_and_leave_what_they_do_not_name() -> None:
    recipe = Recipe(data=Data(allow_leak=True), model=Model(seed=3, init="a"))
    assert with_options(recipe, allow_leak=False, init=None) == recipe
    found = with_options(recipe, allow_leak=False, init=Path("./b"))
    assert (found.data, found.model) == (recipe.data, Model(seed=3, init="b"))
    assert with_options(Recipe(), allow_leak=True, init=None).data == Data(allow_leak=True)
    assert recipe.model.init == "a"
