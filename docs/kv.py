#!/usr/bin/env python3
"""A key-value store that replicates every write, but waits for nobody."""
import json, sys

node, peers, data, next_id = None, [], {}, 0

def send(dest, body):
    global next_id
    body["msg_id"] = next_id
    next_id += 1
    print(json.dumps({"src": node, "dest": dest, "body": body}), flush=True)

def reply(request, body):
    send(request["src"], {**body, "in_reply_to": request["body"]["msg_id"]})

def store(key, value):
    data[key] = value
    for peer in peers:
        send(peer, {"type": "replicate", "key": key, "value": value})

for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    kind, key = body["type"], body.get("key")
    if kind == "init":
        node = body["node_id"]
        peers = [peer for peer in body["node_ids"] if peer != node]
        print(f"{node} is up, its peers are {peers}", file=sys.stderr, flush=True)
        reply(message, {"type": "init_ok"})
    elif kind == "replicate":
        data[key] = body["value"]
    elif kind == "write":
        store(key, body["value"])
        reply(message, {"type": "write_ok"})
    elif key not in data:
        reply(message, {"type": "error", "code": 20, "text": "no such key"})
    elif kind == "read":
        reply(message, {"type": "read_ok", "value": data[key]})
    elif data[key] != body["from"]:
        reply(message, {"type": "error", "code": 22, "text": f"it is {data[key]}"})
    else:
        store(key, body["to"])
        reply(message, {"type": "cas_ok"})
