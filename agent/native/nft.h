/* The native module whp:nft (nft.c) for host.c. */
#ifndef WHP_NFT_H
#define WHP_NFT_H

#include "quickjs.h"

JSModuleDef *whp_nft_module(JSContext *ctx, const char *name);

#endif
