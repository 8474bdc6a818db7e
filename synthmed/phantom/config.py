"""The phantom's configuration: what it holds, its file, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from synthmed.errors import UserError
from synthmed.phantom.wording import GROUPS
from synthmed.registry import nearest

REVISION = 1
"""Raised whenever the same request and seed would give another sample."""
MODEL_TYPE = "phantom"
FILE = "config.json"


@dataclass(frozen=True)
class Config:
    """All that a phantom's samples depend on, besides request, seed and `REVISION`.

    Attributes:
        size: (rows, columns) of every image.
        wordings: the group of the reports' templates, ``all``, ``a`` or ``b``; ``a`` and ``b`` have none in common.
    """

    size: tuple[int, int] = (128, 128)
    wordings: str = "all"

    def check(self, where: str) -> Config:
        """Itself.

        Raises:
            UserError: a value out of range; names ``where`` and the key.
        """
        for side, count in zip(("rows", "columns"), self.size, strict=True):
            if not 32 <= count <= 1024:
                raise UserError(f"{where}: size has {count} {side}; give (rows, columns) from 32 to 1024")
        if self.wordings not in GROUPS:
            raise UserError(f"{where}: no wordings {self.wordings!r}{nearest(self.wordings, GROUPS)}")
        return self

    def to_json(self) -> dict[str, Any]:
        """With the model type, as in ``config.json``."""
        return {"model_type": MODEL_TYPE, **asdict(self), "size": list(self.size)}

    @property
    def fingerprint(self) -> str:
        """sha256 of the canonical JSON of configuration and revision, in hexadecimal."""
        canonical = json.dumps({**self.to_json(), "revision": REVISION}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def save(self, folder: str | Path) -> None:
        """Write ``config.json`` into the folder, which is made if need be."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        (path / FILE).write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Config:
        """Read the folder's ``config.json`` strictly.

        Raises:
            UserError: no such file, no JSON, an unknown key or a wrong value; names the file and the key.
        """
        path = Path(folder) / FILE
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); give a folder with a {FILE}") from None
        except ValueError as error:
            raise UserError(f"{path}: is not JSON ({error})") from None
        if not isinstance(data, dict) or data.pop("model_type", None) != MODEL_TYPE:
            raise UserError(f'{path}: model_type is not "{MODEL_TYPE}"; this folder is another model\'s')
        known = [field.name for field in fields(cls)]
        for key in data:
            if key not in known:
                raise UserError(f"{path}: unknown key {key!r}{nearest(key, known)}")
        size, wordings = data.get("size", list(cls.size)), data.get("wordings", cls.wordings)
        if not (isinstance(size, list) and len(size) == 2 and all(type(count) is int for count in size)):
            raise UserError(f"{path}: size is {size!r}; give two whole numbers, [rows, columns]")
        if not isinstance(wordings, str):
            raise UserError(f"{path}: wordings is {wordings!r}; give one of {', '.join(GROUPS)}")
        return cls((size[0], size[1]), wordings).check(str(path))
