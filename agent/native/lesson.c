/* What the script does with the answer to a question of one application, in the plain case: each
   address becomes elements, each of them by a packet to loopback (kernel/element-packets). The script
   reads the answer afterwards, and then each element has the lease that it should have. */
#include "lesson.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "generation.h"
#include "message.h"

enum {
    APPS = 11,
    OWN = 64, /* most addresses of the router and its proxies */
    LONGEST = 60,
    DEVICES = 64,
    RECENT = 1024,
    THOUSAND = 1000,
    LEASE_AT = 8, /* of ruleset/element-packet: behind the IP header */
    FIELD_AT = 12,
};

/* Sets of an application, each in both families; of ruleset/host-lessons. */
enum kind { ADDRESS, PEER, PEER_BY_MAC, KINDS };

struct template {
    uint8_t length, bytes[LONGEST];
};

struct rate {
    unsigned per_second, burst;
};

/* Tokens of a device, or of the home, in thousandths. */
struct bucket {
    uint8_t key[17];
    long tokens;
    double at; /* 0: never used */
};

static struct {
    unsigned apps, own_count;
    struct template templates[APPS][2 * KINDS];
    uint8_t own[OWN][17];
    struct rate device, home;
} given;
static struct bucket devices[DEVICES], home;
/* What was sent, and the script has not read for what: the oldest first, from `recent_first` on. */
static struct template recent[RECENT];
static unsigned recent_first, recent_count;
static uint32_t generation;
static int sockets[2] = {-1, -1};

bool lessons_set(const uint8_t *bytes, size_t size)
{
    size_t at = 6;
    given.apps = 0;
    if (size < 6 || bytes[0] > APPS || bytes[5] > OWN)
        return false;
    given.device = (struct rate){bytes[1], bytes[2]};
    given.home = (struct rate){bytes[3], bytes[4]};
    for (unsigned i = 0; i < bytes[0] * 2u * KINDS; i++) {
        struct template *one = &given.templates[i / (2 * KINDS)][i % (2 * KINDS)];
        if (at >= size || bytes[at] != (i % 2 ? 60 : 40) || size - at <= bytes[at])
            return false;
        memcpy(one, bytes + at, bytes[at] + 1u);
        at += bytes[at] + 1u;
    }
    for (given.own_count = 0; given.own_count < bytes[5]; given.own_count++) {
        if (at >= size || (bytes[at] != 4 && bytes[at] != 16) || size - at <= bytes[at])
            return false;
        memcpy(given.own[given.own_count], bytes + at, bytes[at] + 1u);
        at += bytes[at] + 1u;
    }
    if (at != size)
        return false;
    given.apps = bytes[0];
    return true;
}

void lessons_allow(uint32_t number, int fd4, int fd6)
{
    generation = number;
    sockets[0] = fd4;
    sockets[1] = fd6;
}

/* Whether it is certainly a host of the Internet: of fewer addresses than isRoutable of
   wire/address. */
static bool is_public(const uint8_t *address, size_t width)
{
    unsigned a = address[0], b = address[1];
    if (width == 16) /* without Teredo, ORCHID and 6to4 */
        return a >> 5 == 1 && !(a == 0x20 && (b == 2 || (b == 1 && address[2] < 2)));
    return !(a == 0 || a == 10 || a == 127 || a >= 224 || (a == 100 && b >> 6 == 1) ||
             (a == 169 && b == 254) || (a == 172 && b >> 4 == 1) || (a == 198 && b >> 1 == 9) ||
             (a == 192 && (b == 168 || (b == 0 && address[2] == 0))));
}

static bool is_own(const uint8_t *address, size_t width)
{
    for (unsigned i = 0; i < given.own_count; i++)
        if (given.own[i][0] == width && memcmp(given.own[i] + 1, address, width) == 0)
            return true;
    return false;
}

/* --- packets -------------------------------------------------------------------------------- */

/* Takes one packet; false: no further one. */
typedef bool take_packet(const uint8_t *packet, size_t size, void *opaque);

static bool element(const struct lesson *lesson, enum kind kind, const uint8_t *address, size_t width,
                    take_packet *take, void *opaque)
{
    size_t header = width == 4 ? 20 : 40, source = width == 4 ? 12 : 8;
    struct template packet = given.templates[lesson->app - 1][2 * kind + (width == 16)];
    memcpy(packet.bytes + source + width, address, width);
    if (kind == PEER)
        memcpy(packet.bytes + source, lesson->packet + lesson->at->destination, width);
    if (kind == PEER_BY_MAC)
        memcpy(packet.bytes + header + FIELD_AT, lesson->mac, MAC);
    return take(packet.bytes, packet.length, opaque);
}

/* The elements of a pair, as elementsOf of learn/pairs. */
static bool pair(const struct lesson *lesson, const uint8_t *address, size_t width, take_packet *take,
                 void *opaque)
{
    bool is_family = lesson->at->width == width;
    if (!is_family && !lesson->mac)
        return false;
    return (!is_family || element(lesson, PEER, address, width, take, opaque)) &&
           (!lesson->mac || element(lesson, PEER_BY_MAC, address, width, take, opaque));
}

static bool each_packet(const struct lesson *lesson, take_packet *take, void *opaque)
{
    const struct told *told = lesson->told;
    if (lesson->app == STRANGER || lesson->app > given.apps)
        return false;
    for (unsigned i = 0; i < told->addresses; i++)
        if (!is_public(told->address[i], told->width[i]) || is_own(told->address[i], told->width[i]))
            return false;
    for (unsigned i = 0; i < told->addresses; i++) {
        const uint8_t *address = told->address[i];
        size_t width = told->width[i];
        if (!(lesson->is_own ? element(lesson, ADDRESS, address, width, take, opaque)
                             : pair(lesson, address, width, take, opaque)))
            return false;
    }
    return true;
}

/* --- shares --------------------------------------------------------------------------------- */

static long tokens_at(const struct bucket *bucket, const struct rate *rate, double now)
{
    double most = (double)rate->burst * THOUSAND;
    if (bucket->at == 0)
        return (long)most;
    double tokens = (double)bucket->tokens + (now - bucket->at) * rate->per_second;
    return (long)(tokens < most ? tokens : most);
}

static struct bucket *bucket_of(const struct lesson *lesson)
{
    uint8_t key[17] = {0};
    key[0] = (uint8_t)(lesson->mac ? MAC : lesson->at->width);
    memcpy(key + 1, lesson->mac ? lesson->mac : lesson->packet + lesson->at->destination, key[0]);
    struct bucket *oldest = devices;
    for (struct bucket *one = devices; one < devices + DEVICES; one++) {
        if (memcmp(one->key, key, sizeof(key)) == 0)
            return one;
        if (one->at < oldest->at)
            oldest = one;
    }
    memcpy(oldest->key, key, sizeof(key));
    oldest->at = 0;
    return oldest;
}

/* Takes a token of the device and one of the home, as step/share. */
static bool take_tokens(const struct lesson *lesson, double now)
{
    struct bucket *device = bucket_of(lesson);
    long its = tokens_at(device, &given.device, now), all = tokens_at(&home, &given.home, now);
    if (its < THOUSAND || all < THOUSAND)
        return false;
    device->tokens = its - THOUSAND;
    home.tokens = all - THOUSAND;
    device->at = home.at = now;
    return true;
}

/* --- lesson --------------------------------------------------------------------------------- */

/* A rule takes the packet of an element that it has added: send() fails with EPERM. */
static bool send_packet(const uint8_t *packet, size_t size, void *opaque)
{
    int fd = sockets[packet[0] >> 4 == 6];
    (void)opaque;
    if (fd < 0 || recent_count == RECENT)
        return false;
    struct template *one = &recent[(recent_first + recent_count++) % RECENT];
    one->length = (uint8_t)size;
    memcpy(one->bytes, packet, size);
    return send(fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPERM;
}

bool lesson_is_recent(const uint8_t *packet, size_t size)
{
    size_t lease = (packet[0] >> 4 == 6 ? 40 : 20) + LEASE_AT, behind = lease + 4;
    for (unsigned i = 0; i < recent_count; i++) {
        const struct template *one = &recent[(recent_first + i) % RECENT];
        if (one->length == size && behind <= size && memcmp(one->bytes, packet, lease) == 0 &&
            memcmp(one->bytes + behind, packet + behind, size - behind) == 0)
            return true;
    }
    return false;
}

bool lesson_any_recent(void)
{
    return recent_count > 0;
}

void lessons_read(unsigned packets)
{
    if (packets > recent_count)
        packets = recent_count;
    recent_first = (recent_first + packets) % RECENT;
    recent_count -= packets;
}

int lesson_teach(const struct lesson *lesson, double now)
{
    static int netlink = -1;
    unsigned before = recent_count;
    if (generation != 0 && lesson->app <= given.apps && take_tokens(lesson, now) &&
        each_packet(lesson, send_packet, NULL) && generation_number(&netlink) == generation)
        return (int)(recent_count - before);
    recent_count = before;
    return -1;
}

struct collected {
    uint8_t *bytes;
    size_t size, room;
};

static bool collect(const uint8_t *packet, size_t size, void *opaque)
{
    struct collected *all = opaque;
    if (all->room - all->size < size)
        return false;
    memcpy(all->bytes + all->size, packet, size);
    all->size += size;
    return true;
}

size_t lesson_packets(const struct lesson *lesson, uint8_t *out, size_t room)
{
    struct collected all = {out, 0, room};
    return each_packet(lesson, collect, &all) ? all.size : 0;
}
