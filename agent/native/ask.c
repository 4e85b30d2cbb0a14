/* The thin way to the agent's control socket, for rpcd: one line from standard input in, one line
   out, without an engine. A start of the engine takes longer than the whole answer may. Bytes are
   carried, not read: what they mean is the agent's business. */
#include "ask.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    MOST_SECONDS = 20,     /* rpcd itself gives up after 120 */
    LONGEST_QUESTION = 65536, /* what the agent takes for a line */
};

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

/* Copies from one to the other up to and with the first newline. */
static bool carry_line(int from, int to, size_t most)
{
    static char bytes[16384];
    for (size_t carried = 0; carried < most;) {
        ssize_t got = read(from, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        char *end = memchr(bytes, '\n', (size_t)got);
        if (!write_all(to, bytes, end ? (size_t)(end - bytes) + 1 : (size_t)got))
            return false;
        if (end)
            return true;
        carried += (size_t)got;
    }
    errno = EMSGSIZE;
    return false;
}

int ask(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = MOST_SECONDS };
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return 1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        !carry_line(STDIN_FILENO, fd, LONGEST_QUESTION))
        return 1;
    return carry_line(fd, STDOUT_FILENO, (size_t)-1) ? 0 : 1;
}
