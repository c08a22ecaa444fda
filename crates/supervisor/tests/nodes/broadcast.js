// Broadcast on Node's event loop, with a timer that sends again what was not acknowledged.
const lines = require('readline').createInterface({ input: process.stdin });
let node = null;
let neighbours = [];
let nextId = 0;
const seen = new Set();
const unacked = new Map();

function send(dest, body) {
  process.stdout.write(JSON.stringify({ src: node, dest, body }) + '\n');
}

function spread(value, sender) {
  for (const neighbour of neighbours) {
    if (neighbour === sender) continue;
    const msgId = ++nextId;
    unacked.set(msgId, [neighbour, value]);
    send(neighbour, { type: 'broadcast', message: value, msg_id: msgId });
  }
}

setInterval(() => {
  for (const [msgId, [neighbour, value]] of unacked) {
    send(neighbour, { type: 'broadcast', message: value, msg_id: msgId });
  }
}, 500);

lines.on('line', (line) => {
  const { src, body } = JSON.parse(line);
  const reply = { type: body.type + '_ok', in_reply_to: body.msg_id };
  switch (body.type) {
    case 'init': node = body.node_id; break;
    case 'topology': neighbours = body.topology[node]; break;
    case 'broadcast':
      if (!seen.has(body.message)) {
        seen.add(body.message);
        spread(body.message, src);
      }
      break;
    case 'broadcast_ok': unacked.delete(body.in_reply_to); return;
    case 'read': reply.messages = [...seen].sort((a, b) => a - b); break;
  }
  send(src, reply);
});
