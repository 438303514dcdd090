"""What the generators share: the file format, and bytes that look random but are the same in every
run.

A vector file is a list of blocks parted by blank lines, each line `name = value`, values in hex or
plain words; a line that starts with # is a comment.
"""

import hashlib


def draw(label, size):
    """`size` bytes that depend on the label alone."""
    return hashlib.shake_256(label.encode()).digest(size)


def write(path, comment, blocks):
    with open(path, "w", encoding="ascii") as out:
        for line in comment.strip().splitlines():
            out.write(f"# {line}".rstrip() + "\n")
        for block in blocks:
            out.write("\n")
            for name, value in block.items():
                text = value.hex() if isinstance(value, bytes) else str(value)
                out.write(f"{name} = {text}\n")
