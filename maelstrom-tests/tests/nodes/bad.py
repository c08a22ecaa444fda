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
seen = 0


def write(text):
    if fault == "forgets-to-flush":
        return  # It stays in a buffer that nobody empties.
    lines.write(text)
    lines.flush()


def line(dest, body, src=None):
    return json.dumps({"src": src or node_id, "dest": dest, "body": body}) + "\n"


if fault == "banner":
    write("Listening on stdin, ready to serve\n")
if fault == "exits-at-once":
    print("cannot open the database", file=sys.stderr)
    sys.exit(3)
if fault == "exits-with-0":
    sys.exit(0)
if fault == "never-reads":
    signal.pause()
if fault == "stops-before-init":
    os.kill(os.getpid(), signal.SIGSTOP)
if fault == "closes-stdout-at-once":
    os.close(1)
    signal.pause()
if fault == "floods-before-init":
    while True:
        write("flood\n" * 10_000)
if fault == "setsid-child" and os.fork() == 0:
    os.setsid()
    time.sleep(600)
    os._exit(0)
if fault == "never-answers-init":
    print("waiting for the other nodes", file=sys.stderr, flush=True)
if fault == "stubborn":
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    # Whoever reads this file can tell when the node and its child are gone.
    witness = open(sys.argv[2], "w") if len(sys.argv) > 2 else sys.stderr
    if os.fork() == 0:
        os.setsid()
        while True:
            time.sleep(60)
if fault in ("deserter", "daemon"):
    witness = open(sys.argv[2], "w")
    if os.fork() == 0:
        # Out of the group, without the environment and, if it is a daemon, without a parent.
        os.setsid()
        if fault == "daemon" and os.fork() != 0:
            os._exit(0)
        os.set_inheritable(witness.fileno(), True)
        os.closerange(0, 3)
        os.execve("/bin/sleep", ["sleep", "600"], {})

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
        init_ok = {"type": "init_ok", "in_reply_to": body["msg_id"]}
        if fault == "init-ok-to-nobody":
            write(line("n98", init_ok))
            continue
        if fault == "init-wrong-number":
            init_ok["in_reply_to"] += 7
        if fault == "garbage-for-init":
            write("init_ok\n")
            continue
        if fault == "half-init-ok":
            write(line(client, init_ok)[:20])
            sys.exit(0)
        write(line(client, init_ok))
        if fault == "dies-after-init":
            sys.exit(9)
        if fault == "stops-itself":
            os.kill(os.getpid(), signal.SIGSTOP)
        if fault == "stops-reading":
            signal.pause()
        if fault == "closes-stderr":
            os.close(2)
        if fault == "floods-peer" and node_id == "n1":
            signal.pause()
        continue
    if fault in ("stubborn", "deserter", "daemon"):
        witness.write("working\n")
        witness.flush()
    seen += 1
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
    elif fault == "silent":
        continue
    elif fault == "dies-third" and seen == 3:
        sys.exit(8)
    elif fault == "invalid-utf-8":
        lines.buffer.write(b'{"src": "n0", "dest": "\xff\xfe"}\n')
    elif fault == "nul-bytes":
        write("\0" * 100 + "\n")
    elif fault == "an-array":
        write('["n0", "c1", {}]\n')
    elif fault == "body-is-text":
        write(json.dumps({"src": node_id, "dest": client, "body": "echo_ok"}) + "\n")
    elif fault == "service-src":
        write(line(client, {"type": "hello"}, src="lin-kv"))
    elif fault == "wrong-in-reply-to":
        reply["in_reply_to"] += 1000
    elif fault == "huge-number":
        write(line(client, reply).replace('"in_reply_to": ', '"in_reply_to": 1e999, "x": '))
        continue
    elif fault == "late":
        time.sleep(60)
    elif fault == "error-replies":
        reply = {"type": "error", "code": 11, "text": "no", "in_reply_to": body["msg_id"]}
    elif fault == "wrong-type":
        reply["type"] = "generate_ok"
    elif fault == "deep":
        write(line(client, reply).replace('"echo": ', '"echo": ' + "[" * 5000 + "]" * 5000 + ', "y": '))
        continue
    elif fault == "endless-line":
        for _ in range(70):
            write("x" * (1 << 20))
        signal.pause()
    elif fault == "floods-replies":
        reply["in_reply_to"] += 1000
        flood = line(client, reply) * 100
        while True:
            write(flood)
    elif fault == "floods-nobody":
        flood = line("n99", reply) * 100
        while True:
            write(flood)
    elif fault == "floods-service":
        flood = line("lin-kv", {"type": "read", "key": 1, "msg_id": 1}) * 100
        while True:
            write(flood)
    elif fault == "no-in-reply-to":
        del reply["in_reply_to"]
    elif fault == "extra-field":
        reply["node"] = node_id
    write(line(client, reply))

if fault == "stubborn":
    while True:
        time.sleep(60)
