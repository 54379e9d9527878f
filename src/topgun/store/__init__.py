"""Tables in memory that take an exchange's messages, to be queried, waited for and watched."""

from __future__ import annotations

from .book import Best, BookStore
from .collection import DataStoreCollection, Topic
from .rowbook import RowBook
from .sequence import SequenceGuard
from .stream import StoreChange, StoreStream
from .table import DataStore

__all__ = [
    "Best",
    "BookStore",
    "DataStore",
    "DataStoreCollection",
    "RowBook",
    "SequenceGuard",
    "StoreChange",
    "StoreStream",
    "Topic",
]
