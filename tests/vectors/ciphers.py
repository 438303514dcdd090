"""AES, its modes, and ChaCha20-Poly1305, written from the standards for checking and for nothing
else: slow, and not in constant time.
"""


# --- AES (FIPS 197) ---


def _make_sbox():
    """The inverse in GF(2^8) followed by the affine map (5.1.1)."""
    exp, log, x = [0] * 255, [0] * 256, 1
    for power in range(255):
        exp[power], log[x] = x, power
        x ^= _double(x)  # 3 generates the field's group
    sbox = []
    for value in range(256):
        inverse = exp[-log[value] % 255] if value else 0
        rotations = [((inverse << shift) | (inverse >> (8 - shift))) & 0xFF for shift in range(5)]
        mapped = 0x63
        for rotation in rotations:
            mapped ^= rotation
        sbox.append(mapped)
    return sbox


def _double(x):
    return ((x << 1) ^ 0x11B) & 0xFF if x & 0x80 else x << 1


_SBOX = _make_sbox()


def _expand(key):
    words = [list(key[i : i + 4]) for i in range(0, len(key), 4)]
    per_key, round_constant = len(words), 1
    while len(words) < 4 * (per_key + 7):
        word = words[-1]
        if len(words) % per_key == 0:
            word = [_SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= round_constant
            round_constant = _double(round_constant)
        elif per_key > 6 and len(words) % per_key == 4:
            word = [_SBOX[byte] for byte in word]
        words.append([a ^ b for a, b in zip(words[-per_key], word)])
    return [sum(words[i : i + 4], []) for i in range(0, len(words), 4)]


def aes_block(key, block):
    rounds = _expand(key)
    state = [a ^ b for a, b in zip(block, rounds[0])]
    for number, round_key in enumerate(rounds[1:], 1):
        state = [_SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]  # SubBytes, ShiftRows
        if number < len(rounds) - 1:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column : column + 4]
                every = a[0] ^ a[1] ^ a[2] ^ a[3]
                mixed += [a[i] ^ every ^ _double(a[i] ^ a[(i + 1) % 4]) for i in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def aes_cbc(key, iv, text):
    out, previous = b"", iv
    for at in range(0, len(text), 16):
        previous = aes_block(key, _xor(previous, text[at : at + 16]))
        out += previous
    return out


def aes_ctr(key, first_counter_block, text):
    counter = int.from_bytes(first_counter_block, "big")
    out = b""
    for at in range(0, len(text), 16):
        out += _xor(text[at : at + 16], aes_block(key, counter.to_bytes(16, "big")))
        counter += 1
    return out


# --- GCM (NIST SP 800-38D) ---


def _multiply(x, y):
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return product


def aes_gcm(key, nonce, head, text):
    h = int.from_bytes(aes_block(key, bytes(16)), "big")
    ciphertext = aes_ctr(key, nonce + (2).to_bytes(4, "big"), text)

    def padded(data):
        return data + bytes(-len(data) % 16)

    lengths = (8 * len(head)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    hashed, total = padded(head) + padded(ciphertext) + lengths, 0
    for at in range(0, len(hashed), 16):
        total = _multiply(total ^ int.from_bytes(hashed[at : at + 16], "big"), h)
    tag = _xor(total.to_bytes(16, "big"), aes_block(key, nonce + (1).to_bytes(4, "big")))
    return ciphertext + tag


# --- ChaCha20-Poly1305 (RFC 8439) ---


def _quarter(s, a, b, c, d):
    for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        s[z] ^= s[x]
        s[z] = (s[z] << turn | s[z] >> (32 - turn)) & 0xFFFFFFFF


def _chacha_block(key, counter, nonce):
    data = b"expand 32-byte k" + key + counter.to_bytes(4, "little") + nonce
    start = [int.from_bytes(data[i : i + 4], "little") for i in range(0, 64, 4)]
    s = list(start)
    for _ in range(10):
        for column in range(4):
            _quarter(s, column, 4 + column, 8 + column, 12 + column)
        for i in range(4):
            _quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return b"".join(((a + b) & 0xFFFFFFFF).to_bytes(4, "little") for a, b in zip(s, start))


def chacha20_poly1305(key, nonce, head, text):
    ciphertext = b""
    for at in range(0, len(text), 64):
        ciphertext += _xor(text[at : at + 64], _chacha_block(key, 1 + at // 64, nonce))

    def padded(data):
        return data + bytes(-len(data) % 16)

    lengths = len(head).to_bytes(8, "little") + len(ciphertext).to_bytes(8, "little")
    one_time = _chacha_block(key, 0, nonce)[:32]
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    message, total = padded(head) + padded(ciphertext) + lengths, 0
    for at in range(0, len(message), 16):
        total += int.from_bytes(message[at : at + 16] + b"\x01", "little")
        total = total * r % (2**130 - 5)
    tag = (total + int.from_bytes(one_time[16:], "little")) % 2**128
    return ciphertext + tag.to_bytes(16, "little")
