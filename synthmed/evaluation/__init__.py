"""Metrics over shards and folders of images, open to third parties."""

from __future__ import annotations

from typing import Any

from synthmed.registry import Registry

METRICS: Registry[Any] = Registry("metrics")
