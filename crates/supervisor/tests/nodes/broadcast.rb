# Broadcast with a thread that sends again what was not acknowledged.
require 'json'
require 'set'

$stdout.sync = true
lock = Mutex.new
node = nil
neighbours = []
seen = Set.new
unacked = {}
next_id = 0

send = ->(dest, body) { $stdout.write(JSON.generate({ src: node, dest: dest, body: body }) + "\n") }

Thread.new do
  loop do
    sleep 0.5
    lock.synchronize do
      unacked.each { |id, (to, value)| send.(to, { type: 'broadcast', message: value, msg_id: id }) }
    end
  end
end

while (line = $stdin.gets)
  message = JSON.parse(line)
  source, body = message['src'], message['body']
  lock.synchronize do
    reply = { type: body['type'] + '_ok', in_reply_to: body['msg_id'] }
    case body['type']
    when 'init' then node = body['node_id']
    when 'topology' then neighbours = body['topology'][node]
    when 'broadcast'
      value = body['message']
      if seen.add?(value)
        neighbours.each do |to|
          next if to == source
          next_id += 1
          unacked[next_id] = [to, value]
          send.(to, { type: 'broadcast', message: value, msg_id: next_id })
        end
      end
    when 'broadcast_ok'
      unacked.delete(body['in_reply_to'])
      next
    when 'read' then reply[:messages] = seen.to_a.sort
    end
    send.(source, reply)
  end
end
