#!/usr/bin/env python3
"""Unique ids from a counter that is kept in a file, written ahead ten at a time. Planted bug: the file is
written when the ten are used up, not before the first of them is given away, so a killed node begins them
again."""
import json
import os
import sys

directory = sys.argv[1]
node_id, path, count = None, None, 0
for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    reply = {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"]}
    if body["type"] == "init":
        node_id = body["node_id"]
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, "count")
        if os.path.exists(path):
            with open(path) as file:
                count = int(file.read())
    else:
        reply["id"] = f"{node_id}-{count}"
        count += 1
        if count % 10 == 0:
            with open(path + ".new", "w") as file:
                file.write(str(count))
                file.flush()
                os.fsync(file.fileno())
            os.rename(path + ".new", path)
    print(json.dumps({"src": node_id, "dest": message["src"], "body": reply}), flush=True)
