/* A fixed store of questions: a question is its bytes, in one of MOST_OPEN slots, used in turn.
   Without room, the oldest question of the device with the most is dropped. */
#include "asked.h"

#include <string.h>

enum {
    OPEN_MILLISECONDS = 10000,
    MOST_OPEN = 256,
    LONGEST = 1 + 32 + 4 + 2 + 255 + 4, /* protocol, addresses, ports, identifier, name, type, class */
    DNS_HEADER = 12,
    NONE = -1,
};

struct slot {
    uint8_t key[LONGEST];
    uint16_t length; /* 0: free */
    uint32_t hash;
    uint64_t order;
    double at;
    int16_t holder, later; /* later: the holder's next slot */
    bool has_mac;
    uint8_t mac[6];
};

/* A device with open questions: MAC, or address. */
struct holder {
    uint8_t key[17]; /* the number of bytes first */
    int16_t count, first, last;
    uint64_t order;
};

static struct slot slots[MOST_OPEN];
static struct holder holders[MOST_OPEN];
static int next;
static uint64_t order;

/* The key under construction, with its FNV-1a hash. */
static struct {
    uint8_t bytes[LONGEST];
    size_t length;
    uint32_t hash;
} key;

static void put(const uint8_t *bytes, size_t count, bool small)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = bytes[i];
        if (small && byte >= 'A' && byte <= 'Z')
            byte += 32;
        key.bytes[key.length++] = byte;
        key.hash = (key.hash ^ byte) * 16777619u;
    }
}

/* Offset of the root label that ends the name of the only question; 0: there is none. */
static size_t name_end(const uint8_t *message, size_t size, bool is_query)
{
    size_t at = DNS_HEADER;
    if (size < DNS_HEADER + 5 || (message[2] & 0xf8) != (is_query ? 0 : 0x80) || message[4] != 0 ||
        message[5] != 1)
        return 0;
    while (message[at] != 0) {
        if (message[at] > 63 || at - DNS_HEADER > 254)
            return 0;
        at += message[at] + 1u;
        if (at >= size)
            return 0;
    }
    return at + 5 > size || at - DNS_HEADER > 254 ? 0 : at;
}

/* Makes the key of a query or an answer, the device's address and port first. */
static bool make_key(const struct asked_ends *ends, const uint8_t *message, size_t size,
                     bool is_query)
{
    size_t end = name_end(message, size, is_query);
    if (end == 0)
        return false;
    const uint8_t *packet = ends->packet;
    key.length = 0;
    key.hash = 2166136261u;
    put(&ends->protocol, 1, false);
    put(packet + (is_query ? ends->source : ends->destination), ends->width, false);
    put(packet + (is_query ? ends->destination : ends->source), ends->width, false);
    put(packet + ends->ports + (is_query ? 0 : 2), 2, false);
    put(packet + ends->ports + (is_query ? 2 : 0), 2, false);
    put(message, 2, false);
    put(message + DNS_HEADER, end - DNS_HEADER, true);
    put(message + end + 1, 4, false);
    return true;
}

static void leave_holder(int number)
{
    struct slot *slot = &slots[number];
    struct holder *holder = &holders[slot->holder];
    int before = NONE;
    for (int at = holder->first; at != number; at = slots[at].later)
        before = at;
    if (before == NONE)
        holder->first = slot->later;
    else
        slots[before].later = slot->later;
    if (holder->last == number)
        holder->last = (int16_t)before;
    holder->count--;
}

static void close_slot(int number)
{
    if (slots[number].length == 0)
        return;
    leave_holder(number);
    slots[number].length = 0;
}

/* A freed slot: the next one in turn if its question is no longer open, else the oldest of the
   device with the most. */
static int slot_for(double at)
{
    int slot = next;
    if (slots[slot].length == 0 || at - slots[slot].at > OPEN_MILLISECONDS)
        next = (next + 1) % MOST_OPEN;
    else {
        const struct holder *most = NULL;
        for (const struct holder *one = holders; one < holders + MOST_OPEN; one++)
            if (one->count > 1 && (!most || one->count > most->count ||
                                   (one->count == most->count && one->order < most->order)))
                most = one;
        if (most)
            slot = most->first;
    }
    close_slot(slot);
    return slot;
}

static void join_holder(int number, const uint8_t *bytes, size_t length)
{
    struct holder *holder = NULL, *empty = NULL;
    for (struct holder *one = holders; one < holders + MOST_OPEN && !holder; one++) {
        if (one->count == 0)
            empty = one;
        else if (one->key[0] == length && memcmp(one->key + 1, bytes, length) == 0)
            holder = one;
    }
    if (!holder) {
        holder = empty; /* a slot was freed, so fewer devices than slots have a question */
        holder->key[0] = (uint8_t)length;
        memcpy(holder->key + 1, bytes, length);
        holder->first = holder->last = NONE;
        holder->order = order;
    }
    slots[number].holder = (int16_t)(holder - holders);
    slots[number].later = NONE;
    if (holder->last == NONE)
        holder->first = (int16_t)number;
    else
        slots[holder->last].later = (int16_t)number;
    holder->last = (int16_t)number;
    holder->count++;
}

void asked_note(const struct asked_ends *ends, const uint8_t *message, size_t size,
                const uint8_t *mac, double at)
{
    if (!make_key(ends, message, size, true))
        return;
    int number = slot_for(at);
    struct slot *slot = &slots[number];
    memcpy(slot->key, key.bytes, key.length);
    slot->length = (uint16_t)key.length;
    slot->hash = key.hash;
    slot->order = ++order;
    slot->at = at;
    slot->has_mac = mac != NULL;
    if (mac)
        memcpy(slot->mac, mac, sizeof(slot->mac));
    if (mac)
        join_holder(number, mac, sizeof(slot->mac));
    else
        join_holder(number, ends->packet + ends->source, ends->width);
}

double asked_find(const struct asked_ends *ends, const uint8_t *message, size_t size, double now,
                  uint8_t *mac, bool *has_mac)
{
    const struct slot *found = NULL;
    if (!make_key(ends, message, size, false))
        return -1;
    for (const struct slot *one = slots; one < slots + MOST_OPEN; one++)
        if (one->length == key.length && one->hash == key.hash &&
            (!found || one->order > found->order) && memcmp(one->key, key.bytes, key.length) == 0)
            found = one;
    if (!found || now - found->at > OPEN_MILLISECONDS)
        return -1;
    *has_mac = found->has_mac;
    memcpy(mac, found->mac, sizeof(found->mac));
    return found->at;
}

void asked_expire(double now)
{
    for (int number = 0; number < MOST_OPEN; number++)
        if (slots[number].length > 0 && now - slots[number].at > OPEN_MILLISECONDS)
            close_slot(number);
}
