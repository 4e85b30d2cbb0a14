/* The thin way to the agent's control socket, without an engine, whose start takes longer than the
   whole answer may: for rpcd one line from standard input in, one line out; for `whp` its command
   line in, what is to be printed out. Bytes are carried, not read: what they mean is the agent's
   business. */
#include "ask.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Connected, or -1 with errno. */
static int dial(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = MOST_SECONDS };
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int ask(const char *path)
{
    int fd = dial(path);
    if (fd < 0 || !carry_line(STDIN_FILENO, fd, LONGEST_QUESTION))
        return 1;
    return carry_line(fd, STDOUT_FILENO, (size_t)-1) ? 0 : 1;
}

/* What the running agent answers alone (control/printed.ts, ASKED; a test compares the two). */
static const char *const asked[] = {
    "status", "flows", "why", "learned", "evidence", "devices", "counters", "log",
    "reload", "pause", "resume", "pin", "unpin", "forget", "proxy",
    "profile", "ruleset", "check",
    "version", "help", "completion",
};

static bool is_asked(const char *word)
{
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
        if (strcmp(word, asked[i]) == 0)
            return true;
    return false;
}

/* {"method":"cli","words":[...]} and a newline; the words are quoted, not understood. */
static bool put_words(FILE *to, int count, char **words)
{
    fputs("{\"method\":\"cli\",\"words\":[", to);
    for (int i = 0; i < count; i++) {
        fputs(i ? ",\"" : "\"", to);
        for (const unsigned char *at = (const unsigned char *)words[i]; *at; at++) {
            if (*at == '"' || *at == '\\')
                fprintf(to, "\\%c", *at);
            else if (*at < 0x20)
                fprintf(to, "\\u%04x", *at);
            else
                fputc(*at, to);
        }
        fputc('"', to);
    }
    fputs("]}\n", to);
    return fflush(to) == 0;
}

static bool copy(FILE *from, int to, size_t length)
{
    static char bytes[16384];
    while (length > 0) {
        size_t got = fread(bytes, 1, length < sizeof(bytes) ? length : sizeof(bytes), from);
        if (got == 0 || !write_all(to, bytes, got))
            return false;
        length -= got;
    }
    return true;
}

int ask_words(int count, char **words)
{
    const char *path = "/var/run/whp.sock";
    if (count < 1 || !is_asked(words[0]))
        return -1;
    for (int i = 1; i + 1 < count; i++)
        if (strcmp(words[i], "--socket") == 0)
            path = words[i + 1];
    int fd = dial(path);
    if (fd < 0)
        return -1; /* the engine says what is wrong */
    int status;
    size_t out, err;
    FILE *line = fdopen(fd, "r+");
    if (!line || !put_words(line, count, words))
        return -1;
    /* An agent of before this answers otherwise: then the engine asks it. */
    if (fscanf(line, "%d %zu %zu", &status, &out, &err) != 3 || fgetc(line) != '\n') {
        if (!feof(line) && !ferror(line))
            return -1;
        fputs("whp: the agent gave no answer\n", stderr);
        return 1;
    }
    if (status >= 0 && (!copy(line, STDOUT_FILENO, out) || !copy(line, STDERR_FILENO, err)))
        return 1;
    return status;
}
