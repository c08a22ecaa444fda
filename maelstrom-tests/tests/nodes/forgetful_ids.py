#!/usr/bin/env python3
"""Unique ids that are not: each node counts, and a restart begins from 0 again."""
import json
import sys

node_id, count = None, 0
for text in sys.stdin:
    message = json.loads(text)
    body = message["body"]
    reply = {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"]}
    if body["type"] == "init":
        node_id = body["node_id"]
    else:
        reply["id"] = f"{node_id}-{count}"
        count += 1
    print(json.dumps({"src": node_id, "dest": message["src"], "body": reply}), flush=True)
