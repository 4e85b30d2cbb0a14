/* A held DNS answer that concerns no application is accepted; one to the question of an application is
   accepted when its elements are in the sets, and the script reads it afterwards. The query of a
   device is noted. Every other packet is the script's. */
#include "judge.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "asked.h"
#include "glance.h"
#include "lesson.h"
#include "message.h"

enum {
    GATEWAYS = 64, /* most other routers of the home */
    UDP = 17,
    ACCEPT = 1, /* NF_ACCEPT; its header excludes netinet/in.h in musl */
};

static uint8_t names[GLANCE_MOST], fresh[GLANCE_TAILS];
static const uint8_t *led; /* NULL: every packet is the script's */
static bool is_fresh;      /* something is set in `fresh` */
static uint8_t gateways[GATEWAYS][MAC];
static size_t gateway_count;

bool judge_by(const uint8_t *array, size_t size, const uint8_t *tails, const uint8_t *macs,
              size_t mac_bytes, const uint8_t *lessons, size_t lesson_bytes)
{
    if (!glance_check(array, size) || mac_bytes % MAC != 0 || mac_bytes > sizeof(gateways) ||
        !lessons_set(lessons, lesson_bytes))
        return false;
    memcpy(names, array, size);
    memcpy(gateways, macs, mac_bytes);
    gateway_count = mac_bytes / MAC;
    led = tails;
    return true;
}

void judge_nothing(void)
{
    led = NULL;
}

void judge_read(unsigned packets, bool all)
{
    lessons_read(packets);
    if (all && is_fresh) {
        memset(fresh, 0, sizeof(fresh));
        is_fresh = false;
    }
}

/* The names that an answer leads to are the application's from the moment at which it leaves. */
static void note_leads(const struct told *told, unsigned app)
{
    for (unsigned i = 0; i < told->leads; i++) {
        uint8_t *one = &fresh[told->tail[i]];
        *one = *one == 0 || *one == app ? (uint8_t)app : UNCERTAIN;
        is_fresh = true;
    }
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

static struct asked_ends ends_of(const uint8_t *packet, const struct plain_udp *at)
{
    return (struct asked_ends){packet, at->source, at->destination, at->width, at->ports, UDP};
}

static enum judgment judge_query(const struct packet *packet)
{
    static const char query[] = "whp:query"; /* QUERY_PREFIX of ruleset/names */
    struct glance glance = {names, led, fresh};
    struct plain_udp at;
    struct told told;
    if (packet->prefix_size != sizeof(query) || memcmp(packet->prefix, query, sizeof(query)) != 0 ||
        !read_plain_udp(packet->payload, packet->payload_size, &at))
        return FOR_SCRIPT;
    unsigned whose = look(&glance, packet->payload, &at, false, &told);
    if (whose == UNCERTAIN)
        return FOR_SCRIPT;
    struct asked_ends ends = ends_of(packet->payload, &at);
    asked_note(&ends, packet->payload + at.message, at.end - at.message,
               is_device(packet->mac) ? packet->mac : NULL, passed_at(packet));
    return whose == STRANGER ? DONE : KNOWN;
}

/* Whether the query was noted; reads those that have passed if it was not. Fills the lesson's MAC. */
static bool was_asked(struct lesson *lesson, uint8_t *mac, double now, void (*hear)(void))
{
    const struct plain_udp *at = lesson->at;
    const uint8_t *message = lesson->packet + at->message;
    struct asked_ends ends = ends_of(lesson->packet, at);
    bool has_mac;
    double asked = asked_find(&ends, message, at->end - at->message, now, mac, &has_mac);
    if (asked < 0) {
        hear();
        asked = asked_find(&ends, message, at->end - at->message, now, mac, &has_mac);
    }
    if (asked < 0)
        return false;
    lesson->mac = has_mac ? mac : NULL;
    return true;
}

static enum judgment judge_answer(const struct packet *packet, bool may_teach, int fd,
                                  const uint8_t *data, void (*hear)(void), unsigned *packets)
{
    struct glance glance = {names, led, fresh};
    struct plain_udp at;
    struct told told;
    uint8_t mac[MAC];
    double now = clock_now(CLOCK_MONOTONIC);
    if (!read_plain_udp(packet->payload, packet->payload_size, &at))
        return is_fresh ? IN_TURN : FOR_SCRIPT;
    unsigned whose = look(&glance, packet->payload, &at, true, &told);
    if (whose == STRANGER)
        return accept_packet(fd, data, packet->header) ? DONE : FOR_SCRIPT;
    if (whose == UNCERTAIN) /* a name that an unread answer leads to may be known by then */
        return is_fresh && told.is_fresh ? IN_TURN : FOR_SCRIPT;
    struct lesson lesson = {whose, &told, packet->is_own, packet->payload, &at, NULL};
    if (!may_teach || !was_asked(&lesson, mac, now, hear))
        return FOR_SCRIPT;
    bool tells = told.addresses + told.leads > 0;
    int taught = tells ? lesson_teach(&lesson, now) : 0;
    if (taught < 0)
        return FOR_SCRIPT;
    note_leads(&told, whose);
    *packets = (unsigned)taught;
    /* The kernel has no such packet any more, if it takes no verdict. */
    return accept_packet(fd, data, packet->header) && !tells ? DONE : KNOWN;
}

enum judgment judge_packet(enum kind kind, int fd, const uint8_t *data, size_t size, bool may_teach,
                           void (*hear)(void), unsigned *packets)
{
    struct packet packet;
    if (!led || !read_packet(data, size, kind == LOGGED, &packet))
        return FOR_SCRIPT;
    return kind == LOGGED ? judge_query(&packet)
                          : judge_answer(&packet, may_teach, fd, data, hear, packets);
}

/* --- tests ---------------------------------------------------------------------------------- */

unsigned judge_whose(const uint8_t *packet, size_t size, bool is_answer)
{
    struct glance glance = {names, led, fresh};
    struct plain_udp at;
    struct told told;
    return led && read_plain_udp(packet, size, &at) ? look(&glance, packet, &at, is_answer, &told)
                                                    : UNCERTAIN;
}

size_t judge_lesson(const uint8_t *packet, size_t size, bool is_own, const uint8_t *mac, uint8_t *out,
                    size_t room)
{
    struct glance glance = {names, led, fresh};
    struct plain_udp at;
    struct told told;
    if (!led || !read_plain_udp(packet, size, &at))
        return 0;
    unsigned whose = look(&glance, packet, &at, true, &told);
    struct lesson lesson = {whose, &told, is_own, packet, &at, mac};
    return whose == UNCERTAIN ? 0 : lesson_packets(&lesson, out, room);
}
