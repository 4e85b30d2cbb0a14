/* The event loop and its watchdog, loop.c, as host.c uses them. */
#ifndef WHP_LOOP_H
#define WHP_LOOP_H

#include "quickjs.h"

enum {
    EXIT_WATCHDOG = 70, /* EX_SOFTWARE */
};

/* From now on the process ends with EXIT_WATCHDOG when it runs for `seconds` without a wait in
   run_loop(). 0 is never. */
void watchdog_start(long seconds);

/* The watchdog also prints where the program of `ctx` was, as far as it still can. */
void watchdog_explain(JSContext *ctx);

/* Runs what the module left behind. Ends with 0 when nothing can happen any more, with -1 and an
   exception otherwise; an unhandled rejection is printed and ends the process with 1. */
int run_loop(JSContext *ctx);

#endif
