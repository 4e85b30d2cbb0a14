/* Whether a DNS message concerns no application (glance.c): a look at its names, without the engine. */
#ifndef WHP_GLANCE_H
#define WHP_GLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GLANCE_TAILS = 4096,   /* entries of a filter by the second label from the right */
    GLANCE_MOST = 0x12000, /* most bytes of the names of a policy */
};

/* What the looks are made with. `names`: the array of profile/glance-names, checked by
   glance_check(). `led`: GLANCE_TAILS bytes of learn/aliases, not 0 for a name that an application's
   name may have led to. */
struct glance {
    const uint8_t *names;
    const uint8_t *led;
};

/* Where the addresses and ports of a UDP packet stand, and its DNS message. */
struct plain_udp {
    size_t source, destination, width, ports;
    size_t message, end;
};

/* Whether names[0, size) is such an array: no later look reads outside of it. */
bool glance_check(const uint8_t *names, size_t size);

/* A complete, unfragmented UDP datagram, without IPv6 extension headers and bytes behind it. */
bool read_plain_udp(const uint8_t *packet, size_t size, struct plain_udp *at);

/* True: the answer or query of one question in packet[0, size) was read to the end of its answer
   section, and no name in it is one of `glance`. False: it is, or it is not certain. */
bool is_stranger(const struct glance *glance, const uint8_t *packet, const struct plain_udp *at,
                 bool is_answer);

#endif
