"""Model folders of the Hugging Face hub: configs, weights and tokenizers alone, through the hub's own cache."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthmed.errors import UserError

MODEL_FILES = ("*.json", "*.safetensors", "README.md")
"""What a model folder may hold, as patterns of paths in a repository: no pickle, and no code."""

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_ID = re.compile(rf"(?P<repository>{_NAME}/{_NAME})(?:@(?P<revision>(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]*))?\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


@dataclass(frozen=True)
class HubId:
    """A repository of models.

    Attributes:
        repository: ``owner/name``.
        revision: a branch, a tag or a commit; the main branch if None.
    """

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


def hub_id(place: str | Path) -> HubId | None:
    """The repository that ``owner/name`` or ``owner/name@revision`` names; None for a path of any other form."""
    found = _ID.match(place.as_posix() if isinstance(place, Path) else place)
    return HubId(found["repository"], found["revision"]) if found else None


def remote_of(place: str | Path) -> HubId | None:
    """The repository that is meant; None where it is a path, as it exists or the folder that would hold it does.

    A mistyped ``runs/model`` is not to be asked for at the hub, where a stranger may have put something of that name.
    A whole commit is no mistyped path: what a run has begun with is found though it makes a folder of the owner's name.
    """
    found = hub_id(place)
    if found is None or Path(place).exists():
        return None
    pinned = _COMMIT.match(found.revision or "") is not None
    return found if pinned or not Path(found.repository).parent.is_dir() else None


def located(place: str | Path, files: Sequence[str] = MODEL_FILES) -> Path:
    """The snapshot in the hub's cache where a repository is meant (`remote_of`), else the path, its ``~`` expanded.

    Raises:
        UserError: as `fetch`.
    """
    remote = remote_of(place)
    return Path(place).expanduser() if remote is None else fetch(remote, files)


def fetch(remote: HubId, files: Sequence[str] = MODEL_FILES) -> Path:
    """The folder of a snapshot in the hub's cache, with at least these files; its name is the commit.

    What is there already is not fetched again. ``HF_HUB_OFFLINE``, ``HF_HOME``, ``HF_ENDPOINT`` and the user's login
    count as for every tool of the hub.

    Args:
        files: patterns of paths in the repository.

    Raises:
        UserError: no such repository, revision or file, no access, no connection, or no space.
    """
    # Slow to import, and not needed for folders.
    from huggingface_hub import constants, errors, snapshot_download

    page = f"{constants.ENDPOINT}/{remote.repository}"
    try:
        folder = Path(snapshot_download(remote.repository, revision=remote.revision, allow_patterns=list(files)))
    except errors.GatedRepoError:
        reason = f"its owner asks for consent: agree at {page}, then log in with `hf auth login`"
    except errors.RepositoryNotFoundError:
        reason = f"no such folder here, and no such repository at {page}; if it is private, log in with `hf auth login`"
    except errors.RevisionNotFoundError:
        reason = f"the repository has no revision {remote.revision!r}; see {page}"
    except errors.LocalEntryNotFoundError:
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT} cannot be reached"
        reason = f"no such folder here, the hub's cache does not hold it whole, and {why}; go online once to fetch it"
    except Exception as error:  # a full disk, a proxy, a broken transfer, in the words of many libraries
        reason = f"cannot be fetched from the hub: {' '.join(str(error).split())[:200] or type(error).__name__}"
    else:
        if folder.is_dir():
            return folder
        reason = f"the repository has none of {', '.join(files)}; see {page}"
    raise UserError(f"{remote}: {reason}")
