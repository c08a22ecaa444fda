#!/bin/sh
# Starts the node. The JVM of each node may use one core for its own work, for nodes are many.
directory=$(dirname "$0")
if ! [ -f "$directory/Node.class" ] || [ "$directory/Node.java" -nt "$directory/Node.class" ]; then
    echo "compile it first: javac $directory/Node.java" >&2
    exit 1
fi
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$directory" Node
