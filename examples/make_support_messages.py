"""Make support_messages.csv: made-up messages to a shop, each with the team that answers it.

python make_support_messages.py      writes the same file every time
"""

import csv
import random
from pathlib import Path

OPENINGS = (
    "Hello,", "Hi there,", "Good morning,", "Hi,", "Dear team,", "Quick question:", "Sorry to bother you,", "Once more:", "Hey,",
    "I am a bit lost.", "Third time writing.", "I hope you can help.",
)  # fmt: skip
CLOSINGS = (
    "Thanks!", "Can you check?", "What should I do now?", "Please help.", "Is that normal?", "Let me know.", "This is urgent.",
    "No hurry.", "I would like an answer today.", "Kind regards", "Thank you in advance.", "I do not understand why.",
)  # fmt: skip
THINGS = (
    "blue jacket", "desk lamp", "coffee grinder", "running shoes", "phone case", "garden chair", "rain coat", "kettle",
    "winter boots", "bookshelf", "headphones", "backpack", "bike helmet", "rug", "toaster", "yoga mat",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "last week", "yesterday", "the 3rd", "two days ago", "this morning", "Friday night")
BODIES = {
    "billing": (
        "my card was charged twice for the {thing} on {day}",
        "the invoice for the {thing} shows the wrong amount",
        "I paid on {day} and the order still says unpaid",
        "where do I find a receipt for the {thing}",
        "the discount code was not taken off the {thing}",
        "I see a payment from {day} that I never made",
        "please put our tax number on the bill of {day}",
        "the refund from {day} is not on my account yet",
    ),
    "delivery": (
        "the {thing} should have come on {day} and did not",
        "tracking has not moved since {day}",
        "the parcel with the {thing} went to a neighbour",
        "can the {thing} come to another address",
        "the courier rang on {day} and I was out",
        "my order says shipped since {day} but nothing came",
        "do you send the {thing} abroad",
        "only half of the order came, the {thing} is missing",
    ),
    "returns": (
        "the {thing} is too small and I want another size",
        "the {thing} arrived broken on {day}",
        "how do I send the {thing} back",
        "the return label for the {thing} does not print",
        "I sent the {thing} back on {day} and heard nothing",
        "can I exchange the {thing} for another colour",
        "the {thing} is not what I ordered",
        "is {day} too late to give the {thing} back",
    ),
    "account": (
        "I cannot log in since {day}",
        "the password mail never came",
        "please change the address of my account",
        "how do I delete my account",
        "I get your newsletter again since {day}",
        "the code for my new phone is not accepted",
        "my name is spelt wrong since the order of {day}",
        "I have two accounts and want one",
    ),
    "product": (
        "does the {thing} come with a manual",
        "will the {thing} be back in stock by {day}",
        "is the {thing} safe for children",
        "what is the {thing} made of",
        "the {thing} makes a noise since {day}, what can I try",
        "how do I clean the {thing}",
        "which battery does the {thing} need",
        "is the {thing} the same as the one I bought on {day}",
    ),
}
ROWS = 400
COMMON = [1 / rank for rank in range(1, 9)]  # some things are asked often, most seldom
OTHER_TEAM = 0.06  # sorted wrongly, as happens


def make(rows: int = ROWS, seed: int = 0) -> list[dict[str, str]]:
    """Return messages with their teams, no message twice."""
    dice, made = random.Random(seed), {}
    teams = list(BODIES)
    while len(made) < rows:
        team = dice.choice(teams)
        body = dice.choices(BODIES[team], COMMON)[0].format(thing=dice.choice(THINGS), day=dice.choice(DAYS))
        text = f"{dice.choice(OPENINGS)} {body}. {dice.choice(CLOSINGS)}"
        made.setdefault(text, dice.choice(teams) if dice.random() < OTHER_TEAM else team)
    return [{"message": text, "team": team} for text, team in made.items()]


def main() -> None:
    """Write the file beside this one."""
    with (Path(__file__).parent / "support_messages.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["message", "team"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(make())


if __name__ == "__main__":
    main()
