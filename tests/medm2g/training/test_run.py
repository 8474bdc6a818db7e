from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.runs import Make, hashes

from synthmed.errors import UserError
from synthmed.medm2g.config import Config
from synthmed.medm2g.parts import load_parts
from synthmed.medm2g.tokenizer import Tokenizers
from synthmed.medm2g.training.run import train_medm2g

TextImage = [
    {"stage": "autoencoder"},
    {"stage": "alignment", "pair": ["text", "xray"]},
    {"stage": "flow", "modality": "xray"},
]
SMALL: dict[str, Any] = {"fields": ["xray"], "masks": [], "text": False}


@pytest.fixture(scope="module")
def whole(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of all kinds of stage, but for the recipe's fixture, which is a function's."""
    return tmp_path_factory.mktemp("whole")


def test_a_recipe_becomes_a_model_folder_and_the_same_bits_after_stops_anywhere(
    recipe: Make, whole: Path, tmp_path: Path
) -> None:
    steps: list[tuple[str, int, int]] = []

    def on_step(stage: str, step: int, total: int, losses: Mapping[str, float]) -> None:
        assert losses["loss"] == losses["loss"]
        steps.append((stage, step, total))

    run = train_medm2g(recipe(), "mine.yaml", whole, on_step=on_step)
    assert run.finished
    assert len(steps) == 18
    assert steps[0] == ("01-autoencoder-grey", 1, 2)
    assert {path.suffix for path in run.model.rglob("*") if path.is_file()} == {".json", ".safetensors"}

    config = Config.model_validate_json((run.model / "config.json").read_text())
    parts = load_parts(config, run.model)
    assert set(parts) == set(config.parts)
    assert config.guides == (("text", "xray"),)
    assert config.flow("xray").fields == ("xray", "xray.mask")
    assert config.labels
    assert sum(share for _, share in config.prompts.sets) == pytest.approx(1)
    assert all(group.scale != 1 for flow in config.flows for group in flow.groups)
    assert len(Tokenizers.load(run.model / "tokenizer").prompt) == 300
    card = json.loads((run.model / "training.json").read_text())
    assert card["untrained"] == []
    assert card["networks"] == []
    assert [stage["steps"] for stage in card["stages"]] == [2] * 9
    assert all("loss" in stage["losses"] and "loss" in stage["validation"] for stage in card["stages"])
    assert card["data"]["records"]["train"] * 4 == len(card["data"]["pixels"])  # xray, ct and two of MRI
    assert str(whole) not in (run.model / "training.json").read_text()
    assert (whole / "stages/01-autoencoder-grey/samples").is_dir()

    # Stopped every five steps, and called again: a stage is then cut, finished or not begun.
    for _ in range(4):
        begun = len(steps)
        ended = train_medm2g(
            recipe(), "mine.yaml", tmp_path, on_step=on_step, stop=lambda begun=begun: len(steps) >= begun + 5
        )
        assert ended.reason == ("finished" if ended.finished else "stop")
    assert len(steps) == 36
    assert hashes(tmp_path / "model") == hashes(whole / "model")

    # Finished stages are not trained again, and another recipe is refused in their folder.
    again: list[str] = []
    assert train_medm2g(recipe(), "mine.yaml", whole, on_step=lambda *step: again.append(step[0])).finished
    assert not again
    other = recipe()
    other["stages"][0]["kl_weight"] = 1e-3
    with pytest.raises(UserError, match=r"fingerprint.stage.kl_weight was 1e-06, is 0.001"):
        train_medm2g(other, "mine.yaml", whole)
    with pytest.raises(UserError, match=r"model.seed was 0, is 1"):
        train_medm2g(recipe(seed=1), "mine.yaml", whole)
    lines: list[str] = []
    assert not train_medm2g(recipe(), "mine.yaml", whole, dry_run=True, on_note=lines.append).finished
    assert "all 2" in lines[1].splitlines()[1]

    # Fine-tuned: the flow alone, from the folder's weights, with its tokenizer.
    tuned = recipe([{"stage": "flow", "modality": "xray"}], fields=["xray"], text=False)
    ended = train_medm2g(tuned, "mine.yaml", tmp_path / "tuned", init=whole / "model")
    fine = load_parts(Config.model_validate_json((ended.model / "config.json").read_text()), ended.model)
    for name in ("autoencoder_grey", "encoder_text", "autoencoder_xray_mask"):
        assert _same(fine[name], parts[name])
    assert not _same(fine["flow_xray"], parts["flow_xray"])
    for side in (32, 48):
        wrong = recipe([{"stage": "flow", "modality": "xray"}], fields=["xray"], text=False, masks=[], image_size=side)
        with pytest.raises(UserError, match="give model the size, fields, masks and parts of --init"):
            train_medm2g(wrong, "mine.yaml", tmp_path / "wrong", init=whole / "model", dry_run=True)


def _same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    tensors = other.state_dict()
    return all(torch.equal(value, tensors[name]) for name, value in one.state_dict().items())


def test_an_alignment_may_begin_with_the_text_autoencoders_encoder(recipe: Make, tmp_path: Path) -> None:
    still = {"steps": 1, "learning_rate": 1e-12, "weight_decay": 0.0}
    start = {"stage": "alignment", "pair": ["text", "xray"], "text_start": "autoencoder", "training": still}
    stages = [{"stage": "autoencoder"}, {"stage": "text_autoencoder"}, start]
    stages += [{"stage": "flow", "modality": name} for name in ("xray", "text")]
    run = train_medm2g(recipe(stages, fields=["xray"], masks=[]), "mine.yaml", tmp_path / "run")
    parts: Any = load_parts(Config.model_validate_json((run.model / "config.json").read_text()), run.model)
    theirs = parts["autoencoder_text"].bert.state_dict()
    for name, value in parts["encoder_text"].transformer.state_dict().items():
        torch.testing.assert_close(value, theirs[name], atol=1e-9, rtol=0)
    smaller = recipe(stages, fields=["xray"], masks=[], parts={"encoder_text": {"layers": 2}})
    with pytest.raises(UserError, match="stage 03-alignment-text-xray: text_start: autoencoder: Error"):
        train_medm2g(smaller, "mine.yaml", tmp_path / "smaller")


def test_an_alignment_is_validated_on_whole_batches(recipe: Make, tmp_path: Path) -> None:
    spec = recipe([{"stage": "alignment", "pair": ["text", "xray"]}, *TextImage[:1], *TextImage[2:]], **SMALL)
    spec["training"]["batch_size"] = 9
    run = train_medm2g(spec, "mine.yaml", tmp_path)
    card = json.loads((run.model / "training.json").read_text())
    assert card["data"]["records"]["val"] % 9 == 1  # one row is left over, and between it and itself is no contrast
    (stage, *_) = card["stages"]
    assert stage["name"] == "01-alignment-text-xray"
    assert stage["validation"]["info_nce"] > 0


def test_a_run_of_a_release_without_todays_keys_goes_on(recipe: Make, tmp_path: Path) -> None:
    spec = recipe([{"stage": "autoencoder"}, {"stage": "flow", "modality": "xray"}], **SMALL)
    steps: list[str] = []
    train_medm2g(
        spec, "mine.yaml", tmp_path, on_step=lambda stage, *_: steps.append(stage), stop=lambda: len(steps) >= 3
    )
    # As such a release left it: a run begun, a stage finished, another in its middle.
    begun = tmp_path / "run.json"
    _without(begun, "model", "image_latent")
    _without(tmp_path / "stages/01-autoencoder-grey/done.json", "fingerprint", "stage", "adversarial_weight")
    _without(tmp_path / "stages/01-autoencoder-grey/done.json", "settings", "eps")
    (state,) = (tmp_path / "stages/02-flow-xray/checkpoints").glob("*/state.json")
    _without(state, "fingerprint", "stage", "drop")
    _without(state, "settings", "eps")
    assert train_medm2g(spec, "mine.yaml", tmp_path, on_step=lambda stage, *_: steps.append(stage)).finished
    assert len(steps) == 4
    # A record of something else is told, not stumbled over.
    done = tmp_path / "stages/02-flow-xray/done.json"
    whole = done.read_text()
    _without(done, "fingerprint", "stage")
    with pytest.raises(UserError, match=r"is of another run: fingerprint\.stage was null"):
        train_medm2g(spec, "mine.yaml", tmp_path)
    done.write_text(whole)
    # What differs from today's default is still told apart.
    _without(begun, "model", "seed")
    with pytest.raises(UserError, match=r"model.seed was 0, is 1"):
        train_medm2g({**spec, "model": {**spec["model"], "seed": 1}}, "mine.yaml", tmp_path)


def _without(file: Path, *keys: str) -> None:
    """Take an entry out of a JSON file."""
    record = json.loads(file.read_text())
    place = record
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    file.write_text(json.dumps(record))


def test_encoders_without_alignment_learn_from_the_diffusion_loss(recipe: Make, tmp_path: Path) -> None:
    stages = [
        {"stage": "autoencoder", "adversarial": True},
        {"stage": "text_autoencoder"},
        {"stage": "flow", "modality": "xray", "central": False},
        {"stage": "flow", "modality": "text", "central": False},
    ]
    spec = recipe(stages, fields=["xray"], masks=[])
    lines: list[str] = []
    train_medm2g(spec, "mine.yaml", tmp_path / "dry", dry_run=True, on_note=lines.append)
    assert "03-flow-xray trains flow_xray, encoder_text; prompted by text, labels" in lines
    assert "04-flow-text trains flow_text, encoder_xray; prompted by xray, labels" in lines
    run = train_medm2g(spec, "mine.yaml", tmp_path)
    assert json.loads((run.model / "training.json").read_text())["untrained"] == []


def test_a_transform_of_the_recipe_reaches_the_networks(recipe: Make, tmp_path: Path) -> None:
    step = {"_target_": "monai.transforms.ScaleIntensityd", "keys": "xray", "minv": 0.25, "maxv": 0.25}
    seen = {}
    for name, steps in {"plain": [], "flat": [step]}.items():
        spec = recipe(TextImage, data={"pipelines": {"all": steps}}, **SMALL)
        spec["stages"][2]["training"] = {"steps": 1}
        run = train_medm2g(spec, "mine.yaml", tmp_path / name)
        seen[name] = json.loads((run.model / "training.json").read_text())["stages"][0]["losses"]["l1"]
    assert seen["plain"] != seen["flat"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": [{"stage": "alignment", "pair": ["text", "ct"]}]}, "the model has no 'ct'; there are: mri, text"),
        ({"stages": [{"stage": "round", "pair": ["text", "ct"]}]}, "which the model does not make"),
        ({"stages": [{"stage": "flow", "modality": "xray"}]}, "nothing before it trains autoencoder_grey"),
        ({"fields": ["xray", "photo"], "stages": [{"stage": "alignment", "pair": ["text", "photo"]}]}, "no training"),
        ({"masks": ["ct"]}, "model.masks: 'ct' is not one of model.fields"),
        ({"image_size": 20}, "not a multiple of 8"),
        ({"image_size": 64, "data": {"size": 32}}, "is 1 x 32 x 32 after the data's pipeline"),
        ({"parts": {"flow_photo": {}}}, "the model has no part 'flow_photo'"),
    ],
)
def test_what_cannot_be_trained_is_refused(change: dict[str, Any], message: str, recipe: Make, tmp_path: Path) -> None:
    spec = recipe(**change)
    with pytest.raises(UserError, match=message):
        train_medm2g(spec, "mine.yaml", tmp_path)
