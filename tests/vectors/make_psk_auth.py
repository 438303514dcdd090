#!/usr/bin/env python3
"""Writes psk_auth.txt: AUTH payloads made with a shared key (RFC 7296 2.15), from Python's hmac alone.

    AUTH = prf(prf(secret, "Key Pad for IKEv2"), first message | peer's nonce | prf(SK_p, ID'))
    ID'  = ID type | three zeros | ID data
"""

import hmac
import pathlib

from vectorfile import draw, write

HASHES = {
    "prfmd5": "md5",
    "prfsha1": "sha1",
    "prfsha256": "sha256",
    "prfsha384": "sha384",
    "prfsha512": "sha512",
}
IDENTITIES = [  # type, data
    (1, bytes([192, 168, 93, 46])),
    (2, b"vpn.example.com"),
    (3, b"gateway@example.com"),
    (5, bytes.fromhex("20010db8000000000000000000000001")),
    (11, b"\x00\xff key"),
]
# The shortest, one beyond the block size of every hash, and one of several bytes a character.
SECRETS = [b"1", b"123456", "schlüssel-密钥".encode(), b"k" * 200]


def prf(name, key, data):
    return hmac.new(key, data, HASHES[name]).digest()


def case(number, name):
    label = f"psk {number} {name}"
    secret = SECRETS[number % len(SECRETS)]
    id_type, id_data = IDENTITIES[number % len(IDENTITIES)]
    message = draw(label + " message", 28 + 97 * (number % 9))
    nonce = draw(label + " nonce", 16 + 48 * (number % 6))
    sk_p = draw(label + " SK_p", len(prf(name, b"", b"")))

    maced_id = prf(name, sk_p, bytes([id_type, 0, 0, 0]) + id_data)
    padded = prf(name, secret, b"Key Pad for IKEv2")
    return {
        "prf": name,
        "secret": secret,
        "id_type": bytes([id_type]),
        "id_data": id_data,
        "sk_p": sk_p,
        "message": message,
        "nonce": nonce,
        "auth": prf(name, padded, message + nonce + maced_id),
    }


if __name__ == "__main__":
    write(
        pathlib.Path(__file__).with_name("psk_auth.txt"),
        "Source: written by make_psk_auth.py (RFC 7296 2.15; Python's hmac).",
        [case(number, name) for number, name in enumerate(list(HASHES) * 4)],
    )
