/* Unique ids from a counter that two threads share. Planted bug: the counter is read and written without a
 * lock, so both may make an id of the same count. No system call lies between, so a thread has to lose its
 * turn between two instructions. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char node[64];
static volatile long count;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

/* Lines that wait for a thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static char *lines[1024];
static unsigned first, last;

/* What is behind `"name":` in a line, without quotation marks. */
static void field(const char *line, const char *name, char *value, size_t size) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(line, key);
    value[0] = 0;
    if (!at) return;
    at += strlen(key);
    while (*at == ' ' || *at == '"') at++;
    size_t length = strcspn(at, "\",}");
    snprintf(value, size, "%.*s", (int)length, at);
}

static void *serve(void *unused) {
    for (;;) {
        pthread_mutex_lock(&lock);
        while (first == last) pthread_cond_wait(&filled, &lock);
        char *line = lines[first++ % 1024];
        pthread_mutex_unlock(&lock);
        char src[64], id[32];
        field(line, "src", src, sizeof src);
        field(line, "msg_id", id, sizeof id);
        char made[96];
        snprintf(made, sizeof made, "%s-%ld", node, count);
        count++; /* The bug: another thread may have made an id of the same count. */
        pthread_mutex_lock(&output);
        printf("{\"src\":\"%s\",\"dest\":\"%s\",\"body\":{\"type\":\"generate_ok\",\"in_reply_to\":%s,"
               "\"id\":\"%s\"}}\n", node, src, id, made);
        fflush(stdout);
        pthread_mutex_unlock(&output);
        free(line);
    }
    return unused;
}

int main(void) {
    char *line = NULL, src[64], id[32];
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        if (strstr(line, "\"node_id\"")) {
            pthread_t thread;
            field(line, "node_id", node, sizeof node);
            field(line, "src", src, sizeof src);
            field(line, "msg_id", id, sizeof id);
            printf("{\"src\":\"%s\",\"dest\":\"%s\",\"body\":{\"type\":\"init_ok\",\"in_reply_to\":%s}}\n",
                   node, src, id);
            fflush(stdout);
            pthread_create(&thread, NULL, serve, NULL);
            pthread_create(&thread, NULL, serve, NULL);
            continue;
        }
        pthread_mutex_lock(&lock);
        lines[last++ % 1024] = strdup(line);
        pthread_cond_signal(&filled);
        pthread_mutex_unlock(&lock);
    }
    return 0;
}
