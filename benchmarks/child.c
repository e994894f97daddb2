/* The supervised program of the benchmarks.
 *
 *   child SOCKET NAME          reports and waits for ever
 *   child SOCKET NAME BYTES    reports, waits for USR1, writes that many bytes of lines, reports again
 *
 * A report is one datagram to the Unix socket SOCKET: "NAME PID CLOCK_MONOTONIC-in-nanoseconds". The first is its
 * first act, so a report means: exec'ed and in main().
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void report(const char *path, const char *name, const char *what, long long when) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[256];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int size = snprintf(text, sizeof text, "%s%s %d %lld", name, what, getpid(), when);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    sendto(fd, text, size, 0, (struct sockaddr *)&address, sizeof address);
    close(fd);
}

static void write_lines(long long left) {
    static char block[65536];
    for (size_t i = 0; i < sizeof block; i++) block[i] = i % 100 == 99 ? '\n' : 'a' + i % 26;
    while (left > 0) {
        ssize_t done = write(1, block, left < (long long)sizeof block ? left : (long long)sizeof block);
        if (done <= 0) exit(1);
        left -= done;
    }
}

int main(int argc, char **argv) {
    long long born = now();
    if (argc < 3) return 2;
    if (argc > 3) {
        sigset_t wanted;
        int got;
        sigemptyset(&wanted);
        sigaddset(&wanted, SIGUSR1);
        sigprocmask(SIG_BLOCK, &wanted, NULL); /* before the report, which invites the signal */
        report(argv[1], argv[2], "", born);
        sigwait(&wanted, &got);
        write_lines(atoll(argv[3]));
        report(argv[1], argv[2], ".written", now());
    } else {
        report(argv[1], argv[2], "", born);
    }
    for (;;) pause();
}
