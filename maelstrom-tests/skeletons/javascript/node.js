#!/usr/bin/env node
// A node for the workloads echo, unique-ids and broadcast.
const readline = require('node:readline');

let nodeId = null;
let neighbours = [];
const values = new Set();
// A node that was killed and started again must not repeat itself: its ids begin with its start.
const started = Date.now();
let count = 0;

function send(dest, body) {
  // One line a message.
  process.stdout.write(JSON.stringify({ src: nodeId, dest, body }) + '\n');
}

// What each type of request is answered with.
const handlers = {
  init(body) {
    nodeId = body.node_id;
    return { type: 'init_ok' };
  },
  echo: (body) => ({ type: 'echo_ok', echo: body.echo }),
  generate: () => ({ type: 'generate_ok', id: `${nodeId}-${started}-${count++}` }),
  topology(body) {
    neighbours = body.topology[nodeId];
    return { type: 'topology_ok' };
  },
  broadcast(body, source) {
    if (!values.has(body.message)) {
      values.add(body.message);
      // What is lost on its way is not sent again: `--nemesis partition` finds out.
      for (const peer of neighbours.filter((peer) => peer !== source)) {
        send(peer, { type: 'broadcast', message: body.message });
      }
    }
    return { type: 'broadcast_ok' };
  },
  read: () => ({ type: 'read_ok', messages: [...values] }),
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  // stdout is for messages only; what is for people goes to stderr.
  console.error(line);
  const { src, body } = JSON.parse(line);
  const unknown = () => ({ type: 'error', code: 10, text: `unknown type ${body.type}` });
  const handler = Object.hasOwn(handlers, body.type) ? handlers[body.type] : unknown;
  const reply = handler(body, src);
  if ('msg_id' in body) send(src, { ...reply, in_reply_to: body.msg_id });
});
