from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pydantic
import pytest
from helpers.shared import ROOT, real
from hypothesis import given
from hypothesis import strategies as st

from synthmed.data.preview import PreviewRecipe, run_preview
from synthmed.errors import UserError
from synthmed.generation.settings import Settings
from synthmed.recipe import find_recipe, load_recipe, recipes


class Inner(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    steps: int = 1


class Outer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    sampler: Inner = Inner()
    n: int


def test_every_packaged_recipe_reads_and_begins_with_a_summary_and_its_command() -> None:
    assert recipes()
    for name, summary in recipes():
        assert summary
        if name.startswith("generate/"):
            load_recipe(name, Settings)
            assert f"synthmed generate --recipe {name}" in find_recipe(name).read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n: 1\nsampler: {stepz: 3}", "unknown key 'sampler.stepz'; did you mean 'steps'"),
        ("m: 1", "n: Field required"),
        ("n: many", "n: Input should be a valid integer"),
        ("n: 1\nnn: 2", "unknown key 'nn'; did you mean 'n'"),
        ("[1, 2]", "a recipe is a mapping"),
        ("n: [", "not YAML"),
        ("n: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_a_wrong_recipe_is_one_line_that_names_the_file_and_the_key(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        load_recipe(str(file), Outer)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_recipe_or_refused(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.yaml"
        path.write_bytes(data)
        try:
            load_recipe(str(path), Outer)
        except UserError as error:
            assert str(path) in str(error)


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such recipe file"):
        find_recipe(str(tmp_path / "a.yaml"))
    with pytest.raises(UserError, match="did you mean 'generate/phantom'"):
        find_recipe("generate/fantom")


def test_settings_place_and_condition(tmp_path: Path) -> None:
    assert Settings(model="/models/lungs", n=5, seed=2).place == "./synthmed-lungs-n5-s2"
    assert Settings(labels=["mass"]).condition() == {"labels": ("mass",)}
    assert Settings().condition() is None


class Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    source: str = ""
    limit: int | None = None


class Listed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    sampler: Inner | None = None
    parts: tuple[Part, ...] = ()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("sampler.steps=5", {"sampler": {"steps": 5}, "parts": [{"source": "a", "limit": None}]}),
        ("parts.0.limit=7", {"sampler": None, "parts": [{"source": "a", "limit": 7}]}),
        ("parts=[{source: b}, {}]", {"sampler": None, "parts": [{"source": s, "limit": None} for s in ("b", "")]}),
        ("parts.0.source='a=b.c'", {"sampler": None, "parts": [{"source": "a=b.c", "limit": None}]}),
    ],
)
def test_an_override_sets_one_key(override: str, expected: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("parts: [{source: a}]")
    assert load_recipe(str(file), Listed, [override]).model_dump(mode="json") == expected


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sampler.stepz=1", "unknown key 'sampler.stepz'; did you mean 'steps'"),
        ("parts.0.sourze=1", "unknown key 'parts.0.sourze'; did you mean 'source'"),
        ("parts.3.source=1", "parts is a list of 1, without '3'"),
        ("parts.x.source=1", "without 'x'"),
        ("parts.0.source.deep=1", "parts.0.source has no keys"),
        ("parts", "is no override; write key=value"),
        ("=1", "is no override"),
        ("parts..limit=1", "is no override"),
        ("parts=[", "not YAML"),
    ],
)
def test_a_wrong_override_is_one_line(override: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("parts: [{source: a}]")
    with pytest.raises(UserError) as caught:
        load_recipe(str(file), Listed, [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@real
@pytest.mark.parametrize("name", [name for name, _ in recipes() if name.startswith("data/")])
def test_every_data_recipe_can_be_looked_at(name: str, tmp_path: Path) -> None:
    assert f"synthmed data preview {name}" in find_recipe(name).read_text()
    few = [f"data.parts.{place}.limit=6" for place in range(len(load_recipe(name, PreviewRecipe).data.parts))]
    spec = load_recipe(name, PreviewRecipe, [f"data.root={ROOT}", *few]).data
    run_preview(spec, tmp_path)
    assert list(tmp_path.glob("train-*.png"))
