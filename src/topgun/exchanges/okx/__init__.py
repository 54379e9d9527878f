"""OKX V5: the record of its hosts. Read this first, then rest, stream, stores and book."""

from __future__ import annotations

from dataclasses import replace

from ...exchange import Exchange, Host
from .rest import environment, sign
from .stores import OKXDataStore
from .stream import answer, forget, heartbeat, login

__all__ = ["EXCHANGE", "OKXDataStore"]

_REST = Host(api=environment, sign=sign)
_STREAM = Host(api="okx", login=login, heartbeat=heartbeat, answer=answer, forget=forget)
_DEMO = replace(_STREAM, api="okx_demo")

EXCHANGE = Exchange(
    name="okx",
    docs="https://www.okx.com/docs-v5/en/",
    apis=("okx", "okx_demo"),
    credential=("key", "secret", "passphrase"),
    hosts={
        "openapi.okx.com": _REST,
        "www.okx.com": _REST,
        "aws.okx.com": _REST,
        "eea.okx.com": _REST,  # accounts of the European Economic Area, as the next one
        "my.okx.com": _REST,
        "us.okx.com": _REST,  # accounts of the United States, as the next one
        "app.okx.com": _REST,
        "ws.okx.com": _STREAM,
        "wsaws.okx.com": _STREAM,
        "wseea.okx.com": _STREAM,
        "wsus.okx.com": _STREAM,
        "wspap.okx.com": _DEMO,
        "wseeapap.okx.com": _DEMO,
        "wsuspap.okx.com": _DEMO,
    },
    stores=(OKXDataStore,),
)
