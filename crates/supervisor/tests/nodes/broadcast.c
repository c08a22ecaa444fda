/* Broadcast with a thread that sends again what was not acknowledged, and poll() before each read. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4096, NAME = 16 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char node[NAME], neighbours[8][NAME];
static int neighbour_count, next_id;
static char seen[1 << 16];
static struct { int used, value; char to[NAME]; } unacked[1 << 16];

static void number(const char *line, const char *name, int *value) {
    const char *at = strstr(line, name);
    *value = at ? atoi(at + strlen(name)) : 0;
}

static void text(const char *line, const char *name, char *value) {
    const char *at = strstr(line, name);
    size_t length = 0;
    if (at) {
        at += strlen(name);
        at += strspn(at, " \"");
        length = strcspn(at, "\"");
        memcpy(value, at, length);
    }
    value[length] = 0;
}

static void send_line(const char *to, const char *body) {
    char line[1 << 16];
    int length = snprintf(line, sizeof line, "{\"src\":\"%s\",\"dest\":\"%s\",\"body\":{%s}}\n", node, to, body);
    if (write(1, line, length) != length) abort();
}

static void send_value(int id) {
    char body[128];
    snprintf(body, sizeof body, "\"type\":\"broadcast\",\"message\":%d,\"msg_id\":%d", unacked[id].value, id);
    send_line(unacked[id].to, body);
}

static void *again(void *unused) {
    for (;;) {
        struct timespec half = {0, 500000000};
        nanosleep(&half, NULL);
        pthread_mutex_lock(&lock);
        for (int id = 1; id <= next_id; id++)
            if (unacked[id].used) send_value(id);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void handle(char *line) {
    char kind[32], source[NAME], body[1 << 15];
    int id, value, length;
    text(line, "\"type\":", kind);
    text(line, "\"src\":", source);
    number(line, "\"msg_id\":", &id);
    length = snprintf(body, sizeof body, "\"type\":\"%s_ok\",\"in_reply_to\":%d", kind, id);
    if (!strcmp(kind, "init")) {
        text(line, "\"node_id\":", node);
    } else if (!strcmp(kind, "topology")) {
        char mine[NAME + 4];
        snprintf(mine, sizeof mine, "\"%s\":", node);
        char *at = strstr(line, mine) + strlen(mine), *end = strchr(at, ']');
        while ((at = strchr(at, '"')) && at < end) {
            size_t size = strcspn(at + 1, "\"");
            memcpy(neighbours[neighbour_count++], at + 1, size);
            at += size + 2;
        }
    } else if (!strcmp(kind, "broadcast")) {
        number(line, "\"message\":", &value);
        if (!seen[value]) {
            seen[value] = 1;
            for (int i = 0; i < neighbour_count; i++) {
                if (!strcmp(neighbours[i], source)) continue;
                id = ++next_id;
                unacked[id].used = 1;
                unacked[id].value = value;
                strcpy(unacked[id].to, neighbours[i]);
                send_value(id);
            }
        }
    } else if (!strcmp(kind, "broadcast_ok")) {
        number(line, "\"in_reply_to\":", &id);
        unacked[id].used = 0;
        return;
    } else if (!strcmp(kind, "read")) {
        length += snprintf(body + length, sizeof body - length, ",\"messages\":[");
        for (int i = 0, first = 1; i < 1 << 16; i++)
            if (seen[i]) length += snprintf(body + length, sizeof body - length, first ? "%d" : ",%d", i), first = 0;
        snprintf(body + length, sizeof body - length, "]");
    }
    send_line(source, body);
}

int main(void) {
    static char buffer[1 << 17];
    size_t used = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, again, NULL);
    for (;;) {
        struct pollfd input = {0, POLLIN, 0};
        poll(&input, 1, -1);
        ssize_t got = read(0, buffer + used, sizeof buffer - used - 1);
        if (got <= 0) return 0;
        used += got;
        buffer[used] = 0;
        char *start = buffer, *end;
        while ((end = strchr(start, '\n'))) {
            *end = 0;
            pthread_mutex_lock(&lock);
            handle(start);
            pthread_mutex_unlock(&lock);
            start = end + 1;
        }
        used -= start - buffer;
        memmove(buffer, start, used + 1);
    }
}
