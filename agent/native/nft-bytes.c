#include "nft-bytes.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

uint8_t *put_room(struct bytes *to, size_t size)
{
    if (!to->is_broken && size > to->room - to->size) {
        size_t room = to->room ? to->room : 4096;
        while (room - to->size < size && room <= to->most / 2)
            room *= 2;
        uint8_t *bytes = room - to->size < size ? NULL : realloc(to->at, room);
        if (bytes) {
            to->at = bytes;
            to->room = room;
        } else
            to->is_broken = true;
    }
    if (to->is_broken)
        return NULL;
    uint8_t *at = to->at + to->size;
    to->size += size;
    return memset(at, 0, size);
}

void put_bytes(struct bytes *to, const void *from, size_t size)
{
    uint8_t *at = put_room(to, size);
    if (at && size)
        memcpy(at, from, size);
}

/* Writes the header of an attribute with `size` bytes; returns their place. */
static uint8_t *put_head(struct bytes *to, int type, size_t size)
{
    struct nlattr head = {(uint16_t)(NLA_HDRLEN + size), (uint16_t)type};
    uint8_t *at = put_room(to, NLA_HDRLEN + NLA_ALIGN(size));
    if (at)
        memcpy(at, &head, sizeof(head));
    return at ? at + NLA_HDRLEN : NULL;
}

void put_attribute(struct bytes *to, int type, const void *from, size_t size)
{
    uint8_t *at = put_head(to, type, size);
    if (at)
        memcpy(at, from, size);
}

void put_text(struct bytes *to, int type, const char *text, size_t size)
{
    uint8_t *at = put_head(to, type, size + 1);
    if (at)
        memcpy(at, text, size);
}

void put_8(struct bytes *to, int type, uint8_t value)
{
    put_attribute(to, type, &value, sizeof(value));
}

void put_16(struct bytes *to, int type, uint16_t value)
{
    value = htons(value);
    put_attribute(to, type, &value, sizeof(value));
}

void put_32(struct bytes *to, int type, uint32_t value)
{
    value = htonl(value);
    put_attribute(to, type, &value, sizeof(value));
}

void put_64(struct bytes *to, int type, uint64_t value)
{
    uint32_t words[] = {htonl((uint32_t)(value >> 32)), htonl((uint32_t)value)};
    put_attribute(to, type, words, sizeof(words));
}

size_t begin_list(struct bytes *to, int type)
{
    size_t at = to->size;
    put_head(to, NLA_F_NESTED | type, 0);
    return at;
}

void end_list(struct bytes *to, size_t list)
{
    size_t size = to->size - list;
    uint16_t length = (uint16_t)size;
    if (size > UINT16_MAX)
        to->is_broken = true;
    if (!to->is_broken)
        memcpy(to->at + list, &length, sizeof(length));
}

static size_t begin(struct bytes *to, int type, int flags, unsigned line, struct nfgenmsg about)
{
    size_t at = to->size;
    struct nlmsghdr head = {0, (uint16_t)type, (uint16_t)(NLM_F_REQUEST | flags), line, 0};
    put_bytes(to, &head, sizeof(head));
    put_bytes(to, &about, sizeof(about));
    return at;
}

size_t begin_message(struct bytes *to, int type, int flags, unsigned line)
{
    struct nfgenmsg about = {NFPROTO_INET, NFNETLINK_V0, 0};
    return begin(to, NFNL_SUBSYS_NFTABLES << 8 | type, flags, line, about);
}

void end_message(struct bytes *to, size_t message)
{
    uint32_t length = (uint32_t)(to->size - message);
    if (!to->is_broken)
        memcpy(to->at + message, &length, sizeof(length));
}

void put_frame(struct bytes *to, int type)
{
    struct nfgenmsg about = {AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
    end_message(to, begin(to, type, 0, 0, about));
}
