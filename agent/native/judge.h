/* What is done with a packet of a feed before the script sees it (judge.c). */
#ifndef WHP_JUDGE_H
#define WHP_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `HELD`: answers in the first queue. `BEHIND`: answers in the queue of devices above their share.
   `LOGGED`: queries, and what else is logged to their group. */
enum kind { HELD, BEHIND, LOGGED };

/* `DONE`: the packet has its verdict, or is noted. `KNOWN`: that too, and the script still has to read
   it. `IN_TURN`: it is the script's, after what is KNOWN. */
enum judgment { FOR_SCRIPT, IN_TURN, DONE, KNOWN };

/* From now on packets are judged by these: see judge() of whp:feeds. `led` is read at each packet.
   False: one of them is not as it has to be, and nothing has changed. */
bool judge_by(const uint8_t *names, size_t size, const uint8_t *led, const uint8_t *gateways,
              size_t gateway_bytes, const uint8_t *lessons, size_t lesson_bytes);

/* From now on every packet is the script's. */
void judge_nothing(void);

/* Judges the datagram data[0, size) of the feed `fd`. `may_teach`: what an answer tells may be taught.
   `hear`: reads the queries that have passed. KNOWN: fills in how many packets have taught it. */
enum judgment judge_packet(enum kind kind, int fd, const uint8_t *data, size_t size, bool may_teach,
                           void (*hear)(void), unsigned *packets);

/* The script has read what the first of these packets have taught; `all`: and has read all that is
   KNOWN, and said where it leads to. */
void judge_read(unsigned packets, bool all);

/* For tests: whose the packet[0, size) is; and the packets that would teach what it tells, one behind
   the other, `*count` bytes. `mac`: NULL: not known. */
unsigned judge_whose(const uint8_t *packet, size_t size, bool is_answer);
size_t judge_lesson(const uint8_t *packet, size_t size, bool is_own, const uint8_t *mac, uint8_t *out,
                    size_t room);

#endif
