/* The generation number of nf_tables (generation.c), and the native module whp:generation. */
#ifndef WHP_GENERATION_H
#define WHP_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "quickjs.h"

JSModuleDef *whp_generation_module(JSContext *ctx, const char *name);

/* Asks the kernel, which answers before send() returns; 0: it did not. `fd`: a socket for it, opened
   if it is -1. */
uint32_t generation_number(int *fd);

/* Whether the script has to be called for `fd`, which is ready. False: it is the timer of the
   generation number, which is what it was. */
bool generation_wake(int fd);

#endif
