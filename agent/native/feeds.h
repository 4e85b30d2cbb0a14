/* Feeds that are looked at before the script runs (feeds.c), and the native module whp:feeds. */
#ifndef WHP_FEEDS_H
#define WHP_FEEDS_H

#include <stdbool.h>

#include "quickjs.h"

JSModuleDef *whp_feeds_module(JSContext *ctx, const char *name);

/* False: every packet is the script's. */
void feeds_allow(bool allowed);

/* Whether the script has to be called for `fd`, which is ready. False: it is a feed, and nothing in
   it was for the script. */
bool feeds_wake(JSContext *ctx, int fd);

/* Releases what the feeds hold. */
void feeds_end(JSContext *ctx);

#endif
