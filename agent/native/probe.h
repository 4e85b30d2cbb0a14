/* Probes that the script need not send itself (probe.c), and the native module whp:probe. */
#ifndef WHP_PROBE_H
#define WHP_PROBE_H

#include <stdbool.h>

#include "quickjs.h"

JSModuleDef *whp_probe_module(JSContext *ctx, const char *name);

/* Whether the script has to be called for `fd`, which is ready. False: it is of a prober, and no probe
   is unanswered. */
bool probe_wake(int fd);

#endif
