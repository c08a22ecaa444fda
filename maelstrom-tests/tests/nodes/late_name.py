#!/usr/bin/env python3
"""An echo node that sees to each message on a thread of its own, as libraries of several languages do, and
takes a while over `init`: what it says before is said in nobody's name. With the argument `haste` n1 takes no
time and asks n0 at once."""

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
        hastes = sys.argv[1:] == ["haste"] and request["dest"] == "n1"
        time.sleep(0 if hastes else 0.3)
        name = request["body"]["node_id"]
        if hastes:
            ask = {"type": "echo", "echo": "hello", "msg_id": 1}
            with lock:
                print(json.dumps({"src": name, "dest": "n0", "body": ask}), flush=True)
        body["type"] = "init_ok"
    else:
        body.update(type="echo_ok", echo=request["body"]["echo"])
    with lock:
        print(json.dumps({"src": name, "dest": request["src"], "body": body}), flush=True)


for line in sys.stdin:
    threading.Thread(target=see_to, args=(json.loads(line),)).start()
