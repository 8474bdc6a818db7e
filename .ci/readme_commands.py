"""Print one of the README's two set-up commands, exactly as it stands there: ``main`` or ``test``."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def commands(readme: str) -> dict[str, str]:
    """The two lines of the fenced ``sh`` blocks that begin with an installation."""
    found = re.findall(r"^```sh\n(python -m pip install .*)\n```$", readme, re.MULTILINE)
    if len(found) != 2:
        sys.exit(f"README.md: {len(found)} set-up commands; there are to be exactly two")
    return dict(zip(("main", "test"), found, strict=True))


if __name__ == "__main__":
    print(commands(Path("README.md").read_text(encoding="utf-8"))[sys.argv[1]])
