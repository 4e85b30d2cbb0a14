/* The native module whp:message: writes netlink messages from nested lists. A loop in JavaScript takes
   some 15 us a byte on the router, and the messages of a table are 235 KB. It knows headers and
   attributes (netlink(7)); what they mean is in TypeScript (agent/src/ruleset/encode). */
#include "message.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>

/* Lists inside lists: a table needs eight. */
enum { DEEPEST = 16 };

typedef struct {
    uint8_t *bytes;
    size_t length, room;
} output;

/* Bytes at the end, zero and aligned to four; NULL: an exception is pending. */
static uint8_t *more(JSContext *ctx, output *out, size_t size)
{
    size_t aligned = NLA_ALIGN(size);
    if (aligned > out->room - out->length) {
        size_t room = out->room * 2 + aligned + 4096;
        uint8_t *bytes = js_realloc(ctx, out->bytes, room);
        if (!bytes)
            return NULL;
        out->bytes = bytes;
        out->room = room;
    }
    uint8_t *at = out->bytes + out->length;
    memset(at, 0, aligned);
    out->length += aligned;
    return at;
}

static int put(JSContext *ctx, output *out, const void *bytes, size_t size)
{
    uint8_t *at = more(ctx, out, size);
    if (at)
        memcpy(at, bytes, size);
    return at ? 0 : -1;
}

/* Reads a whole number of 32 bits from a list; a negative one is taken as its two's complement. */
static int number(JSContext *ctx, JSValueConst list, uint32_t index, uint32_t *out)
{
    JSValue value = JS_GetPropertyUint32(ctx, list, index);
    double wide;
    bool is_number = JS_IsNumber(value) && !JS_ToFloat64(ctx, &wide, value);
    JS_FreeValue(ctx, value);
    if (!is_number || !(wide >= INT32_MIN && wide <= UINT32_MAX)) {
        if (!JS_HasException(ctx))
            JS_ThrowTypeError(ctx, "message: not a number of 32 bits");
        return -1;
    }
    *out = (uint32_t)(int64_t)wide;
    return 0;
}

static int entries(JSContext *ctx, JSValueConst list, int64_t *length)
{
    if (JS_IsArray(list))
        return JS_GetLength(ctx, list, length);
    JS_ThrowTypeError(ctx, "message: not a list");
    return -1;
}

static int attributes(JSContext *ctx, output *out, JSValueConst list, int depth);

/* The value of an attribute behind its header; its length without padding in *size. */
static int value(JSContext *ctx, output *out, JSValueConst one, int depth, size_t *size)
{
    size_t from = out->length;
    int failed = -1;
    if (JS_IsNumber(one)) {
        double wide;
        if (JS_ToFloat64(ctx, &wide, one) || !(wide >= INT32_MIN && wide <= UINT32_MAX)) {
            JS_ThrowRangeError(ctx, "message: more than 32 bits");
            return -1;
        }
        uint32_t word = (uint32_t)(int64_t)wide;
        uint8_t bytes[4] = {word >> 24, word >> 16, word >> 8, word};
        *size = sizeof(bytes);
        return put(ctx, out, bytes, sizeof(bytes));
    }
    if (JS_IsString(one)) {
        const char *text = JS_ToCStringLen(ctx, size, one);
        if (!text)
            return -1;
        *size += 1;
        failed = put(ctx, out, text, *size);
        JS_FreeCString(ctx, text);
        return failed;
    }
    if (JS_IsArray(one)) {
        failed = attributes(ctx, out, one, depth + 1);
        *size = out->length - from;
        return failed;
    }
    uint8_t *bytes = JS_GetUint8Array(ctx, size, one);
    if (!bytes && JS_HasException(ctx))
        return -1;
    return bytes && *size > 0 ? put(ctx, out, bytes, *size) : 0;
}

static int attribute(JSContext *ctx, output *out, JSValueConst list, uint32_t index, uint32_t type,
                     int depth)
{
    size_t at = out->length, size = 0;
    if (!more(ctx, out, NLA_HDRLEN))
        return -1;
    JSValue one = JS_GetPropertyUint32(ctx, list, index);
    if (JS_IsArray(one))
        type |= NLA_F_NESTED;
    int failed = JS_IsException(one) ? -1 : value(ctx, out, one, depth, &size);
    JS_FreeValue(ctx, one);
    if (failed)
        return -1;
    struct nlattr header = {.nla_len = NLA_HDRLEN + size, .nla_type = type};
    if (header.nla_len != NLA_HDRLEN + size) {
        JS_ThrowRangeError(ctx, "message: an attribute is too long");
        return -1;
    }
    memcpy(out->bytes + at, &header, sizeof(header));
    return 0;
}

/* Type and value in turn. A list in place of a type stands for its members. */
static int attributes(JSContext *ctx, output *out, JSValueConst list, int depth)
{
    int64_t length;
    if (depth > DEEPEST) {
        JS_ThrowRangeError(ctx, "message: lists too deep");
        return -1;
    }
    if (entries(ctx, list, &length))
        return -1;
    for (uint32_t i = 0; i < length; i++) {
        JSValue first = JS_GetPropertyUint32(ctx, list, i);
        int failed = 0;
        bool is_list = JS_IsArray(first);
        if (is_list)
            failed = attributes(ctx, out, first, depth + 1);
        JS_FreeValue(ctx, first);
        uint32_t type;
        if (!is_list) {
            failed = number(ctx, list, i, &type) || attribute(ctx, out, list, i + 1, type, depth);
            i += 1;
        }
        if (failed)
            return -1;
    }
    return 0;
}

/* A message of nf_tables: number, flags, attributes. */
static int message(JSContext *ctx, output *out, JSValueConst list, uint32_t family)
{
    size_t at = out->length;
    uint32_t type, flags;
    if (number(ctx, list, 0, &type) || number(ctx, list, 1, &flags) ||
        !more(ctx, out, NLMSG_HDRLEN + sizeof(struct nfgenmsg)))
        return -1;
    JSValue inside = JS_GetPropertyUint32(ctx, list, 2);
    int failed = JS_IsException(inside) || attributes(ctx, out, inside, 0);
    JS_FreeValue(ctx, inside);
    if (failed)
        return -1;
    struct nlmsghdr header = {
        .nlmsg_len = out->length - at,
        .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | (type & 255),
        .nlmsg_flags = flags,
    };
    memcpy(out->bytes + at, &header, sizeof(header));
    out->bytes[at + NLMSG_HDRLEN] = family;
    return 0;
}

static JSValue pack(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value;
    (void)argc;
    output out = {0};
    uint32_t family = 0;
    int64_t length;
    int failed = JS_ToUint32(ctx, &family, argv[0]) || entries(ctx, argv[1], &length);
    for (uint32_t i = 0; !failed && i < length; i++) {
        JSValue one = JS_GetPropertyUint32(ctx, argv[1], i);
        failed = JS_IsException(one) || message(ctx, &out, one, family);
        JS_FreeValue(ctx, one);
    }
    JSValue result =
        failed ? JS_EXCEPTION : JS_NewArrayBufferCopy(ctx, out.bytes, out.length);
    js_free(ctx, out.bytes);
    return result;
}

/* Gives the messages in a buffer the sequence numbers first, first + 1 ... Returns the next one. */
static JSValue sequence(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    (void)this_value;
    (void)argc;
    size_t size;
    uint32_t seq;
    uint8_t *bytes = JS_IsArrayBuffer(argv[0]) ? JS_GetArrayBuffer(ctx, &size, argv[0]) : NULL;
    if (!bytes)
        return JS_HasException(ctx) ? JS_EXCEPTION
                                    : JS_ThrowTypeError(ctx, "buffer: not an ArrayBuffer");
    if (JS_ToUint32(ctx, &seq, argv[1]))
        return JS_EXCEPTION;
    for (size_t at = 0; size - at >= NLMSG_HDRLEN; seq++) {
        struct nlmsghdr header;
        memcpy(&header, bytes + at, sizeof(header));
        if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > size - at)
            break;
        header.nlmsg_seq = seq;
        memcpy(bytes + at, &header, sizeof(header));
        size_t next = NLMSG_ALIGN(header.nlmsg_len);
        at = next > size - at ? size : at + next;
    }
    return JS_NewUint32(ctx, seq);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("pack", 2, pack),
    JS_CFUNC_DEF("sequence", 2, sequence),
};

static int fill(JSContext *ctx, JSModuleDef *module)
{
    return JS_SetModuleExportList(ctx, module, functions, sizeof(functions) / sizeof(functions[0]));
}

JSModuleDef *whp_message_module(JSContext *ctx, const char *name)
{
    JSModuleDef *module = JS_NewCModule(ctx, name, fill);
    if (module)
        JS_AddModuleExportList(ctx, module, functions, sizeof(functions) / sizeof(functions[0]));
    return module;
}
