/* The event loop and its watchdog (loop.c) for host.c. */
#ifndef WHP_LOOP_H
#define WHP_LOOP_H

#include "quickjs.h"

enum {
    EXIT_WATCHDOG = 70, /* EX_SOFTWARE */
};

/* From now on the process ends with EXIT_WATCHDOG if it runs for `seconds` without a wait in
   run_loop(). 0: never. */
void watchdog_start(long seconds);

/* The watchdog also prints the stack of `ctx`, if the engine still runs. */
void watchdog_explain(JSContext *ctx);

/* Runs jobs, signals, timers and descriptors. Returns 0 when none is left, -1 with an exception. An
   unhandled rejection is printed and ends the process with 1. */
int run_loop(JSContext *ctx);

#endif
