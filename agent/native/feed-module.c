/* The native module whp:feeds: what the script says to feeds.c, judge.c and asked.c. */
#include <string.h>

#include "args.h"
#include "feeds.h"
#include "lesson.h"
#include "message.h"
#include "module.h"
#include "questions.h"

/* The array that `led` is in: the judge reads it. */
static JSValue tails;
static bool has_tails;

static void keep_tails(JSContext *ctx, JSValue value)
{
    if (has_tails)
        JS_FreeValue(ctx, tails);
    tails = value;
    has_tails = true;
}

void feeds_forget(JSContext *ctx)
{
    feeds_end();
    keep_tails(ctx, JS_UNDEFINED);
}

static JSValue feeds_open(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    int64_t kind;
    if (integer(ctx, argv[0], "fd", 0, &fd) || whole(ctx, argv[1], "kind", HELD, LOGGED, &kind))
        return JS_EXCEPTION;
    int result = feed_open(fd, (enum kind)kind);
    if (result < 0)
        return JS_ThrowRangeError(ctx, "feed: %s", strerror(-result));
    return JS_NewArrayBuffer(ctx, (uint8_t *)feed_counts(fd), sizeof(uint32_t) * FEED_COUNTS, 0, NULL,
                             NULL, false);
}

static JSValue feeds_close(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    if (integer(ctx, argv[0], "fd", 0, &fd))
        return JS_EXCEPTION;
    feed_close(fd);
    return JS_UNDEFINED;
}

static JSValue feeds_receive(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    uint8_t *bytes, *sender;
    size_t size, room;
    struct sockaddr_nl from = {0};
    if (integer(ctx, argv[0], "fd", 0, &fd) || writable(ctx, argv[1], "buffer", &bytes, &size) ||
        writable(ctx, argv[2], "address", &sender, &room))
        return JS_EXCEPTION;
    int result = feed_receive(fd, JS_ToBool(ctx, argv[3]) > 0, bytes, size, &from);
    memset(sender, 0, room);
    memcpy(sender, &from, room < sizeof(from) ? room : sizeof(from));
    return JS_NewInt32(ctx, result);
}

static JSValue feeds_judge(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    uint8_t *names, *led, *macs, *lessons;
    size_t size, led_size, mac_bytes, lesson_bytes;
    if (JS_IsNull(argv[0])) {
        feeds_lock();
        judge_nothing();
        feeds_unlock();
        keep_tails(ctx, JS_UNDEFINED);
        return JS_UNDEFINED;
    }
    if (buffer(ctx, argv[0], "names", &names, &size) ||
        buffer(ctx, argv[1], "led", &led, &led_size) ||
        buffer(ctx, argv[2], "gateways", &macs, &mac_bytes) ||
        buffer(ctx, argv[3], "lessons", &lessons, &lesson_bytes))
        return JS_EXCEPTION;
    feeds_lock();
    bool taken = led_size == GLANCE_TAILS &&
                 judge_by(names, size, led, macs, mac_bytes, lessons, lesson_bytes);
    feeds_unlock();
    if (!taken)
        return JS_ThrowRangeError(ctx, "names, led, gateways, lessons: not as kernel/glance makes them");
    keep_tails(ctx, JS_DupValue(ctx, argv[1]));
    return JS_UNDEFINED;
}

static JSValue feeds_teaches(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int64_t generation;
    int fd4, fd6;
    if (whole(ctx, argv[0], "generation", 0, UINT32_MAX, &generation) ||
        integer(ctx, argv[1], "fd4", -1, &fd4) || integer(ctx, argv[2], "fd6", -1, &fd6))
        return JS_EXCEPTION;
    feeds_lock();
    lessons_allow((uint32_t)generation, fd4, fd6);
    feeds_unlock();
    return JS_UNDEFINED;
}

static JSValue feeds_is_recent(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    uint8_t *packet = NULL;
    size_t size = 0;
    bool any = JS_IsNull(argv[0]);
    if (!any && buffer(ctx, argv[0], "packet", &packet, &size))
        return JS_EXCEPTION;
    feeds_lock();
    bool is_recent = any ? lesson_any_recent() : size > 0 && lesson_is_recent(packet, size);
    feeds_unlock();
    return JS_NewBool(ctx, is_recent);
}

/* The arguments packet, offset, length of the functions for tests. */
static int packet_of(JSContext *ctx, JSValueConst *argv, const uint8_t **packet, size_t *count)
{
    uint8_t *bytes;
    size_t size, from;
    if (buffer(ctx, argv[0], "packet", &bytes, &size) ||
        range(ctx, argv[1], argv[2], size, &from, count))
        return -1;
    *packet = bytes + from;
    return 0;
}

static JSValue feeds_whose(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    const uint8_t *packet;
    size_t count;
    if (packet_of(ctx, argv, &packet, &count))
        return JS_EXCEPTION;
    return JS_NewUint32(ctx, judge_whose(packet, count, JS_ToBool(ctx, argv[3])));
}

static JSValue feeds_lesson(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    static uint8_t out[4096];
    const uint8_t *packet;
    uint8_t *mac = NULL;
    size_t count, length = MAC;
    if (packet_of(ctx, argv, &packet, &count) ||
        (!JS_IsNull(argv[4]) && buffer(ctx, argv[4], "mac", &mac, &length)))
        return JS_EXCEPTION;
    if (length != MAC)
        return JS_ThrowRangeError(ctx, "mac: not 6 bytes");
    size_t size = judge_lesson(packet, count, JS_ToBool(ctx, argv[3]), mac, out, sizeof(out));
    return JS_NewArrayBufferCopy(ctx, out, size);
}

static const JSCFunctionListEntry exports[] = {
    JS_CFUNC_DEF("open", 2, feeds_open),
    JS_CFUNC_DEF("close", 1, feeds_close),
    JS_CFUNC_DEF("receive", 4, feeds_receive),
    JS_CFUNC_DEF("judge", 4, feeds_judge),
    JS_CFUNC_DEF("teaches", 3, feeds_teaches),
    JS_CFUNC_DEF("isRecent", 1, feeds_is_recent),
    JS_CFUNC_DEF("note", 11, questions_note),
    JS_CFUNC_DEF("find", 11, questions_find),
    JS_CFUNC_DEF("expire", 1, questions_expire),
    JS_CFUNC_DEF("whose", 4, feeds_whose),
    JS_CFUNC_DEF("lesson", 5, feeds_lesson),
};

NATIVE_MODULE(whp_feeds_module)
