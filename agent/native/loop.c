/* The event loop of the host program and the first watchdog: an alarm that runs while agent code
   runs, between two waits. host.c starts both. os.setReadHandler, os.setTimeout and os.signal of
   qjs:os fill the lists that the loop serves. */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "system.h"

/* quickjs-libc is included, not linked, because its loop ends when a signal interrupts poll(),
   serves only the first ready descriptor of a round, and keeps timers and handlers private.
   run_loop() below uses its parts. Without threads: os.Worker would load a second file. */
#include "cutils.h"
#undef JS_HAVE_THREADS
#define JS_HAVE_THREADS 0

/* No shared object is ever loaded. os.exec looks up closefrom() with dlsym(), which finds nothing in
   a static program or in musl; it would then close up to a million descriptors one by one. dlsym()
   returns close_from instead. */
#define dlopen(path, mode) NULL
#define dlsym(library, name) ((void *)close_from)
#define dlerror() "not supported"
#define dlclose(library) ((void)(library))
#include "quickjs-libc.c"

#include "feeds.h"
#include "generation.h"
#include "loop.h"
#include "probe.h"

static struct itimerval watchdog; /* all zero: off */
static char watchdog_message[120];
static volatile sig_atomic_t overdue;
/* The watchdog runs, and no call of the agent's code has used any of its time. */
static bool fresh;

/* --- watchdog: an alarm that runs whenever the loop is not waiting ------------------------- */

/* More than the agent ever has open. */
enum { DESCRIPTORS = 64 };

/* Handler of SIGALRM. Closing the descriptors releases DNS answers in NFQUEUE at once: on a busy
   processor the end of the process can take seconds. After the first alarm say_where() prints the
   stack, unless a system call hangs or the heap is damaged; the second alarm ends the process. */
static void watchdog_bites(int signal_number)
{
    static const struct itimerval last = {.it_value = {.tv_usec = 300000}};
    (void)signal_number;
    if (overdue)
        _exit(EXIT_WATCHDOG);
    overdue = 1;
    setitimer(ITIMER_REAL, &last, NULL);
    ssize_t ignored = write(STDERR_FILENO, watchdog_message, strlen(watchdog_message));
    (void)ignored;
    for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++)
        close(fd);
}

static void watchdog_run(bool on)
{
    static const struct itimerval off;
    if (overdue)
        _exit(EXIT_WATCHDOG);
    if (watchdog.it_value.tv_sec)
        setitimer(ITIMER_REAL, on ? &watchdog : &off, NULL);
    fresh = on;
}

/* Before each call of the agent's code: on a slow machine many short calls can take longer than the watchdog's time. */
static void watchdog_restart(void)
{
    if (!fresh)
        watchdog_run(true);
    fresh = false;
}

/* Interrupt handler of the engine, called between instructions, where the heap is consistent. */
static int say_where(JSRuntime *rt, void *opaque)
{
    JSContext *ctx = opaque;
    (void)rt;
    if (!overdue)
        return 0;
    JSValue global = JS_GetGlobalObject(ctx), make = JS_GetPropertyStr(ctx, global, "Error");
    JSValue error = JS_CallConstructor(ctx, make, 0, NULL);
    const char *text = JS_ToCString(ctx, JS_GetPropertyStr(ctx, error, "stack"));
    fputs(text ? text : "", stderr);
    _exit(EXIT_WATCHDOG);
}

void watchdog_start(long seconds)
{
    watchdog.it_value.tv_sec = seconds;
    snprintf(watchdog_message, sizeof(watchdog_message),
             "whp-host: watchdog: the event loop did not come round in %ld s, exit %d\n", seconds,
             EXIT_WATCHDOG);
    signal(SIGALRM, watchdog_bites);
    watchdog_run(true);
}

/* --- event loop ---------------------------------------------------------------------------- */

static int run_jobs(JSRuntime *rt)
{
    JSContext *which;
    int result;
    while ((result = JS_ExecutePendingJob(rt, &which)) > 0)
        ;
    return result;
}

/* Calls a function and runs the promise reactions it causes. */
static int call_out(JSContext *ctx, JSValue function)
{
    watchdog_restart();
    if (call_handler(ctx, function))
        return -1;
    return run_jobs(JS_GetRuntime(ctx));
}

static int run_signals(JSContext *ctx, JSThreadState *ts)
{
    sigset_t all, before;
    struct list_head *at;
    if (os_pending_signals == 0) /* checked again in wait_ready */
        return 0;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    uint64_t pending = os_pending_signals;
    os_pending_signals = 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    for (int number = 1; number < 64; number++) {
        if (!(pending >> number & 1))
            continue;
        list_for_each(at, &ts->os_signal_handlers) {
            JSOSSignalHandler *one = list_entry(at, JSOSSignalHandler, link);
            if (one->sig_num != number)
                continue;
            if (call_out(ctx, one->func))
                return -1;
            break; /* the call may have changed the list */
        }
    }
    return 0;
}

/* The only place where the process sleeps. ppoll() unblocks signals atomically: one that arrived
   between check and wait would otherwise be noticed only at the next event. */
static int wait_ready(struct pollfd *fds, nfds_t count, int milliseconds)
{
    struct timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    sigset_t all, before;
    int ready = 0;
    watchdog_run(false);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    if (os_pending_signals == 0)
        ready = ppoll(fds, count, milliseconds < 0 ? NULL : &limit, &before);
    else
        count = 0;
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    watchdog_run(true);
    return ready >= 0 ? (count ? ready : 0) : error == EINTR ? 0 : -error;
}

/* Serves each ready descriptor once a round, so that a busy one cannot starve the others. A handler
   may remove or replace any handler, so the list is searched again for each. */
static int serve(JSContext *ctx, JSThreadState *ts, const struct pollfd *ready)
{
    static const short wakes[2] = {POLLIN, POLLOUT};
    for (int way = 0; way < 2; way++) {
        JSOSRWHandler *one = find_rh(ts, ready->fd);
        if (!one || JS_IsNull(one->rw_func[way]))
            continue;
        if (ready->revents & (wakes[way] | POLLERR | POLLHUP | POLLNVAL) &&
            call_out(ctx, one->rw_func[way]))
            return -1;
    }
    return 0;
}

static int poll_round(JSContext *ctx, JSThreadState *ts, int milliseconds)
{
    static struct pollfd *fds;
    static size_t room;
    size_t count = 0;
    struct list_head *at;
    feeds_settle();
    list_for_each(at, &ts->os_rw_handlers) {
        const JSOSRWHandler *one = list_entry(at, JSOSRWHandler, link);
        if (count == room) {
            struct pollfd *more = realloc(fds, (room + 16) * sizeof(*fds));
            if (!more) {
                JS_ThrowOutOfMemory(ctx);
                return -1;
            }
            fds = more;
            room += 16;
        }
        short events = (JS_IsNull(one->rw_func[0]) ? 0 : POLLIN) |
                       (JS_IsNull(one->rw_func[1]) ? 0 : POLLOUT);
        fds[count++] = (struct pollfd){feeds_ready(one->fd), events, 0};
    }
    int ready = wait_ready(fds, count, milliseconds);
    if (ready < 0) {
        JS_ThrowInternalError(ctx, "poll of %d descriptors: %s", (int)count, strerror(-ready));
        return -1;
    }
    for (size_t i = 0; i < count && ready > 0; i++) {
        if (!fds[i].revents)
            continue;
        ready--;
        fds[i].fd = feeds_source(fds[i].fd);
        if (generation_wake(fds[i].fd) && probe_wake(fds[i].fd) && serve(ctx, ts, &fds[i]))
            return -1;
    }
    return 0;
}

/* Runs as many timers as there are, the first due one of the list each time: one that is set again while it runs is
   behind the others (os/clock sets no repeating one, which would stay in front). A timer set for now runs after the
   descriptors were served. */
static int run_timers(JSContext *ctx, JSThreadState *ts)
{
    JSRuntime *rt = JS_GetRuntime(ctx);
    struct list_head *at;
    int64_t now = js__hrtime_ms();
    int due = 0, unused;
    list_for_each(at, &ts->os_timers)
        due += list_entry(at, JSOSTimer, link)->timeout <= now;
    for (; due > 0; due--) {
        watchdog_restart();
        if (js_os_run_timers(rt, ctx, ts, &unused) || run_jobs(rt) < 0)
            return -1;
    }
    return 0;
}

/* Milliseconds until the next timer is due; -1: there is none. After a timer has run, js_os_run_timers says 0 whatever
   the others are due at: the loop would come round once for nothing. */
static int next_timer(JSThreadState *ts)
{
    struct list_head *at;
    int64_t now = js__hrtime_ms(), least = -1;
    list_for_each(at, &ts->os_timers) {
        int64_t left = list_entry(at, JSOSTimer, link)->timeout - now;
        if (left < 0)
            left = 0;
        if (least < 0 || left < least)
            least = left;
    }
    return least > INT_MAX ? INT_MAX : (int)least;
}

void watchdog_explain(JSContext *ctx)
{
    JS_SetInterruptHandler(JS_GetRuntime(ctx), say_where, ctx);
}

int run_loop(JSContext *ctx)
{
    JSRuntime *rt = JS_GetRuntime(ctx);
    JSThreadState *ts = js_get_thread_state(rt);
    for (;;) {
        if (overdue) /* a call interrupted by the alarm has returned */
            _exit(EXIT_WATCHDOG);
        if (run_jobs(rt) < 0 || run_signals(ctx, ts) || run_timers(ctx, ts))
            return -1;
        js_std_promise_rejection_check(ctx); /* prints and exits 1 */
        int milliseconds = next_timer(ts);
        if (milliseconds < 0 && list_empty(&ts->os_rw_handlers))
            return 0;
        if (poll_round(ctx, ts, milliseconds))
            return -1;
    }
}
