"""How the messages of OKX are built: rows, and snapshots in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping

    from ...typedefs import Item

__all__ = ["Pages", "covers", "keyed"]


def keyed(data: Any, keys: Collection[str]) -> list[Item]:
    """Return the rows of a message that have every key field; the others are not meant for the table.

    Raises:
        TypeError: Something is not a row, or has neither text nor number in a key field.
    """
    rows = [row for row in rows_of(data) if row.keys() >= {*keys}]
    return rows_of(rows, [*keys])


def covers(query: Mapping[str, Any], row: Item) -> bool:
    """Tell whether what `query` asks for, or a subscription is about, would tell of `row`.

    https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-list
    """
    for field in ("instType", "instId", "ordType"):
        wanted = str(query.get(field) or "ANY")
        if wanted != "ANY" and row.get(field) not in wanted.split(","):
            return False
    family = query.get("instFamily") or query.get("uly")
    return not family or str(row.get("instId")).startswith(f"{family}-")


class Pages:
    """The pages of one snapshot, and what was said between them.

    Attributes:
        number: The page that came last; 0 while none is under way.
        rows: What is known so far, by key.
    """

    def __init__(self) -> None:
        self.number = 0
        self.rows: dict[Hashable, Item] = {}

    def take(self, msg: Item, rows: Mapping[Any, Item]) -> bool:
        """Add the rows of a message; return whether it completes a snapshot.

        Raises:
            ValueError: The page before it is missing, so that this snapshot is of no use.
        """
        page = msg.get("curPage")
        if page is None:
            if self.number:
                self.rows.update(rows)
            return False
        if page not in (1, self.number + 1):
            self.number = 0
            raise ValueError(f"page {page!r} of a snapshot, and the one before it is missing")
        self.rows = {**(self.rows if page != 1 else {}), **rows}
        whole = msg.get("lastPage", True) is True
        self.number = 0 if whole else page
        return whole
