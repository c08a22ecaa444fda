#!/usr/bin/env python3
"""Broadcast that sends again what is not acknowledged. Planted bug: an acknowledgement takes the oldest
message off the list, whichever it acknowledges, so what was lost is not sent again once a later message
has come through."""
import json
import sys
import threading
import time

node_id, neighbours, seen, lock = None, [], [], threading.RLock()
unacknowledged = {}


def send(dest, body):
    print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def hear(value, teller):
    if value not in seen:
        seen.append(value)
        for neighbour in neighbours:
            if neighbour != teller:
                unacknowledged.setdefault(neighbour, []).append(value)
                send(neighbour, {"type": "gossip", "message": value})


def send_again():
    while True:
        time.sleep(0.3)
        with lock:
            for neighbour, values in unacknowledged.items():
                for value in values:
                    send(neighbour, {"type": "gossip", "message": value})


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    kind = body["type"]
    with lock:
        if kind == "gossip_ok":
            if unacknowledged.get(src):
                unacknowledged[src].pop(0)  # The bug: it should be the one that is acknowledged.
            continue
        reply = {"type": kind + "_ok", "in_reply_to": body.get("msg_id")}
        if kind == "init":
            node_id = body["node_id"]
            threading.Thread(target=send_again, daemon=True).start()
        elif kind == "topology":
            neighbours = body["topology"][node_id]
        elif kind == "read":
            reply["messages"] = seen
        else:
            hear(body["message"], src)
        send(src, reply)
