/* The netlink attributes of a message, one after another. */
#ifndef WHP_ATTRIBUTE_H
#define WHP_ATTRIBUTE_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `body`: offset of the first byte behind the attribute's header; `size` without that. */
struct attribute {
    size_t type, body, size;
};

enum walk { WALK_ENDED, WALK_FOUND, WALK_BROKEN };

/* Reads the attribute at *at of bytes[0, end), and moves *at behind it. */
static inline enum walk next_attribute(const uint8_t *bytes, size_t end, size_t *at,
                                       struct attribute *one)
{
    struct nlattr head;
    if (*at + NLA_HDRLEN > end)
        return WALK_ENDED;
    memcpy(&head, bytes + *at, sizeof(head));
    if (head.nla_len < NLA_HDRLEN || head.nla_len > end - *at)
        return WALK_BROKEN;
    one->type = head.nla_type & NLA_TYPE_MASK;
    one->body = *at + NLA_HDRLEN;
    one->size = head.nla_len - NLA_HDRLEN;
    *at += NLA_ALIGN(head.nla_len);
    return WALK_FOUND;
}

#endif
