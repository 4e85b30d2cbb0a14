/* Feeds of the kernel whose packets are judged before the script runs (feeds.c), and the native module
   whp:feeds (feed-module.c). */
#ifndef WHP_FEEDS_H
#define WHP_FEEDS_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "judge.h"
#include "quickjs.h"

JSModuleDef *whp_feeds_module(JSContext *ctx, const char *name);

/* Numbers of a feed that the script reads, in host order: packets that were dealt with here; packets
   read since the feed was last empty; 1 if the datagram of the last receive() was KNOWN. */
enum { FEED_DEALT, FEED_ROW, FEED_KNOWN, FEED_COUNTS };

/* False: every packet is the script's. */
void feeds_allow(bool allowed);

/* Around what the reader of the feeds uses as well: the store of questions, what packets are judged
   by. */
void feeds_lock(void);
void feeds_unlock(void);

/* 0 or -errno. */
int feed_open(int fd, enum kind kind);
void feed_close(int fd);

/* The numbers of an open feed; NULL: it is none. */
uint32_t *feed_counts(int fd);

/* Gives the script the next datagram that is for it, as recvfrom with MSG_TRUNC does; `is_urgent`: the
   next that it has to decide. -EAGAIN: there is none. 0, without a sender: there may be more. */
int feed_receive(int fd, bool is_urgent, uint8_t *bytes, size_t room, struct sockaddr_nl *from);

/* Call it while no script runs: what it has taken, it has read. */
void feeds_settle(void);

/* The descriptor that is ready when the script has something to read from `fd`; and whose it is. Each
   is the other descriptor itself, if that is no feed. */
int feeds_ready(int fd);
int feeds_source(int ready);

/* Ends the reader. */
void feeds_end(void);

/* That, and releases what the engine holds for the feeds. */
void feeds_forget(JSContext *ctx);

#endif
