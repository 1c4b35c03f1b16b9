"""A small real server that speaks the report protocol, as the API does."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from alisio.contract.reports import GZIPPED_JSON


class ReportServer:
    """The API as far as a supervisor sees it: numbered reports, fencing, directives, bundles.

    Attributes:
        reports: The accepted reports, in order.
        attempt: The attempt whose reports are taken; others get 409.
        cancel: Whether answers carry a cancel directive.
        asks: What the answer to the first report alone asks for, such as `pause`.
        retries: How many times a FAILED end is answered with a retry directive.
        away: The status that every request is answered with, such as 503; 0: they are answered as they should.
        keys: What the requests showed as `Authorization`.
        lose_answers: How many answers are lost: the report is applied, and the connection is cut.
        end: A state type that the run is said to be in, whatever it reports.
    """

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.attempt = 1
        self.cancel = False
        self.asks: str | None = None
        self.retries = 0
        self.away = 0
        self.keys: set[str | None] = set()
        self.lose_answers = 0
        self.end: str | None = None
        self.tries = 0
        self.bundles: dict[str, bytes] = {}
        self.state: dict[str, Any] = {"type": "PENDING", "name": "Pending", "timestamp": "2025-01-01T00:00:00Z"}
        self._applied: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.open()

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def is_closed(self) -> bool:
        """Whether it listens no longer: connections that are kept alive are cut too."""
        return self._server is None

    def open(self) -> None:
        """Listen; on the port of before where there was one."""
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, run: str, report: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Apply a report as the API would."""
        with self._lock:
            return self._take(run, report)

    def _take(self, run: str, report: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.tries += 1
        attempt = report["attempt"]
        key = (run, attempt)
        if attempt != self.attempt:
            return 409, {"code": "stale_attempt", "message": "another attempt was opened"}
        if any(row.get("level") == "poison" for row in report.get("logs", ())):
            return 422, {"code": "invalid_input", "message": "logs.level is no number"}
        if any("poison" in row for row in report.get("states", ())):
            return 422, {"code": "invalid_input", "message": "states.timestamp is missing"}
        applied = self._applied.get(key, 0)
        if report["sequence"] > applied + 1:
            return 409, {"code": "report_out_of_order", "message": f"{applied + 1} comes next"}
        directives: list[dict[str, Any]] = [{"kind": "cancel"}] if self.cancel else []
        if report["sequence"] == applied + 1:
            self._applied[key] = applied + 1
            self.reports.append(report)
            if applied == 0 and self.asks is not None:
                directives.append({"kind": self.asks})
            self.state = report.get("states", [self.state])[-1]
            if self.state["type"] == "FAILED" and self.retries:
                self.retries -= 1
                self.attempt += 1
                directives.append({"kind": "retry", "attempt": self.attempt, "delay_seconds": 0.1})
        state = self.state if self.end is None else {**self.state, "type": self.end}
        return 200, {
            "sequence": self._applied[key],
            "state": state,
            "lease_seconds": 30.0,
            "directives": directives,
        }

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All rows of a kind, in the order in which they came."""
        return [row for report in list(self.reports) for row in report.get(kind, ())]

    def messages(self, logger: str) -> list[str]:
        """The messages of a logger."""
        return [row["message"] for row in self.all("logs") if row["logger"] == logger]

    def states(self) -> list[str]:
        """The types of the states that were reported."""
        return [row["type"] for row in self.all("states")]


class _Handler(BaseHTTPRequestHandler):
    owner: ReportServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.owner.keys.add(self.headers["Authorization"])
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] == GZIPPED_JSON:
            assert len(body) <= 1_000_000
            body = gzip.decompress(body)
        assert len(body) <= 4_000_000
        if self.owner.is_closed:
            self.close_connection = True
            return
        if self.owner.away:
            self.owner.tries += 1
            self._answer(self.owner.away, {"code": "away", "message": "away"})
            return
        status, answer = self.owner.take(self.path.split("/")[-2], json.loads(body))
        if status == 200 and self.owner.lose_answers:
            self.owner.lose_answers -= 1
            self.close_connection = True
            return
        self._answer(status, answer)

    def do_GET(self) -> None:
        self.owner.keys.add(self.headers["Authorization"])
        content = self.owner.bundles.get(self.path)
        self._send(404 if content is None else 200, content or b"")

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        self._send(status, json.dumps(document).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        return
