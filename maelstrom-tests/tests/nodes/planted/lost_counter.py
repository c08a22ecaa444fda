#!/usr/bin/env python3
"""A counter in `seq-kv`, by compare and set. Planted bug: when the value has changed meanwhile it does not
try again, but says that all is well."""
import json
import sys

node_id, next_id, waiting = None, 0, {}


def send(dest, body):
    print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def ask(body, then):
    global next_id
    next_id += 1
    waiting[next_id] = then
    send("seq-kv", {**body, "key": "sum", "msg_id": next_id})


def add(client, request):
    def swap(found):
        old = found.get("value", 0)
        change = {"from": old, "to": old + request["delta"], "create_if_not_exists": True}
        # The bug: the answer may be that somebody else was faster.
        ask({"type": "cas", **change}, lambda _: answer(client, request))

    ask({"type": "read"}, swap)


def answer(client, request, **more):
    send(client, {"type": request["type"] + "_ok", "in_reply_to": request["msg_id"], **more})


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    if body["type"] == "init":
        node_id = body["node_id"]
        answer(src, body)
    elif "in_reply_to" in body:
        waiting.pop(body["in_reply_to"])(body)
    elif body["type"] == "add":
        add(src, body)
    else:
        # A write makes the read that follows it recent.
        look = lambda _, src=src, body=body: ask(
            {"type": "read"}, lambda found: answer(src, body, value=found.get("value", 0))
        )
        next_id += 1
        waiting[next_id] = look
        send("seq-kv", {"type": "write", "key": node_id, "value": next_id, "msg_id": next_id})
