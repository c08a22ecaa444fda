#!/usr/bin/env python3
"""The key-value store of docs/kv.py with one change: a single node, the first, has the data, and the
others hand every request on to it."""
import json
import sys

node, leader, data, waiting, next_id = None, None, {}, {}, 0


def send(dest, body):
    print(json.dumps({"src": node, "dest": dest, "body": body}), flush=True)


def serve(body):
    """What the store answers."""
    kind, key = body["type"], body["key"]
    if kind == "write":
        data[key] = body["value"]
        return {"type": "write_ok"}
    if key not in data:
        return {"type": "error", "code": 20, "text": "no such key"}
    if kind == "read":
        return {"type": "read_ok", "value": data[key]}
    if data[key] != body["from"]:
        return {"type": "error", "code": 22, "text": f"it is {data[key]}"}
    data[key] = body["to"]
    return {"type": "cas_ok"}


for line in sys.stdin:
    message = json.loads(line)
    client, body = message["src"], message["body"]
    if body["type"] == "init":
        node, leader = body["node_id"], body["node_ids"][0]
        send(client, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif "in_reply_to" in body:
        # The leader's answer to what was handed on: it goes to the client who asked.
        asked = waiting.pop(body["in_reply_to"], None)
        if asked:
            send(asked[0], {**body, "in_reply_to": asked[1]})
    elif node == leader:
        send(client, {**serve(body), "in_reply_to": body["msg_id"]})
    else:
        next_id += 1
        waiting[next_id] = (client, body["msg_id"])
        send(leader, {**body, "msg_id": next_id})
