"""Configurations of a responder with many tunnels, for ipsecd and for charon: the same tunnels that
bench_load begins (tests/bench/initiators.cpp). Tunnel i is `ci`: its peer calls itself
ci.load.example, comes from one address that all share or from one of its own, and has a range of
its own behind it."""

OURS = "10.99.0.2"
SHARED = "10.99.0.1"
OWN_RANGE = "10.64.0.0/12"
GATEWAY = "gw.bench.example"
NEAR = "10.2.0.0/24"

MODP = "modp2048-aes128-sha256"
X25519 = "x25519-aes128gcm16"
SUITES = {
    MODP: {
        "ours": 'encryption = ["aes128"], integrity = ["sha256"]',
        "dh": 'dh = ["modp2048"]',
        "ike": "aes128-sha256-modp2048",
        "esp": "aes128-sha256",
    },
    X25519: {
        "ours": 'encryption = ["aes128gcm16"]',
        "dh": 'integrity = ["sha256"], dh = ["x25519"]',
        "ike": "aes128gcm16-prfsha256-x25519",
        "esp": "aes128gcm16",
    },
    # For what is carried; charon is not asked for these.
    "x25519-aes256gcm16": {
        "ours": 'encryption = ["aes256gcm16"]',
        "dh": 'integrity = ["sha256"], dh = ["x25519"]',
    },
    "x25519-aes128-sha1": {
        "ours": 'encryption = ["aes128"], integrity = ["sha1"]',
        "dh": 'dh = ["x25519"]',
    },
}


def address(i, own):
    if not own:
        return SHARED
    network = 1 + i // 250
    return f"10.{64 + network // 256}.{network % 256}.{1 + i % 250}"


def behind(i):
    return f"10.{128 + i // 250}.{i % 250}.0/24"


def peer_name(i):
    return f"c{i}.load.example"


def key(i):
    return f"a-key-for-benchmarks-{i}"


def settings():
    return "[limits]\ntunnels_per_gateway = 100000\npeers_per_region = 100000\n"


def ours(tunnels, own, suite, dpd_s=8):
    """The responder's."""
    return "".join([
        head("10.2.0.0/16", NEAR, OURS),
        *(
            tunnel(i, suite, address(i, own), NEAR, behind(i), GATEWAY, peer_name(i),
                   "respond", dpd_s)
            for i in range(tunnels)
        ),
    ])


def ours_beginning(tunnels, suite, dpd_s=8, ike_more="", ipsec_more=""):
    """The other end's, which begins all of them as it starts."""
    return "".join([
        head("10.128.0.0/9", "10.128.0.0/9", SHARED),
        *(
            tunnel(i, suite, OURS, behind(i), NEAR, peer_name(i), GATEWAY, "auto", dpd_s,
                   ike_more, ipsec_more)
            for i in range(tunnels)
        ),
    ])


def head(range_, subnet, public_address):
    return (
        f'[[vpc]]\nname = "vpc"\ncidrs = ["{range_}"]\n'
        f'[[subnet]]\nname = "lan"\nvpc = "vpc"\ncidr = "{subnet}"\n'
        f'[[gateway]]\nname = "gw"\nvpc = "vpc"\nsubnet = "lan"\n'
        f'public_address = "{public_address}"\n'
    )


def tunnel(i, suite, peer, near, far, own_id, peer_id, start, dpd_s, ike_more="", ipsec_more=""):
    it = SUITES[suite]
    return (
        f'[[peer]]\nname = "p{i}"\naddress = "{peer}"\n'
        f'[[tunnel]]\nname = "c{i}"\ngateway = "gw"\npeer = "p{i}"\nstart = "{start}"\n'
        f'local_cidrs = ["{near}"]\npeer_cidrs = ["{far}"]\npsk = "{key(i)}"\n'
        f"dpd = {{ delay_s = {dpd_s} }}\n"
        f'ike = {{ local_id = "{own_id}", peer_id = "{peer_id}", {it["ours"]}, {it["dh"]}'
        f'{ike_more} }}\nipsec = {{ {it["ours"]}, pfs = ["none"]{ipsec_more} }}\n'
    )


def charons(tunnels, own, suite, dpd_s=8):
    """swanctl's: one setting a line."""
    it = SUITES[suite]
    lines = ["connections {"]
    for i in range(tunnels):
        lines.append(
            f"c{i} {{\nversion = 2\nlocal_addrs = {OURS}\nremote_addrs = {address(i, own)}\n"
            f"proposals = {it['ike']}\ndpd_delay = {dpd_s}s\nrekey_time = 0s\nreauth_time = 0s\n"
            f"local {{\nauth = psk\nid = {GATEWAY}\n}}\n"
            f"remote {{\nauth = psk\nid = {peer_name(i)}\n}}\n"
            f"children {{\nc{i} {{\nlocal_ts = {NEAR}\nremote_ts = {behind(i)}\n"
            f"esp_proposals = {it['esp']}\nrekey_time = 0s\n}}\n}}\n}}"
        )
    lines.append("}\nsecrets {")
    for i in range(tunnels):
        lines.append(f'ike-{i} {{\nsecret = "{key(i)}"\nid-1 = {peer_name(i)}\n}}')
    lines.append("}\n")
    return "\n".join(lines)


def charon_beginning(suite, dpd_s=8):
    """The other end of the first tunnel, which begins it anew when its peer is dead."""
    it = SUITES[suite]
    return (
        f"connections {{\nc0 {{\nversion = 2\nlocal_addrs = {SHARED}\nremote_addrs = {OURS}\n"
        f"proposals = {it['ike']}\ndpd_delay = {dpd_s}s\nrekey_time = 0s\nreauth_time = 0s\n"
        f"local {{\nauth = psk\nid = {peer_name(0)}\n}}\n"
        f"remote {{\nauth = psk\nid = {GATEWAY}\n}}\n"
        f"children {{\nc0 {{\nlocal_ts = {behind(0)}\nremote_ts = {NEAR}\n"
        f"esp_proposals = {it['esp']}\nrekey_time = 0s\ndpd_action = restart\n}}\n}}\n}}\n}}\n"
        f'secrets {{\nike-0 {{\nsecret = "{key(0)}"\n}}\n}}\n'
    )


# --- peers of any address ----------------------------------------------------------------------

# As tests/interop/init_requests.cpp asks for.
FLOOD_SUITE = "aes128-sha256-x25519"


def ours_from_anywhere():
    """So that whoever it is may be meant."""
    return (
        '[[subnet]]\nname = "roaming"\nvpc = "vpc"\ncidr = "10.2.200.0/24"\n'
        '[[peer]]\nname = "anybody"\naddress = "0.0.0.0"\n'
        '[[tunnel]]\nname = "roaming"\ngateway = "gw"\npeer = "anybody"\nstart = "respond"\n'
        'psk = "a-key-for-somebody-else"\n'
        'local_cidrs = ["10.2.200.0/24"]\npeer_cidrs = ["10.3.0.0/16"]\n'
        'ike = { peer_id = "roaming.example", encryption = ["aes128"], integrity = ["sha256"], '
        'dh = ["x25519"] }\n'
    )


def charons_from_anywhere():
    return (
        f"connections {{\nroaming {{\nversion = 2\nlocal_addrs = {OURS}\nremote_addrs = %any\n"
        f"proposals = {FLOOD_SUITE}\nlocal {{\nauth = psk\nid = {GATEWAY}\n}}\n"
        "remote {\nauth = psk\nid = roaming.example\n}\n"
        "children {\nroaming {\nlocal_ts = 10.2.200.0/24\nremote_ts = 10.3.0.0/16\n}\n}\n}\n}\n"
    )
