#!/bin/sh
# A good node in POSIX shell: answers `generate` with its name and a counter.
field() { # field NAME: the value of a field in the line, without quotation marks
    value=${line##*\"$1\":}
    value=${value# }
    value=${value%%[,\}]*}
    value=${value#\"}
    value=${value%\"}
}

count=0
while IFS= read -r line; do
    field src; client=$value
    field msg_id; request=$value
    case $line in
        *'"type":"init"'*)
            field node_id; id=$value
            reply='"type":"init_ok"' ;;
        *)
            reply='"type":"generate_ok","id":"'$id-$count'"'
            count=$((count + 1)) ;;
    esac
    printf '{"src":"%s","dest":"%s","body":{%s,"in_reply_to":%s}}\n' "$id" "$client" "$reply" "$request"
done
