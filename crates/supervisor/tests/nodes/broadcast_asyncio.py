"""Broadcast on an event loop: a task for each message that sends it until it is acknowledged."""
import asyncio
import json
import sys

node, neighbours, seen, acks, next_id = None, [], set(), {}, 0


def send(dest, body):
    sys.stdout.write(json.dumps({"src": node, "dest": dest, "body": body}) + "\n")
    sys.stdout.flush()


async def deliver(neighbour, value):
    global next_id
    next_id += 1
    number = next_id
    acks[number] = asyncio.Event()
    while not acks[number].is_set():
        send(neighbour, {"type": "broadcast", "message": value, "msg_id": number})
        try:
            await asyncio.wait_for(acks[number].wait(), 0.5)
        except asyncio.TimeoutError:
            pass
    del acks[number]


async def main():
    global node, neighbours
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        message = json.loads(line)
        source, body = message["src"], message["body"]
        kind = body["type"]
        reply = {"type": kind + "_ok", "in_reply_to": body.get("msg_id")}
        if kind == "init":
            node = body["node_id"]
        elif kind == "topology":
            neighbours = body["topology"][node]
        elif kind == "broadcast":
            value = body["message"]
            if value not in seen:
                seen.add(value)
                for neighbour in neighbours:
                    if neighbour != source:
                        task = asyncio.create_task(deliver(neighbour, value))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
        elif kind == "broadcast_ok":
            if event := acks.get(body["in_reply_to"]):
                event.set()
            continue
        elif kind == "read":
            reply["messages"] = sorted(seen)
        send(source, reply)


asyncio.run(main())
