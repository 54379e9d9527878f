"""`Recent`: what was noted lately; nothing here belongs to one exchange."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, ClassVar

__all__ = ["Recent"]


class Recent(OrderedDict[Hashable, Any]):
    """A dict of the latest `LIMIT` notes: of orders that are over, which a late message must not bring back."""

    LIMIT: ClassVar[int] = 10_000

    def note(self, key: Hashable, what: Any = None) -> None:
        """Note something under `key`, and forget what was noted first if there is too much."""
        self[key] = what
        if len(self) > self.LIMIT:
            self.popitem(last=False)
