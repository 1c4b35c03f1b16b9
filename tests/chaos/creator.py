"""Whoever asks for runs: through the API, by idempotency keys, again until answered."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Any

import httpx

_AGAIN_SECONDS = 0.3


@dataclass
class Order:
    """A run that was asked for.

    Attributes:
        kind: One of `tests.chaos.kinds.KINDS`.
        key: Its idempotency key.
        round: In which round it was asked for.
        parameters: Of the run.
        run: Its id, once the API has answered.
    """

    kind: str
    key: str
    round: int
    parameters: dict[str, Any]
    run: str | None = None


class Creator:
    """Sends orders, in a thread of its own.

    Attributes:
        orders: All that were given.
        refused: What the API said to orders that it should have taken.
    """

    def __init__(self, api_url: str, headers: dict[str, str], deployments: dict[str, str]) -> None:
        self.orders: list[Order] = []
        self.refused: list[str] = []
        self._deployments = deployments
        self._client = httpx.Client(base_url=api_url, headers=headers, timeout=15)
        self._queue: queue.Queue[Order | None] = queue.Queue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="creator", daemon=True)
        self._thread.start()

    def order(self, order: Order) -> None:
        """Have a run created."""
        self.orders.append(order)
        self._queue.put(order)

    @property
    def is_idle(self) -> bool:
        """Whether every order was answered."""
        return len(self.refused) + sum(order.run is not None for order in self.orders) == len(self.orders)

    def close(self) -> None:
        """Send no more."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while (order := self._queue.get()) is not None:
            while order.run is None and not self._send(order):
                if self._stopping.wait(_AGAIN_SECONDS):
                    return

    def _send(self, order: Order) -> bool:
        """Send an order once, and tell whether that is the end of it."""
        body = {"parameters": order.parameters, "idempotency_key": order.key}
        try:
            answer = self._client.post(f"/deployments/{self._deployments[order.kind]}/runs", json=body)
        except httpx.TransportError:
            return False
        if answer.status_code in (200, 201):
            order.run = str(answer.json()["id"])
            return True
        if answer.status_code >= 500 or answer.status_code == 429:
            return False
        self.refused.append(f"{order.key}: {answer.status_code} {answer.text}")
        return True
