"""What makes one exchange easier to use; nothing else of topgun needs it."""

from __future__ import annotations

from . import bitbank, hyperliquid
from .gmocoin import GMOCoinHelper, GMOCoinResponseError

__all__ = ["GMOCoinHelper", "GMOCoinResponseError", "bitbank", "hyperliquid"]
