"""What the bot may look up: orders and flights."""

from __future__ import annotations

import json
import re
from pathlib import Path

Facts = dict[str, str | int]

_ORDER_NUMBER = re.compile(r"\bORD-\d{6}\b", re.IGNORECASE)
_FLIGHT = re.compile(r"\bTL ?(\d{3})\b", re.IGNORECASE)


class NotFoundError(LookupError):
    """The customer named something that the airline does not know."""

    @classmethod
    def of(cls, kind: str, key: str) -> NotFoundError:
        """The error for one key."""
        return cls(f"there is no {kind} {key!r}")


class Desk:
    """The airline's orders and flights, read from two JSON files."""

    def __init__(self, orders: dict[str, Facts], flights: dict[str, Facts]) -> None:
        self._orders = orders
        self._flights = flights

    @classmethod
    def load(cls, folder: Path) -> Desk:
        """Read `orders.json` and `flights.json` of a folder."""
        orders, flights = ((folder / f"{name}.json").read_text(encoding="utf-8") for name in ("orders", "flights"))
        return cls(json.loads(orders), json.loads(flights))

    def look_up_order(self, order_number: str) -> Facts:
        """Look up an order by its number, as in ORD-123456."""
        if order_number not in self._orders:
            raise NotFoundError.of("order", order_number)
        return {"order_number": order_number, **self._orders[order_number]}

    def flight_status(self, flight: str) -> Facts:
        """Look up today's status of a flight by its number, as in TL 101."""
        if flight not in self._flights:
            raise NotFoundError.of("flight", flight)
        return {"flight": flight, **self._flights[flight]}


def order_numbers(text: str) -> list[str]:
    """The order numbers a text mentions, in capitals."""
    return [found.upper() for found in _ORDER_NUMBER.findall(text)]


def flight_numbers(text: str) -> list[str]:
    """The flights a text mentions, written as in TL 101."""
    return [f"TL {digits}" for digits in _FLIGHT.findall(text)]
