/* The names of a DNS message against the names of all applications. What the look calls a stranger is
   unrelated for learn/observe-dns as well, and what it tells of an application's answer is what that
   teaches; the fuzzer compares both (test/fuzz/host/glance). Anything else is uncertain. It allocates
   nothing, and costs a bounded time. */
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
    EXACT = 0x80, /* with an entry's application: longer names are not its */
    NOT_SAID = 0x7f,
    MOST_LEADS = 8,
    IN = 1,
    A = 1,
    CNAME = 5,
    AAAA = 28,
    OPT = 41,
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
    static const uint8_t version[4] = {'w', 'h', 'p', 2};
    if (size <= LISTS || size > GLANCE_MOST || memcmp(names, version, sizeof(version)) != 0)
        return false;
    for (unsigned key = 0; key < GLANCE_TAILS; key++) {
        size_t at = LISTS + u16_at(names + 4 + 2 * key);
        while (at < size && names[at] != 0)
            at += names[at] + 2u;
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

/* tailKey of wire/dns-walk; the name has two labels or more. */
static unsigned tail_of(const struct name *name)
{
    const uint8_t *label = name->bytes + name->second;
    unsigned size = label[0];
    return ((label[1] & 31u) << 7) ^ ((label[size] & 31u) << 2) ^ size;
}

/* Whether a label begins at `offset` of the name. */
static bool is_label(const struct name *name, size_t offset)
{
    size_t at = 0;
    while (at < offset)
        at += name->bytes[at] + 1u;
    return at == offset;
}

/* An entry of a list whose bytes the name ends in: its application, if that is certain. */
static unsigned holder_of(const uint8_t *entry, const struct name *name)
{
    size_t before = name->length - entry[0];
    unsigned app = entry[1] & ~(unsigned)EXACT;
    if (app == NOT_SAID || (entry[1] & EXACT ? before != 0 : !is_label(name, before)))
        return UNCERTAIN;
    return app;
}

/* Whose name it is. A question may also be a name that the device was led to. */
static unsigned whose(const struct glance *glance, const struct name *name, bool is_question)
{
    unsigned found = STRANGER;
    if (name->second == LONGEST_NAME)
        return STRANGER;
    unsigned key = tail_of(name);
    for (const uint8_t *one = list_of(glance->names, key); *one != 0; one += *one + 2)
        if (*one <= name->length &&
            memcmp(one + 2, name->bytes + name->length - *one, *one) == 0) {
            unsigned holder = holder_of(one, name);
            found = found == STRANGER || found == holder ? holder : UNCERTAIN;
        }
    if (is_question) {
        unsigned led = glance->led[key], fresh = glance->fresh[key];
        if ((led != 0 && led != found) || (fresh != 0 && fresh != found))
            return UNCERTAIN;
    }
    return found;
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

/* The records of an answer section, read one after the other. */
struct records {
    const struct glance *glance;
    const uint8_t *message;
    size_t end, at;
    unsigned app; /* of the question; STRANGER: of nobody */
    unsigned work;
    struct told *told;
};

/* Whether the name at `at` of message[0, end) concerns nobody but `app`. */
static size_t pass_name(struct records *records, size_t end, size_t at, struct name *name)
{
    size_t behind = read_name(records->message, end, at, name);
    if (behind == 0)
        return 0;
    records->work += name->work;
    if (records->work > MOST_WORK)
        return 0;
    unsigned holder = whose(records->glance, name, false);
    return holder == STRANGER || holder == records->app ? behind : 0;
}

/* Notes what a record of an application's answer tells. False: the script has to read it. */
static bool tell(struct records *records, unsigned type, size_t data, size_t end,
                 const struct name *target)
{
    struct told *told = records->told;
    size_t width = type == A ? 4 : 16;
    if (u16_at(records->message + data - 8) != IN)
        return false;
    if (type == CNAME) {
        if (told->leads == MOST_LEADS)
            return false;
        if (target->second != LONGEST_NAME)
            told->tail[told->leads++] = (uint16_t)tail_of(target);
        return true;
    }
    if ((type != A && type != AAAA) || end - data != width || told->addresses == TOLD_MOST)
        return false;
    told->width[told->addresses] = (uint8_t)width;
    told->address[told->addresses++] = records->message + data;
    return true;
}

/* Whether `count` records were all read, and none of their names concerns anybody but the question's
   application. */
static bool read_records(struct records *records, unsigned count)
{
    const uint8_t *message = records->message;
    struct name name;
    /* Most owners are pointers to the question, to the last target or to the previous owner. */
    unsigned last_target = QUESTION, last_owner = QUESTION;
    for (; count > 0; count--) {
        size_t at = records->at, end = records->end;
        if (at + 2 > end)
            return false;
        unsigned pointer = u16_at(message + at);
        if (pointer == QUESTION || pointer == last_target || pointer == last_owner)
            at += 2;
        else {
            at = pass_name(records, end, at, &name);
            if (at == 0)
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
        records->at = at;
        size_t target = target_of(message, type, data, at);
        if (target != 0) {
            if (pass_name(records, at, target, &name) == 0)
                return false;
            last_target = target < 0x4000 ? 0xc000 | (unsigned)target : QUESTION;
        }
        if (records->app != STRANGER && !tell(records, type, data, at, &name))
            return false;
    }
    return true;
}

/* Whether nothing stands behind the answer section that could teach: no authority beside answers, and
   of additional records the one of EDNS. */
static bool ends_plainly(const struct records *records, unsigned answers)
{
    const uint8_t *message = records->message;
    size_t at = records->at;
    unsigned additional = u16_at(message + 10);
    if (answers == 0)
        return true;
    if (u16_at(message + 8) != 0 || additional > 1)
        return false;
    return additional == 0 ||
           (at + 11 <= records->end && message[at] == 0 && u16_at(message + at + 1) == OPT &&
            at + 11 + u16_at(message + at + 9) <= records->end);
}

unsigned look(const struct glance *glance, const uint8_t *packet, const struct plain_udp *at,
              bool is_answer, struct told *told)
{
    const uint8_t *message = packet + at->message;
    size_t end = at->end - at->message;
    struct name name;
    told->addresses = told->leads = 0;
    told->is_fresh = true;
    if (end < DNS_HEADER + 5)
        return UNCERTAIN;
    /* QR, OPCODE, TC: a truncated answer may have lost the name that concerns somebody. */
    if ((message[2] & 0xfa) != (is_answer ? 0x80 : 0) || u16_at(message + 4) != 1)
        return UNCERTAIN;
    unsigned answers = u16_at(message + 6);
    if (!is_answer && answers != 0)
        return UNCERTAIN;
    /* A question with a pointer in it is hidden from some readers and not from others. */
    size_t behind = read_name(message, end, DNS_HEADER, &name);
    if (behind != DNS_HEADER + name.length + 1 || behind + 4 > end)
        return UNCERTAIN;
    told->is_fresh = name.second != LONGEST_NAME && glance->fresh[tail_of(&name)] != 0;
    struct records records = {glance, message, end, behind + 4, whose(glance, &name, true), 0, told};
    if (records.app == UNCERTAIN || !read_records(&records, answers))
        return UNCERTAIN;
    return records.app == STRANGER || ends_plainly(&records, answers) ? records.app : UNCERTAIN;
}
