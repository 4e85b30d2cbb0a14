/* The names of a DNS message against the names of all applications. The look may only err towards
   the applications: what it calls a stranger is unrelated for learn/observe-dns as well, which the
   fuzzer compares (test/fuzz/host/glance). It allocates nothing, and costs a bounded time. */
#include "glance.h"

#include <string.h>

enum {
    UDP = 17,
    DNS_HEADER = 12,
    QUESTION = 0xc000 | DNS_HEADER, /* a pointer to the first question */
    LONGEST_NAME = 255,             /* with the root label */
    MOST_JUMPS = 32,
    MOST_WORK = 24576, /* of a message, as wire/dns-walk counts it */
    NAME_WORK = 72,    /* of a name beside its bytes */
    LISTS = 4 + 2 * GLANCE_TAILS,
};

/* A name in wire form, lower case, without the root label. */
struct name {
    uint8_t bytes[LONGEST_NAME];
    size_t length;
    size_t second; /* offset of the last label but one; LONGEST_NAME: there is none */
    unsigned work;
};

static unsigned u16_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static const uint8_t *list_of(const uint8_t *names, unsigned key)
{
    return names + LISTS + u16_at(names + 4 + 2 * key);
}

bool glance_check(const uint8_t *names, size_t size)
{
    static const uint8_t version[4] = {'w', 'h', 'p', 1};
    if (size <= LISTS || size > GLANCE_MOST || memcmp(names, version, sizeof(version)) != 0)
        return false;
    for (unsigned key = 0; key < GLANCE_TAILS; key++) {
        size_t at = LISTS + u16_at(names + 4 + 2 * key);
        while (at < size && names[at] != 0)
            at += names[at] + 1u;
        if (at >= size)
            return false;
    }
    return true;
}

bool read_plain_udp(const uint8_t *packet, size_t size, struct plain_udp *at)
{
    size_t udp;
    if (size < 28)
        return false;
    if (packet[0] >> 4 == 4) {
        udp = (packet[0] & 15u) * 4;
        if (udp < 20 || u16_at(packet + 2) != size || (u16_at(packet + 6) & 0x3fff) != 0 ||
            packet[9] != UDP)
            return false;
        at->source = 12;
        at->width = 4;
    } else {
        udp = 40;
        if (packet[0] >> 4 != 6 || size < 48 || packet[6] != UDP || 40 + u16_at(packet + 4) != size)
            return false;
        at->source = 8;
        at->width = 16;
    }
    if (size < udp + 8 || u16_at(packet + udp + 4) != size - udp)
        return false;
    at->destination = at->source + at->width;
    at->ports = udp;
    at->message = udp + 8;
    at->end = size;
    return true;
}

/* Reads the name at `at` of message[0, end). Returns the offset behind it; 0: malformed. A pointer
   leads to before the part that it ends, so pointers form no loop. */
static size_t read_name(const uint8_t *message, size_t end, size_t at, struct name *name)
{
    size_t position = at, from = at, behind = 0, top = LONGEST_NAME;
    unsigned jumps = 0;
    name->length = 0;
    name->second = LONGEST_NAME;
    for (;;) {
        if (position >= end)
            return 0;
        size_t size = message[position];
        if (size == 0)
            break;
        if (size < 64) {
            if (position + 1 + size > end || name->length + 1 + size > LONGEST_NAME - 1)
                return 0;
            name->second = top;
            top = name->length;
            name->bytes[name->length++] = (uint8_t)size;
            for (size_t i = 1; i <= size; i++) {
                uint8_t byte = message[position + i];
                name->bytes[name->length++] = byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
            }
            position += size + 1;
            continue;
        }
        if (size < 192 || position + 1 >= end)
            return 0;
        size_t target = u16_at(message + position) & 0x3fff;
        if (behind == 0)
            behind = position + 2;
        if (target >= from || ++jumps > MOST_JUMPS)
            return 0;
        from = position = target;
    }
    name->work = NAME_WORK + 2 * ((unsigned)name->length + 1 + 2 * jumps);
    return behind != 0 ? behind : position + 1;
}

/* Whether the name ends in one of an application, or may be one that the device was led to. */
static bool concerns(const struct glance *glance, const struct name *name, bool is_question)
{
    if (name->second == LONGEST_NAME)
        return false;
    const uint8_t *label = name->bytes + name->second;
    unsigned size = label[0];
    /* tailKey of wire/dns-walk. */
    unsigned key = ((label[1] & 31u) << 7) ^ ((label[size] & 31u) << 2) ^ size;
    if (is_question && glance->led[key] != 0)
        return true;
    for (const uint8_t *one = list_of(glance->names, key); *one != 0; one += *one + 1)
        if (*one <= name->length &&
            memcmp(one + 1, name->bytes + name->length - *one, *one) == 0)
            return true;
    return false;
}

/* Offset of the name in the data of a record that a client resolves next, as targetOffset of
   wire/dns-targets; 0: the type has none. */
static size_t target_of(const uint8_t *message, unsigned type, size_t data, size_t end)
{
    size_t at = data + 4;
    switch (type) {
    case 5:  /* CNAME */
    case 39: /* DNAME */
        return data;
    case 64: /* SVCB */
    case 65: /* HTTPS */
        return data + 2;
    case 33: /* SRV */
        return data + 6;
    case 35: /* NAPTR: flags, services and regular expression before the replacement */
        for (int text = 0; text < 3 && at < end; text++)
            at += message[at] + 1u;
        return at < end ? at : end;
    default:
        return 0;
    }
}

/* Whether the records of message[at, end) were all read, and none of their names concerns anybody. */
static bool strange_records(const struct glance *glance, const uint8_t *message, size_t end,
                            size_t at, unsigned count)
{
    struct name name;
    /* Most owners are pointers to the question, to the last target or to the previous owner. */
    unsigned last_target = QUESTION, last_owner = QUESTION, work = 0;
    for (; count > 0; count--) {
        if (at + 2 > end)
            return false;
        unsigned pointer = u16_at(message + at);
        if (pointer == QUESTION || pointer == last_target || pointer == last_owner)
            at += 2;
        else {
            at = read_name(message, end, at, &name);
            work += name.work;
            if (at == 0 || work > MOST_WORK || concerns(glance, &name, false))
                return false;
            if (pointer >= 0xc000)
                last_owner = pointer;
        }
        if (at + 10 > end)
            return false;
        size_t data = at + 10;
        unsigned type = u16_at(message + at);
        at = data + u16_at(message + at + 8);
        if (at > end)
            return false;
        size_t target = target_of(message, type, data, at);
        if (target == 0)
            continue;
        if (read_name(message, at, target, &name) == 0)
            return false;
        work += name.work;
        if (work > MOST_WORK || concerns(glance, &name, false))
            return false;
        last_target = target < 0x4000 ? 0xc000 | (unsigned)target : QUESTION;
    }
    return true;
}

bool is_stranger(const struct glance *glance, const uint8_t *packet, const struct plain_udp *at,
                 bool is_answer)
{
    const uint8_t *message = packet + at->message;
    size_t end = at->end - at->message;
    struct name name;
    if (end < DNS_HEADER + 5)
        return false;
    /* QR, OPCODE, TC: a truncated answer may have lost the name that concerns somebody. */
    if ((message[2] & 0xfa) != (is_answer ? 0x80 : 0) || u16_at(message + 4) != 1)
        return false;
    unsigned answers = u16_at(message + 6);
    if (!is_answer && answers != 0)
        return false;
    /* A question with a pointer in it is hidden from some readers and not from others. */
    size_t behind = read_name(message, end, DNS_HEADER, &name);
    if (behind != DNS_HEADER + name.length + 1 || behind + 4 > end ||
        concerns(glance, &name, true))
        return false;
    return strange_records(glance, message, end, behind + 4, answers);
}
