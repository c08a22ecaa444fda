#!/usr/bin/env python3
"""What nodes in the wild do, right and wrong: `demo.py FAMILY BEHAVIOUR...`. Each family is a small
node with the design of a well-known teaching example; each behaviour changes one thing about it."""
import json
import os
import sys
import threading
import time

FAMILY, DOES = sys.argv[1], set(sys.argv[2:])
GOSSIP_SECONDS = 0.1
lock = threading.RLock()
node_id, node_ids, peers, handlers, next_id = None, [], [], {}, 0


def write(src, dest, body):
    message = json.dumps({"src": src, "dest": dest, "body": body})
    with lock:
        if "two-on-a-line" in DOES and body["type"] == "echo_ok":
            # After it, on the same line, a message to the node itself.
            message += json.dumps({"src": node_id, "dest": node_id, "body": {"type": "x"}})
        sys.stdout.write(message + "\n")
        sys.stdout.flush()


def reply(src, body, **answer):
    write(node_id, src, {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"], **answer})
    if "replies-twice" in DOES:
        write(node_id, src, {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"], **answer})


def error(src, body, code, text):
    write(node_id, src, {"type": "error", "in_reply_to": body["msg_id"], "code": code, "text": text})


def call(dest, body, then):
    global next_id
    with lock:
        next_id += 1
        body["msg_id"] = next_id
        handlers[next_id] = then
    write(node_id, dest, body)


def shown(number):
    """A number as this node writes it."""
    return float(number) if "floats" in DOES else number


class Node:
    def start(self):
        pass

    def tick(self):
        """Comes every now and then."""


class Echo(Node):
    def echo(self, src, body):
        if "errors" in DOES:
            return error(src, body, 11, "not today")
        text = body["echo"]
        answer = {"echo": text.upper() if "shouts" in DOES else text}
        if "numbered" in DOES:
            answer["msg_id"] = body["msg_id"]
        reply(src, body, **answer)


class Ids(Node):
    def __init__(self):
        self.count = 0

    def generate(self, src, body):
        self.count += 1
        number = self.count * len(node_ids) + node_ids.index(node_id)
        if "own-count" in DOES:
            reply(src, body, id=self.count)
        elif "floats-here" in DOES:
            # The same numbers, of another type on every other node.
            reply(src, body, id=float(self.count) if node_ids.index(node_id) else self.count)
        elif "numbers" in DOES:
            reply(src, body, id=number)
        elif "pairs" in DOES:
            reply(src, body, id=[node_id, self.count])
        else:
            reply(src, body, id=f"{node_id}-{self.count}")


class Broadcast(Node):
    """Floods its neighbours; with `retries` each message until it is acknowledged."""

    def __init__(self):
        self.seen, self.neighbours, self.unacknowledged = [], [], set()

    def topology(self, src, body):
        self.neighbours = body["topology"][node_id] if "tree" in DOES else peers
        reply(src, body)

    def hear(self, value, teller):
        if value in self.seen:
            return
        self.seen.append(value)
        for peer in self.neighbours:
            if peer != teller and "keeps-to-itself" not in DOES:
                self.unacknowledged.add((peer, value))
                self.tell(peer, value)

    def tell(self, peer, value):
        done = lambda _: self.unacknowledged.discard((peer, value))
        call(peer, {"type": "gossip", "message": value}, done)

    def tick(self):
        if "retries" in DOES:
            for peer, value in list(self.unacknowledged):
                self.tell(peer, value)

    def broadcast(self, src, body):
        if "forgets-some" in DOES and body["message"] % 10 == 3:
            return reply(src, body)
        self.hear(body["message"], src)
        reply(src, body)

    def gossip(self, src, body):
        self.hear(body["message"], src)
        reply(src, body)

    def read(self, src, body):
        values = [shown(value) for value in self.seen]
        if "invents" in DOES:
            values.append(-1)
        if "lists-twice" in DOES:
            values += values[:1]
        reply(src, body, messages=values)


class State(Node):
    """A state that is merged with those of the others: set or counters."""

    def __init__(self):
        self.set, self.plus, self.minus = set(), {}, {}

    def tick(self):
        if "keeps-to-itself" not in DOES:
            state = {"set": sorted(self.set), "plus": self.plus, "minus": self.minus}
            for peer in peers:
                write(node_id, peer, {"type": "merge", **state})

    def merge(self, src, body):
        if "replaces" in DOES:
            self.set = set(body["set"])
        self.set |= set(body["set"])
        for mine, theirs in [(self.plus, body["plus"]), (self.minus, body["minus"])]:
            for name, count in theirs.items():
                mine[name] = max(mine.get(name, 0), count)

    def add(self, src, body):
        if "element" in body:
            self.set.add(body["element"])
        else:
            delta = body["delta"]
            part = self.plus if delta > 0 else self.minus
            name = "all" if "one-count" in DOES else node_id
            part[name] = part.get(name, 0) + abs(delta)
        reply(src, body)

    def read(self, src, body):
        if FAMILY == "g-set":
            return reply(src, body, value=[shown(element) for element in sorted(self.set)])
        total = sum(self.plus.values()) - sum(self.minus.values())
        if "forgets-minus" in DOES:
            total = sum(self.plus.values())
        reply(src, body, value=shown(total))


class SequentialCounter(Node):
    """One number in `seq-kv`, changed by compare and set; a write before each read makes it recent."""

    def add(self, src, body):
        def swap(found):
            old = found.get("value", 0)
            change = {"from": old, "to": old + body["delta"], "create_if_not_exists": True}
            call("seq-kv", {"type": "cas", "key": "sum", **change}, settle)

        def settle(answer):
            is_done = answer["type"] == "cas_ok" or "gives-up" in DOES
            reply(src, body) if is_done else attempt()

        attempt = lambda *_: call("seq-kv", {"type": "read", "key": "sum"}, swap)
        attempt()

    def read(self, src, body):
        answer = lambda found: reply(src, body, value=found.get("value", 0))
        look = lambda _: call("seq-kv", {"type": "read", "key": "sum"}, answer)
        call("seq-kv", {"type": "write", "key": node_id, "value": time.time_ns()}, look)


class SharedSet(Node):
    """One list in `lin-kv`, which each node reads and writes back with what is new."""

    def add(self, src, body):
        def put(found):
            value = [*found.get("value", []), body["element"]]
            call("lin-kv", {"type": "write", "key": "set", "value": value}, lambda _: reply(src, body))

        call("lin-kv", {"type": "read", "key": "set"}, put)

    def read(self, src, body):
        answer = lambda found: reply(src, body, value=found.get("value", []))
        call("lin-kv", {"type": "read", "key": "set"}, answer)


class Quorum(Node):
    """A register whose writes are acknowledged when a majority has them; reads and comparisons ask nobody."""

    def __init__(self):
        self.values, self.stamps, self.count = {}, {}, 0

    def store(self, src, body):
        self.put(body["key"], body["value"], tuple(body["stamp"]))
        reply(src, body)

    def put(self, key, value, stamp):
        self.count = max(self.count, stamp[0])
        if stamp > self.stamps.get(key, (0, "")):
            self.values[key], self.stamps[key] = value, stamp

    def change(self, src, body, value):
        stamp = (self.count + 1, node_id)
        self.put(body["key"], value, stamp)
        acknowledged = [1]

        def count(_):
            acknowledged[0] += 1
            if acknowledged[0] == len(node_ids) // 2 + 1:
                reply(src, body)

        for peer in peers:
            call(peer, {"type": "store", "key": body["key"], "value": value, "stamp": stamp}, count)

    def write(self, src, body):
        self.change(src, body, body["value"])

    def read(self, src, body):
        if body["key"] not in self.values:
            return error(src, body, 20, "no such key")
        reply(src, body, value=self.values[body["key"]])

    def cas(self, src, body):
        if body["key"] not in self.values:
            return error(src, body, 20, "no such key")
        if self.values[body["key"]] != body["from"]:
            return error(src, body, 22, "it is something else")
        self.change(src, body, body["to"])


class Transactions(Node):
    """Each node works on a store of its own, and tells the others what was written."""

    def __init__(self):
        self.objects = {}

    def done(self, micros):
        done = []
        for f, key, value in micros:
            if f == "append":
                self.objects.setdefault(key, []).append(value)
            elif f == "w":
                self.objects[key] = value
            seen = self.objects.get(key)
            done.append([f, key, (list(seen) if type(seen) is list else seen) if f == "r" else value])
        return done

    def txn(self, src, body):
        done = self.done(body["txn"])
        writes = [micro for micro in body["txn"] if micro[0] != "r"]
        if writes and "keeps-to-itself" not in DOES:
            for peer in peers:
                write(node_id, peer, {"type": "written", "txn": writes})
        reply(src, body, txn=done)

    def written(self, src, body):
        self.done(body["txn"])


class MergedCounter(Node):
    """Totals that are merged in ways that do not work."""

    def __init__(self):
        self.totals = {}

    def total(self):
        return "all" if "larger-total" in DOES else node_id

    def tick(self):
        for peer in peers:
            write(node_id, peer, {"type": "merge", "totals": self.totals})

    def merge(self, src, body):
        for name, total in body["totals"].items():
            mine = self.totals.get(name, 0)
            self.totals[name] = mine + total if "adds-totals" in DOES else max(mine, total)

    def add(self, src, body):
        self.totals[self.total()] = self.totals.get(self.total(), 0) + body["delta"]
        reply(src, body)

    def read(self, src, body):
        reply(src, body, value=sum(self.totals.values()))


class KeptSet(Node):
    """A set in a file that is written anew each time, and never synced, in the directory that the last
    argument names."""

    PATH = os.path.join(sys.argv[-1], "set.json")

    def __init__(self):
        self.set = []
        if os.path.exists(self.PATH):
            with open(self.PATH) as file:
                self.set = json.load(file)

    def add(self, src, body):
        self.set.append(body["element"])
        with open(self.PATH, "w") as file:
            json.dump(self.set, file)
        reply(src, body)

    def read(self, src, body):
        reply(src, body, value=self.set)


class HandedOn(Node):
    """Registers that the first node keeps; the others hand requests on to it."""

    def __init__(self):
        self.values = {}

    def handed_on(self, src, body):
        if node_id == node_ids[0]:
            return False
        request = {name: body[name] for name in body if name != "msg_id"}
        answer = lambda it: write(node_id, src, {**it, "in_reply_to": body["msg_id"]})
        call(node_ids[0], dict(request), answer)
        if "tries-again" in DOES:
            again = threading.Timer(0.3, lambda: call(node_ids[0], dict(request), lambda it: None))
            again.daemon = True
            again.start()
        return True

    def read(self, src, body):
        if not self.handed_on(src, body):
            reply(src, body, value=self.values.get(body["key"]))

    def write(self, src, body):
        if not self.handed_on(src, body):
            self.values[body["key"]] = body["value"]
            reply(src, body)

    def cas(self, src, body):
        if self.handed_on(src, body):
            return
        if self.values.get(body["key"]) != body["from"] and "compares-nothing" not in DOES:
            return error(src, body, 22, "it is something else")
        self.values[body["key"]] = body["to"]
        reply(src, body)


class Store(Node):
    """A store in the memory of the first node, or of each node."""

    def __init__(self):
        self.values = {}

    def serve(self, src, body):
        kind, key = body["type"], str(body["key"])
        known = self.values.get(key)
        if kind == "write":
            self.values[key] = body["value"]
            if "refuses-and-does" in DOES and body["value"] == 3:
                return error(src, body, 11, "too busy")
            return reply(src, body)
        if kind == "read" and "null-once" in DOES and known == 3:
            return reply(src, body, value=None)
        if known is None:
            if kind == "read" and "null-if-missing" in DOES:
                return reply(src, body, value=None)
            return error(src, body, 20, "no such key")
        if kind == "read":
            return reply(src, body, value=shown(known))
        if known != body["from"] and "cas-blindly" not in DOES:
            return error(src, body, 22, f"it is {known}")
        self.values[key] = body["to"]
        reply(src, body)

    def request(self, src, body):
        leader = node_ids[0]
        if node_id == leader or "each-its-own" in DOES:
            return self.serve(src, body)
        if "in-its-name" in DOES:
            # In the name of the client, whom the leader answers by itself.
            return write(src, leader, body)

        def hand_back(answer):
            answer = {key: value for key, value in answer.items() if key != "msg_id"}
            write(node_id, src, {**answer, "in_reply_to": body["msg_id"]})

        call(leader, dict(body), hand_back)

    read = write = cas = request


class Proxy(Node):
    """Hands every request to `lin-kv`."""

    def __init__(self):
        self.cache = {}

    def request(self, src, body):
        key = str(body["key"])
        if "caches" in DOES and body["type"] == "read" and key in self.cache:
            return reply(src, body, value=self.cache[key])

        def hand_back(answer):
            if answer["type"] == "read_ok":
                self.cache[key] = answer["value"]
            answer = {key: value for key, value in answer.items() if key != "msg_id"}
            write(node_id, src, {**answer, "in_reply_to": body["msg_id"]})

        call("lin-kv", dict(body), hand_back)

    read = write = cas = request


FAMILIES = {
    "echo": Echo, "unique-ids": Ids, "broadcast": Broadcast, "g-set": State, "counter": State,
    "seq-counter": SequentialCounter, "store": Store, "proxy": Proxy, "shared-set": SharedSet,
    "quorum": Quorum, "transactions": Transactions, "merged-counter": MergedCounter,
    "kept-set": KeptSet, "handed-on": HandedOn,
}
node = FAMILIES[FAMILY]()


def tick():
    while True:
        time.sleep(GOSSIP_SECONDS)
        with lock:
            node.tick()


for line in sys.stdin:
    message = json.loads(line)
    source, request = message["src"], message["body"]
    with lock:
        if request["type"] == "init":
            node_id, node_ids = request["node_id"], request["node_ids"]
            peers = [name for name in node_ids if name != node_id]
            reply(source, request)
            threading.Thread(target=tick, daemon=True).start()
            if "chatty" in DOES:
                print("node", node_id, "is up", flush=True)
        elif "in_reply_to" in request:
            handlers.pop(request["in_reply_to"], lambda _: None)(request)
        elif request["type"] != "x" and "silent" not in DOES:
            getattr(node, request["type"])(source, request)
