/* The open DNS queries of devices (asked.c): the store of learn/asked-questions, noted by the host
   program and by the script. */
#ifndef WHP_ASKED_H
#define WHP_ASKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets of addresses and ports in `packet`, as of a query or an answer. */
struct asked_ends {
    const uint8_t *packet;
    size_t source, destination, width, ports;
    uint8_t protocol;
};

/* Notes the query message[0, size) that passed at `at` (milliseconds). `mac`: 6 bytes; NULL: none
   identifies the device. Ignores a message that is no query of one question. */
void asked_note(const struct asked_ends *ends, const uint8_t *message, size_t size,
                const uint8_t *mac, double at);

/* When the query passed that message[0, size) answers; -1: none is open. Fills `mac`; *has_mac:
   whether there is one. */
double asked_find(const struct asked_ends *ends, const uint8_t *message, size_t size, double now,
                  uint8_t *mac, bool *has_mac);

void asked_expire(double now);

#endif
