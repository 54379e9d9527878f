"""`Auth`: the default of every ``auth=`` argument."""

from __future__ import annotations

__all__ = ["Auth"]


class Auth:
    """Sign (or log in) wherever the host is known and a credential is there.

    The class itself is the value: ``auth=topgun.Auth``. ``auth=None`` never signs.
    """
