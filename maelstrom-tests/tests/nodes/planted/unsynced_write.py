#!/usr/bin/env python3
"""Unique ids from a counter that is written to a file before each is given away. Planted bug: the file is
synced only now and then, so a power cut takes back what was written since."""
import json
import os
import sys

directory = sys.argv[1]
node_id, file, count = None, None, 0
for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    reply = {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"]}
    if body["type"] == "init":
        node_id = body["node_id"]
        os.makedirs(directory, exist_ok=True)
        file = open(os.path.join(directory, "counts"), "a+")
        file.seek(0)
        counts = file.read().split()
        count = int(counts[-1]) if counts else 0
    else:
        count += 1
        file.write(f"{count}\n")
        file.flush()
        if count % 5 == 0 or "--careful" in sys.argv:
            os.fsync(file.fileno())  # The bug: each write has to be synced before it is answered.
        reply["id"] = f"{node_id}-{count}"
    print(json.dumps({"src": node_id, "dest": message["src"], "body": reply}), flush=True)
