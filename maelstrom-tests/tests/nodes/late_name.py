#!/usr/bin/env python3
"""An echo node that sees to each message on a thread of its own, as libraries of several languages do, and
takes a while over `init`: what it says before is said in nobody's name."""

import json
import sys
import threading
import time

name = None
lock = threading.Lock()


def see_to(request):
    global name
    body = {"in_reply_to": request["body"]["msg_id"]}
    if request["body"]["type"] == "init":
        time.sleep(0.3)
        name = request["body"]["node_id"]
        body["type"] = "init_ok"
    else:
        body.update(type="echo_ok", echo=request["body"]["echo"])
    with lock:
        print(json.dumps({"src": name, "dest": request["src"], "body": body}), flush=True)


for line in sys.stdin:
    threading.Thread(target=see_to, args=(json.loads(line),)).start()
