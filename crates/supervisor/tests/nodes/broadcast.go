// Broadcast with a goroutine for each message that sends it until it is acknowledged.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"sort"
	"sync"
	"time"
)

type message struct {
	Src  string         `json:"src"`
	Dest string         `json:"dest"`
	Body map[string]any `json:"body"`
}

var (
	mutex      sync.Mutex
	node       string
	neighbours []string
	seen       = map[float64]bool{}
	acks       = map[float64]chan bool{}
	nextID     float64
)

func send(dest string, body map[string]any) {
	line, _ := json.Marshal(message{node, dest, body})
	os.Stdout.Write(append(line, '\n'))
}

func deliver(dest string, id, value float64, ack chan bool) {
	for {
		mutex.Lock()
		send(dest, map[string]any{"type": "broadcast", "message": value, "msg_id": id})
		mutex.Unlock()
		select {
		case <-ack:
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func handle(m message) {
	mutex.Lock()
	defer mutex.Unlock()
	kind := m.Body["type"].(string)
	reply := map[string]any{"type": kind + "_ok", "in_reply_to": m.Body["msg_id"]}
	switch kind {
	case "init":
		node = m.Body["node_id"].(string)
	case "topology":
		for _, name := range m.Body["topology"].(map[string]any)[node].([]any) {
			neighbours = append(neighbours, name.(string))
		}
	case "broadcast":
		value := m.Body["message"].(float64)
		if !seen[value] {
			seen[value] = true
			for _, dest := range neighbours {
				if dest != m.Src {
					nextID++
					ack := make(chan bool, 1)
					acks[nextID] = ack
					go deliver(dest, nextID, value, ack)
				}
			}
		}
	case "broadcast_ok":
		id := m.Body["in_reply_to"].(float64)
		if ack, ok := acks[id]; ok {
			delete(acks, id)
			ack <- true
		}
		return
	case "read":
		values := []float64{}
		for value := range seen {
			values = append(values, value)
		}
		sort.Float64s(values)
		reply["messages"] = values
	}
	send(m.Src, reply)
}

func main() {
	scanner := bufio.NewScanner(os.Stdin)
	for scanner.Scan() {
		var m message
		if err := json.Unmarshal(scanner.Bytes(), &m); err != nil {
			panic(err)
		}
		go handle(m)
	}
}
