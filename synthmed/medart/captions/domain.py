"""What kind of picture is described: its class sentence, the attributes that are asked for, the words for its parts."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

import pydantic
import yaml

from synthmed.errors import UserError
from synthmed.problem import problem
from synthmed.registry import nearest
from synthmed.sample import NO_FINDING

_FOLDER = files("synthmed.medart.captions") / "domains"
_MAX_BYTES = 2**20
_DEFAULTS = {"xray": "chest_xray", "ct": "ct", "mri": "mri"}


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Wording(_Section):
    """How the embedded describer looks at such a picture, and what it calls what it sees.

    Attributes:
        foreground: a ``lesion`` stands out from its background by colour; a ``body`` is bright on black; ``cells`` are
            many; a ``field`` is the whole picture but its black rim.
        subject: the noun for the foreground, with its article: "the lesion".
        plural: whether the subject is.
        background: the noun for what is around it: "the surrounding skin".
        lines: the noun for thin dark lines: "dark hairs"; "" where they mean nothing.
        traits: what a caption always tells; see ``wording.yaml`` for their names.
        optional: what it tells besides, in a random order while the length allows.
    """

    foreground: Literal["lesion", "body", "cells", "field"]
    subject: str
    plural: bool = False
    background: str
    lines: str = ""
    traits: tuple[str, ...]
    optional: tuple[str, ...] = ()


class Domain(_Section):
    """One kind of picture.

    Attributes:
        name: as in ``--domain``.
        summary: one line.
        modality: which of `synthmed.modality.MODALITIES` its pictures are.
        template: the class sentence: "A dermoscopy image of {label}."
        plain: the sentence of a picture without a label.
        negative: the sentence of one that has no finding.
        spellings: a data set's class names as the sentence wants them: "benign" to "a benign lesion".
        attributes: the visual attributes that a vision-language model is asked for.
        wording: for the embedded describer.
    """

    name: str
    summary: str
    modality: str
    template: str
    plain: str
    negative: str
    spellings: dict[str, str] = {}
    attributes: tuple[str, ...]
    wording: Wording

    @pydantic.field_validator("template")
    @classmethod
    def _has_a_place(cls, template: str) -> str:
        if template.count("{label}") != 1 or set("{}") & set(template.replace("{label}", "")):
            raise ValueError("needs {label} once, and no other braces")
        return template

    def sentence(self, label: str) -> str:
        """The class sentence of a label, or of several with ``|`` between them.

        ``_`` of a class folder's name becomes a blank; "no finding" and "" have sentences of their own.
        """
        if label == NO_FINDING:
            return self.negative
        spelt = [self._spelt(one.strip()) for one in label.split("|") if one.strip()]
        words = spelt[0] if len(spelt) == 1 else f"{', '.join(spelt[:-1])} and {spelt[-1]}" if spelt else ""
        return self.template.replace("{label}", words) if words else self.plain

    def _spelt(self, label: str) -> str:
        return self.spellings.get(label) or " ".join(label.replace("_", " ").split())


def domain_names() -> list[str]:
    """The packaged domains, sorted."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))


def domain_of(modality: str) -> str:
    """The domain of a modality's pictures where the user names none; "generic" for photographs."""
    return _DEFAULTS.get(modality, "generic")


def load_domain(name: str) -> Domain:
    """A packaged domain by name, or a user's own YAML file by its path.

    Raises:
        UserError: there is none, it is not YAML, or a key is unknown, missing or wrong; names file and key.
    """
    if name.endswith((".yaml", ".yml")):
        text, where = _own(Path(name)), name
    elif name in (known := domain_names()):
        text, where = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml"
    else:
        raise UserError(f"domains: there is no {name!r}{nearest(name, known)}, or the path of a YAML file")
    try:
        return Domain.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not YAML ({' '.join(str(error).split())})") from None
    except pydantic.ValidationError as error:
        raise UserError(f"{where}: {problem(error)}") from None


def _own(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise UserError(f"{path}: more than {_MAX_BYTES} bytes; a domain is a short YAML file")
        return data.decode("utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8") from None
