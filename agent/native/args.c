#include "args.h"

#include <limits.h>
#include <stdbool.h>

int whole(JSContext *ctx, JSValueConst value, const char *name, int64_t least, int64_t most,
          int64_t *out)
{
    double number;
    if (JS_VALUE_GET_TAG(value) == JS_TAG_INT) { /* most are; a router has no floating point */
        int32_t small = JS_VALUE_GET_INT(value);
        if (small >= least && small <= most) {
            *out = small;
            return 0;
        }
    }
    if (!JS_IsNumber(value)) {
        JS_ThrowTypeError(ctx, "%s: not a number", name);
        return -1;
    }
    if (JS_ToFloat64(ctx, &number, value))
        return -1;
    if (!(number >= (double)least && number <= (double)most) || number != (double)(int64_t)number) {
        JS_ThrowRangeError(ctx, "%s: not a whole number from %lld to %lld", name,
                           (long long)least, (long long)most);
        return -1;
    }
    *out = (int64_t)number;
    return 0;
}

int integer(JSContext *ctx, JSValueConst value, const char *name, int least, int *out)
{
    int64_t wide;
    if (whole(ctx, value, name, least, INT_MAX, &wide))
        return -1;
    *out = (int)wide;
    return 0;
}

int buffer(JSContext *ctx, JSValueConst value, const char *name, uint8_t **bytes,
           size_t *size)
{
    if (!JS_IsArrayBuffer(value)) {
        JS_ThrowTypeError(ctx, "%s: not an ArrayBuffer", name);
        return -1;
    }
    *bytes = JS_GetArrayBuffer(ctx, size, value);
    if (*bytes)
        return 0;
    if (JS_HasException(ctx)) /* detached */
        return -1;
    static uint8_t nothing; /* an empty buffer may have no storage */
    *bytes = &nothing;
    *size = 0;
    return 0;
}

int writable(JSContext *ctx, JSValueConst value, const char *name, uint8_t **bytes,
             size_t *size)
{
    if (JS_IsImmutableArrayBuffer(value)) {
        JS_ThrowTypeError(ctx, "%s: immutable ArrayBuffer", name);
        return -1;
    }
    return buffer(ctx, value, name, bytes, size);
}

int range(JSContext *ctx, JSValueConst offset, JSValueConst length, size_t size,
          size_t *from, size_t *count)
{
    int64_t start, span;
    if (whole(ctx, offset, "offset", 0, (int64_t)size, &start) ||
        whole(ctx, length, "length", 0, (int64_t)size - start, &span))
        return -1;
    *from = (size_t)start;
    *count = (size_t)span;
    return 0;
}
