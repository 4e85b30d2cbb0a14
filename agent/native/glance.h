/* Whose names a DNS message has (glance.c): a look at them, without the engine. */
#ifndef WHP_GLANCE_H
#define WHP_GLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GLANCE_TAILS = 4096,   /* entries of a filter by the second label from the right */
    GLANCE_MOST = 0x12000, /* most bytes of the names of a policy */
    TOLD_MOST = 16,        /* most addresses, and most names, of an answer that is told whole */
};

/* Result of a look, beside the number of an application, from 1. */
enum {
    STRANGER = 0,
    UNCERTAIN = 255,
};

/* What the looks are made with. `names`: the array of profile/glance-names, checked by
   glance_check(). `led`, `fresh`: GLANCE_TAILS bytes each, at the tail keys of the names that an
   application's name may have led to: its number, or UNCERTAIN for several. */
struct glance {
    const uint8_t *names;
    const uint8_t *led, *fresh;
};

/* Where the addresses and ports of a UDP packet stand, and its DNS message. */
struct plain_udp {
    size_t source, destination, width, ports;
    size_t message, end;
};

/* What an answer to the question of one application tells: addresses, and the tail keys of the names
   that it leads to. `is_fresh`: of any message: its question may be one of `fresh`. */
struct told {
    bool is_fresh;
    unsigned addresses, leads;
    const uint8_t *address[TOLD_MOST];
    uint8_t width[TOLD_MOST];
    uint16_t tail[TOLD_MOST];
};

/* Whether names[0, size) is such an array: no later look reads outside of it. */
bool glance_check(const uint8_t *names, size_t size);

/* A complete, unfragmented UDP datagram, without IPv6 extension headers and bytes behind it. */
bool read_plain_udp(const uint8_t *packet, size_t size, struct plain_udp *at);

/* Looks at the answer or query of one question in packet[0, size). STRANGER: it was read to the end
   of its answer section, and no name in it is of an application. The number of an application: the
   question is its name, no other application's name is in it, and `told` is all that the script would
   learn from it. UNCERTAIN: the script has to decide. */
unsigned look(const struct glance *glance, const uint8_t *packet, const struct plain_udp *at,
              bool is_answer, struct told *told);

#endif
