#ifndef WHP_BUNDLE_H
#define WHP_BUNDLE_H

#include "quickjs.h"

/* Compiles and keeps the bytecode of `path`, if it is missing. Call before the first runtime. */
void bundle_prepare(const char *path, JSContext *(*new_context)(void));

/* The module in `path`, compiled and linked, not yet run; or an exception. */
JSValue bundle_load(JSContext *ctx, const char *path);

#endif
