/* Netlink messages of nf_tables, written one behind another (nft-bytes.c). */
#ifndef WHP_NFT_BYTES_H
#define WHP_NFT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `is_broken`: longer than `most`, a list longer than 64 KiB, or no memory; nothing more is written. */
struct bytes {
    uint8_t *at;
    size_t size, room, most;
    bool is_broken;
};

/* Room for `size` zeros behind what is written; NULL: broken. */
uint8_t *put_room(struct bytes *to, size_t size);
void put_bytes(struct bytes *to, const void *from, size_t size);

/* An attribute: bytes, a text that ends with NUL, numbers in network order, or a list of attributes. */
void put_attribute(struct bytes *to, int type, const void *from, size_t size);
void put_text(struct bytes *to, int type, const char *text, size_t size);
void put_8(struct bytes *to, int type, uint8_t value);
void put_16(struct bytes *to, int type, uint16_t value);
void put_32(struct bytes *to, int type, uint32_t value);
void put_64(struct bytes *to, int type, uint64_t value);
size_t begin_list(struct bytes *to, int type);
void end_list(struct bytes *to, size_t list);

/* A message about the family inet. `type`: NFT_MSG_*, `line`: its sequence number. */
size_t begin_message(struct bytes *to, int type, int flags, unsigned line);
void end_message(struct bytes *to, size_t message);
/* The message that opens (NFNL_MSG_BATCH_BEGIN) or closes a transaction. */
void put_frame(struct bytes *to, int type);

#endif
