#!/usr/bin/env python3
"""Writes envelope.txt: bodies of SK payloads (RFC 7296 3.14, RFC 5282, RFC 5930, RFC 7634) made with
ciphers.py and Python's hmac alone.

Two kinds of block: those a sender of ours must produce byte for byte (the least padding, of zeros),
and those marked `open_only`, whose padding is longer or not zero, as another sender may choose.
"""

import hmac
import pathlib

import ciphers
from vectorfile import draw, write

INTEGRITY = {  # hash, key size, ICV size
    "md5": ("md5", 16, 12),
    "sha1": ("sha1", 20, 12),
    "sha256": ("sha256", 32, 16),
    "sha384": ("sha384", 48, 24),
    "sha512": ("sha512", 64, 32),
}
SIZES = (0, 1, 14, 15, 16, 63, 64, 100)


def encrypt(encryption, key, iv, head, text):
    if encryption == "chacha20poly1305":
        return ciphers.chacha20_poly1305(key[:-4], key[-4:] + iv, head, text)
    if encryption.endswith("gcm16"):
        return ciphers.aes_gcm(key[:-4], key[-4:] + iv, head, text)
    if encryption.endswith("ctr"):
        return ciphers.aes_ctr(key[:-4], key[-4:] + iv + bytes([0, 0, 0, 1]), text)
    return ciphers.aes_cbc(key, iv, text)


def body(encryption, integrity, keys, head, iv, padded):
    sealed = iv + encrypt(encryption, keys[0], iv, head, padded)
    if integrity == "none":
        return sealed
    name, _, icv_size = INTEGRITY[integrity]
    return sealed + hmac.new(keys[1], head + sealed, name).digest()[:icv_size]


def block(encryption, integrity, size, extra):
    label = f"{encryption} {integrity} {size} {extra}"
    is_cbc = encryption in ("aes128", "aes192", "aes256")
    key_size = 32 if encryption.startswith("chacha") else int(encryption[3:6]) // 8
    key = draw(label + " key", key_size + (0 if is_cbc else 4))
    integrity_key = b"" if integrity == "none" else draw(label + " mac", INTEGRITY[integrity][1])
    head = draw(label + " head", 32)
    iv = draw(label + " iv", 16 if is_cbc else 8)
    plaintext = draw(label + " plaintext", size)
    least = -(size + 1) % 16 if is_cbc else 0
    padding = draw(label + " padding", least + extra) if extra else bytes(least)
    padded = plaintext + padding + bytes([len(padding)])
    fields = {
        "encryption": encryption,
        "integrity": integrity,
        "key": key,
        "integrity_key": integrity_key,
        "head": head,
        "iv": iv,
        "plaintext": plaintext,
        "body": body(encryption, integrity, (key, integrity_key), head, iv, padded),
    }
    if extra:
        fields["open_only"] = "yes"
    return fields


def blocks():
    macs = list(INTEGRITY)
    for bits in (128, 192, 256):
        for row, encryption in enumerate((f"aes{bits}", f"aes{bits}ctr")):
            for number, size in enumerate(SIZES):
                yield block(encryption, macs[(number + row) % len(macs)], size, 0)
            yield block(encryption, "sha256", 20, 240 - 16 * row)
        for size in SIZES:
            yield block(f"aes{bits}gcm16", "none", size, 0)
        yield block(f"aes{bits}gcm16", "none", 20, 3)
    for size in SIZES:
        yield block("chacha20poly1305", "none", size, 0)
    yield block("chacha20poly1305", "none", 20, 255)


if __name__ == "__main__":
    write(
        pathlib.Path(__file__).with_name("envelope.txt"),
        "Source: written by make_envelope.py (own AES, GCM and ChaCha20-Poly1305; Python's hmac).",
        blocks(),
    )
