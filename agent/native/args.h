/* Arguments of native functions (args.c). Each returns 0, or -1 with an exception: a wrong argument
   throws before any system call. */
#ifndef WHP_ARGS_H
#define WHP_ARGS_H

#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

/* Never calls valueOf(), so no JavaScript runs between the check of a buffer and its use. */
int whole(JSContext *ctx, JSValueConst value, const char *name, int64_t least, int64_t most,
          int64_t *out);
int integer(JSContext *ctx, JSValueConst value, const char *name, int least, int *out);
int buffer(JSContext *ctx, JSValueConst value, const char *name, uint8_t **bytes, size_t *size);
/* For buffers that the kernel writes into: an immutable one is refused. */
int writable(JSContext *ctx, JSValueConst value, const char *name, uint8_t **bytes, size_t *size);
int range(JSContext *ctx, JSValueConst offset, JSValueConst length, size_t size, size_t *from,
          size_t *count);

#endif
