#!/usr/bin/env python3
"""Bad nodes: each answers `init` and `echo`, but its first argument says what it does wrong. Of
those that flood, only n0 does; n1 is good, or does not read what floods it."""
import json
import os
import signal
import sys
import time

fault = sys.argv[1]
node_id = "n0"
lines = sys.stdout


def write(text):
    lines.write(text)
    lines.flush()


def line(dest, body, src=None):
    return json.dumps({"src": src or node_id, "dest": dest, "body": body}) + "\n"


if fault == "banner":
    write("Listening on stdin, ready to serve\n")
if fault == "exits-at-once":
    print("cannot open the database", file=sys.stderr)
    sys.exit(3)
if fault == "never-answers-init":
    print("waiting for the other nodes", file=sys.stderr, flush=True)
if fault == "stubborn":
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    # Whoever reads this file can tell when the node and its child are gone.
    witness = open(sys.argv[2], "w") if len(sys.argv) > 2 else sys.stderr
    if os.fork() == 0:
        while True:
            time.sleep(60)

for text in sys.stdin:
    message = json.loads(text)
    client, body = message["src"], message["body"]
    if body["type"] == "init":
        node_id = body["node_id"]
        if fault == "never-answers-init":
            continue
        if fault == "refuses-init":
            write(line(client, {"type": "error", "code": 13, "text": "no", "in_reply_to": body["msg_id"]}))
            continue
        write(line(client, {"type": "init_ok", "in_reply_to": body["msg_id"]}))
        if fault == "floods-peer" and node_id == "n1":
            signal.pause()
        continue
    if fault == "stubborn":
        witness.write("working\n")
        witness.flush()
    reply = {"type": "echo_ok", "echo": body["echo"], "in_reply_to": body["msg_id"]}
    if fault.startswith("floods") and node_id != "n0":
        pass
    elif fault == "garbage":
        write("got " + body["type"] + "\n\n\x00\xff[1,2\n")
    elif fault == "half-line":
        write('{"src": "' + node_id + '", "dest": "' + client + '",\n')
    elif fault == "two-on-a-line":
        write(line(client, {"type": "hello"}).strip() + line(client, {"type": "hello"}))
    elif fault == "extra-key":
        write(json.dumps({"src": node_id, "dest": client, "body": {}, "type": "echo_ok"}) + "\n")
    elif fault == "wrong-src":
        write(line(client, {"type": "hello"}, src="n1" if node_id == "n0" else "n0"))
    elif fault == "unknown-src":
        write(line(client, {"type": "hello"}, src="nobody"))
    elif fault == "nobody":
        write(line("n99", {"type": "hello"}))
    elif fault == "late-reply":
        write(line(client, reply))
    elif fault == "huge":
        reply["echo"] = "x" * 10_000_000
    elif fault == "closes-stdout":
        write(line(client, reply))
        os.close(1)
        signal.pause()
    elif fault == "closes-stdin":
        write(line(client, reply))
        os.close(0)
        signal.pause()
    elif fault == "floods-garbage":
        while True:
            write("flood\n" * 10_000)
    elif fault == "floods-peer":
        flood = line("n1", {"type": "hello", "padding": "x" * 10_000}) * 100
        while True:
            write(flood)
    elif fault == "floods-stderr":
        while True:
            sys.stderr.write("flood\n" * 10_000)
    elif fault == "dies":
        print("out of memory", file=sys.stderr)
        sys.exit(7)
    elif fault == "dies-by-signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif fault == "dies-mid-line":
        write(line(client, reply).strip()[:30])
        sys.exit(0)
    elif fault == "no-newline":
        write(line(client, reply).strip())
        sys.exit(0)
    elif fault == "no-in-reply-to":
        del reply["in_reply_to"]
    elif fault == "extra-field":
        reply["node"] = node_id
    write(line(client, reply))

if fault == "stubborn":
    while True:
        time.sleep(60)
