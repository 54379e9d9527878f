"""The version, in a module of its own: cheap to import and to read."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
