/* What rules compare and sets have as keys: its words, and where the kernel finds it. nft adds conditions to a rule for
   which a header has to be there (`ip saddr` only in IPv4); here they are added in the same places. */
#include <netinet/in.h> /* before the headers of the kernel, which take its part otherwise */
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <string.h>

#include "nft-reader.h"

enum {
    INNER_HEADER = 3, /* NFT_PAYLOAD_INNER_HEADER, younger than some headers */
    /* Headers in nft (enum proto_desc_id). */
    TRANSPORT = 11,
    IP4 = 12,
    IP6 = 13,
    ETHERNET = 17,
};

#define META(number, kind, bytes) {.loader = LOAD_META, .key = number, .type = kind, .size = bytes, .is_host = 1}
#define CT(number, kind, bytes, host, original) \
    {.loader = LOAD_CT, .key = number, .type = kind, .size = bytes, .is_host = host, .is_original = original}
#define FIB(number, kind, bytes) {.loader = LOAD_FIB, .key = number, .type = kind, .size = bytes, .is_host = 1}
#define NETWORK(kind, bytes, at, version, in, number)                                               \
    {.base = NFT_PAYLOAD_NETWORK_HEADER, .type = kind, .size = bytes, .offset = at, .family = version, \
     .header = in, .field = number}
#define TRANSPORTED(kind, bytes, at, of, in, number)                                                   \
    {.base = NFT_PAYLOAD_TRANSPORT_HEADER, .type = kind, .size = bytes, .offset = at, .protocol = of, \
     .header = in, .field = number}

static const struct {
    const char *words;
    struct expression is;
} EXPRESSIONS[] = {
    {"ip saddr", NETWORK(TYPE_IPV4, 4, 12, NFPROTO_IPV4, IP4, 11)},
    {"ip daddr", NETWORK(TYPE_IPV4, 4, 16, NFPROTO_IPV4, IP4, 12)},
    {"ip6 saddr", NETWORK(TYPE_IPV6, 16, 8, NFPROTO_IPV6, IP6, 8)},
    {"ip6 daddr", NETWORK(TYPE_IPV6, 16, 24, NFPROTO_IPV6, IP6, 9)},
    {"th sport", TRANSPORTED(TYPE_SERVICE, 2, 0, 0, TRANSPORT, 1)},
    {"th dport", TRANSPORTED(TYPE_SERVICE, 2, 2, 0, TRANSPORT, 2)},
    {"udp length", TRANSPORTED(TYPE_INTEGER, 2, 4, IPPROTO_UDP, NO_FIELD, 0)},
    {"tcp flags", TRANSPORTED(TYPE_TCP_FLAG, 1, 13, IPPROTO_TCP, NO_FIELD, 0)},
    {"icmp type", TRANSPORTED(TYPE_ICMP, 1, 0, IPPROTO_ICMP, NO_FIELD, 0)},
    {"icmpv6 type", TRANSPORTED(TYPE_ICMP6, 1, 0, IPPROTO_ICMPV6, NO_FIELD, 0)},
    {"ether saddr", {.base = NFT_PAYLOAD_LL_HEADER, .type = TYPE_ETHER, .size = 6, .offset = 6,
                     .is_ether = 1, .header = ETHERNET, .field = 2}},
    {"meta mark", META(NFT_META_MARK, TYPE_MARK, 4)},
    {"meta l4proto", META(NFT_META_L4PROTO, TYPE_PROTOCOL, 1)},
    {"meta nfproto", META(NFT_META_NFPROTO, TYPE_NFPROTO, 1)},
    {"meta iiftype", META(NFT_META_IIFTYPE, TYPE_ARPHRD, 2)},
    {"meta length", META(NFT_META_LEN, TYPE_INTEGER, 4)},
    {"iifname", META(NFT_META_IIFNAME, TYPE_IFNAME, 16)},
    {"oifname", META(NFT_META_OIFNAME, TYPE_IFNAME, 16)},
    {"ct mark", CT(NFT_CT_MARK, TYPE_MARK, 4, 1, 0)},
    {"ct state", CT(NFT_CT_STATE, TYPE_CT_STATE, 4, 1, 0)},
    {"ct status", CT(NFT_CT_STATUS, TYPE_CT_STATUS, 4, 1, 0)},
    {"ct direction", CT(NFT_CT_DIRECTION, TYPE_CT_DIR, 1, 1, 0)},
    /* The one value of a flow that nft takes for network order. */
    {"ct id", CT(NFT_CT_ID, TYPE_INTEGER, 4, 0, 0)},
    {"ct original packets", CT(NFT_CT_PKTS, TYPE_INTEGER, 8, 1, 1)},
    {"ct original ip saddr", CT(NFT_CT_SRC_IP, TYPE_IPV4, 4, 0, 1)},
    {"ct original ip6 saddr", CT(NFT_CT_SRC_IP6, TYPE_IPV6, 16, 0, 1)},
    {"ct original proto-dst", CT(NFT_CT_PROTO_DST, TYPE_SERVICE, 2, 0, 1)},
    {"fib daddr type", FIB(NFT_FIB_RESULT_ADDRTYPE, TYPE_FIB_ADDR, 4)},
    {"fib daddr oifname", FIB(NFT_FIB_RESULT_OIFNAME, TYPE_STRING, 16)},
    /* Raw bytes of a header: OFFSET,BITS follow. */
    {"@ll", {.base = NFT_PAYLOAD_LL_HEADER, .type = TYPE_INTEGER}},
    {"@th", {.base = NFT_PAYLOAD_TRANSPORT_HEADER, .type = TYPE_INTEGER}},
    {"@ih", {.base = INNER_HEADER, .type = TYPE_INTEGER}},
};

static void take_place(struct text *text, struct expression *one)
{
    need(text, ",");
    uint64_t offset = take_number(text, 2040);
    need(text, ",");
    uint64_t bits = take_number(text, 32);
    if (offset % 8 || (bits != 8 && bits != 16 && bits != 32))
        refuse(text);
    one->offset = (uint16_t)(offset / 8);
    one->size = (uint8_t)(bits / 8);
}

static bool take_part(struct text *text, struct key *key)
{
    struct expression *one = &key->part[key->parts];
    size_t i = 0, count = sizeof(EXPRESSIONS) / sizeof(EXPRESSIONS[0]);
    while (i < count && !take_words(text, EXPRESSIONS[i].words))
        i++;
    if (i == count)
        return false;
    *one = EXPRESSIONS[i].is;
    if (!one->size)
        take_place(text, one);
    if (take(text, "&")) {
        one->is_masked = one->size <= sizeof(key->mask[0]);
        if (!one->is_masked)
            refuse(text);
        else
            key->mask[key->parts] = take_number(text, largest(one->size));
    }
    key->parts++;
    return true;
}

bool take_key(struct text *text, struct key *key)
{
    key->parts = 0;
    if (!take_part(text, key))
        return false;
    while (take(text, "."))
        if (key->parts == MOST_PARTS || !take_part(text, key))
            refuse(text);
    if (key_size(key) > LONGEST_KEY)
        refuse(text);
    return true;
}

size_t padded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

size_t key_size(const struct key *key)
{
    size_t size = 0;
    for (size_t i = 0; i < key->parts; i++)
        size += padded(key->part[i].size);
    return key->parts == 1 ? key->part[0].size : size;
}

size_t begin_expression(struct bytes *to, const char *name)
{
    size_t expression = begin_list(to, NFTA_LIST_ELEM);
    put_text(to, NFTA_EXPR_NAME, name, strlen(name));
    begin_list(to, NFTA_EXPR_DATA);
    return expression;
}

void end_expression(struct bytes *to, size_t expression)
{
    struct nlattr name;
    if (to->is_broken)
        return;
    /* The list of the expression's own attributes is behind its name. */
    memcpy(&name, to->at + expression + NLA_HDRLEN, sizeof(name));
    end_list(to, expression + NLA_HDRLEN + NLA_ALIGN(name.nla_len));
    end_list(to, expression);
}

static void put_data(struct bytes *to, int type, const uint8_t *value, size_t size)
{
    size_t list = begin_list(to, type);
    put_attribute(to, NFTA_DATA_VALUE, value, size);
    end_list(to, list);
}

void put_compare(struct bytes *to, int operator, const uint8_t *value, size_t size)
{
    size_t place = begin_expression(to, "cmp");
    put_32(to, NFTA_CMP_SREG, NFT_REG_1);
    put_32(to, NFTA_CMP_OP, (uint32_t)operator);
    put_data(to, NFTA_CMP_DATA, value, size);
    end_expression(to, place);
}

void put_bits(struct bytes *to, int reg, const uint8_t *mask, const uint8_t *flipped, size_t size)
{
    size_t place = begin_expression(to, "bitwise");
    put_32(to, NFTA_BITWISE_SREG, (uint32_t)reg);
    put_32(to, NFTA_BITWISE_DREG, (uint32_t)reg);
    put_32(to, NFTA_BITWISE_LEN, (uint32_t)size);
    put_data(to, NFTA_BITWISE_MASK, mask, size);
    put_data(to, NFTA_BITWISE_XOR, flipped, size);
    end_expression(to, place);
}

void put_order(struct bytes *to, size_t size)
{
    size_t place = begin_expression(to, "byteorder");
    put_32(to, NFTA_BYTEORDER_SREG, NFT_REG_1);
    put_32(to, NFTA_BYTEORDER_DREG, NFT_REG_1);
    put_32(to, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    put_32(to, NFTA_BYTEORDER_LEN, (uint32_t)size);
    put_32(to, NFTA_BYTEORDER_SIZE, (uint32_t)size);
    end_expression(to, place);
}

void put_payload(struct bytes *to, int base, unsigned offset, unsigned size, int reg)
{
    size_t place = begin_expression(to, "payload");
    put_32(to, NFTA_PAYLOAD_DREG, (uint32_t)reg);
    put_32(to, NFTA_PAYLOAD_BASE, (uint32_t)base);
    put_32(to, NFTA_PAYLOAD_OFFSET, offset);
    put_32(to, NFTA_PAYLOAD_LEN, size);
    end_expression(to, place);
}

static void put_meta(struct bytes *to, int key, int reg)
{
    size_t place = begin_expression(to, "meta");
    put_32(to, NFTA_META_DREG, (uint32_t)reg);
    put_32(to, NFTA_META_KEY, (uint32_t)key);
    end_expression(to, place);
}

static void put_part(struct bytes *to, const struct expression *one, uint64_t bits, int reg)
{
    size_t place;
    switch (one->loader) {
    case LOAD_META:
        put_meta(to, one->key, reg);
        break;
    case LOAD_CT:
        place = begin_expression(to, "ct");
        put_32(to, NFTA_CT_DREG, (uint32_t)reg);
        put_32(to, NFTA_CT_KEY, one->key);
        if (one->is_original)
            put_8(to, NFTA_CT_DIRECTION, 0);
        end_expression(to, place);
        break;
    case LOAD_FIB:
        place = begin_expression(to, "fib");
        put_32(to, NFTA_FIB_DREG, (uint32_t)reg);
        put_32(to, NFTA_FIB_RESULT, one->key);
        put_32(to, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
        end_expression(to, place);
        break;
    default:
        put_payload(to, one->base, one->offset, one->size, reg);
    }
    if (one->is_masked) {
        static const uint8_t none[sizeof(bits)];
        uint8_t mask[sizeof(bits)];
        number_bytes(bits, one->size, one->is_host, mask);
        put_bits(to, reg, mask, none, one->size);
    }
}

/* meta KEY is VALUE, of one byte, or of two in host order. */
static void need_meta(struct bytes *to, int key, uint8_t value, size_t size)
{
    uint8_t bytes[2];
    number_bytes(value, size, true, bytes);
    put_meta(to, key, NFT_REG_1);
    put_compare(to, NFT_CMP_EQ, bytes, size);
}

void need_protocol(struct reader *reader, uint8_t protocol)
{
    if (reader->known.protocol == protocol)
        return;
    reader->known.protocol = protocol;
    need_meta(&reader->rule, NFT_META_L4PROTO, protocol, 1);
}

static void need_family(struct reader *reader, uint8_t family)
{
    if (reader->known.family == family)
        return;
    reader->known.family = family;
    if (reader->known.is_ether) {
        uint8_t type[2];
        number_bytes(family == NFPROTO_IPV4 ? ETH_P_IP : ETH_P_IPV6, 2, false, type);
        put_payload(&reader->rule, NFT_PAYLOAD_LL_HEADER, 2 * ETH_ALEN, 2, NFT_REG_1);
        put_compare(&reader->rule, NFT_CMP_EQ, type, 2);
    } else
        need_meta(&reader->rule, NFT_META_NFPROTO, family, 1);
}

void load_key(struct reader *reader, const struct key *key)
{
    for (size_t i = 0; i < key->parts; i++) {
        const struct expression *one = &key->part[i];
        if (one->is_ether && !reader->known.is_ether) {
            reader->known.is_ether = true;
            need_meta(&reader->rule, NFT_META_IIFTYPE, ARPHRD_ETHER, 2);
        }
        if (one->family)
            need_family(reader, one->family);
        if (one->protocol)
            need_protocol(reader, one->protocol);
    }
    /* Registers of 16 bytes, or of 4 for what lies within one. */
    for (size_t i = 0, at = 0; i < key->parts; at += padded(key->part[i++].size))
        put_part(&reader->rule, &key->part[i], key->mask[i],
                 at % 16 ? NFT_REG32_00 + (int)at / 4 : NFT_REG_1 + (int)at / 16);
}
