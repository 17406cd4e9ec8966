"""Asks a running dashboard for random customers over HTTP."""

import http.client
import random
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


def some(customers: int, n: int, seed: int) -> list[int]:
    numbers = random.Random(seed)
    return [FIRST + numbers.randrange(customers) for _ in range(n)]


def ask(address: str, customers: int, requests: int, clients: int, known: bool = True) -> Times:
    """Each client has one connection, which stays open. Every answer is held against the number that was asked for."""
    times, wrong = [], []

    def client(seed: int) -> None:
        connection = http.client.HTTPConnection(address)
        for number in some(customers, requests // clients, seed):
            number += 0 if known else customers
            begun = time.perf_counter()
            connection.request("GET", f"/api/customers/{number}")
            answer = connection.getresponse()
            body = answer.read()
            times.append(time.perf_counter() - begun)
            expected = f'"customer_id":"{number}"' if known else '"code":"customer_unknown"'
            if answer.status != (200 if known else 404) or expected.encode() not in body or (known and b'"rank":{' not in body):
                wrong.append((number, answer.status, body[:200]))
        connection.close()

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"{len(wrong)} answers were wrong, the first: {wrong[0]}")
    return Times(sorted(times), len(times) / (time.perf_counter() - begun))
