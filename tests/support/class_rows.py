"""Rows of four classes, each told by its words; every row is different."""

THINGS = {
    "card": ["card", "chip", "pin", "contactless"],
    "loan": ["loan", "mortgage", "interest", "instalment"],
    "travel": ["airport", "lounge", "visa", "luggage"],
    "phone": ["signal", "roaming", "handset", "ringtone"],
}
FRAMES = [
    "what about my {} number {}",
    "the {} does not work since day {}",
    "please tell me where the {} of {} is",
    "can someone look at the {} from {}",
    "is there a fee of {1} for the {0}",
]


def class_rows(n):
    rows = []
    for number in range(n):
        label = list(THINGS)[number % 4]
        thing = THINGS[label][(number // 4) % 4]
        rows.append({"text": FRAMES[(number // 3) % 5].format(thing, number), "label": label})
    return rows
