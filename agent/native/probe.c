/* The native module whp:probe: sends the echo requests to a proxy and reads the replies, while each is
   answered in time. A wake-up of the script costs several times what a probe does. The script gets the
   times of all of them, and decides; it is called when a reply is missing. */
#include "probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "message.h"
#include "module.h"

enum {
    PROBERS = 16,
    MOST_MILLISECONDS = 60000,
    PACKET = 64,
    ROOM = 512,
    SENT = 16,    /* most probes that the script has not seen */
    NUMBERS = 3,  /* of a probe: sequence number, when it was sent, when it was answered */
    SEQUENCE = 6, /* in the header of ICMP */
    HEADER = 8,
};

struct probe {
    uint16_t sequence;
    double sent, answered; /* milliseconds; answered 0: not yet */
};

struct prober {
    int fd, timer; /* fd -1: none */
    uint8_t packet[PACKET], to[sizeof(struct sockaddr_storage)];
    size_t size, to_size;
    double interval, timeout, next;
    struct probe sent[SENT];
    int count;
    uint16_t sequence;
    bool is_in_doubt;
};

static struct prober probers[PROBERS];
static bool is_set; /* `fd` of all is */

static struct prober *prober_of(int fd, bool by_timer)
{
    for (struct prober *one = probers; is_set && one < probers + PROBERS; one++)
        if (one->fd >= 0 && (by_timer ? one->timer : one->fd) == fd)
            return one;
    return NULL;
}

static unsigned ones_sum(const uint8_t *bytes, size_t size)
{
    unsigned sum = 0;
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += (unsigned)bytes[i] << 8 | bytes[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static bool is_v4(const struct prober *one)
{
    return ((const struct sockaddr *)one->to)->sa_family == AF_INET;
}

static void send_probe(struct prober *one, double now)
{
    struct probe *probe = &one->sent[one->count++];
    *probe = (struct probe){.sequence = ++one->sequence, .sent = now};
    one->packet[SEQUENCE] = (uint8_t)(probe->sequence >> 8);
    one->packet[SEQUENCE + 1] = (uint8_t)probe->sequence;
    if (is_v4(one)) { /* of IPv6 the kernel fills it in */
        one->packet[2] = one->packet[3] = 0;
        unsigned sum = ones_sum(one->packet, one->size);
        one->packet[2] = (uint8_t)(sum >> 8);
        one->packet[3] = (uint8_t)sum;
    }
    if (sendto(one->fd, one->packet, one->size, MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)one->to, (socklen_t)one->to_size) < 0)
        one->is_in_doubt = true; /* the script sends the next one, and learns why */
    one->next = now + one->interval;
}

/* The probe that waits for its reply; NULL: none does. */
static struct probe *waiting(struct prober *one)
{
    struct probe *last = one->count > 0 ? &one->sent[one->count - 1] : NULL;
    return last && last->answered == 0 ? last : NULL;
}

static void take_reply(struct prober *one, const uint8_t *bytes, size_t size, double now)
{
    struct probe *probe = waiting(one);
    size_t at = is_v4(one) && size > 0 ? (bytes[0] & 15u) * 4 : 0;
    if (!probe || at + one->size > size || bytes[at] != (is_v4(one) ? 0 : 129) || bytes[at + 1] != 0)
        return;
    /* Identifier, sequence number and token are those of the request. */
    if (memcmp(bytes + at + 4, one->packet + 4, one->size - 4) == 0)
        probe->answered = now;
}

static void read_replies(struct prober *one)
{
    uint8_t bytes[ROOM];
    ssize_t size;
    while ((size = recv(one->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
        take_reply(one, bytes, (size_t)size, clock_now(CLOCK_MONOTONIC));
}

/* Sets the timer for what comes first: the next probe, or the end of the wait for a reply. */
static void arm(struct prober *one, double now)
{
    const struct probe *probe = waiting(one);
    double end = probe ? probe->sent + one->timeout : one->next;
    double wait = (end < one->next ? end : one->next) - now;
    long microseconds = wait > 0.001 ? (long)(wait * 1000) : 1;
    struct itimerspec times = {
        .it_value = {microseconds / 1000000, microseconds % 1000000 * 1000}};
    timerfd_settime(one->timer, 0, &times, NULL);
}

bool probe_wake(int fd)
{
    struct prober *one = prober_of(fd, false);
    if (one) {
        read_replies(one);
        if (!waiting(one))
            arm(one, clock_now(CLOCK_MONOTONIC));
        return false;
    }
    one = prober_of(fd, true);
    if (!one)
        return true;
    uint64_t expirations;
    ssize_t ignored = read(one->timer, &expirations, sizeof(expirations));
    (void)ignored;
    double now = clock_now(CLOCK_MONOTONIC);
    read_replies(one); /* a reply that has arrived counts, even if it is read late */
    const struct probe *probe = waiting(one);
    if (probe && now >= probe->sent + one->timeout)
        one->is_in_doubt = true;
    else if (!probe && now >= one->next && one->count == SENT)
        one->is_in_doubt = true; /* the script has to take what there is */
    else if (!probe && now >= one->next)
        send_probe(one, now);
    if (one->is_in_doubt)
        return true;
    arm(one, now);
    return false;
}

static void end(struct prober *one)
{
    close(one->timer);
    one->fd = one->timer = -1;
}

/* start(fd, packet, address, sequence, first, interval, timeout) */
static JSValue probe_start(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    uint8_t *packet, *address;
    size_t size, address_size;
    int64_t sequence, first, interval, timeout;
    if (integer(ctx, argv[0], "fd", 0, &fd) || buffer(ctx, argv[1], "packet", &packet, &size) ||
        buffer(ctx, argv[2], "address", &address, &address_size) ||
        whole(ctx, argv[3], "sequence", 0, 0xffff, &sequence) ||
        whole(ctx, argv[4], "first", 0, MOST_MILLISECONDS, &first) ||
        whole(ctx, argv[5], "interval", 1, MOST_MILLISECONDS, &interval) ||
        whole(ctx, argv[6], "timeout", 1, MOST_MILLISECONDS, &timeout))
        return JS_EXCEPTION;
    for (struct prober *one = probers; !is_set && one < probers + PROBERS; one++)
        one->fd = -1;
    is_set = true;
    struct prober *one = probers;
    while (one < probers + PROBERS && one->fd >= 0)
        one++;
    if (size < HEADER || size > PACKET || address_size < sizeof(sa_family_t) ||
        address_size > sizeof(one->to) || prober_of(fd, false) || one == probers + PROBERS)
        return JS_ThrowRangeError(ctx, "probe: no packet, no address, or one prober too many");
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer < 0)
        return JS_NewInt32(ctx, -errno);
    double now = clock_now(CLOCK_MONOTONIC);
    *one = (struct prober){.fd = fd, .timer = timer, .size = size, .to_size = address_size};
    one->interval = (double)interval;
    one->timeout = (double)timeout;
    one->next = now + (double)first;
    one->sequence = (uint16_t)sequence;
    memcpy(one->packet, packet, size);
    memcpy(one->to, address, address_size);
    arm(one, now);
    return JS_NewInt32(ctx, timer);
}

/* stop(fd, numbers): how many probes; `numbers` has NUMBERS of each. */
static JSValue probe_stop(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    uint8_t *bytes;
    size_t size;
    if (integer(ctx, argv[0], "fd", 0, &fd) || writable(ctx, argv[1], "numbers", &bytes, &size))
        return JS_EXCEPTION;
    struct prober *one = prober_of(fd, false);
    if (size < SENT * NUMBERS * sizeof(double))
        return JS_ThrowRangeError(ctx, "numbers: %d are needed", SENT * NUMBERS);
    if (!one)
        return JS_NewInt32(ctx, 0);
    read_replies(one);
    for (int i = 0; i < one->count; i++) {
        const struct probe *probe = &one->sent[i];
        double numbers[NUMBERS] = {probe->sequence, probe->sent, probe->answered};
        memcpy(bytes + i * sizeof(numbers), numbers, sizeof(numbers));
    }
    end(one);
    return JS_NewInt32(ctx, one->count);
}

static const JSCFunctionListEntry exports[] = {
    JS_CFUNC_DEF("start", 7, probe_start),
    JS_CFUNC_DEF("stop", 2, probe_stop),
};

NATIVE_MODULE(whp_probe_module)
