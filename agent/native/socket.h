/* The native module whp:socket (socket.c) for host.c. */
#ifndef WHP_SOCKET_H
#define WHP_SOCKET_H

#include "quickjs.h"

JSModuleDef *whp_socket_module(JSContext *ctx, const char *name);

#endif
