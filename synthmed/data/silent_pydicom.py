"""pydicom, kept from saying what a file holds.

It quotes a file's values in warnings, logs and exceptions. So each call into it is made in `apart`, where it is silent,
and a failure leaves as a `UserError` that names the file and what was tried, nothing from inside.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from synthmed.errors import UserError

T = TypeVar("T")

# pydicom's settings, loggers and Python's warning filters belong to the process.
_LOCK = threading.RLock()


def apart(path: Path, failure: str, call: Callable[[], T]) -> T:
    """What ``call`` gives; its exception, with all that it quotes and holds, ends here.

    Raises:
        UserError: ``call`` failed; says ``failure`` alone, or the `UserError` that ``call`` raised.
    """
    reason = failure
    try:
        with _silent():
            return call()
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ")
    except OSError as error:
        reason = f"{failure} ({error.strerror})" if error.strerror else failure
    # Blanket, since whatever pydicom and its decoders raise may quote the header.
    except Exception:
        pass
    # Outside of the handlers, so that no exception of pydicom's is its context.
    raise UserError(f"{path}: {reason}")


@contextmanager
def _silent() -> Iterator[None]:
    """pydicom neither warns nor logs nor judges values in here. One thread at a time."""
    import pydicom.config

    logger = logging.getLogger("pydicom")
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        level, mode = logger.level, pydicom.config.settings.reading_validation_mode
        logger.setLevel(logging.CRITICAL + 1)
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        try:
            yield
        finally:
            logger.setLevel(level)
            pydicom.config.settings.reading_validation_mode = mode
