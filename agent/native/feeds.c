/* The native module whp:feeds: packets of the kernel's feeds that cost the script nothing. A held DNS
   answer that certainly concerns no application (glance.c) is accepted here, and the query of a
   device that concerns none is noted (asked.c). Every other packet is the script's, in its order.
   This runs while no script runs: in the event loop, or in receive(), which a script calls. */
#include "feeds.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "args.h"
#include "asked.h"
#include "glance.h"
#include "message.h"
#include "module.h"
#include "questions.h"

enum {
    FEEDS = 8,
    TURN = 16,       /* datagrams of one call: as many as the script reads in one turn */
    GATEWAYS = 64,   /* most other routers of the home */
    UDP = 17,
    ACCEPT = 1,      /* NF_ACCEPT; its header excludes netinet/in.h in musl */
};

/* `held`: answers in the first queue. `behind`: answers in the queue that is read when the first is
   empty. `logged`: queries, and what else is logged to their group. */
enum kind { HELD, BEHIND, LOGGED };

/* Numbers that the script reads, in host order: packets that were dealt with here; packets read since
   the feed was last empty. */
enum { DEALT, ROW, COUNTS };

struct feed {
    bool is_open;
    enum kind kind;
    int fd;
    JSValue buffer, counts;
    bool is_pending; /* the datagram in the buffer is for the script */
    int result;      /* its size, or -errno */
    struct sockaddr_nl from;
};

static struct feed feeds[FEEDS];
static uint8_t names[GLANCE_MOST];
static bool is_allowed;
static bool is_ready;    /* `names` and `led` are set */
static JSValue led;
static uint8_t gateways[GATEWAYS][MAC];
static size_t gateway_count;

static struct feed *feed_of(int fd)
{
    for (struct feed *one = feeds; one < feeds + FEEDS; one++)
        if (one->is_open && one->fd == fd)
            return one;
    return NULL;
}

/* The bytes of a buffer of at least `least`; NULL: a script has detached it. */
static uint8_t *bytes_of(JSContext *ctx, JSValueConst value, size_t least, size_t *size)
{
    uint8_t *bytes = JS_GetArrayBuffer(ctx, size, value);
    if (bytes && *size >= least)
        return bytes;
    if (!bytes)
        JS_FreeValue(ctx, JS_GetException(ctx));
    return NULL;
}

/* Sends the verdict ACCEPT; false: the kernel did not take it. */
static bool accept_packet(int fd, const uint8_t *data, const uint8_t *id)
{
    struct {
        struct nlmsghdr head;
        struct nfgenmsg netfilter;
        struct nlattr attribute;
        struct nfqnl_msg_verdict_hdr verdict;
    } message;
    memset(&message, 0, sizeof(message));
    message.head.nlmsg_len = sizeof(message);
    message.head.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT;
    message.head.nlmsg_flags = NLM_F_REQUEST;
    memcpy(&message.netfilter, data + sizeof(message.head), sizeof(message.netfilter));
    message.netfilter.nfgen_family = AF_UNSPEC;
    message.attribute.nla_len = NLA_HDRLEN + sizeof(message.verdict);
    message.attribute.nla_type = NFQA_VERDICT_HDR;
    message.verdict.verdict = htonl(ACCEPT);
    memcpy(&message.verdict.id, id, sizeof(message.verdict.id));
    return send(fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(message);
}

/* Whether a MAC identifies a device: of one sender, and of no other router. */
static bool is_device(const uint8_t *mac)
{
    static const uint8_t none[MAC];
    if (!mac || (mac[0] & 1) || memcmp(mac, none, MAC) == 0)
        return false;
    for (size_t i = 0; i < gateway_count; i++)
        if (memcmp(mac, gateways[i], MAC) == 0)
            return false;
    return true;
}

static void note_query(const struct packet *packet, const struct plain_udp *at)
{
    struct asked_ends ends = {packet->payload, at->source, at->destination, at->width, at->ports, UDP};
    asked_note(&ends, packet->payload + at->message, at->end - at->message,
               is_device(packet->mac) ? packet->mac : NULL, passed_at(packet));
}

/* Whether the datagram data[0, size) was dealt with here. */
static bool deal(JSContext *ctx, const struct feed *feed, const uint8_t *data, size_t size)
{
    static const char query[] = "whp:query"; /* QUERY_PREFIX of ruleset/names */
    bool is_answer = feed->kind != LOGGED;
    struct packet packet;
    struct plain_udp at;
    size_t unused;
    if (!is_allowed || !is_ready || feed->from.nl_pid != 0)
        return false;
    struct glance glance = {names, bytes_of(ctx, led, GLANCE_TAILS, &unused)};
    if (!glance.led || !read_packet(data, size, !is_answer, &packet))
        return false;
    if (!is_answer && (packet.prefix_size != sizeof(query) ||
                       memcmp(packet.prefix, query, sizeof(query)) != 0))
        return false;
    if (!read_plain_udp(packet.payload, packet.payload_size, &at) ||
        !is_stranger(&glance, packet.payload, &at, is_answer))
        return false;
    if (is_answer)
        return accept_packet(feed->fd, data, packet.header);
    note_query(&packet, &at);
    return true;
}

/* --- feeds ---------------------------------------------------------------------------------- */

enum found { FOR_SCRIPT, EMPTY, MORE };

/* Reads datagrams until one is for the script (then it is pending), the feed is empty, or TURN were
   read. */
static enum found read_feed(JSContext *ctx, struct feed *feed)
{
    size_t room, unused;
    if (feed->is_pending)
        return FOR_SCRIPT;
    for (int i = 0; i < TURN; i++) {
        uint8_t *data = bytes_of(ctx, feed->buffer, 1, &room);
        uint32_t *counts = (uint32_t *)bytes_of(ctx, feed->counts, sizeof(*counts) * COUNTS, &unused);
        socklen_t length = sizeof(feed->from);
        memset(&feed->from, 0, sizeof(feed->from));
        if (data && counts) {
            ssize_t size = recvfrom(feed->fd, data, room, MSG_DONTWAIT | MSG_TRUNC,
                                    (struct sockaddr *)&feed->from, &length);
            feed->result = size < 0 ? -errno : (int)size;
            if (size >= 0)
                counts[ROW]++;
            else if (errno == EAGAIN) {
                counts[ROW] = 0;
                return EMPTY;
            }
            if (size >= 0 && (size_t)size <= room && deal(ctx, feed, data, (size_t)size)) {
                counts[DEALT]++;
                continue;
            }
        } else
            feed->result = -EFAULT;
        feed->is_pending = true;
        return FOR_SCRIPT;
    }
    return MORE;
}

static struct feed *first_feed(void)
{
    for (struct feed *one = feeds; one < feeds + FEEDS; one++)
        if (one->is_open && one->kind == HELD)
            return one;
    return NULL;
}

bool feeds_wake(JSContext *ctx, int fd)
{
    struct feed *feed = feed_of(fd), *first = first_feed();
    if (!feed)
        return true;
    if (feed->kind == BEHIND && first) {
        enum found before = read_feed(ctx, first);
        if (before != EMPTY)
            return before == FOR_SCRIPT;
    }
    enum found found = read_feed(ctx, feed);
    /* After a whole turn of answers the script looks how far it is behind. */
    return found == FOR_SCRIPT || (found == MORE && feed->kind != LOGGED);
}

static void close_feed(JSContext *ctx, struct feed *feed)
{
    feed->is_open = false;
    JS_FreeValue(ctx, feed->buffer);
    JS_FreeValue(ctx, feed->counts);
}

static void forget_names(JSContext *ctx)
{
    if (is_ready)
        JS_FreeValue(ctx, led);
    is_ready = false;
}

void feeds_allow(bool allowed)
{
    is_allowed = allowed;
}

void feeds_end(JSContext *ctx)
{
    for (struct feed *one = feeds; one < feeds + FEEDS; one++)
        if (one->is_open)
            close_feed(ctx, one);
    forget_names(ctx);
}

/* --- module --------------------------------------------------------------------------------- */

static JSValue feeds_open(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    int64_t kind;
    uint8_t *bytes;
    size_t size, room;
    if (integer(ctx, argv[0], "fd", 0, &fd) || whole(ctx, argv[1], "kind", HELD, LOGGED, &kind) ||
        writable(ctx, argv[2], "buffer", &bytes, &room) ||
        writable(ctx, argv[3], "counts", &bytes, &size))
        return JS_EXCEPTION;
    struct feed *feed = feeds;
    while (feed < feeds + FEEDS && feed->is_open)
        feed++;
    if (room == 0 || size < sizeof(uint32_t) * COUNTS || feed_of(fd) || feed == feeds + FEEDS)
        return JS_ThrowRangeError(ctx, "feed: no buffer, no counts, or one feed too many");
    *feed = (struct feed){.is_open = true, .kind = (enum kind)kind, .fd = fd};
    feed->buffer = JS_DupValue(ctx, argv[2]);
    feed->counts = JS_DupValue(ctx, argv[3]);
    return JS_UNDEFINED;
}

static JSValue feeds_close(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    if (integer(ctx, argv[0], "fd", 0, &fd))
        return JS_EXCEPTION;
    struct feed *feed = feed_of(fd);
    if (feed)
        close_feed(ctx, feed);
    return JS_UNDEFINED;
}

static JSValue feeds_receive(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    uint8_t *sender;
    size_t room;
    if (integer(ctx, argv[0], "fd", 0, &fd) || writable(ctx, argv[1], "address", &sender, &room))
        return JS_EXCEPTION;
    struct feed *feed = feed_of(fd);
    if (!feed)
        return JS_NewInt32(ctx, -EBADF);
    int result = 0;
    switch (read_feed(ctx, feed)) {
    case FOR_SCRIPT:
        feed->is_pending = false;
        result = feed->result;
        break;
    case EMPTY:
        return JS_NewInt32(ctx, -EAGAIN);
    default:
        memset(&feed->from, 0, sizeof(feed->from));
    }
    memset(sender, 0, room);
    memcpy(sender, &feed->from, room < sizeof(feed->from) ? room : sizeof(feed->from));
    return JS_NewInt32(ctx, result);
}

static JSValue feeds_judge(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    uint8_t *array, *tails, *macs;
    size_t size, tail_count, mac_bytes;
    if (JS_IsNull(argv[0])) {
        forget_names(ctx);
        return JS_UNDEFINED;
    }
    if (buffer(ctx, argv[0], "names", &array, &size) ||
        buffer(ctx, argv[1], "led", &tails, &tail_count) ||
        buffer(ctx, argv[2], "gateways", &macs, &mac_bytes))
        return JS_EXCEPTION;
    if (!glance_check(array, size) || tail_count != GLANCE_TAILS || mac_bytes % MAC != 0 ||
        mac_bytes > sizeof(gateways))
        return JS_ThrowRangeError(ctx, "names, led, gateways: not as profile/glance-names makes them");
    JSValue kept = JS_DupValue(ctx, argv[1]);
    forget_names(ctx);
    memcpy(names, array, size);
    memcpy(gateways, macs, mac_bytes);
    gateway_count = mac_bytes / MAC;
    led = kept;
    is_ready = true;
    return JS_UNDEFINED;
}

static JSValue feeds_is_stranger(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    uint8_t *bytes;
    size_t size, from, count, unused;
    struct plain_udp at;
    if (buffer(ctx, argv[0], "packet", &bytes, &size) ||
        range(ctx, argv[1], argv[2], size, &from, &count))
        return JS_EXCEPTION;
    struct glance glance = {names, is_ready ? bytes_of(ctx, led, GLANCE_TAILS, &unused) : NULL};
    return JS_NewBool(ctx, glance.led && read_plain_udp(bytes + from, count, &at) &&
                               is_stranger(&glance, bytes + from, &at, JS_ToBool(ctx, argv[3])));
}

static const JSCFunctionListEntry exports[] = {
    JS_CFUNC_DEF("open", 4, feeds_open),
    JS_CFUNC_DEF("close", 1, feeds_close),
    JS_CFUNC_DEF("receive", 2, feeds_receive),
    JS_CFUNC_DEF("judge", 3, feeds_judge),
    JS_CFUNC_DEF("note", 11, questions_note),
    JS_CFUNC_DEF("find", 11, questions_find),
    JS_CFUNC_DEF("expire", 1, questions_expire),
    JS_CFUNC_DEF("isStranger", 4, feeds_is_stranger),
};

NATIVE_MODULE(whp_feeds_module)
