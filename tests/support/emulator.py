#!/usr/bin/env python3
"""A link between two network namespaces, packet by packet through two TUN devices.

Each direction is a drop-tail queue before a capacity, then loss, then delay with jitter. Orders come on standard input,
one JSON object a line:

    {"type": "configure", "forward": RULES, "back": RULES}   from now on; with a schedule at its second 0
    {"type": "start"}                                        lets the schedules run

and answers on standard output: {"type": "ready"} when the devices are there, {"type": "configured"} for each order to
configure, and from the start on {"type": "second", ...} once a second. It ends with its input, after --seconds, or when
it is told to by SIGTERM.

Forward is from the left namespace to the right one. Fields of RULES, all optional:

    capacity_bps  [[second, bit/s], ...]; without it everything passes at once
    queue_ms      what the queue holds, as time at the present capacity
    delay_ms      one way
    jitter_ms     most that is added to it: the absolute value of a normal distribution, cut off at six sigma
    swing_ms      most that is added to or taken from it: a normal distribution, cut off at two sigma
    reorder       true lets jitter and swing reorder packets
    loss          share of packets, each for itself
    burst         {"enter": p, "leave": q}: chances a packet of entering and leaving a state in which all are lost
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
MTU_BYTES = 1500
UDP = 17
#: Before what else runs on the machine: a late packet is delay that nobody asked for.
NICENESS = -15
#: Packets taken from a device before the other one has its turn.
BATCH = 64


@dataclass(frozen=True)
class Rules:
    """What one direction does to packets."""

    capacity_bps: tuple[tuple[float, float], ...] = ()
    queue_ms: float = 300.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    swing_ms: float = 0.0
    reorder: bool = False
    loss: float = 0.0
    burst_enter: float = 0.0
    burst_leave: float = 1.0

    @classmethod
    def parse(cls, fields: dict[str, object]) -> Rules:
        known = dict(fields)
        capacity = tuple((float(at), float(bps)) for at, bps in known.pop("capacity_bps", ()))
        burst = known.pop("burst", None) or {"enter": 0.0, "leave": 1.0}
        return cls(capacity_bps=capacity, burst_enter=burst["enter"], burst_leave=burst["leave"], **known)

    def capacity(self, second: float) -> float:
        """In bit/s; infinite where nothing limits it."""
        if not self.capacity_bps:
            return float("inf")
        return next((bps for at, bps in reversed(self.capacity_bps) if at <= second), self.capacity_bps[0][1])


@dataclass
class Tally:
    """What one direction did in a second; packets are counted of UDP alone."""

    packets: int = 0
    udp_bytes: int = 0
    other_bytes: int = 0
    dropped: int = 0
    lost: int = 0
    #: How many packets waited so many whole milliseconds in the queue.
    queue_ms: Counter[int] = field(default_factory=Counter)

    def report(self, capacity: float) -> dict[str, object]:
        waits = sorted(self.queue_ms.elements())

        def at(share: float) -> int | None:
            return waits[min(len(waits) - 1, int(len(waits) * share))] if waits else None

        return {
            "capacity_bps": None if capacity == float("inf") else capacity,
            "udp_bps": self.udp_bytes * 8,
            "other_bps": self.other_bytes * 8,
            "packets": self.packets,
            "dropped": self.dropped,
            "lost": self.lost,
            "queue_p50_ms": at(0.5),
            "queue_p95_ms": at(0.95),
            "queue_max_ms": at(1.0),
            "queue_ms": sorted(self.queue_ms.items()),
        }


class Direction:
    """One way through the link. Times are in seconds of the monotonic clock."""

    def __init__(self, source: int, target: int, seed: int) -> None:
        self.source = source
        self.rules = Rules()
        self.tally = Tally()
        self._target = target
        self._random = random.Random(seed)
        self._in_burst = False
        #: When it came, and what; the first one is on its way out until `_first_out`.
        self._queue: deque[tuple[float, bytes]] = deque()
        self._queued_bits = 0
        self._first_begun = 0.0
        self._first_out = 0.0
        self._last_out = 0.0
        #: When it arrives, a number that keeps the order, and what.
        self._in_flight: list[tuple[float, int, bytes]] = []
        self._last_arrival = 0.0
        self._order = 0
        #: When the schedule began; the capacity is that of second 0 before.
        self.start: float | None = None

    def take(self, now: float) -> None:
        """Takes what waits at the source."""
        for _ in range(BATCH):
            try:
                packet = os.read(self.source, MTU_BYTES + 64)
            except BlockingIOError:
                return
            self.serve(now)
            if self._queued_bits * 1000 > self.rules.queue_ms * self.capacity(now):
                self.tally.dropped += is_udp(packet)
                continue
            self._queue.append((now, packet))
            self._queued_bits += len(packet) * 8
            if len(self._queue) == 1:
                self._begin_first(max(now, self._last_out))

    def serve(self, now: float) -> None:
        """Lets go what has left the queue by now."""
        while self._queue and self._first_out <= now:
            came, packet = self._queue.popleft()
            self._queued_bits -= len(packet) * 8
            self._count(packet, self._first_begun - came)
            out = self._last_out = self._first_out
            if self._is_lost():
                self.tally.lost += is_udp(packet)
            else:
                self._send(out, packet)
            if self._queue:
                self._begin_first(out)

    def deliver(self, now: float) -> None:
        """Hands over what has arrived by now."""
        while self._in_flight and self._in_flight[0][0] <= now:
            _, _, packet = heapq.heappop(self._in_flight)
            # A full device, or one that is gone, loses the packet as a real one would.
            with contextlib.suppress(OSError):
                os.write(self._target, packet)

    def next_event(self) -> float:
        """When `serve` and `deliver` are due next."""
        arrival = self._in_flight[0][0] if self._in_flight else float("inf")
        least_ms = max(0.0, self.rules.delay_ms - self.rules.swing_ms)
        served = self._first_out + least_ms / 1000 if self._queue else float("inf")
        return min(arrival, served)

    def capacity(self, now: float) -> float:
        return self.rules.capacity(0.0 if self.start is None else now - self.start)

    def _begin_first(self, now: float) -> None:
        self._first_begun = now
        self._first_out = now + len(self._queue[0][1]) * 8 / self.capacity(now)

    def _count(self, packet: bytes, waited: float) -> None:
        if is_udp(packet):
            self.tally.packets += 1
            self.tally.udp_bytes += len(packet)
            self.tally.queue_ms[int(waited * 1000)] += 1
        else:
            self.tally.other_bytes += len(packet)

    def _is_lost(self) -> bool:
        rules = self.rules
        self._in_burst = self._random.random() < (1 - rules.burst_leave if self._in_burst else rules.burst_enter)
        return self._in_burst or self._random.random() < rules.loss

    def _send(self, out: float, packet: bytes) -> None:
        rules = self.rules
        delay_ms = rules.delay_ms
        if rules.jitter_ms > 0:
            delay_ms += min(rules.jitter_ms, abs(self._random.gauss(0, rules.jitter_ms / 6)))
        if rules.swing_ms > 0:
            delay_ms += max(-rules.swing_ms, min(rules.swing_ms, self._random.gauss(0, rules.swing_ms / 2)))
        arrival = out + delay_ms / 1000
        if not rules.reorder:
            arrival = max(arrival, self._last_arrival)
        self._last_arrival = arrival
        self._order += 1
        heapq.heappush(self._in_flight, (arrival, self._order, packet))


class Emulator:
    """Both directions, their orders and reports."""

    def __init__(self, left: int, right: int, seed: int) -> None:
        self._forward = Direction(left, right, seed)
        self._back = Direction(right, left, seed + 1)
        self._start: float | None = None
        self._second = 0
        self._orders = b""

    def run(self, seconds: float) -> None:
        """Until the orders end, or the schedules have run for so long."""
        directions = {direction.source: direction for direction in (self._forward, self._back)}
        say({"type": "ready"})
        while self._start is None or self._second < seconds:
            now = time.monotonic()
            due = min(direction.next_event() for direction in directions.values())
            due = min(due, self._second_end())
            wait = None if due == float("inf") else max(0.0, due - now)
            for source in select.select([*directions, 0], [], [], wait)[0]:
                if source != 0:
                    directions[source].take(time.monotonic())
                elif not self._obey():
                    return
            now = time.monotonic()
            while self._second_end() <= now:
                self._report(self._second_end())
            for direction in directions.values():
                direction.serve(now)
                direction.deliver(now)

    def _second_end(self) -> float:
        return float("inf") if self._start is None else self._start + self._second + 1

    def _obey(self) -> bool:
        """Follows the orders that came; false once there will be no more."""
        received = os.read(0, 65536)
        *lines, self._orders = (self._orders + received).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order["type"] == "configure":
                self._forward.rules = Rules.parse(order["forward"])
                self._back.rules = Rules.parse(order["back"])
                say({"type": "configured"})
            elif order["type"] == "start":
                self._start = self._forward.start = self._back.start = time.monotonic()
                self._forward.tally, self._back.tally = Tally(), Tally()
            else:
                raise ValueError(f"unknown order {order['type']}")
        return received != b""

    def _report(self, end: float) -> None:
        line: dict[str, object] = {"type": "second", "second": self._second}
        for name, direction in (("forward", self._forward), ("back", self._back)):
            direction.serve(end)
            # In the middle: at its ends a second is not sure to belong to one step.
            line[name] = direction.tally.report(direction.capacity(end - 0.5))
            direction.tally = Tally()
        say(line)
        self._second += 1


def is_udp(packet: bytes) -> bool:
    """Over IPv4."""
    return packet[0] >> 4 == 4 and packet[9] == UDP


def say(line: dict[str, object]) -> None:
    print(json.dumps(line, separators=(",", ":")), flush=True)


def open_device(namespace: str, name: str, passing_name: str) -> int:
    """A TUN device `name` in a namespace. Until it is there it has another name, which must be free here."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", passing_name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", passing_name, "netns", namespace, "name", name], check=True)
    # No address of its own accord: nothing but what is asked for crosses the link.
    settings = ["mtu", str(MTU_BYTES), "txqueuelen", "2000", "addrgenmode", "none"]
    subprocess.run(["ip", "-n", namespace, "link", "set", name, *settings], check=True)
    return device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("left", help="a network namespace")
    parser.add_argument("right", help="another one")
    parser.add_argument("--device", default="call0", help="name of the device in both")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="how long the schedules run")
    parser.add_argument("--seed", type=int, default=1, help="of loss and jitter")
    args = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    left = open_device(args.left, args.device, f"vis{os.getpid()}l")
    right = open_device(args.right, args.device, f"vis{os.getpid()}r")
    with contextlib.suppress(PermissionError):
        os.nice(NICENESS)
    # Nothing here makes cycles, and a collection would stop the packets.
    gc.disable()
    Emulator(left, right, args.seed).run(args.seconds)


if __name__ == "__main__":
    main()
