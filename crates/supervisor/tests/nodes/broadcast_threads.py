"""Broadcast with a thread that sends again what was not acknowledged."""
import json
import sys
import threading
import time

lock = threading.Lock()
node, neighbours, seen, unacked, next_id = None, [], set(), {}, 0


def send(dest, body):
    sys.stdout.write(json.dumps({"src": node, "dest": dest, "body": body}) + "\n")
    sys.stdout.flush()


def fresh():
    global next_id
    next_id += 1
    return next_id


def spread(value, sender):
    for neighbour in neighbours:
        if neighbour != sender:
            number = fresh()
            unacked[number] = (neighbour, value)
            send(neighbour, {"type": "broadcast", "message": value, "msg_id": number})


def again():
    while True:
        time.sleep(0.5)
        with lock:
            for number, (neighbour, value) in list(unacked.items()):
                send(neighbour, {"type": "broadcast", "message": value, "msg_id": number})


threading.Thread(target=again, daemon=True).start()
for line in sys.stdin:
    message = json.loads(line)
    source, body = message["src"], message["body"]
    kind = body["type"]
    with lock:
        reply = {"type": kind + "_ok", "in_reply_to": body.get("msg_id")}
        if kind == "init":
            node = body["node_id"]
        elif kind == "topology":
            neighbours = body["topology"][node]
        elif kind == "broadcast":
            value = body["message"]
            if value not in seen:
                seen.add(value)
                spread(value, source)
        elif kind == "broadcast_ok":
            unacked.pop(body["in_reply_to"], None)
            continue
        elif kind == "read":
            reply["messages"] = sorted(seen)
        send(source, reply)
