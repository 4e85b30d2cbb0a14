/* The native module whp:system (system.c), and functions of it for the host. */
#ifndef WHP_SYSTEM_H
#define WHP_SYSTEM_H

#include "quickjs.h"

JSModuleDef *whp_system_module(JSContext *ctx, const char *name);

/* Closes every descriptor from `lowest` on. */
void close_from(int lowest);

/* Sets a defined initial state: descriptors 0 to 2 are open, no signal is blocked, SIGCHLD and
   SIGPIPE have their defaults, umask is 022. Other inherited descriptors stay readable (`whp replay
   <(...)`), but no child gets them. -1 with errno: no /dev/null. */
int settle(void);

#endif
