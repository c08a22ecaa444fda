#!/usr/bin/env python3
"""A node for the workloads echo, unique-ids and broadcast."""
import itertools
import json
import sys
import time

node_id, neighbours = None, []
values = set()
# A node that was killed and started again must not repeat itself: its ids begin with its start.
ids = (f"{node_id}-{started}-{n}" for started in [time.time_ns()] for n in itertools.count())


def send(dest, body):
    # One line a message; without the flush it would stay in the buffer.
    print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def answer(source, body):
    """The reply to a request, or None for what needs none."""
    global node_id, neighbours
    kind = body["type"]
    if kind == "init":
        node_id = body["node_id"]
        return {"type": "init_ok"}
    if kind == "echo":
        return {"type": "echo_ok", "echo": body["echo"]}
    if kind == "generate":
        return {"type": "generate_ok", "id": next(ids)}
    if kind == "topology":
        neighbours = body["topology"][node_id]
        return {"type": "topology_ok"}
    if kind == "broadcast":
        if body["message"] not in values:
            values.add(body["message"])
            # What is lost on its way is not sent again: `--nemesis partition` finds out.
            for peer in neighbours:
                if peer != source:
                    send(peer, {"type": "broadcast", "message": body["message"]})
        return {"type": "broadcast_ok"}
    if kind == "read":
        return {"type": "read_ok", "messages": sorted(values)}
    return {"type": "error", "code": 10, "text": f"unknown type {kind}"}


for line in sys.stdin:
    # stdout is for messages only; what is for people goes to stderr.
    print(line, end="", file=sys.stderr)
    message = json.loads(line)
    source, body = message["src"], message["body"]
    reply = answer(source, body)
    if "msg_id" in body:
        send(source, {**reply, "in_reply_to": body["msg_id"]})
