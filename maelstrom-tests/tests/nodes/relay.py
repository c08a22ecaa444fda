#!/usr/bin/env python3
"""A good node in Python: `echo` with the name of a node asks that node and echoes its answer, with
`lin-tso` it echoes a timestamp, with anything else it answers by itself."""
import json
import sys

node_id = None
waiting = {}
msg_id = 0


def send(dest, body):
    print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def ask(dest, body, client, request):
    global msg_id
    msg_id += 1
    waiting[msg_id] = (client, request)
    send(dest, {**body, "msg_id": msg_id})


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    if body["type"] == "init":
        node_id = body["node_id"]
        print(node_id, "is up", file=sys.stderr, flush=True)
        send(src, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif body["type"] == "echo" and body["echo"] == "lin-tso":
        ask("lin-tso", {"type": "ts"}, src, body)
    elif body["type"] == "echo" and body["echo"] != "nobody":
        ask(body["echo"], {"type": "ping"}, src, body)
    elif body["type"] == "echo":
        send(src, {"type": "echo_ok", "echo": "nobody", "in_reply_to": body["msg_id"]})
    elif body["type"] == "ping":
        send(src, {"type": "pong", "in_reply_to": body["msg_id"]})
    elif body["in_reply_to"] in waiting:
        client, request = waiting.pop(body["in_reply_to"])
        echo = body.get("ts", request["echo"])
        send(client, {"type": "echo_ok", "echo": echo, "in_reply_to": request["msg_id"]})
