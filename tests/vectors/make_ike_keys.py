#!/usr/bin/env python3
"""Writes ike_keys.txt: IKEv2 keys by RFC 7296 2.13, 2.14, 2.17 and 2.18, from Python's hmac alone.
"""

import hmac
import itertools
import pathlib

from vectorfile import draw, write

HASHES = {
    "prfmd5": "md5",
    "prfsha1": "sha1",
    "prfsha256": "sha256",
    "prfsha384": "sha384",
    "prfsha512": "sha512",
}
INTEGRITY_KEYS = {"none": 0, "md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
SUITES = [  # encryption, key and salt, integrity
    ("aes128", 16, "sha1"),
    ("aes256", 32, "sha512"),
    ("aes192ctr", 28, "sha384"),
    ("aes256gcm16", 36, "none"),
    ("chacha20poly1305", 36, "none"),
    ("3des", 24, "md5"),
    ("des", 8, "sha256"),
]


def prf(name, key, data):
    return hmac.new(key, data, HASHES[name]).digest()


def prf_plus(name, key, seed, size):
    out, block = b"", b""
    for counter in itertools.count(1):
        if len(out) >= size:
            return out[:size]
        block = prf(name, key, block + seed + bytes([counter]))
        out += block


def cut(material, names_and_sizes):
    keys, at = {}, 0
    for name, size in names_and_sizes:
        keys[name] = material[at : at + size]
        at += size
    assert at == len(material)
    return keys


def ike_keys(name, skeyseed, seed, encryption_key, integrity_key):
    prf_size = len(prf(name, b"", b""))
    layout = [
        ("sk_d", prf_size),
        ("sk_ai", integrity_key),
        ("sk_ar", integrity_key),
        ("sk_ei", encryption_key),
        ("sk_er", encryption_key),
        ("sk_pi", prf_size),
        ("sk_pr", prf_size),
    ]
    material = prf_plus(name, skeyseed, seed, sum(size for _, size in layout))
    return cut(material, layout)


def case(number, prf_name, suite):
    encryption, encryption_key, integrity = suite
    integrity_key = INTEGRITY_KEYS[integrity]
    label = f"{number} {prf_name} {encryption}"
    # Nonces of every length that is allowed, 16 to 256.
    nonce_i = draw(label + " Ni", 16 + 48 * (number % 6))
    nonce_r = draw(label + " Nr", 256 - 40 * (number % 7))
    spi_i, spi_r = draw(label + " SPIi", 8), draw(label + " SPIr", 8)
    shared = draw(label + " g^ir", (32, 66, 96, 256)[number % 4])
    shared_new = draw(label + " g^ir new", (256, 32, 66)[number % 3])
    nonces = nonce_i + nonce_r

    skeyseed = prf(prf_name, nonces, shared)
    keys = ike_keys(prf_name, skeyseed, nonces + spi_i + spi_r, encryption_key, integrity_key)
    block = {
        "prf": prf_name,
        "encryption": encryption,
        "integrity": integrity,
        "nonce_i": nonce_i,
        "nonce_r": nonce_r,
        "spi_i": spi_i,
        "spi_r": spi_r,
        "shared": shared,
        **keys,
        "shared_new": shared_new,
    }
    child = [
        ("ei", encryption_key),
        ("ai", integrity_key),
        ("er", encryption_key),
        ("ar", integrity_key),
    ]
    size = sum(part for _, part in child)
    for kind, seed in (("child", nonces), ("pfs", shared_new + nonces)):
        material = prf_plus(prf_name, keys["sk_d"], seed, size)
        for name, key in cut(material, child).items():
            block[f"{kind}_{name}"] = key

    # A rekeying to another PRF: SKEYSEED with the old one, the rest with the new (2.18).
    new_prf = list(HASHES)[(number + 1) % len(HASHES)]
    skeyseed = prf(prf_name, keys["sk_d"], shared_new + nonces)
    block["rekeyed_prf"] = new_prf
    rekeyed = ike_keys(new_prf, skeyseed, nonces + spi_i + spi_r, encryption_key, integrity_key)
    for name, key in rekeyed.items():
        block[f"rekeyed_{name}"] = key
    return block


if __name__ == "__main__":
    pairs = [
        (name, SUITES[(3 * row + column) % len(SUITES)])
        for row, name in enumerate(HASHES)
        for column in range(3)
    ]
    write(
        pathlib.Path(__file__).with_name("ike_keys.txt"),
        "Source: written by make_ike_keys.py (RFC 7296 2.13, 2.14, 2.17, 2.18; Python's hmac).",
        [case(number, *pair) for number, pair in enumerate(pairs)],
    )
