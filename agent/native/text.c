/* The native module whp:text: UTF-8 encoding and decoding by the engine's functions; its standard
   modules offer them for whole files only. A loop in JavaScript takes some 15 us a byte on the
   router, and the table's text is 43 KB. */
#include "text.h"

#include "module.h"

#include <math.h>
#include <stdint.h>

static bool whole(JSContext *ctx, JSValueConst value, size_t most, size_t *out)
{
    double number;
    if (!JS_IsNumber(value) || JS_ToFloat64(ctx, &number, value) ||
        !(number >= 0 && number <= (double)most) || number != floor(number))
        return false;
    *out = (size_t)number;
    return true;
}

static JSValue decode(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value;
    (void)argc;
    size_t size, from, to;
    uint8_t *bytes = JS_IsArrayBuffer(argv[0]) ? JS_GetArrayBuffer(ctx, &size, argv[0]) : NULL;
    if (!bytes) {
        if (JS_HasException(ctx)) /* detached */
            return JS_EXCEPTION;
        if (!JS_IsArrayBuffer(argv[0]))
            return JS_ThrowTypeError(ctx, "buffer: not an ArrayBuffer");
        size = 0;
    }
    if (!whole(ctx, argv[1], size, &from) || !whole(ctx, argv[2], size, &to) || from > to)
        return JS_ThrowRangeError(ctx, "from, to: not a range of the buffer");
    return from == to ? JS_NewString(ctx, "") : JS_NewStringLen(ctx, (char *)bytes + from, to - from);
}

static JSValue encode(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value;
    (void)argc;
    if (!JS_IsString(argv[0]))
        return JS_ThrowTypeError(ctx, "text: not a string");
    size_t length;
    const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
    if (!text)
        return JS_EXCEPTION;
    JSValue buffer = JS_NewArrayBufferCopy(ctx, (const uint8_t *)text, length);
    JS_FreeCString(ctx, text);
    return buffer;
}

static const JSCFunctionListEntry exports[] = {
    JS_CFUNC_DEF("decode", 3, decode),
    JS_CFUNC_DEF("encode", 1, encode),
};

NATIVE_MODULE(whp_text_module)
