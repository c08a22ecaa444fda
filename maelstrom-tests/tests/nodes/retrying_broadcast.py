#!/usr/bin/env python3
"""A good node in Python for workload broadcast: tells each neighbour again, from a second thread, what
that has not acknowledged."""
import json
import sys
import threading
import time

node_id, neighbours, seen, unacknowledged = None, [], [], set()
lock = threading.RLock()


def send(dest, body):
    with lock:
        print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def hear(value, teller):
    if value not in seen:
        seen.append(value)
        for neighbour in neighbours:
            if neighbour != teller:
                unacknowledged.add((neighbour, value))
                send(neighbour, {"type": "gossip", "message": value})


def tell_again():
    while True:
        time.sleep(0.5)
        with lock:
            for neighbour, value in sorted(unacknowledged):
                send(neighbour, {"type": "gossip", "message": value})


threading.Thread(target=tell_again, daemon=True).start()
for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    kind = body["type"]
    with lock:
        if kind == "gossip_ok":
            unacknowledged.discard((src, body["message"]))
            continue
        reply = {"type": kind + "_ok", "in_reply_to": body.get("msg_id")}
        if kind == "init":
            node_id = body["node_id"]
        elif kind == "topology":
            neighbours = body["topology"][node_id]
        elif kind == "read":
            reply["messages"] = seen
        else:
            hear(body["message"], src)
            if kind == "gossip":
                reply["message"] = body["message"]
        send(src, reply)
