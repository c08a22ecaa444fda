#!/usr/bin/env python3
"""A good node in Python for workloads g-counter and pn-counter: keeps its own sum in `lin-kv`, and
reads those of all nodes from there."""
import json
import sys

node_id = None
node_ids = []
total = 0
waiting = {}


def send(dest, body):
    print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def call(body, then):
    msg_id = len(waiting)
    waiting[msg_id] = then
    send("lin-kv", {**body, "msg_id": msg_id})


def add(client, request):
    global total
    total += request["delta"]
    done = lambda _: send(client, {"type": "add_ok", "in_reply_to": request["msg_id"]})
    call({"type": "write", "key": node_id, "value": total}, done)


def read(client, request):
    found = []

    def note(reply):
        # Error 20 says that there is no such key yet.
        found.append(0 if reply.get("code") == 20 else reply["value"])
        if len(found) == len(node_ids):
            answer = {"type": "read_ok", "value": sum(found)}
            send(client, {**answer, "in_reply_to": request["msg_id"]})

    for key in node_ids:
        call({"type": "read", "key": key}, note)


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    if body["type"] == "init":
        node_id, node_ids = body["node_id"], body["node_ids"]
        send(src, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif src == "lin-kv":
        waiting[body["in_reply_to"]](body)
    elif body["type"] == "add":
        add(src, body)
    else:
        read(src, body)
