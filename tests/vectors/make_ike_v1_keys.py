#!/usr/bin/env python3
"""Writes ike_v1_keys.txt: IKEv1 keys, hashes and IVs with pre-shared keys by RFC 2409 5, 5.5, 5.7
and appendix B. An independent computation, from Python's hashlib and hmac alone; what it has in
common with ike/crypto is the RFC. First it is held against answers that others published: see
ike_v1_exchanges.txt.
"""

import hashlib
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
MESSAGE_CIPHERS = {  # key, block
    "des": (8, 8),
    "3des": (24, 8),
    "aes128": (16, 16),
    "aes192": (24, 16),
    "aes256": (32, 16),
}
CHILDREN = [  # protocol, cipher, key and salt, integrity, its key
    ("esp", "aes128", 16, "sha1", 20),
    ("esp", "aes256", 32, "sha512", 64),
    ("esp", "aes192ctr", 28, "sha384", 48),
    ("esp", "aes256gcm16", 36, "none", 0),
    ("esp", "3des", 24, "md5", 16),
    ("esp", "des", 8, "sha256", 32),
    ("esp", "null", 0, "sha1", 20),
    ("ah", "none", 0, "sha256", 32),
    ("ah", "none", 0, "sha512", 64),
]


def prf(name, key, *parts):
    return hmac.new(key, b"".join(parts), HASHES[name]).digest()


def skeyids(name, psk, nonces, shared, cookies):
    skeyid = prf(name, psk, nonces)
    d = prf(name, skeyid, shared, cookies, b"\x00")
    a = prf(name, skeyid, d, shared, cookies, b"\x01")
    e = prf(name, skeyid, a, shared, cookies, b"\x02")
    return {"skeyid": skeyid, "skeyid_d": d, "skeyid_a": a, "skeyid_e": e}


def message_key(name, skeyid_e, size):
    if len(skeyid_e) >= size:
        return skeyid_e[:size]
    blocks = [prf(name, skeyid_e, b"\x00")]
    while sum(map(len, blocks)) < size:
        blocks.append(prf(name, skeyid_e, blocks[-1]))
    return b"".join(blocks)[:size]


def keymat(name, skeyid_d, seed, size):
    out = block = prf(name, skeyid_d, seed)
    while len(out) < size:
        block = prf(name, skeyid_d, block, seed)
        out += block
    return out[:size]


def iv(name, size, *parts):
    return hashlib.new(HASHES[name], b"".join(parts)).digest()[:size]


def case(number, name, cipher, child):
    label = f"v1 {number} {name} {cipher}"
    key_size, block_size = MESSAGE_CIPHERS[cipher]
    # Pre-shared keys around a block of the hash, and nonces of every length allowed, 8 to 256.
    psk = draw(label + " psk", (1, 16, 64, 65, 128, 129)[number % 6])
    nonce_i = draw(label + " Ni", 8 + 62 * (number % 5))
    nonce_r = draw(label + " Nr", 256 - 62 * (number % 5))
    group = (96, 128, 256, 64)[number % 4]
    g_xi, g_xr = draw(label + " g^xi", group), draw(label + " g^xr", group)
    shared = draw(label + " g^xy", group)
    cky_i, cky_r = draw(label + " CKY-I", 8), draw(label + " CKY-R", 8)
    sa, id_i, id_r = draw(label + " SA", 48), draw(label + " IDi", 8), draw(label + " IDr", 21)
    secrets = skeyids(name, psk, nonce_i + nonce_r, shared, cky_i + cky_r)

    message, rest = draw(label + " M-ID", 4), draw(label + " rest", 300)
    quick_i, quick_r = draw(label + " Ni2", 16), draw(label + " Nr2", 32)
    last_block = draw(label + " last", block_size)
    skeyid, a = secrets["skeyid"], secrets["skeyid_a"]
    fields = {
        "prf": name,
        "psk": psk,
        "nonce_i": nonce_i,
        "nonce_r": nonce_r,
        "public_i": g_xi,
        "public_r": g_xr,
        "shared": shared,
        "cookie_i": cky_i,
        "cookie_r": cky_r,
        "sa": sa,
        "id_i": id_i,
        "id_r": id_r,
        **secrets,
        "cipher": cipher,
        "message_key": message_key(name, secrets["skeyid_e"], key_size),
        "hash_i": prf(name, skeyid, g_xi, g_xr, cky_i, cky_r, sa, id_i),
        "hash_r": prf(name, skeyid, g_xr, g_xi, cky_r, cky_i, sa, id_r),
        "phase1_iv": iv(name, block_size, g_xi, g_xr),
        "message_id": message,
        "rest": rest,
        "last_block": last_block,
        "exchange_iv": iv(name, block_size, last_block, message),
        "quick_nonce_i": quick_i,
        "quick_nonce_r": quick_r,
        "hash_1": prf(name, a, message, rest),
        "hash_2": prf(name, a, message, quick_i, rest),
        "hash_3": prf(name, a, b"\x00", message, quick_i, quick_r),
    }

    protocol, encryption, encryption_key, integrity, integrity_key = child
    spis = {"i": draw(label + " SPIi", 4), "r": draw(label + " SPIr", 4)}
    pfs = draw(label + " g(qm)^xy", (32, 66, 256)[number % 3])
    fields |= {
        "protocol": protocol,
        "encryption": encryption,
        "integrity": integrity,
        "spi_i": spis["i"],
        "spi_r": spis["r"],
        "pfs": pfs,
    }
    for kind, secret in (("child", b""), ("pfs", pfs)):
        # The initiator sends under the SPI that the responder chose.
        for sender, spi in (("i", spis["r"]), ("r", spis["i"])):
            seed = secret + bytes([{"ah": 2, "esp": 3}[protocol]]) + spi + quick_i + quick_r
            material = keymat(name, secrets["skeyid_d"], seed, encryption_key + integrity_key)
            fields[f"{kind}_e{sender}"] = material[:encryption_key]
            fields[f"{kind}_a{sender}"] = material[encryption_key:]
    return fields


def read(path):
    blocks = path.read_text(encoding="ascii").split("\n\n")
    for block in blocks:
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines:
            yield dict(line.split(" = ", 1) for line in lines)


def check_against(path):
    """Another implementation's answers, in the words of this one's."""
    for block in read(path):
        words = ("source", "prf", "cipher")
        value = {field: bytes.fromhex(block[field]) for field in block if field not in words}
        name = block["prf"]
        secrets = skeyids(
            name,
            value["psk"],
            value["nonce_i"] + value["nonce_r"],
            value["shared"],
            value["cookie_i"] + value["cookie_r"],
        )
        for key, secret in secrets.items():
            assert secret == value[key], key
        key_size, block_size = MESSAGE_CIPHERS[block["cipher"]]
        assert message_key(name, secrets["skeyid_e"], key_size) == value["message_key"]
        first = iv(name, block_size, value["public_i"], value["public_r"])
        assert first == value["phase1_iv"]
        hash_r = prf(
            name,
            secrets["skeyid"],
            value["public_r"],
            value["public_i"],
            value["cookie_r"],
            value["cookie_i"],
            value["sa"],
            value["id_r"],
        )
        assert hash_r == value["hash_r"]
        if "message_id" in value:
            assert iv(name, block_size, first, value["message_id"]) == value["exchange_iv"]


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    check_against(here / "ike_v1_exchanges.txt")
    ciphers = list(MESSAGE_CIPHERS)
    # Every hash with every cipher of phase 1, and all the children between them.
    pairs = [(name, cipher) for name in HASHES for cipher in ciphers]
    write(
        here / "ike_v1_keys.txt",
        "Source: written by make_ike_v1_keys.py (RFC 2409 5, 5.5, 5.7, appendix B), an\n"
        "independent computation by Python's hashlib and hmac.",
        [case(i, *pair, CHILDREN[i % len(CHILDREN)]) for i, pair in enumerate(pairs)],
    )
