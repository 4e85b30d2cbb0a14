/* A client of the agent's control socket without the engine, whose start would take longer than most
   answers. `whp-host --ask` (rpcd) carries one line from standard input to the agent and one line
   back; for `whp` it sends the command line and prints the answer. Answers are not parsed. An answer
   is printed only when it is complete, since a part could be taken for the whole. */
#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    MOST_SECONDS = 20,         /* rpcd gives up after 120 */
    LONGEST_QUESTION = 65536,  /* line limit of the agent */
    LONGEST_ANSWER = 64 << 20, /* line limit of cli/ask.ts */
};

struct text {
    char *bytes;
    size_t length, room;
};

static bool grow(struct text *text, size_t more)
{
    if (text->room - text->length >= more)
        return true;
    size_t room = text->room + more + text->room / 2;
    char *bytes = realloc(text->bytes, room);
    if (!bytes)
        return false;
    text->bytes = bytes;
    text->room = room;
    return true;
}

static bool put(struct text *text, const char *bytes, size_t length)
{
    if (!grow(text, length))
        return false;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    return true;
}

/* Reads more bytes from a socket or file. 1; 0 at the end; -1 with errno. */
static int take(struct text *text, int fd)
{
    ssize_t got;
    if (!grow(text, 16384)) {
        errno = ENOMEM;
        return -1;
    }
    do
        got = read(fd, text->bytes + text->length, text->room - text->length);
    while (got < 0 && errno == EINTR);
    text->length += got > 0 ? (size_t)got : 0;
    return got > 0 ? 1 : (int)got;
}

/* Reads up to a newline; returns its offset, or -1: none in `most` bytes, or errno (0: the end). */
static ssize_t take_line(struct text *text, int fd, size_t most)
{
    for (size_t seen = 0; seen < most; seen = text->length) {
        int more = take(text, fd);
        if (more <= 0) {
            errno = more == 0 ? 0 : errno;
            return -1;
        }
        char *end = memchr(text->bytes + seen, '\n', text->length - seen);
        if (end)
            return end - text->bytes;
    }
    errno = EMSGSIZE;
    return -1;
}

/* SIGPIPE ends the program if the reader has closed its end. */
static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno == EAGAIN) { /* the terminal is non-blocking */
            struct pollfd one = { fd, POLLOUT, 0 };
            poll(&one, 1, -1);
            continue;
        }
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

/* Ignores send errors: an answer from before the agent closed its end is still read. */
static void send_all(int fd, const struct text *text)
{
    for (size_t sent = 0; sent < text->length;) {
        ssize_t put = send(fd, text->bytes + sent, text->length - sent, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR)
            return;
        sent += put > 0 ? (size_t)put : 0;
    }
}

static int complain(const char *subject, const char *what)
{
    fprintf(stderr, "whp: %s: %s\n", subject, what);
    return 1;
}

/* Reports by errno why there is no answer; 0 is the end of the connection. */
static int no_answer(const char *path, size_t length)
{
    if (errno == EAGAIN)
        return complain(path, "the agent did not answer within 20 s");
    if (errno && errno != ECONNRESET && errno != EPIPE)
        return complain(path, strerror(errno));
    return complain(path, length ? "the agent ended in the middle of its answer; nothing is printed of it"
                                 : "the agent closed the connection without an answer");
}

static int print(int fd, const char *bytes, size_t length)
{
    if (write_all(fd, bytes, length))
        return 0;
    return errno == EPIPE ? 1 : complain("the answer cannot be written", strerror(errno));
}

/* A connected socket, or -1 with errno. */
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
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* limits connect too */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int ask(const char *path)
{
    static struct text question, answer;
    int fd = dial(path);
    if (fd < 0)
        return complain(path, strerror(errno));
    ssize_t end = take_line(&question, STDIN_FILENO, LONGEST_QUESTION);
    if (end < 0)
        return complain("standard input", errno ? strerror(errno) : "ends before its first line does");
    question.length = (size_t)end + 1;
    send_all(fd, &question);
    end = take_line(&answer, fd, LONGEST_ANSWER);
    return end < 0 ? no_answer(path, answer.length) : print(STDOUT_FILENO, answer.bytes, (size_t)end + 1);
}

/* Commands that the running agent answers alone (cli/print.ts, ASKED; a test compares the two). */
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

/* {"method":"cli","words":[...]} and a newline; the words are escaped as JSON strings. */
static bool put_words(struct text *to, int count, char **words)
{
    static const char head[] = "{\"method\":\"cli\",\"words\":[", tail[] = "]}\n";
    bool whole = put(to, head, sizeof(head) - 1);
    for (int i = 0; i < count; i++) {
        whole = whole && put(to, ",\"" + !i, 2 - !i);
        for (const unsigned char *at = (const unsigned char *)words[i]; *at; at++) {
            char quoted[8] = { (char)*at };
            if (*at == '"' || *at == '\\')
                snprintf(quoted, sizeof(quoted), "\\%c", *at);
            else if (*at < 0x20)
                snprintf(quoted, sizeof(quoted), "\\u%04x", *at);
            whole = whole && put(to, quoted, strlen(quoted));
        }
        whole = whole && put(to, "\"", 1);
    }
    return whole && put(to, tail, sizeof(tail) - 1);
}

/* The socket's path; must agree with cli/arguments.ts. */
static const char *socket_of(int count, char **words)
{
    const char *path = "/var/run/whp.sock";
    for (int i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strncmp(words[i], "--socket=", 9) == 0)
            path = words[i] + 9;
        else if (i + 1 < count && strcmp(words[i], "--socket") == 0)
            path = words[++i];
    }
    return path;
}

/* The engine makes the request; the agent must not wait for more on this connection meanwhile. */
static int to_engine(int fd)
{
    close(fd);
    return -1;
}

int ask_words(int count, char **words)
{
    static struct text question, answer;
    int status;
    size_t out, err;
    if (count < 1 || !is_asked(words[0]))
        return -1;
    const char *path = socket_of(count, words);
    int fd = dial(path);
    if (fd < 0)
        return -1; /* the engine reports the error */
    if (!put_words(&question, count, words))
        return to_engine(fd);
    send_all(fd, &question);
    ssize_t end = take_line(&answer, fd, 65536);
    if (end < 0)
        return no_answer(path, answer.length);
    /* An older agent has another answer format. */
    answer.bytes[end] = 0;
    if (sscanf(answer.bytes, "%d %zu %zu", &status, &out, &err) != 3 || status < 0)
        return to_engine(fd);
    if (status > 255 || out > LONGEST_ANSWER || err > LONGEST_ANSWER)
        return complain(path, "the answer is none of this version");
    size_t from = (size_t)end + 1;
    while (answer.length - from < out + err) {
        int more = take(&answer, fd);
        if (more <= 0) {
            errno = more == 0 ? 0 : errno;
            return no_answer(path, answer.length);
        }
    }
    if (print(STDOUT_FILENO, answer.bytes + from, out) ||
        print(STDERR_FILENO, answer.bytes + from + out, err))
        return 1;
    return status;
}
