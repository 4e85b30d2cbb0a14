/* Teaches what an answer tells of one application, before it leaves (lesson.c). */
#ifndef WHP_LESSON_H
#define WHP_LESSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "glance.h"

/* An answer that tells something, and the device that asked. */
struct lesson {
    unsigned app;
    const struct told *told;
    bool is_own; /* the router's own resolver told it */
    const uint8_t *packet;
    const struct plain_udp *at;
    const uint8_t *mac; /* of the device; NULL: not known */
};

/* Takes the array of ruleset/host-lessons. False: it is none, and nothing is taught. */
bool lessons_set(const uint8_t *bytes, size_t size);

/* Packets on these sockets add elements in this generation of the tables; -1: those of a family do
   not. Generation 0: none do. */
void lessons_allow(uint32_t generation, int fd4, int fd6);

/* Adds the elements of the lesson. The number of packets sent: all of them are in the sets, for as long
   as the script's lesson would keep them, or longer. -1: the script has to judge the answer. `now`:
   milliseconds. */
int lesson_teach(const struct lesson *lesson, double now);

/* Whether the element of this packet was added and the script has not read for what yet: it must not
   delete it. */
bool lesson_is_recent(const uint8_t *packet, size_t size);

/* Whether there is such an element. */
bool lesson_any_recent(void);

/* The script has read for what the first of these packets were sent. */
void lessons_read(unsigned packets);

/* The packets that lesson_teach() would send, one behind the other; 0: the script has to judge. */
size_t lesson_packets(const struct lesson *lesson, uint8_t *out, size_t room);

#endif
