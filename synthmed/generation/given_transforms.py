"""What transformed conditions share: draws that follow the row alone, and images back in their modality's unit."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor

from synthmed.data.transforms.windows import to_hounsfield
from synthmed.errors import UserError
from synthmed.modality import image_name


@contextmanager
def seeded_row(transform: Any, number: int, where: str) -> Iterator[None]:
    """The transform's random state, and the global generators that some libraries draw from, fixed by the row's number.

    The caller's generators are given back as they were.

    Args:
        transform: with MONAI's ``set_random_state``.
        where: what was being done, for error messages.

    Raises:
        UserError: whatever a transform says is wrong, in one line.
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    transform.set_random_state(number)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(number)
        np.random.seed(number % 2**32)
        random.seed(number)
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # in the words of many libraries, which MONAI wraps in its own
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            text = " ".join(str(cause).split())[:300]
            raise UserError(f"{where}: {type(cause).__name__}: {text}") from error
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


def as_given(item: Mapping[Any, Any], name: str, where: str) -> np.ndarray[Any, Any]:
    """An item's image (C, rows, columns) float32 in its modality's unit, CT in HU; or mask (1, rows, columns) uint8.

    Raises:
        UserError: the item has none of this name.
    """
    if name not in item:
        raise UserError(f"{where}: the pipeline gives no {name}; it gives: {', '.join(map(str, item))}")
    value = item[name]
    if image_name(name).mask:
        return np.ascontiguousarray(value, np.uint8)
    if image_name(name).modality == "ct" and isinstance(value, MetaTensor):
        value = to_hounsfield(value)
    return np.ascontiguousarray(value, np.float32)
