/* Calls rpcd's plugin as rpcd does for an open page: a process for each call, `PLUGIN call METHOD`, the arguments as JSON on
   its standard input, the answer on its standard output. Each METHOD is called at once and then every EVERY seconds, for
   SECONDS. Prints {"busy", "calls": [{"method", "count", "bytes", "ms"}]}: the share of the processor that was not idle in
   percent (all processes of the router), the largest answer, and the mean time of a call.
   Usage: calls SECONDS PLUGIN [METHOD EVERY INPUT]... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_CALLS 8
#define MOST_BYTES (1 << 20)

struct call {
    char *method, *input;
    double every, due, took;
    long count, bytes;
};

static char answer[MOST_BYTES];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Seconds that the processors were idle since the boot. */
static double idle(void)
{
    double user, nice, system, idle, wait;
    FILE *file = fopen("/proc/stat", "r");

    if (!file) fail("/proc/stat");
    if (fscanf(file, "cpu %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait) != 5) {
        fputs("calls: /proc/stat has no line of all processors\n", stderr);
        exit(1);
    }
    fclose(file);
    return (idle + wait) / sysconf(_SC_CLK_TCK);
}

static void wait_until(double when)
{
    double left = when - now();
    struct timespec time = {.tv_sec = left, .tv_nsec = (left - (time_t)left) * 1e9};

    if (left > 0) nanosleep(&time, NULL);
}

static void ask(char *plugin, struct call *call)
{
    int in[2], out[2], status;
    size_t size = strlen(call->input), length = 0;
    ssize_t got;
    pid_t pid;

    if (pipe(in) || pipe(out)) fail("pipe");
    pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int at = 0; at < 2; at++) {
            close(in[at]);
            close(out[at]);
        }
        execl(plugin, plugin, "call", call->method, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    if (write(in[1], call->input, size) != (ssize_t)size) fail("write");
    close(in[1]);
    while (length < MOST_BYTES - 1 && (got = read(out[0], answer + length, MOST_BYTES - 1 - length)) > 0)
        length += got;
    close(out[0]);
    waitpid(pid, &status, 0);
    answer[length] = 0;
    if (status != 0 || answer[0] != '{' || !strncmp(answer, "{\"error\"", 8)) {
        fprintf(stderr, "calls: %s: status %d, %.200s\n", call->method, status, answer);
        exit(1);
    }
    if ((long)length > call->bytes) call->bytes = length;
}

int main(int argc, char **argv)
{
    struct call calls[MOST_CALLS] = {0};
    int count = (argc - 3) / 3;
    double began = now(), idled = idle(), end, busy;

    if (argc < 3 || argc % 3 != 0 || count > MOST_CALLS) {
        fprintf(stderr, "usage: calls SECONDS PLUGIN [METHOD EVERY INPUT]..., %d methods at most\n", MOST_CALLS);
        return 2;
    }
    end = began + atof(argv[1]);
    for (int at = 0; at < count; at++) {
        calls[at].method = argv[3 + at * 3];
        calls[at].every = atof(argv[4 + at * 3]);
        calls[at].input = argv[5 + at * 3];
        calls[at].due = began;
    }
    for (;;) {
        struct call *next = NULL;
        double asked;

        for (int at = 0; at < count; at++)
            if (!next || calls[at].due < next->due) next = &calls[at];
        if (!next || next->due >= end) break;
        wait_until(next->due);
        asked = now();
        ask(argv[2], next);
        next->took += now() - asked;
        next->count++;
        next->due += next->every;
    }
    wait_until(end);
    end = now();
    busy = 1 - (idle() - idled) / (end - began) / sysconf(_SC_NPROCESSORS_ONLN);
    printf("{\"busy\":%.3f,\"calls\":[", busy * 100);
    for (int at = 0; at < count; at++)
        printf("%s{\"method\":\"%s\",\"count\":%ld,\"bytes\":%ld,\"ms\":%.1f}", at ? "," : "", calls[at].method,
            calls[at].count, calls[at].bytes, calls[at].took / calls[at].count * 1e3);
    puts("]}");
    return 0;
}
