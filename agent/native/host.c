/* The program that runs the agent: `whp-host BUNDLE [ARGUMENT...]`, named in the bundle's #! line.
   One quickjs-ng runtime runs one module file with the modules qjs:std, qjs:os, whp:socket,
   whp:feeds, whp:generation, whp:nft, whp:probe, whp:system and whp:text. No other file is loaded but the bundle's
   bytecode (bundle.c). Event loop and watchdog are in loop.c. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "bundle.h"
#include "feeds.h"
#include "generation.h"
#include "loop.h"
#include "nft.h"
#include "probe.h"
#include "quickjs-libc.h"
#include "socket.h"
#include "system.h"
#include "text.h"
#include "watch.h"

enum {
    EXIT_FAILED = 1,       /* uncaught exception, unhandled rejection, out of memory */
    EXIT_USAGE = 64,       /* EX_USAGE */
    WATCHDOG_SECONDS = 5,  /* longer than any normal round, no longer than a resolver waits */
    MEMORY_MEGABYTES = 32, /* half of the smallest router's, five times the agent's budget */
};

static JSModuleDef *load_nothing(JSContext *ctx, const char *name, void *opaque)
{
    (void)opaque;
    JS_ThrowReferenceError(ctx, "module '%s' is not part of the bundle", name);
    return NULL;
}

static size_t memory_limit;

static JSContext *new_context(void)
{
    JSRuntime *rt = JS_NewRuntime();
    if (!rt)
        return NULL;
    JS_SetMemoryLimit(rt, memory_limit);
    js_std_init_handlers(rt);
    JS_SetModuleLoaderFunc(rt, NULL, load_nothing, NULL);
    JS_SetHostPromiseRejectionTracker(rt, js_std_promise_rejection_tracker, NULL);
    JSContext *ctx = JS_NewContext(rt);
    if (ctx && js_init_module_std(ctx, "qjs:std") && js_init_module_os(ctx, "qjs:os") &&
        whp_socket_module(ctx, "whp:socket") && whp_system_module(ctx, "whp:system") &&
        whp_text_module(ctx, "whp:text") && whp_feeds_module(ctx, "whp:feeds") &&
        whp_generation_module(ctx, "whp:generation") && whp_probe_module(ctx, "whp:probe") &&
        whp_nft_module(ctx, "whp:nft"))
        return ctx;
    return NULL;
}

/* Runs the bundle up to its first wait; returns the promise of its end. The watchdog begins behind
   the compiler, which ends by itself and takes longer than `seconds` on a busy router. */
static JSValue start_module(JSContext *ctx, const char *path, long seconds)
{
    JSValue module = bundle_load(ctx, path);
    if (JS_IsException(module))
        return module;
    if (js_module_set_import_meta(ctx, module, false, true) < 0) {
        JS_FreeValue(ctx, module);
        return JS_EXCEPTION;
    }
    watchdog_start(seconds);
    JSValue end = JS_EvalFunction(ctx, module);
    if (!JS_IsException(end) && JS_PromiseState(ctx, end) == JS_PROMISE_REJECTED) {
        JS_Throw(ctx, JS_PromiseResult(ctx, end));
        JS_FreeValue(ctx, end);
        return JS_EXCEPTION;
    }
    return end;
}

static int run(JSContext *ctx, const char *path, long seconds)
{
    int status = EXIT_FAILED;
    JSValue end = start_module(ctx, path, seconds);
    if (JS_IsException(end) || run_loop(ctx) < 0)
        js_std_dump_error(ctx);
    else if (JS_PromiseState(ctx, end) == JS_PROMISE_PENDING)
        fprintf(stderr, "whp-host: %s: ended while its top-level await was waiting\n", path);
    else
        status = 0;
    JS_FreeValue(ctx, end);
    return status;
}

/* An integer 0..most from the environment, or `otherwise` if it is not set. */
static long setting(const char *name, long otherwise, long most)
{
    const char *text = getenv(name);
    if (!text)
        return otherwise;
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < 0 || value > most) {
        fprintf(stderr, "whp-host: %s=%s: not a whole number from 0 to %ld\n", name, text, most);
        exit(EXIT_USAGE);
    }
    return value;
}

static volatile sig_atomic_t reader_gone;

static void ignore_broken_pipe(int signal_number)
{
    (void)signal_number; /* write() returns EPIPE; unlike SIG_IGN, exec resets a handler */
    reader_gone = 1;
}

/* Reports at exit that the output is incomplete, unless the reader closed the pipe (`whp diag | head
   -1`). */
static void tell_lost_output(void)
{
    if (!fflush(stdout) && !ferror(stdout))
        return;
    if (!reader_gone)
        fputs("whp: standard output: not all of the answer could be written\n", stderr);
    fflush(stderr);
    _exit(EXIT_FAILED);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: whp-host BUNDLE [ARGUMENT...]\n"
              "       whp-host --ask SOCKET: carries one line there and one line back\n"
              "       whp-host --watch SOCKET: kills the agent there when it does not answer\n"
              "WHP_WATCHDOG_SECONDS (5, 0 is off), WHP_MEMORY_MB (32, 0 is no limit),\n"
              "WHP_GLANCE (1, 0: the script looks at every packet),\n"
              "WHP_BYTECODE (/var/run/whp for /usr/bin/whp: where its bytecode is kept, empty: nowhere)\n", stderr);
        return EXIT_USAGE;
    }
    if (settle() < 0) {
        perror("whp-host: /dev/null");
        return EXIT_FAILED;
    }
    if (argc == 3 && strcmp(argv[1], "--ask") == 0)
        return ask(argv[2]);
    long seconds = setting("WHP_WATCHDOG_SECONDS", WATCHDOG_SECONDS, 3600);
    if (argc == 3 && strcmp(argv[1], "--watch") == 0) {
        /* With its interval of half a second the limit stays below the agent's own alarm. */
        int failed = seconds ? watch_agent(argv[2], seconds > 1 ? seconds - 1 : 1) : 0;
        if (failed)
            fprintf(stderr, "whp-host: %s: %s\n", argv[2], strerror(errno));
        return failed;
    }
    const char *name = strrchr(argv[1], '/');
    if (strcmp(name ? name + 1 : argv[1], "whp") == 0) {
        int answered = ask_words(argc - 2, argv + 2);
        if (answered >= 0)
            return answered;
    }
    feeds_allow(setting("WHP_GLANCE", 1, 1));
    long megabytes = setting("WHP_MEMORY_MB", MEMORY_MEGABYTES, 1024);
    signal(SIGPIPE, ignore_broken_pipe);
    if (argc > 2 && strcmp(argv[2], "daemon") == 0) {
        /* SIGHUP is ignored until the agent handles it: no configuration has been read yet. */
        signal(SIGHUP, SIG_IGN);
        close_from(STDERR_FILENO + 1); /* an inherited lock file would stay locked */
    } else
        atexit(tell_lost_output);
    memory_limit = megabytes ? (size_t)megabytes << 20 : (size_t)-1;
    bundle_prepare(argv[1], new_context);
    JSContext *ctx = new_context();
    if (!ctx) {
        fprintf(stderr, "whp-host: no memory for the runtime (limit %ld MB)\n", megabytes);
        return EXIT_FAILED;
    }
    js_std_add_helpers(ctx, argc - 1, argv + 1);
    watchdog_explain(ctx);
    int status = run(ctx, argv[1], seconds);
    fflush(NULL);
#ifdef WHP_CHECK_LEAKS /* a process that ends frees its memory; only the checked build looks */
    JSRuntime *rt = JS_GetRuntime(ctx);
    feeds_forget(ctx);
    js_std_free_handlers(rt);
    JS_FreeContext(ctx);
    JS_FreeRuntime(rt);
#endif
    return status;
}
