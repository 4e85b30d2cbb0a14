#include "message.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>
#include <sys/socket.h>

#include "attribute.h"

enum { OLDEST = 6000 }; /* milliseconds: an age above this means that the clock was set */

static const struct {
    int header, payload, prefix, stamp, mac;
} ATTRIBUTES[] = {
    {NFQA_PACKET_HDR, NFQA_PAYLOAD, -1, -1, -1},
    {NFULA_PACKET_HDR, NFULA_PAYLOAD, NFULA_PREFIX, NFULA_TIMESTAMP, NFULA_HWADDR},
};

bool read_packet(const uint8_t *data, size_t size, bool is_log, struct packet *packet)
{
    struct nlmsghdr head;
    unsigned type = is_log ? NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET
                           : NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
    size_t at = sizeof(head) + sizeof(struct nfgenmsg);
    if (size < at)
        return false;
    memcpy(&head, data, sizeof(head));
    if (head.nlmsg_type != type || head.nlmsg_len > size || head.nlmsg_len < at ||
        NLMSG_ALIGN(head.nlmsg_len) < size)
        return false;
    memset(packet, 0, sizeof(*packet));
    packet->is_own = true; /* until a device is named by which it came in */
    struct attribute one;
    enum walk walk;
    while ((walk = next_attribute(data, head.nlmsg_len, &at, &one)) == WALK_FOUND) {
        const uint8_t *body = data + one.body;
        size_t length = one.size;
        int kind = (int)one.type;
        if (kind == ATTRIBUTES[is_log].payload) {
            packet->payload = body;
            packet->payload_size = length;
        } else if (kind == ATTRIBUTES[is_log].prefix) {
            packet->prefix = body;
            packet->prefix_size = length;
        } else if (kind == ATTRIBUTES[is_log].header && length >= 7)
            packet->header = body;
        else if (kind == ATTRIBUTES[is_log].stamp && length >= 16)
            packet->stamp = body;
        else if (kind == ATTRIBUTES[is_log].mac && length >= 4 + MAC && body[0] == 0 && body[1] == MAC)
            packet->mac = body + 4;
        else if (!is_log && kind == NFQA_IFINDEX_INDEV)
            packet->is_own = false;
    }
    return walk == WALK_ENDED && packet->payload != NULL && (is_log || packet->header != NULL);
}

double clock_now(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double be64(const uint8_t *bytes)
{
    double value = 0;
    for (int i = 0; i < 8; i++)
        value = value * 256 + bytes[i];
    return value;
}

double passed_at(const struct packet *packet)
{
    double now = clock_now(CLOCK_MONOTONIC), age = 0;
    if (packet->stamp && be64(packet->stamp) != 0) {
        age = clock_now(CLOCK_REALTIME) - be64(packet->stamp) * 1e3 - be64(packet->stamp + 8) / 1e3;
        if (age < 0 || age > OLDEST)
            age = 0;
    }
    return now - age;
}
