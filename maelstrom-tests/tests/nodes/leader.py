#!/usr/bin/env python3
"""Logs, transactions and locks that the first node keeps for all: `leader.py FAMILY FLAW...`. The others
hand each request to it. Each flaw changes one thing that somebody once got wrong."""
import copy
import json
import sys
import threading
import time

FAMILY, FLAWS = sys.argv[1], set(sys.argv[2:])
lock = threading.RLock()
node_id, leader, next_id, waiting = None, None, 0, {}


def write(dest, body):
    with lock:
        print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


class Refused(Exception):
    """Code and text of the error."""


class Kafka:
    def __init__(self):
        self.logs, self.last, self.committed, self.sends = {}, {}, {}, 0

    def send(self, body, reply):
        self.sends += 1
        key, is_seventh = body["key"], self.sends % 7 == 0
        is_again = "reuses" in FLAWS and is_seventh and key in self.last
        offset = self.last.get(key, -1) + (0 if is_again else 1)
        self.last[key] = offset
        if not ("loses" in FLAWS and is_seventh):
            self.logs.setdefault(key, []).append([offset, body["msg"]])
        # The number of messages instead of the place of the last one.
        reply({"offset": offset + 1 if "counts" in FLAWS else offset})

    def poll(self, body, reply):
        def after(key, start):
            entries = [entry for entry in self.logs.get(key, []) if entry[0] >= start]
            if "skips" in FLAWS:
                entries = [entry for entry in entries if entry[0] % 5 < 4 or entry[0] == start]
            if "objects" in FLAWS:
                entries = [{"offset": offset, "msg": value} for offset, value in entries]
            return entries
        reply({"msgs": {key: after(key, start) for key, start in body["offsets"].items()}})

    def commit_offsets(self, body, reply):
        for key, offset in body["offsets"].items():
            self.committed[key] = max(offset, self.committed.get(key, 0))
        reply({})

    def list_committed_offsets(self, body, reply):
        known = {key: self.committed[key] for key in body["keys"] if key in self.committed}
        reply({"offsets": known})


class Transactions:
    """Each works on what there was when it began, and is committed a moment later."""

    def __init__(self):
        self.state, self.before, self.count = {}, [], 0

    def txn(self, body, reply):
        self.count += 1
        if "answers-the-first" in FLAWS:
            answer = reply
            reply = lambda done: answer({"txn": done["txn"][:1]})
        reads_only = all(f == "r" for f, _, _ in body["txn"])
        if "reads-are-old" in FLAWS and reads_only and self.before:
            began = self.before[0]
        else:
            began = copy.deepcopy(self.state)
        mine, done = copy.deepcopy(began), []
        for f, key, value in body["txn"]:
            if f == "append":
                mine.setdefault(key, []).append(value)
            elif f == "w":
                mine[key] = value
            done.append([f, key, copy.deepcopy(mine.get(key)) if f == "r" else value])
        written = [key for f, key, _ in body["txn"] if f != "r"]
        read = [key for f, key, _ in body["txn"] if f == "r"]

        def commit():
            compared = [] if "compares-nothing" in FLAWS else written
            if "compares-writes-only" not in FLAWS and "compares-nothing" not in FLAWS:
                compared = written + read
            is_old = "reads-are-old" in FLAWS and reads_only
            if not is_old and any(self.state.get(key) != began.get(key) for key in compared):
                if "aborted-writes-stay" not in FLAWS or self.count % 3:
                    raise Refused(30, "something has changed meanwhile")
                self.put(mine, written)
                raise Refused(30, "something has changed meanwhile")
            if "one-key-at-a-time" in FLAWS and len(set(written)) > 1:
                self.put(mine, written[:1])
                after(0.03, lambda: (self.put(mine, written[1:]), reply({"txn": done})), reply)
            else:
                self.put(mine, written)
                reply({"txn": done})

        after(0.02, commit, reply)

    def put(self, values, keys):
        self.before = (self.before + [copy.deepcopy(self.state)])[-20:]
        self.state.update({key: copy.deepcopy(values[key]) for key in keys})


class Lock:
    def __init__(self):
        self.held = {}

    def acquire(self, body, reply):
        holder, since = self.held.get(body["key"], (None, 0))
        is_over = "leases" in FLAWS and time.monotonic() - since > 0.02
        if holder is not None and not is_over:
            raise Refused(22, "it is held")
        self.held[body["key"]] = body["holder"], time.monotonic()
        reply({})

    def release(self, body, reply):
        if self.held.get(body["key"], (None, 0))[0] != body["holder"]:
            raise Refused(22, "somebody else holds it")
        del self.held[body["key"]]
        reply({})


def after(seconds, act, reply):
    timer = threading.Timer(seconds, lambda: guarded(act, reply))
    timer.daemon = True
    timer.start()


def guarded(act, reply):
    with lock:
        try:
            act()
        except Refused as refused:
            code, text = refused.args
            reply({"type": "error", "code": code, "text": text})


def serve(src, body):
    def reply(answer):
        write(src, {"type": body["type"] + "_ok", **answer, "in_reply_to": body["msg_id"]})
    guarded(lambda: getattr(service, body["type"])(body, reply), reply)


def hand_on(src, body):
    global next_id
    next_id += 1
    waiting[next_id] = src, body["msg_id"]
    write(leader, {**body, "msg_id": next_id})


service = {"kafka": Kafka, "txn": Transactions, "lock": Lock}[FAMILY]()
for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    with lock:
        if body["type"] == "init":
            node_id, leader = body["node_id"], body["node_ids"][0]
            write(src, {"type": "init_ok", "in_reply_to": body["msg_id"]})
        elif "in_reply_to" in body:
            client, msg_id = waiting.pop(body["in_reply_to"])
            write(client, {**body, "in_reply_to": msg_id})
        elif node_id == leader:
            serve(src, body)
        else:
            hand_on(src, body)
