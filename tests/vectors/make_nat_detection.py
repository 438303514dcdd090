#!/usr/bin/env python3
"""Writes nat_detection.txt: the hashes of RFC 7296 2.23, from Python's hashlib alone.

    SHA-1(SPIi | SPIr | address | port)
"""

import hashlib
import ipaddress
import pathlib
import struct

from vectorfile import draw, write

ENDPOINTS = [
    ("192.0.2.1", 500),
    ("203.0.113.254", 4500),
    ("10.0.0.1", 65535),
    ("2001:db8::1", 500),
    ("fe80::ff:fe00:1", 4500),
]


def case(number, address, port):
    spi_i = draw(f"nat {number} SPIi", 8)
    # In the first message there is no responder's SPI yet.
    spi_r = bytes(8) if number % 2 == 0 else draw(f"nat {number} SPIr", 8)
    data = spi_i + spi_r + ipaddress.ip_address(address).packed + struct.pack("!H", port)
    return {
        "spi_i": spi_i,
        "spi_r": spi_r,
        "address": address,
        "port": struct.pack("!H", port),
        "hash": hashlib.sha1(data).digest(),
    }


if __name__ == "__main__":
    write(
        pathlib.Path(__file__).with_name("nat_detection.txt"),
        "Source: written by make_nat_detection.py (RFC 7296 2.23; Python's hashlib).",
        [case(number, *endpoint) for number, endpoint in enumerate(ENDPOINTS)],
    )
