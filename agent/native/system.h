/* The native module whp:system and what the host itself needs of it, made in system.c. */
#ifndef WHP_SYSTEM_H
#define WHP_SYSTEM_H

#include "quickjs.h"

JSModuleDef *whp_system_module(JSContext *ctx, const char *name);

/* Closes every descriptor from `lowest` on. */
void close_from(int lowest);

/* Makes the start the same whoever started the program: descriptors 0 to 2 are open, no signal is
   blocked, an ended child and a closed pipe are told of, files get the modes that are asked for. What
   the starter left open stays readable (`whp replay <(...)`), but no child of ours gets it.
   -1 with errno: there is no /dev/null. */
int settle(void);

#endif
