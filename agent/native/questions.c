#include "questions.h"

#include <string.h>

#include "args.h"
#include "asked.h"
#include "feeds.h"
#include "message.h"

/* The arguments of note and find: packet, source, destination, width, ports, protocol, message, from,
   to. */
static int question(JSContext *ctx, JSValueConst *argv, struct asked_ends *ends,
                    const uint8_t **message, size_t *size)
{
    uint8_t *packet, *bytes;
    size_t packet_size, room;
    int64_t source, destination, width, ports, protocol, from, to;
    if (buffer(ctx, argv[0], "packet", &packet, &packet_size) ||
        whole(ctx, argv[3], "width", 0, 16, &width) ||
        whole(ctx, argv[1], "source", 0, (int64_t)packet_size - width, &source) ||
        whole(ctx, argv[2], "destination", 0, (int64_t)packet_size - width, &destination) ||
        whole(ctx, argv[4], "ports", 0, (int64_t)packet_size - 4, &ports) ||
        whole(ctx, argv[5], "protocol", 0, 255, &protocol) ||
        buffer(ctx, argv[6], "message", &bytes, &room) ||
        whole(ctx, argv[7], "from", 0, (int64_t)room, &from) ||
        whole(ctx, argv[8], "to", from, (int64_t)room, &to))
        return -1;
    *ends = (struct asked_ends){packet,        (size_t)source, (size_t)destination,
                                (size_t)width, (size_t)ports,  (uint8_t)protocol};
    *message = bytes + from;
    *size = (size_t)(to - from);
    return 0;
}

static int time_of(JSContext *ctx, JSValueConst value, double *out)
{
    if (JS_IsNumber(value))
        return JS_ToFloat64(ctx, out, value);
    JS_ThrowTypeError(ctx, "time: not a number");
    return -1;
}

JSValue questions_note(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    struct asked_ends ends;
    const uint8_t *message;
    uint8_t *mac = NULL;
    size_t size, length = MAC;
    double at;
    if (question(ctx, argv, &ends, &message, &size) ||
        (!JS_IsNull(argv[9]) && buffer(ctx, argv[9], "mac", &mac, &length)) ||
        time_of(ctx, argv[10], &at))
        return JS_EXCEPTION;
    if (length != MAC)
        return JS_ThrowRangeError(ctx, "mac: not 6 bytes");
    feeds_lock();
    asked_note(&ends, message, size, mac, at);
    feeds_unlock();
    return JS_UNDEFINED;
}

JSValue questions_find(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    struct asked_ends ends;
    const uint8_t *message;
    uint8_t *mac;
    size_t size, room;
    double now;
    bool has_mac;
    if (question(ctx, argv, &ends, &message, &size) || time_of(ctx, argv[9], &now) ||
        writable(ctx, argv[10], "mac", &mac, &room))
        return JS_EXCEPTION;
    if (room != MAC)
        return JS_ThrowRangeError(ctx, "mac: not 6 bytes");
    feeds_lock();
    double at = asked_find(&ends, message, size, now, mac, &has_mac);
    feeds_unlock();
    if (at < 0)
        return JS_NULL;
    if (!has_mac)
        memset(mac, 0, MAC);
    return JS_NewFloat64(ctx, at);
}

JSValue questions_expire(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    double now;
    if (time_of(ctx, argv[0], &now))
        return JS_EXCEPTION;
    feeds_lock();
    asked_expire(now);
    feeds_unlock();
    return JS_UNDEFINED;
}
