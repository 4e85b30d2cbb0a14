/* The native module whp:text (text.c) for host.c. */
#ifndef WHP_TEXT_H
#define WHP_TEXT_H

#include "quickjs.h"

JSModuleDef *whp_text_module(JSContext *ctx, const char *name);

#endif
