#!/usr/bin/env python3
"""A store behind two locks: one for the values, one for a log of what was done. Planted bug: a thread that
tidies the log up takes them in the other order than those that serve."""
import json
import queue
import sys
import threading
import time

node_id, values, log = None, {}, []
values_lock, log_lock, out_lock = threading.Lock(), threading.Lock(), threading.Lock()
requests = queue.SimpleQueue()


def send(dest, body):
    with out_lock:
        print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def note(text):
    with log_lock:
        log.append(text)
        print(text, file=sys.stderr, flush=True)


def serve():
    while True:
        src, body = requests.get()
        with values_lock:
            note(f"{body['type']} by {src}")
            reply = {"type": "echo_ok", "echo": body["echo"], "in_reply_to": body["msg_id"]}
            values[src] = body["echo"]
        send(src, reply)


def tidy_up():
    while True:
        time.sleep(0.05)
        with log_lock:
            print(f"{len(log)} lines", file=sys.stderr, flush=True)
            with values_lock:  # The bug: whoever serves has this lock and waits for the other.
                log.clear()


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    if body["type"] == "init":
        node_id = body["node_id"]
        for work in (serve, serve, tidy_up):
            threading.Thread(target=work, daemon=True).start()
        send(src, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    else:
        requests.put((src, body))
