/* One small piece of behaviour for each word on the command line; each prints what it saw. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Milliseconds since the first call. */
static long now(void) {
    static struct timespec first;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (!first.tv_sec) first = t;
    return (t.tv_sec - first.tv_sec) * 1000 + (t.tv_nsec - first.tv_nsec) / 1000000;
}

static volatile int shared;
/* No lock: what one thread adds between the other's look and its store is lost. */
static void *adds(void *unused) {
    for (int i = 0; i < 50; i++) { shared = shared + 1; syscall(SYS_getpid); }
    return unused;
}

/* Keeps the processor's flags and takes them back after a call, as runtimes with code of their own do. */
static void *keeps_flags(void *unused) {
    for (int i = 0; i < 200; i++) {
        unsigned long flags;
        __asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
        syscall(SYS_getpid);
        __asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
    }
    return unused;
}

static volatile sig_atomic_t alarms;
static void on_alarm(int signal) { (void)signal; alarms++; }

static void *left_behind(void *unused) { usleep(50000); printf("the last thread leaves at %ld\n", now()); return unused; }
static void *becomes_another(void *unused) {
    char *args[] = {"/bin/echo", "another program", NULL};
    execv(args[0], args);
    return unused;
}
static void *waits(void *unused) {
    sigset_t set; int got;
    sigemptyset(&set); sigaddset(&set, SIGUSR1);
    sigwait(&set, &got);
    printf("signal %d at %ld\n", got == SIGUSR1, now());
    return unused;
}

/* Who runs, asked again and again at the same two places. */
static void *names(void *who) {
    printf("%s %d %d\n", (char *)who, getpid(), gettid());
    fflush(stdout);
    return who;
}

static void run(const char *what) {
    struct timespec t;
    if (!strcmp(what, "timers")) {
        struct itimerspec spec = {{0, 500000000}, {2, 0}};
        uint64_t count;
        int file = timerfd_create(CLOCK_MONOTONIC, 0);
        timerfd_settime(file, 0, &spec, NULL);
        for (int i = 0; i < 2; i++) { read(file, &count, 8); printf("timerfd %lu at %ld\n", count, now()); }
        usleep(1600000);
        read(file, &count, 8);
        printf("timerfd %lu at %ld\n", count, now());
        signal(SIGALRM, on_alarm);
        alarm(3);
        pause();
        printf("alarm %d at %ld\n", (int)alarms, now());
        struct itimerval beat = {{1, 0}, {1, 500000}};
        setitimer(ITIMER_REAL, &beat, NULL);
        for (int i = 0; i < 2; i++) { pause(); printf("itimer at %ld\n", now()); }
        memset(&beat, 0, sizeof beat);
        setitimer(ITIMER_REAL, &beat, NULL);
        timer_t timer;
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
        struct itimerspec once = {{0, 0}, {0, 250000000}};
        timer_create(CLOCK_MONOTONIC, &event, &timer);
        timer_settime(timer, 0, &once, NULL);
        pause();
        printf("timer %d at %ld\n", (int)alarms, now());
        struct timespec left, asked = {10, 0};
        alarm(4);
        int result = nanosleep(&asked, &left);
        printf("sleep broken off: %d, left %ld, at %ld\n", result, left.tv_sec, now());
    } else if (!strcmp(what, "naps")) {
        struct timespec nap = {0, 20000}, none = {0, 0};
        for (int i = 0; i < 1000; i++) nanosleep(&nap, NULL);
        printf("naps until %ld\n", now());
        for (int i = 0; i < 1000; i++) nanosleep(&none, NULL);
        printf("turns until %ld\n", now());
    } else if (!strcmp(what, "select")) {
        fd_set set;
        struct timeval limit = {5, 0};
        FD_ZERO(&set); FD_SET(0, &set);
        int ready = select(1, &set, NULL, NULL, &limit);
        printf("select %d, set %d, at %ld\n", ready, FD_ISSET(0, &set), now());
    } else if (!strcmp(what, "condition")) {
        pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        pthread_cond_t never = PTHREAD_COND_INITIALIZER;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += 7;
        pthread_mutex_lock(&lock);
        int result = pthread_cond_timedwait(&never, &lock, &t);
        printf("timed out %d at %ld\n", result == ETIMEDOUT, now());
    } else if (!strcmp(what, "sockets")) {
        int pair[2]; char byte = 0;
        int inet = socket(AF_INET, SOCK_STREAM, 0);
        printf("socket %d, network is down %d\n", inet, errno == ENETDOWN);
        printf("socketpair %d\n", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        write(pair[0], "x", 1); read(pair[1], &byte, 1);
        printf("read %c\n", byte);
    } else if (!strcmp(what, "attack")) {
        printf("ptrace %ld\n", ptrace(PTRACE_ATTACH, getppid(), 0, 0));
        printf("kill all %d, kill a stranger %d\n", kill(-1, SIGKILL), kill(4000000, SIGKILL));
        prctl(PR_SET_DUMPABLE, 0);
        prctl(PR_SET_TSC, PR_TSC_ENABLE);
        printf("untraced child %ld\n", syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0));
        long ring = syscall(SYS_io_uring_setup, 8, &t);
        printf("io_uring %ld, not there %d\n", ring, errno == ENOSYS);
        printf("set the clock %d\n", clock_settime(CLOCK_REALTIME, &t));
    } else if (!strcmp(what, "stubborn")) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        signal(SIGTERM, SIG_IGN);
        printf("deaf\n");
        for (;;) sleep(1);
    } else if (!strcmp(what, "spin")) {
        for (volatile long i = 0;; i++);
    } else if (!strcmp(what, "clock-spin")) {
        time_t end = time(NULL) + 2;
        long looks = 0;
        while (time(NULL) < end) looks++;
        printf("waited with few looks: %d\n", looks < 1000000);
    } else if (!strcmp(what, "poll-spin")) {
        time_t end = time(NULL) + 2;
        long looks = 0;
        for (; time(NULL) < end; looks++) {
            struct timeval none = {0, 0};
            fd_set input;
            FD_ZERO(&input);
            FD_SET(0, &input);
            select(1, &input, NULL, NULL, &none);
        }
        printf("polled few times: %d\n", looks < 4000);
    } else if (!strcmp(what, "flood")) {
        static char text[1 << 20];
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = '\n';
        for (int i = 0; i < 50; i++) write(1, text, sizeof text);
        printf("written at %ld\n", now());
    } else if (!strcmp(what, "read-spin")) {
        time_t end = time(NULL) + 2;
        long looks = 0;
        char text[64];
        fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
        for (ssize_t got = -1; got < 0 && time(NULL) < end; looks++) got = read(0, text, sizeof text);
        printf("read few times: %d, at %ld\n", looks < 4000, now());
    } else if (!strcmp(what, "children")) {
        pid_t child = fork();
        if (!child) { usleep(2000000); _exit(7); }
        int status;
        pid_t got = waitpid(child, &status, 0);
        printf("same child %d, status %d, at %ld\n", got == child, WEXITSTATUS(status), now());
        char *args[] = {"/bin/sh", "-c", "echo $PPID; sleep 1; exit 3", NULL};
        posix_spawn(&child, args[0], NULL, NULL, args, environ);
        fflush(stdout);
        siginfo_t info;
        waitid(P_PID, child, &info, WEXITED);
        printf("same child %d, status %d, at %ld\n", info.si_pid == child, info.si_status, now());
        child = fork();
        if (!child) { pause(); _exit(0); }
        printf("wait for nothing %d\n", waitpid(child, &status, WNOHANG));
        usleep(1000);
        kill(child, SIGTERM);
        waitpid(-1, &status, 0);
        printf("ended by %d at %ld\n", WTERMSIG(status), now());
        printf("no more %d\n", waitpid(-1, &status, 0) == -1 && errno == ECHILD);
    } else if (!strcmp(what, "leader-leaves")) {
        pthread_t thread;
        pthread_create(&thread, NULL, left_behind, NULL);
        pthread_exit(NULL);
    } else if (!strcmp(what, "thread-execs")) {
        pthread_t thread, other;
        pthread_create(&other, NULL, left_behind, NULL);
        pthread_create(&thread, NULL, becomes_another, NULL);
        sleep(1000);
    } else if (!strcmp(what, "thread-signal")) {
        sigset_t set;
        pthread_t thread;
        sigemptyset(&set); sigaddset(&set, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        pthread_create(&thread, NULL, waits, NULL);
        usleep(300000);
        pthread_kill(thread, SIGUSR1);
        pthread_join(thread, NULL);
        struct sigaction action = {.sa_handler = on_alarm};
        sigaction(SIGALRM, &action, NULL);
        alarm(2);
        char byte;
        ssize_t got = read(0, &byte, 1);
        printf("read broken off %d at %ld\n", got == -1 && errno == EINTR, now());
        action.sa_flags = SA_RESTART;
        sigaction(SIGALRM, &action, NULL);
        alarm(2);
        got = read(0, &byte, 1);
        printf("read went on %d, alarms %d\n", got == 1, (int)alarms);
    } else if (!strcmp(what, "identity")) {
        cpu_set_t cpus;
        sched_getaffinity(0, sizeof cpus, &cpus);
        printf("%d %d %ld %d %d %ld\n", getpid(), getppid(), syscall(SYS_gettid), CPU_COUNT(&cpus),
               sched_getcpu(), sysconf(_SC_NPROCESSORS_ONLN));
    } else if (!strcmp(what, "names")) {
        for (int i = 0; i < 100; i++) { getpid(); gettid(); }
        names("first");
        pthread_t thread;
        pthread_create(&thread, NULL, names, "thread");
        pthread_join(thread, NULL);
        pid_t child = fork();
        if (!child) { names("child"); _exit(0); }
        waitpid(child, NULL, 0);
        names("first");
        child = vfork();
        if (!child) { names("vfork"); _exit(0); }
        names("first");
    } else if (!strcmp(what, "features")) {
        unsigned a, b, c, d;
        __get_cpuid(1, &a, &b, &c, &d);
        printf("rdrand %d, sse2 %d\n", c >> 30 & 1, d >> 26 & 1);
    } else if (!strcmp(what, "random")) {
        unsigned char bytes[4];
        int file = open("/dev/urandom", O_RDONLY);
        read(file, bytes, 4);
        printf("%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3]);
        getentropy(bytes, 4);
        printf(" %02x%02x%02x%02x\n", bytes[0], bytes[1], bytes[2], bytes[3]);
    } else if (!strcmp(what, "first-draw")) {
        unsigned char before[4], after[4]; char line[16];
        getentropy(before, 4);
        fgets(line, sizeof line, stdin);
        getentropy(after, 4);
        printf("%02x%02x%02x%02x\n%02x%02x%02x%02x\n", before[0], before[1], before[2], before[3],
               after[0], after[1], after[2], after[3]);
    } else if (!strcmp(what, "copies")) {
        int copy = dup(1);
        dup2(2, 1);
        printf("to error\n");
        fflush(stdout);
        dprintf(copy, "to output by a copy\n");
        close(1);
        dup(copy);
        dprintf(1, "to output again\n");
    } else if (!strcmp(what, "echo")) {
        char line[256];
        while (fgets(line, sizeof line, stdin)) {
            clock_gettime(CLOCK_REALTIME, &t);
            printf("%ld.%03ld %s", t.tv_sec, t.tv_nsec / 1000000, line);
        }
    } else if (!strcmp(what, "length")) {
        static char line[1 << 22];
        fgets(line, sizeof line, stdin);
        printf("%zu\n", strlen(line));
    } else if (!strcmp(what, "clock")) {
        for (;;) {
            clock_gettime(CLOCK_REALTIME, &t);
            printf("%ld at %ld\n", (long)t.tv_sec, now());
            sleep(10);
        }
    } else if (!strcmp(what, "crash")) {
        abort();
    } else if (!strcmp(what, "state")) {
        int synced = open("synced", O_CREAT | O_RDWR | O_APPEND, 0600);
        int written = open("written", O_CREAT | O_RDWR | O_APPEND, 0600);
        int direct = open("direct", O_CREAT | O_RDWR | O_APPEND | O_DSYNC, 0600);
        printf("%ld %ld %ld\n", lseek(synced, 0, SEEK_END), lseek(written, 0, SEEK_END), lseek(direct, 0, SEEK_END));
        write(synced, "ab", 2);
        fsync(synced);
        write(synced, "c", 1);
        write(written, "abc", 3);
        write(direct, "abc", 3);
        pause();
    } else if (!strcmp(what, "race")) {
        pthread_t one, two;
        pthread_create(&one, NULL, adds, NULL);
        pthread_create(&two, NULL, adds, NULL);
        pthread_join(one, NULL);
        pthread_join(two, NULL);
        printf("%d\n", shared);
    } else if (!strcmp(what, "flags")) {
        pthread_t one, two;
        pthread_create(&one, NULL, keeps_flags, NULL);
        pthread_create(&two, NULL, keeps_flags, NULL);
        pthread_join(one, NULL);
        pthread_join(two, NULL);
        printf("flags kept\n");
    } else if (!strcmp(what, "crash-among-threads")) {
        pthread_t thread;
        pthread_create(&thread, NULL, waits, NULL);
        pthread_create(&thread, NULL, left_behind, NULL);
        usleep(1000);
        *(volatile int *)NULL = 0;
    } else if (!strcmp(what, "long-write")) {
        static char text[5000001];
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = '\n';
        long at_once = write(1, text, sizeof text);
        struct iovec parts[] = {{text, 3000000}, {text + 3000000, 2000001}};
        printf("%ld %ld\n", at_once, (long)writev(1, parts, 2));
    } else if (!strcmp(what, "half-line")) {
        write(1, "whole\nhalf", 10);
        pause();
    }
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    now();
    for (int i = 1; i < count; i++) run(words[i]);
    return 0;
}
