#!/usr/bin/env python3
"""A node for `broadcast` and, with seq-kv, for `g-counter`, with the mistake of a beginner that its first
argument names."""
import json
import sys
import threading

mistake = sys.argv[1]
node_id, seen, waiting, asked = "", [], {}, 0


def send(dest, body):
    if mistake != "forgets-to-flush":  # Then it stays in a buffer that nobody empties.
        print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def ask_service(body, then):
    """Asks seq-kv; `then` gets its answer."""
    global asked
    asked += 1
    waiting[asked] = then
    send("seq-kv", body | {"msg_id": asked})


def add(delta, answer):
    """Adds to the sum, again and again until nobody else has changed it meanwhile."""

    def swap(reply):
        value = reply.get("value", 0)
        body = {"type": "cas", "key": "sum", "from": value, "to": value + delta, "create_if_not_exists": True}
        ask_service(body, lambda it: answer() if it["type"] == "cas_ok" else add(delta, answer))

    def overwrite(reply):
        value = reply.get("value", 0) + delta
        ask_service({"type": "write", "key": "sum", "value": value}, lambda it: answer())

    then = overwrite if mistake == "overwritten-sum" else swap
    ask_service({"type": "read", "key": "sum"}, then)


for text in sys.stdin:
    message = json.loads(text)
    body = message["body"]
    kind = body["type"]
    if "in_reply_to" in body:
        waiting.pop(body["in_reply_to"], lambda it: None)(body)
        continue
    reply = {"type": kind + "_ok", "in_reply_to": body["msg_id"]}
    if mistake == "number-as-text":
        reply["in_reply_to"] = str(body["msg_id"])
    if kind == "init":
        node_id, others = body["node_id"], [name for name in body["node_ids"] if name != body["node_id"]]
        if mistake == "init-okay":
            reply["type"] = "init_okay"
        if mistake == "prints-before-init":
            print("starting", flush=True)
            continue
    elif mistake == "raises" and kind != "topology":
        worker = threading.Thread(target=lambda: send(message["sender"], reply))
        worker.start()
        worker.join()
        continue
    elif kind == "broadcast":
        seen.append(str(body["message"]) if mistake == "strings" else body["message"])
    elif kind == "add":
        add(body["delta"], lambda client=message["src"], reply=reply: send(client, reply))
        continue
    elif kind == "read" and mistake in ("stale-sum", "overwritten-sum"):
        # What seq-kv says is not what it has.
        def tell(it, client=message["src"], reply=reply):
            send(client, reply | {"value": it.get("value", 0)})

        ask_service({"type": "read", "key": "sum"}, tell)
        continue
    elif kind == "read":
        reply["message" if mistake == "typo" else "messages"] = seen
        if mistake == "not-a-number":
            reply["messages"] = [float("nan")]
        if mistake == "endless-line":
            sys.stdout.write("y" * (65 << 20))
        if mistake == "no-read":
            continue
        if mistake == "refuses-read":
            reply = {"type": "error", "code": 10, "text": "no", "in_reply_to": body["msg_id"]}
    if kind in ("broadcast", "read") and mistake == "next-number":
        reply["in_reply_to"] += 1
    if kind in ("broadcast", "read") and mistake == "no-number":
        del reply["in_reply_to"]
    send(others[0] if mistake == "replies-to-a-node" and kind in ("broadcast", "read") else message["src"], reply)
