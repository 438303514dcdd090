#!/usr/bin/env python3
"""Writes modp.txt: the primes of the MODP groups from the formula of RFC 2409 6 and RFC 3526, and
both sides of an exchange in each, computed with Python's integers alone.

    p = 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + k)

The responder's exponent is chosen so that, in the groups marked so, the shared secret begins with a
zero byte: it must be padded to the length of p (RFC 7296 2.14), and so must public values.
"""

import pathlib

from vectorfile import draw, write

GROUPS = [  # bits, k, number of zero bytes the secret shall begin with
    ("modp768", 768, 149686, 1),
    ("modp1024", 1024, 129093, 1),
    ("modp1536", 1536, 741804, 1),
    ("modp2048", 2048, 124476, 1),
    ("modp3072", 3072, 1690314, 0),
    ("modp4096", 4096, 240904, 0),
    ("modp6144", 6144, 929484, 0),
    ("modp8192", 8192, 4743158, 0),
]


def scaled_pi(bits):
    """[2^bits * pi], by Machin's formula with guard bits."""
    guard = 64
    one = 1 << (bits + guard)

    def arctan_of_inverse(x):
        total = term = one // x
        n, sign = 3, -1
        while term:
            term //= x * x
            total += sign * (term // n)
            n, sign = n + 2, -sign
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> guard


def exchange(name, bits, k, zeros):
    size = bits // 8
    p = 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (scaled_pi(bits - 130) + k)
    assert pow(2, (p - 1) // 2, p) == 1  # 2 generates the subgroup of order q

    initiator = int.from_bytes(draw(f"{name} initiator", 28), "big")
    initiator_public = pow(2, initiator, p)
    responder = int.from_bytes(draw(f"{name} responder", 28), "big")
    while pow(initiator_public, responder, p).bit_length() > bits - 8 * zeros:
        responder += 1
    responder_public = pow(2, responder, p)
    shared = pow(initiator_public, responder, p)
    assert shared == pow(responder_public, initiator, p)
    return {
        "group": name,
        "prime": p.to_bytes(size, "big"),
        "initiator_private": initiator.to_bytes(28, "big"),
        "initiator_public": initiator_public.to_bytes(size, "big"),
        "responder_private": responder.to_bytes(28, "big"),
        "responder_public": responder_public.to_bytes(size, "big"),
        "shared": shared.to_bytes(size, "big"),
    }


if __name__ == "__main__":
    write(
        pathlib.Path(__file__).with_name("modp.txt"),
        "Source: written by make_modp.py (RFC 2409 6, RFC 3526; Python's integers).",
        [exchange(*group) for group in GROUPS],
    )
