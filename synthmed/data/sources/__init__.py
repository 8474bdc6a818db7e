"""Data sources: readers of a release's on-disk layout, one file each, open to third parties."""

from __future__ import annotations

from typing import Any

from synthmed.registry import Registry

SOURCES: Registry[Any] = Registry("sources")
