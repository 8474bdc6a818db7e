"""The transformers describer against small real LLaVA and LLaVA-NeXT models, made here and read from their folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    LlavaProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerFast,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from synthmed.errors import UserError
from synthmed.medart.captions.batches import Batches
from synthmed.medart.captions.domain import Domain, Wording
from synthmed.medart.captions.options import make_describer
from synthmed.medart.captions.protocol import Describer, Failure, Picture
from synthmed.medart.captions.rejection import begins
from synthmed.medart.captions.row_sampling import RowNoise, Sampling, row_sampling
from synthmed.medart.captions.vlm import PRESETS, VlmDescriber
from synthmed.medart.captions.vlm_model import VisionLanguageModel

DOMAIN = Domain(
    name="dermoscopy",
    summary="",
    modality="photo",
    template="A dermoscopy image of {label}.",
    plain="A dermoscopy image.",
    negative="A dermoscopy image of healthy skin.",
    attributes=("colour", "shape", "border"),
    wording=Wording(foreground="lesion", subject="the lesion", background="the skin", traits=()),
)
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}USER: {{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)
SIDE = 28


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE, trained on a few words."""
    words = Tokenizer(BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    # Llama's adds the first token by itself, a chat template writes it too.
    words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    words.train_from_iterator(["a dermoscopy image of a nevus, brown and oval, with a sharp border"] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def save_model(folder: Path, *, next_generation: bool, template: str | None = TEMPLATE) -> Path:
    """A model folder as transformers saves it: a CLIP tower and a Llama of one layer each, random weights."""
    words = tokenizer()
    tower = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=14
    )
    llama = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.3,  # by 0.02 the last token alone would decide the next
    )
    common: dict[str, Any] = {"vision_config": tower, "text_config": llama, "image_token_index": 3}
    torch.manual_seed(0)
    model: Any
    processor: Any
    parts: dict[str, Any] = {
        "tokenizer": words,
        "patch_size": 14,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
        "chat_template": template,
    }
    size = {"size": {"shortest_edge": SIDE}, "crop_size": SIDE}
    if next_generation:
        grid = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
        model = LlavaNextForConditionalGeneration(LlavaNextConfig(**common, image_grid_pinpoints=grid))
        processor = LlavaNextProcessor(
            image_processor=LlavaNextImageProcessor(**size, image_grid_pinpoints=grid), **parts
        )
    else:
        model = LlavaForConditionalGeneration(LlavaConfig(**common))
        processor = LlavaProcessor(image_processor=CLIPImageProcessor(**size), **parts)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and ("vision_tower" in name or "projector" in name):
            torch.nn.init.normal_(weight, std=0.3)  # so that pictures differ
    # What folders of the hub ask for must not rule.
    model.generation_config.update(do_sample=True, temperature=0.1, top_k=3)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny-llava", next_generation=False)


@pytest.fixture(scope="module")
def llava_next(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny-next", next_generation=True)


def pictures(count: int) -> list[Picture]:
    """Of several sizes and labels, so that prompts and tiles have several lengths."""
    generator = np.random.default_rng(0)
    labels = ["nevus", "seborrheic keratosis", "", "melanoma"]
    sizes = [(30, 40), (64, 20), (28, 28), (20, 70)]
    return [
        Picture(f"{i}.png", generator.integers(0, 256, (*sizes[i % 4], 3), np.uint8), labels[i % 4])
        for i in range(count)
    ]


def small(folder: Path, **options: Any) -> VlmDescriber:
    return VlmDescriber(**{"model": str(folder), "max_new_tokens": 12, "tries": 2, "device": "cpu", **options})


@pytest.mark.parametrize("name", ["llava", "llava_next"])
def test_a_caption_is_a_function_of_picture_and_seed(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    describer = small(folder, batch_size=3)
    assert isinstance(describer, Describer)
    assert describer.name == f"vlm:{folder.name}"
    some = pictures(5)
    seeds = [3, 1, 4, 1, 5]
    torch.manual_seed(1)
    captions = describer.describe(some, DOMAIN, seeds)
    assert len(captions) == 5
    assert len(set(captions)) == 5
    for picture, caption in zip(some, captions, strict=True):
        assert isinstance(caption, str)
        assert begins(caption, DOMAIN.sentence(picture.label))
        assert len(caption) > len(DOMAIN.sentence(picture.label))
    torch.manual_seed(2)  # the process's own stream plays no part
    assert small(folder, batch_size=3).describe(some, DOMAIN, seeds) == captions
    # Nor do the neighbours: alone, in other batches, in another order.
    single = small(folder)
    assert [single.describe([some[i]], DOMAIN, [seeds[i]])[0] for i in range(5)] == captions
    assert small(folder, batch_size=2).describe(some[::-1], DOMAIN, seeds[::-1]) == captions[::-1]
    assert single.describe(some[:1], DOMAIN, [99]) != captions[:1]
    other = Picture(some[0].file, 255 - some[0].pixels, some[0].label)
    assert single.describe([other], DOMAIN, seeds[:1]) != captions[:1]


def test_the_batch_equals_single_calls_of_transformers(llava: Path) -> None:
    """Greedy texts of a padded batch against plain `generate` of each picture."""
    model = VisionLanguageModel.load(llava, "cpu")
    images = [Image.fromarray(picture.pixels) for picture in pictures(3)]
    prompts = ["brown", "a sharp border, and oval", "an image of a nevus with a sharp border"]
    texts = model.texts(images, prompts, [0, 0, 0], Sampling(temperature=0, max_new_tokens=8))
    processor = LlavaProcessor.from_pretrained(llava)
    plain = LlavaForConditionalGeneration.from_pretrained(llava, dtype=torch.float32).eval()
    for image, prompt, text in zip(images, prompts, texts, strict=True):
        asked = f"<s><image>\nUSER: {prompt} ASSISTANT:"
        inputs = processor(text=asked, images=image, return_tensors="pt", add_special_tokens=False)
        ids = plain.generate(**inputs, do_sample=False, max_new_tokens=8)
        assert text == processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert model.tokens("brown") == len(tokenizer()("brown").input_ids) - 1


def test_without_a_chat_template(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "bare", next_generation=False, template=None)
    (caption,) = small(folder).describe(pictures(1), DOMAIN, [0])
    assert isinstance(caption, str)
    assert begins(caption, "A dermoscopy image of nevus")


def test_a_full_memory_halves_the_batch(llava: Path) -> None:
    """The model itself refuses more than two rows, as a GPU does."""
    describer = small(llava, batch_size=5)
    expected = describer.describe(pictures(5), DOMAIN, range(5))
    sizes: list[int] = []

    def refuse(_: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        sizes.append(len(args[0] if args else options["pixel_values"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    full = small(llava, batch_size=5)
    handle = full._model.model.model.vision_tower.register_forward_pre_hook(refuse, with_kwargs=True)
    assert full.describe(pictures(5), DOMAIN, range(5)) == expected
    assert sizes[:4] == [5, 2, 2, 1]
    assert max(sizes[4:]) == 2  # and stays so
    handle.remove()


def test_batches() -> None:
    def ask(places: Any) -> list[str]:
        if len(places) > 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        if 2 in places:
            raise ValueError("height:1 must be\n larger than factor:28")
        return [str(place) for place in places]

    batches = Batches(7)
    lost = Failure("the model fails with ValueError: height:1 must be larger than factor:28")
    assert batches.texts(ask, 7) == ["0", "1", lost, "3", "4", "5", "6"]
    assert batches.size == 3

    def full(places: Any) -> list[str]:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    (text,) = Batches(2).texts(full, 1)
    assert isinstance(text, Failure)
    assert text.reason.startswith("memory does not hold one picture")


def test_a_bad_picture_is_lost_alone(llava: Path) -> None:
    some = pictures(3)
    some[1] = Picture("bad.png", np.zeros((0, 5, 3), np.uint8), "nevus")
    captions = small(llava, batch_size=3).describe(some, DOMAIN, [0, 1, 2])
    assert [type(caption) for caption in captions] == [str, Failure, str]
    assert isinstance(captions[1], Failure)
    assert "\n" not in captions[1].reason


def test_row_noise_draws_from_what_the_filters_leave() -> None:
    """Counts of 10 000 draws against the softmax of transformers' filtered scores, in four of its deviations."""
    sampling = Sampling(temperature=0.8, top_k=6, top_p=0.9)
    logits = torch.randn(9, generator=torch.Generator().manual_seed(0)) * 2
    filters = LogitsProcessorList([TemperatureLogitsWarper(0.8), TopKLogitsWarper(6), TopPLogitsWarper(0.9)])
    ids = torch.zeros(1, 1, dtype=torch.long)
    probability = filters(ids, logits[None].clone())[0].softmax(0)
    rows, steps = 500, 20
    n = rows * steps
    process = row_sampling(sampling, range(rows))
    draws = torch.cat([process(ids, logits.repeat(rows, 1)).argmax(1) for _ in range(steps)])
    counts = torch.bincount(draws, minlength=9).float()
    assert (counts[probability == 0] == 0).all()
    assert 2 < (probability > 0).sum() < 9
    deviation = (n * probability * (1 - probability)).sqrt()
    assert ((counts - n * probability).abs() <= 4 * deviation).all()


def test_row_noise_is_each_rows_own() -> None:
    scores = torch.zeros(3, 50)
    ids = torch.zeros(3, 1, dtype=torch.long)
    together = RowNoise([5, 6, 5])
    first, second = together(ids, scores), together(ids, scores)
    alone = RowNoise([6])
    assert (first[1] == alone(ids[:1], scores[:1])[0]).all()
    assert (second[1] == alone(ids[:1], scores[:1])[0]).all()
    assert (first[0] == first[2]).all()
    assert (first[0] != second[0]).any()
    assert (first[0] != first[1]).any()
    assert not row_sampling(Sampling(temperature=0), [1])


def test_the_papers_settings() -> None:
    paper = VlmDescriber()
    assert PRESETS[paper.model].model == "llava-hf/llama3-llava-next-8b-hf"
    assert PRESETS[paper.model].half == "float16"
    assert (paper.temperature, paper.top_k, paper.top_p, paper.max_new_tokens, paper.limit) == (0.8, 50, 0.9, 150, 120)
    assert paper.name == "vlm:llava-hf/llama3-llava-next-8b-hf"
    made = make_describer("vlm", ["model=medgemma", "batch_size=4", "temperature=0"])
    assert made == VlmDescriber("medgemma", batch_size=4, temperature=0.0)
    assert VlmDescriber("qwen-vl").name == "vlm:Qwen/Qwen2.5-VL-7B-Instruct"


@pytest.fixture
def copy(llava: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llava, tmp_path / "copy"))


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        small(folder).describe(pictures(1), DOMAIN, [0])
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 300 + len(str(folder))
    return message


def test_no_pickle_is_read(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch.save(weights, copy / "pytorch_model.bin")
    assert "cannot be loaded as an image-text-to-text model" in refusal(copy)


def test_no_code_of_the_folder_runs(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["model_type"] = "strange"
    config["auto_map"] = {"AutoConfig": "code.Config", "AutoModelForImageTextToText": "code.Model"}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "code.py").write_text(f"open({str(copy / 'ran')!r}, 'w')\n")
    assert "cannot be loaded" in refusal(copy)
    assert not (copy / "ran").exists()


def test_missing_weights_are_not_made_up(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    (name,) = (name for name in weights if name.endswith("lm_head.weight"))
    save_file(
        {key: value for key, value in weights.items() if key != name}, copy / "model.safetensors", {"format": "pt"}
    )
    assert "1 weights are missing, the first" in refusal(copy)


def test_damaged_absent_and_other_models(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"no")
    assert "cannot be loaded" in refusal(copy)
    assert "no such folder" in refusal(tmp_path / "nowhere" / "at" / "all")
    (tmp_path / "empty").mkdir()
    assert "a model folder has a config.json" in refusal(tmp_path / "empty")


@pytest.mark.parametrize(
    "option",
    [{"batch_size": 0}, {"temperature": -1.0}, {"top_p": 0.0}, {"top_k": -1}, {"max_new_tokens": 0}, {"tries": 0}],
)
def test_wrong_values(option: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(option))):
        VlmDescriber(**option)
