"""The scripted customers and the days on which they are said to have written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import yaml

SEED = 7
BUSY_HOURS = range(6, 22)


@dataclass(frozen=True, slots=True)
class Script:
    """What one customer writes in one session, message by message."""

    session_id: str
    customer: str
    channel: str
    scenario: str
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Appointment:
    """A script with the day (0 is the first) and the moment at which its session is said to begin."""

    script: Script
    day: int
    starts_at: datetime


def load_scripts(path: Path) -> list[Script]:
    """Read the sessions of a YAML file and mix them: the file is sorted by subject, a day should not be."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["sessions"]
    random.Random(SEED).shuffle(entries)
    return [
        Script(f"chat-{number:03d}", entry["customer"], entry["channel"], entry["scenario"], tuple(entry["turns"]))
        for number, entry in enumerate(entries, start=1)
    ]


def spread(scripts: Sequence[Script], days: int, now: datetime) -> list[Appointment]:
    """Give every session a start within the `days` full UTC days before `now`, in the order of the scripts.

    Every day has at least one session as long as there are as many sessions as days.
    """
    chance = random.Random(SEED)
    chosen = sorted([*range(days), *chance.choices(range(days), k=len(scripts))][: len(scripts)])
    midnight = datetime.combine(now.astimezone(UTC).date(), time(tzinfo=UTC))
    first = midnight - timedelta(days=days)
    hours = sorted((day, chance.choice(BUSY_HOURS) + chance.random()) for day in chosen)
    return [
        Appointment(script, day, first + timedelta(days=day, hours=hour))
        for script, (day, hour) in zip(scripts, hours, strict=True)
    ]
