#!/usr/bin/env ruby
# A node for the workloads echo, unique-ids and broadcast.
require 'json'
require 'set'

# One line a message, and none stays in the buffer.
$stdout.sync = true

$node_id = nil
$neighbours = []
$values = Set.new
# A node that was killed and started again must not repeat itself: its ids begin with its start.
$started = Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond)
$count = 0

def send_to(dest, body)
  puts JSON.generate(src: $node_id, dest: dest, body: body)
end

# The reply to a request.
def answer(source, body)
  case body['type']
  when 'init'
    $node_id = body['node_id']
    { type: 'init_ok' }
  when 'echo'
    { type: 'echo_ok', echo: body['echo'] }
  when 'generate'
    $count += 1
    { type: 'generate_ok', id: "#{$node_id}-#{$started}-#{$count}" }
  when 'topology'
    $neighbours = body['topology'][$node_id]
    { type: 'topology_ok' }
  when 'broadcast'
    value = body['message']
    # What is lost on its way is not sent again: `--nemesis partition` finds out.
    if $values.add?(value)
      ($neighbours - [source]).each { |peer| send_to(peer, { type: 'broadcast', message: value }) }
    end
    { type: 'broadcast_ok' }
  when 'read'
    { type: 'read_ok', messages: $values.to_a }
  else
    { type: 'error', code: 10, text: "unknown type #{body['type']}" }
  end
end

while (line = $stdin.gets)
  # stdout is for messages only; what is for people goes to stderr.
  warn line
  message = JSON.parse(line)
  body = message['body']
  reply = answer(message['src'], body)
  send_to(message['src'], reply.merge(in_reply_to: body['msg_id'])) if body.key?('msg_id')
end
