/* The second watchdog, `whp-host --watch SOCKET`, a process beside the agent. The alarm of the first
   one (loop.c) does not reach a process that is stopped (SIGSTOP, the freezer) or hangs in the
   kernel. This one kills an agent that neither answers nor uses processor time; a busy one is left
   to the first watchdog. It runs no engine and needs a few pages. */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Each question wakes an idle agent. */
enum { PAUSE_MILLISECONDS = 2000 };

static const char question[] = "{\"method\":\"alive\"}\n";

/* Connects and returns the pid of the listening process (SO_PEERCRED), or -1. */
static pid_t connect_agent(const char *path, int *fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || connect(*fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -1;
    return peer.pid;
}

enum wait { QUIET, SAID, GONE };

/* Waits for any data, which is discarded. */
static enum wait wait_for(int fd, short events, int milliseconds)
{
    static char bytes[256];
    struct pollfd one = {fd, events, 0};
    int ready = poll(&one, 1, milliseconds);
    if (ready <= 0)
        return QUIET;
    if (!(one.revents & POLLIN))
        return GONE;
    ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    return got > 0 ? SAID : got < 0 && (errno == EAGAIN || errno == EINTR) ? QUIET : GONE;
}

/* Whether the process runs or is runnable (R), waits for a lock of the kernel (D: nft's, while
   others load long lists; a signal would not end it), or has used processor time since *ticks. Sets
   *ticks to its processor time (proc(5), stat, fields 3, 14 and 15). */
static bool works(pid_t pid, unsigned long *ticks)
{
    char path[32], text[512];
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = 0;
    const char *fields = strrchr(text, ')'); /* a process name may contain ')' */
    char state;
    unsigned long user, kernel;
    if (!fields || sscanf(fields, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &state,
                          &user, &kernel) != 3)
        return false;
    unsigned long before = *ticks;
    *ticks = user + kernel;
    return state == 'R' || state == 'D' || *ticks != before;
}

int watch_agent(const char *path, long seconds)
{
    int fd = -1;
    pid_t agent = connect_agent(path, &fd);
    if (agent <= 0)
        return 1;
    for (;;) {
        enum wait answer = QUIET;
        if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            return 0;
        /* Counts seconds that this process itself waited, not the clock's: after a pause of the
           whole machine the agent has its full time. */
        unsigned long ticks = 0;
        works(agent, &ticks);
        for (long waited = 0; waited < seconds && answer == QUIET; waited++) {
            answer = wait_for(fd, POLLIN, 1000);
            if (answer == QUIET && works(agent, &ticks))
                waited = -1;
        }
        if (answer == GONE)
            return 0;
        if (answer == QUIET) {
            fprintf(stderr, "whp-host: watchdog: no sign of life in %ld s, killed\n", seconds);
            kill(agent, SIGKILL);
            return 0;
        }
        if (wait_for(fd, 0, PAUSE_MILLISECONDS) == GONE)
            return 0;
    }
}
