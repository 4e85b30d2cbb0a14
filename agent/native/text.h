/* The native module whp:text, made in text.c and linked into the host by host.c. */
#ifndef WHP_TEXT_H
#define WHP_TEXT_H

#include "quickjs.h"

JSModuleDef *whp_text_module(JSContext *ctx, const char *name);

#endif
