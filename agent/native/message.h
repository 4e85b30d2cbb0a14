/* A packet of a queue or a log group, as the kernel's message tells it (message.c). */
#ifndef WHP_MESSAGE_H
#define WHP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { MAC = 6 };

/* What a message says of its packet; NULL: not said. */
struct packet {
    const uint8_t *header, *payload, *prefix, *stamp, *mac;
    size_t payload_size, prefix_size;
    bool is_own; /* of a queue: the router itself is the sender */
};

/* Reads the only message of data[0, size): a packet of a queue, or of a log group. False: anything
   else. */
bool read_packet(const uint8_t *data, size_t size, bool is_log, struct packet *packet);

/* Milliseconds of a clock. */
double clock_now(clockid_t which);

/* When a logged packet passed, milliseconds of the monotonic clock (kernel/announced-feed, ageOf). */
double passed_at(const struct packet *packet);

#endif
