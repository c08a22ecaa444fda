#!/bin/sh
# A bad node: answers `init` in its first life only. Its argument is the file by which it knows.
read -r _
if [ -e "$1" ]; then kind=sorry; else kind=init_ok; touch "$1"; fi
printf '{"src":"n0","dest":"c0","body":{"type":"%s","in_reply_to":%s}}\n' \
    "$kind" "$([ "$kind" = sorry ] && echo 2 || echo 1)"
cat > /dev/null
