"""What all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

# How long an example takes is a benchmark's affair. CI draws the same examples each time; elsewhere they are new.
settings.register_profile("synthmed", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("synthmed")

# A package as a third party would install it: its entry points add a modality and two models. It comes before any
# import of synthmed, and into the environment, so that worker processes and commands see it too.
PLUGINS = str(Path(__file__).parent / "plugins")
sys.path.insert(0, PLUGINS)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (PLUGINS, os.environ.get("PYTHONPATH"))))
