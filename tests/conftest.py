"""What all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# A package as a third party would install it: its entry points add a modality and two models. It comes before any
# import of synthmed, and into the environment, so that worker processes and commands see it too.
PLUGINS = str(Path(__file__).parent / "plugins")
sys.path.insert(0, PLUGINS)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (PLUGINS, os.environ.get("PYTHONPATH"))))
