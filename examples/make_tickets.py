"""Write made-up support tickets as CSV: text, team. The data of docs/tutorial.md.

python examples/make_tickets.py 700 > tickets.csv     # more rows begin with the same ones
"""

import csv
import random
import sys

MISLABELLED = 0.04  # as by a person in a hurry
OPENERS = [
    "Hello,",
    "Hi team,",
    "Good morning,",
    "Since Monday",
    "For two days now",
    "Once again",
    "As of today",
    "Quick question:",
    "Urgent:",
    "",
]
CLOSERS = [
    "Please help.",
    "Any idea?",
    "Thanks!",
    "This is the third time.",
    "Kind regards",
    "I need this today.",
    "No hurry.",
    "",
]
THINGS = {
    "billing": (
        "invoice, charge, refund, receipt, VAT number, credit note, direct debit, discount, instalment, "
        "payment reminder, late fee, bank transfer"
    ),
    "access": (
        "password, login, second factor, account, security code, user name, single sign-on, permission, "
        "invitation, session, locked profile, token"
    ),
    "delivery": (
        "parcel, courier, tracking number, doorstep, pickup point, address label, customs form, shipment, "
        "pallet, depot, delivery window, neighbour"
    ),
    "hardware": (
        "battery, screen, charger, keyboard, fan, hinge, speaker, port, power button, webcam, touchpad, docking station"
    ),
    "software": (
        "update, crash, plug-in, export, sync, dashboard, search field, notification, import, shortcut, "
        "template, dark mode"
    ),
    "contract": (
        "renewal, notice period, upgrade, seat, trial, clause, plan, signature, term, cancellation, framework "
        "agreement, annex"
    ),
}
PROBLEMS = {
    "billing": (
        "was taken twice, is wrong by ten euros, never came, shows the old firm, should go to accounting, is "
        "not in the portal"
    ),
    "access": (
        "is refused, expired, does not arrive, belongs to a colleague who left, must be reset, worked yesterday"
    ),
    "delivery": (
        "is late, went to the wrong street, came damaged, stands still since Friday, was handed to someone "
        "else, is missing"
    ),
    "hardware": "makes a noise, is dead, gets hot, fell off, flickers, does not fit",
    "software": "freezes, is gone, shows nothing, is slow, loses my changes, came back in another language",
    "contract": (
        "ends too early, has a wrong date, must be split, needs a second name, was never agreed, should start in March"
    ),
}


def ticket(draw: random.Random, team: str) -> str:
    """Return one ticket: mostly about the team's own things, at times about another team's, too."""
    thing = draw.choice(THINGS[team].split(", "))
    problem = draw.choice(PROBLEMS[team if draw.random() < 0.6 else draw.choice(list(PROBLEMS))].split(", "))
    aside = ""
    if draw.random() < 0.5:
        other = draw.choice([name for name in THINGS if name != team])
        aside = f"The {draw.choice(THINGS[other].split(', '))} is fine, by the way."
    number = f"Order {draw.randint(10_000, 99_999)}."
    parts = [draw.choice(OPENERS), f"the {thing} {problem}.", aside, draw.choice([number, ""]), draw.choice(CLOSERS)]
    return " ".join(part for part in parts if part)


def main() -> None:
    """Write as many rows as asked for; the first ones are the same every time."""
    draw = random.Random(7)
    teams = list(THINGS)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["text", "team"])
    for _ in range(int(sys.argv[1])):
        team = draw.choice(teams)
        written = draw.choice(teams) if draw.random() < MISLABELLED else team
        writer.writerow([ticket(draw, team), written])


if __name__ == "__main__":
    main()
