#!/usr/bin/env python3
"""A good node in Python for workload broadcast: tells its neighbours what it hears."""
import json
import sys

node_id = None
neighbours = []
seen = []


def send(dest, body):
    print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def hear(value, teller):
    if value not in seen:
        seen.append(value)
        for neighbour in neighbours:
            if neighbour != teller:
                send(neighbour, {"type": "gossip", "message": value})


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    kind = body["type"]
    reply = {"type": kind + "_ok", "in_reply_to": body.get("msg_id")}
    if kind == "init":
        node_id = body["node_id"]
    elif kind == "topology":
        neighbours = body["topology"][node_id]
    elif kind == "read":
        reply["messages"] = seen
    else:
        hear(body["message"], src)
    if kind != "gossip":
        send(src, reply)
