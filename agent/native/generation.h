/* The generation number of nf_tables (generation.c), and the native module whp:generation. */
#ifndef WHP_GENERATION_H
#define WHP_GENERATION_H

#include <stdbool.h>

#include "quickjs.h"

JSModuleDef *whp_generation_module(JSContext *ctx, const char *name);

/* Whether the script has to be called for `fd`, which is ready. False: it is the timer of the
   generation number, which is what it was. */
bool generation_wake(int fd);

#endif
