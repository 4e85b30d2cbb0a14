/* The native module whp:nft (nft.c) for host.c, and its functions of chains.c and elements.c. */
#ifndef WHP_NFT_H
#define WHP_NFT_H

#include "quickjs.h"

JSModuleDef *whp_nft_module(JSContext *ctx, const char *name);
JSValue nft_chains(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue nft_count(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue nft_elements(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);

#endif
