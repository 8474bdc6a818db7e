"""Names that may leave the machine: a patient's keyed hash, a record's pixel hash."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np

from synthmed.errors import UserError

KEY_VARIABLE = "SYNTHMED_PATIENT_KEY"


def pseudonym(source: str, patient: str) -> str:
    """A patient's name within this user's work: 24 hexadecimal digits, ``""`` for no patient.

    HMAC-SHA256 under a key of the user's own, so that nobody else can find the patient by hashing guesses.

    Raises:
        UserError: the key's file cannot be read or made.
    """
    if not patient:
        return ""
    return hmac.new(_key(), f"{source}\0{patient}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:24]


def pixel_id(pixels: np.ndarray[Any, Any]) -> str:
    """sha256 over shape, dtype and decoded values: the same picture has the same id in any file."""
    array = np.ascontiguousarray(pixels)
    return hashlib.sha256(f"{array.shape}{array.dtype.str}".encode() + array.tobytes()).hexdigest()


def key_file() -> Path:
    """``$XDG_CONFIG_HOME/synthmed/patient-key``, by default in ``~/.config``."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "synthmed" / "patient-key"


def _key() -> bytes:
    """From `KEY_VARIABLE`, else from the key file, which is made at first use and readable by its owner alone."""
    if given := os.environ.get(KEY_VARIABLE):
        return given.encode()
    path = key_file()
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Another process may make it at the same time: the first one's stays.
            temporary = path.with_name(f"{path.name}.{os.getpid()}")
            temporary.touch(mode=0o600)
            temporary.write_text(secrets.token_hex(32))
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; the key of patients' hashes; or set {KEY_VARIABLE}") from None
