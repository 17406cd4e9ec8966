"""Asks a running dashboard for random customers over HTTP."""

import random
import re
import socket
import threading
import time
from dataclasses import dataclass

# Customers are numbered from here on, without gaps.
FIRST = 12346


@dataclass(frozen=True)
class Times:
    """Seconds of all answers, ascending, and how many came in a second."""

    seconds: list[float]
    rate: float

    def at(self, share: float) -> float:
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * share))]


class Client:
    """A connection that stays open. Not Python's http.client: that takes longer over an answer than the dashboard."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = address

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        text = b""
        while (end := text.find(b"\r\n\r\n")) < 0:
            text += self.more()
        head, body = text[:end], text[end + 4 :]
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(body) < length:
            body += self.more()
        return int(head.split(b" ", 2)[1]), body

    def more(self) -> bytes:
        if not (piece := self.socket.recv(65536)):
            raise ConnectionError("the dashboard has closed a connection")
        return piece

    def close(self) -> None:
        self.socket.close()


def some(customers: int, n: int, seed: int) -> list[int]:
    numbers = random.Random(seed)
    return [FIRST + numbers.randrange(customers) for _ in range(n)]


def ask(address: str, customers: int, requests: int, clients: int, known: bool = True) -> Times:
    """Each client has one connection, which stays open. Every answer is held against the number that was asked for."""
    times, wrong = [], []

    def client(seed: int) -> None:
        connection = Client(address)
        for number in some(customers, requests // clients, seed):
            number += 0 if known else customers
            begun = time.perf_counter()
            status, body = connection.get(f"/api/customers/{number}")
            times.append(time.perf_counter() - begun)
            expected = f'"customer_id":"{number}"' if known else '"code":"customer_unknown"'
            if status != (200 if known else 404) or expected.encode() not in body or (known and b'"rank":{' not in body):
                wrong.append((number, status, body[:200]))
        connection.close()

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(times) != requests // clients * clients:
        raise SystemExit(f"{len(times)} answers to {requests} requests")
    if wrong:
        raise SystemExit(f"{len(wrong)} answers were wrong, the first: {wrong[0]}")
    return Times(sorted(times), len(times) / (time.perf_counter() - begun))
