#!/bin/sh
# A node for the workloads echo, unique-ids and broadcast.
#
# The shell has no JSON: fields are found by pattern, which is enough for these messages.

# field NAME: the value of a field of $line, as it is written: a string, a flat list, or a
# number; null if there is none.
field() {
    value=${line#*\"$1\":}
    [ "$value" != "$line" ] || { value=null; return; }
    value=${value# }
    case $value in
        \"*) value=${value#\"}; value=\"${value%%\"*}\" ;;
        \[*) value=${value%%]*}] ;;
        *) value=${value%%[,\}]*} ;;
    esac
}

# text NAME: the value of a field that is a string, without its quotation marks.
text() {
    field "$1"
    value=${value#\"}
    value=${value%\"}
}

# One line a message. (printf of the shell itself has no buffer.)
send() { # send DEST FIELDS
    printf '{"src":"%s","dest":"%s","body":{%s}}\n' "$id" "$1" "$2"
}

id='' neighbours='' values='' count=0
# A node that was killed and started again must not repeat itself: its ids begin with its start. Where
# `date` knows no nanoseconds, the process's number has to tell two starts in one second apart.
started=$(date +%s%N)-$$

while IFS= read -r line; do
    # stdout is for messages only; what is for people goes to stderr.
    printf '%s\n' "$line" >&2
    text src; source=$value
    text type; type=$value
    case $type in
        init)
            text node_id; id=$value
            reply='"type":"init_ok"' ;;
        echo)
            field echo
            reply='"type":"echo_ok","echo":'$value ;;
        generate)
            reply='"type":"generate_ok","id":"'$id-$started-$count'"'
            count=$((count + 1)) ;;
        topology)
            field "$id"
            neighbours=$(printf '%s' "$value" | tr -d '[]"' | tr ',' ' ')
            reply='"type":"topology_ok"' ;;
        broadcast)
            field message; new=$value
            case ,$values, in
                *,"$new",*) ;;
                *)
                    values=${values:+$values,}$new
                    # What is lost on its way is not sent again: `--nemesis partition` finds out.
                    for peer in $neighbours; do
                        [ "$peer" = "$source" ] || send "$peer" '"type":"broadcast","message":'"$new"
                    done ;;
            esac
            reply='"type":"broadcast_ok"' ;;
        read)
            reply='"type":"read_ok","messages":['$values']' ;;
        *)
            reply='"type":"error","code":10,"text":"unknown type '$type'"' ;;
    esac
    field msg_id
    [ "$value" = null ] || send "$source" "$reply,\"in_reply_to\":$value"
done
