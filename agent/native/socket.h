/* The native module whp:socket, made in socket.c and linked into the host by host.c. */
#ifndef WHP_SOCKET_H
#define WHP_SOCKET_H

#include "quickjs.h"

JSModuleDef *whp_socket_module(JSContext *ctx, const char *name);

#endif
