/* The native module whp:system, for agent/src/os/: spawn reports the errno of exec, and descriptors
   have fsync and mode, which qjs:os lacks. An invalid argument throws before any system call. */
#include "system.h"

#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MOST_WORDS = 64,
    LAST_SIGNAL = 64,
};

void close_from(int lowest)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)lowest, ~0U, 0) == 0)
        return;
#endif
    long limit = sysconf(_SC_OPEN_MAX);
    for (int fd = lowest; fd < (limit > 0 ? limit : 1024); fd++)
        close(fd);
}

int settle(void)
{
    sigset_t none;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return -1;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    umask(S_IWGRP | S_IWOTH);
    return 0;
}

/* Runs in the child, never returns. A failing exec writes its errno to `report` (close-on-exec). */
static void become(const char *path, char **words, char **environment, const int *fds, int report)
{
    sigset_t none;
    for (int number = 1; number <= LAST_SIGNAL; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Each is 3 or more, or the wanted one itself, since 0 to 2 are open from the start. */
    for (int to = 0; to < 3; to++)
        if (fds[to] != to)
            dup2(fds[to], to);
    if (report != 3)
        dup2(report, 3);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    close_from(4);
    execve(path, words, environment);
    int error = errno;
    ssize_t ignored = write(3, &error, sizeof(error));
    (void)ignored;
    _exit(127);
}

/* The child's pid, or -1 with the errno of fork or exec. */
static pid_t start(const char *path, char **words, char **environment, const int *fds)
{
    int report[2], error = 0;
    ssize_t got;
    if (pipe2(report, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become(path, words, environment, fds, report[1]);
    error = pid < 0 ? errno : 0;
    close(report[1]);
    if (pid > 0) {
        do
            got = read(report[0], &error, sizeof(error));
        while (got < 0 && errno == EINTR);
        if (got != (ssize_t)sizeof(error))
            error = 0;
        else
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
    }
    close(report[0]);
    errno = error;
    return error ? -1 : pid;
}

static void free_words(JSContext *ctx, char **words)
{
    for (char **at = words; at && *at; at++)
        JS_FreeCString(ctx, *at);
    js_free(ctx, words);
}

/* An array of strings for exec; NULL: an exception is thrown. */
static char **words_of(JSContext *ctx, JSValueConst list, const char *name)
{
    int64_t count;
    if (!JS_IsArray(list)) {
        JS_ThrowTypeError(ctx, "%s: not an array", name);
        return NULL;
    }
    if (JS_GetLength(ctx, list, &count))
        return NULL;
    if (count > MOST_WORDS) {
        JS_ThrowRangeError(ctx, "%s: more than %d words", name, MOST_WORDS);
        return NULL;
    }
    char **words = js_mallocz(ctx, ((size_t)count + 1) * sizeof(*words));
    for (int64_t i = 0; words && i < count; i++) {
        JSValue word = JS_GetPropertyInt64(ctx, list, i);
        words[i] = JS_IsString(word) ? (char *)JS_ToCString(ctx, word) : NULL;
        JS_FreeValue(ctx, word);
        if (!words[i]) {
            if (!JS_HasException(ctx))
                JS_ThrowTypeError(ctx, "%s: not a string", name);
            free_words(ctx, words);
            return NULL;
        }
    }
    return words;
}

static int descriptor(JSContext *ctx, JSValueConst value, int *fd)
{
    double number;
    if (!JS_IsNumber(value) || JS_ToFloat64(ctx, &number, value) || !(number >= 0 && number < 1e6) ||
        number != (double)(int)number) {
        JS_ThrowTypeError(ctx, "fd: not a descriptor");
        return -1;
    }
    *fd = (int)number;
    return 0;
}

static JSValue system_spawn(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fds[3];
    pid_t pid = -1;
    for (int i = 0; i < 3; i++)
        if (descriptor(ctx, argv[3 + i], &fds[i]))
            return JS_EXCEPTION;
    if (!JS_IsString(argv[0]))
        return JS_ThrowTypeError(ctx, "path: not a string");
    const char *path = JS_ToCString(ctx, argv[0]);
    char **words = path ? words_of(ctx, argv[1], "words") : NULL;
    char **environment = words ? words_of(ctx, argv[2], "environment") : NULL;
    if (environment)
        pid = start(path, words, environment, fds);
    int error = errno;
    bool complete = environment != NULL;
    free_words(ctx, environment);
    free_words(ctx, words);
    JS_FreeCString(ctx, path);
    return !complete ? JS_EXCEPTION : JS_NewInt32(ctx, pid < 0 ? -error : pid);
}

static JSValue system_fsync(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    if (descriptor(ctx, argv[0], &fd))
        return JS_EXCEPTION;
    return JS_NewInt32(ctx, fsync(fd) < 0 ? -errno : 0);
}

static JSValue system_mode(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    struct stat st;
    if (descriptor(ctx, argv[0], &fd))
        return JS_EXCEPTION;
    return JS_NewInt32(ctx, fstat(fd, &st) < 0 ? -errno : (int32_t)st.st_mode);
}

static JSValue system_user(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    return JS_NewInt64(ctx, (int64_t)geteuid());
}

/* These numbers differ on MIPS, so they come from the compiler. */
#define NUMBER(name) JS_PROP_INT32_DEF(#name, name, JS_PROP_ENUMERABLE)

static const JSCFunctionListEntry exports[] = {
    JS_CFUNC_DEF("spawn", 6, system_spawn),
    JS_CFUNC_DEF("fsync", 1, system_fsync),
    JS_CFUNC_DEF("mode", 1, system_mode),
    JS_CFUNC_DEF("user", 0, system_user),
    NUMBER(O_NOFOLLOW), NUMBER(O_CLOEXEC), NUMBER(O_NONBLOCK),
};

NATIVE_MODULE(whp_system_module)
