#include <arpa/inet.h>
#include <string.h>

#include "nft-reader.h"

uint64_t largest(size_t size)
{
    return size >= sizeof(uint64_t) ? UINT64_MAX : ((uint64_t)1 << size * 8) - 1;
}

void number_bytes(uint64_t number, size_t size, bool is_host, uint8_t *bytes)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    bool is_little = is_host;
#else
    bool is_little = false;
#endif
    for (size_t i = 0; i < size; i++, number >>= 8)
        bytes[is_little ? i : size - 1 - i] = (uint8_t)number;
}

/* linux/rtnetlink.h (RTN_*), nf_conntrack_common.h (IPS_*, the bit of a state, IP_CT_DIR_*), linux/if_arp.h */
static const struct {
    uint8_t type, value;
    char name[12];
} NAMES[] = {
    {TYPE_PROTOCOL, 6, "tcp"},
    {TYPE_PROTOCOL, 17, "udp"},
    {TYPE_NFPROTO, 2, "ipv4"},
    {TYPE_NFPROTO, 10, "ipv6"},
    {TYPE_CT_DIR, 0, "original"},
    {TYPE_CT_DIR, 1, "reply"},
    {TYPE_CT_STATE, 1, "invalid"},
    {TYPE_CT_STATE, 2, "established"},
    {TYPE_CT_STATE, 4, "related"},
    {TYPE_CT_STATE, 8, "new"},
    {TYPE_CT_STATE, 64, "untracked"},
    {TYPE_CT_STATUS, 8, "confirmed"},
    {TYPE_FIB_ADDR, 1, "unicast"},
    {TYPE_FIB_ADDR, 2, "local"},
    {TYPE_FIB_ADDR, 3, "broadcast"},
    {TYPE_FIB_ADDR, 4, "anycast"},
    {TYPE_FIB_ADDR, 5, "multicast"},
};

static bool named(uint8_t type, struct slice word, uint64_t *value)
{
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
        if (NAMES[i].type == type && is_slice(word, NAMES[i].name)) {
            *value = NAMES[i].value;
            return true;
        }
    return false;
}

static bool address(int family, struct slice word, uint8_t *value)
{
    char name[INET6_ADDRSTRLEN];
    if (word.size >= sizeof(name))
        return false;
    memcpy(name, word.at, word.size);
    name[word.size] = '\0';
    return inet_pton(family, name, value) == 1;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hardware(struct slice word, uint8_t *value)
{
    if (word.size != 17)
        return false;
    for (size_t i = 0; i < 6; i++) {
        const char *pair = word.at + 3 * i;
        int high = nibble(pair[0]), low = nibble(pair[1]);
        if (high < 0 || low < 0 || (i < 5 && pair[2] != ':'))
            return false;
        value[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void value_of(struct text *text, const struct expression *of, struct slice word, uint8_t *value)
{
    uint64_t number;
    bool is_value;
    memset(value, 0, of->size);
    if (of->type == TYPE_IPV4 || of->type == TYPE_IPV6)
        is_value = address(of->type == TYPE_IPV4 ? AF_INET : AF_INET6, word, value);
    else if (of->type == TYPE_ETHER)
        is_value = hardware(word, value);
    else {
        is_value = named(of->type, word, &number) ||
                   (of->type != TYPE_NFPROTO && of->type != TYPE_CT_DIR &&
                    number_of(&word, largest(of->size), &number) && word.size == 0);
        if (is_value)
            number_bytes(number, of->size, of->is_host, value);
    }
    if (!is_value)
        refuse(text);
}

void take_value(struct text *text, const struct expression *of, uint8_t *value)
{
    if (of->type == TYPE_IFNAME || of->type == TYPE_STRING) {
        struct slice name = take_string(text, LONGEST_DEVICE);
        if (memchr(name.at, '*', name.size) || memchr(name.at, '\\', name.size))
            refuse(text); /* a pattern */
        memset(value, 0, of->size);
        memcpy(value, name.at, name.size);
        return;
    }
    if (text->kind != WORD_PLAIN)
        refuse(text);
    value_of(text, of, text->word, value);
    step(text);
}

size_t take_prefix(struct text *text, uint8_t *value)
{
    struct slice name = text->word;
    if (text->kind != WORD_STRING || name.size < 2 || name.size > LONGEST_DEVICE || name.at[name.size - 1] != '*' ||
        memchr(name.at, '*', name.size - 1) || memchr(name.at, '\\', name.size))
        return 0;
    step(text);
    memcpy(value, name.at, name.size - 1);
    return name.size - 1;
}

const struct expression *named_type(struct text *text)
{
    static const struct {
        char name[16];
        struct expression shape;
    } TYPES[] = {
        {"ipv4_addr", {.type = TYPE_IPV4, .size = 4}},
        {"ipv6_addr", {.type = TYPE_IPV6, .size = 16}},
        {"inet_proto", {.type = TYPE_PROTOCOL, .size = 1}},
        {"inet_service", {.type = TYPE_SERVICE, .size = 2}},
        {"nf_proto", {.type = TYPE_NFPROTO, .size = 1}},
        {"ether_addr", {.type = TYPE_ETHER, .size = 6}},
    };
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
        if (take(text, TYPES[i].name))
            return &TYPES[i].shape;
    return NULL;
}
