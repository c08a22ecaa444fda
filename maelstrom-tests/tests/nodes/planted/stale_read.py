#!/usr/bin/env python3
"""A store whose first node keeps all; the others hand requests on to it. Planted bug: they answer reads by
themselves from what they last heard, if they heard it within half a second."""
import json
import sys
import time

node_id, leader, values, heard, next_id, waiting = None, None, {}, {}, 0, {}


def send(dest, body):
    print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def serve(body):
    key, known = body["key"], values.get(body["key"])
    if body["type"] == "write":
        values[key] = body["value"]
        return {"type": "write_ok"}
    if known is None:
        return {"type": "error", "code": 20, "text": "no such key"}
    if body["type"] == "read":
        return {"type": "read_ok", "value": known}
    if known != body["from"]:
        return {"type": "error", "code": 22, "text": f"it is {known}"}
    values[key] = body["to"]
    return {"type": "cas_ok"}


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    if body["type"] == "init":
        node_id, leader = body["node_id"], body["node_ids"][0]
        send(src, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif "in_reply_to" in body:
        client, request = waiting.pop(body["in_reply_to"])
        if body["type"] == "read_ok":
            heard[request["key"]] = (body["value"], time.monotonic())
        elif body["type"] == "write_ok":
            heard[request["key"]] = (request["value"], time.monotonic())
        answer = {key: value for key, value in body.items() if key != "msg_id"}
        send(client, {**answer, "in_reply_to": request["msg_id"]})
    elif node_id == leader:
        send(src, {**serve(body), "in_reply_to": body["msg_id"]})
    else:
        value, when = heard.get(body["key"], (None, -1))
        if body["type"] == "read" and time.monotonic() - when < 0.5:
            # The bug: another node may have written since.
            send(src, {"type": "read_ok", "value": value, "in_reply_to": body["msg_id"]})
        else:
            next_id += 1
            waiting[next_id] = (src, body)
            send(leader, {**body, "msg_id": next_id})
