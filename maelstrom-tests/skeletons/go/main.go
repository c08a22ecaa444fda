// A node for the workloads echo, unique-ids and broadcast.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

type object = map[string]any

var (
	nodeID     string
	neighbours []string
	seen       = map[string]bool{}
	values     = []any{}
	// A node that was killed and started again must not repeat itself: its ids begin with its start.
	started = time.Now().UnixNano()
	count   = 0
)

// Encode writes one line a message, and nothing stays in a buffer.
var out = json.NewEncoder(os.Stdout)

func send(dest string, body object) {
	if err := out.Encode(object{"src": nodeID, "dest": dest, "body": body}); err != nil {
		os.Exit(1)
	}
}

// answer is the reply to a request.
func answer(source string, body object) object {
	switch kind := body["type"]; kind {
	case "init":
		nodeID = body["node_id"].(string)
		return object{"type": "init_ok"}
	case "echo":
		return object{"type": "echo_ok", "echo": body["echo"]}
	case "generate":
		count++
		return object{"type": "generate_ok", "id": fmt.Sprintf("%s-%d-%d", nodeID, started, count)}
	case "topology":
		neighbours = nil
		for _, peer := range body["topology"].(object)[nodeID].([]any) {
			neighbours = append(neighbours, peer.(string))
		}
		return object{"type": "topology_ok"}
	case "broadcast":
		value := body["message"]
		if key := fmt.Sprint(value); !seen[key] {
			seen[key] = true
			values = append(values, value)
			// What is lost on its way is not sent again: `--nemesis partition` finds out.
			for _, peer := range neighbours {
				if peer != source {
					send(peer, object{"type": "broadcast", "message": value})
				}
			}
		}
		return object{"type": "broadcast_ok"}
	case "read":
		return object{"type": "read_ok", "messages": values}
	default:
		return object{"type": "error", "code": 10, "text": fmt.Sprint("unknown type ", kind)}
	}
}

func main() {
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		// stdout is for messages only; what is for people goes to stderr.
		os.Stderr.Write(line)
		var message struct {
			Src  string
			Body object
		}
		if err := json.Unmarshal(line, &message); err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		reply := answer(message.Src, message.Body)
		if id, asked := message.Body["msg_id"]; asked {
			reply["in_reply_to"] = id
			send(message.Src, reply)
		}
	}
}
