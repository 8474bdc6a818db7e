"""Procedural anatomy: patients whose findings, masks and reports are known exactly."""

from __future__ import annotations

from synthmed.phantom.phantom import Phantom

__all__ = ["Phantom"]
