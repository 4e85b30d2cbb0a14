/* The native module whp:message (message.c) for host.c. */
#ifndef WHP_MESSAGE_H
#define WHP_MESSAGE_H

#include "quickjs.h"

JSModuleDef *whp_message_module(JSContext *ctx, const char *name);

#endif
