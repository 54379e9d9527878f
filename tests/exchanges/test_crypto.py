"""HMAC in the spellings of exchanges, against the vectors of RFC 4231."""

from __future__ import annotations

from topgun.exchanges._crypto import hmac_base64, hmac_hex

KEY, TEXT = b"Jefe", b"what do ya want for nothing?"  # RFC 4231, test case 2
SHA256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
SHA512 = (
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
)


def test_hex() -> None:
    """Lower case; SHA-256 unless told otherwise."""
    assert hmac_hex(KEY, TEXT) == SHA256
    assert hmac_hex(KEY, TEXT, "sha512") == SHA512


def test_base64() -> None:
    """With padding; the same bytes."""
    assert hmac_base64(KEY, TEXT) == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
    assert hmac_base64(KEY, TEXT, "sha512").startswith("Fkt6e/z4GeLjlfvnO1bgo4e9ZCIugx/WECcM1+olBVSX")
