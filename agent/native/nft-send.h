/* Sending a transaction of nf_tables (nft-send.c). */
#ifndef WHP_NFT_SEND_H
#define WHP_NFT_SEND_H

#include "nft-bytes.h"

/* Returns 0 when the kernel has made the changes of `batch`, else the errno; it has made none then. `line`: the sequence
   number of the first message that it refused, 0: of none. `owner`: becomes the socket that owns the tables with the flag
   owner, which the kernel deletes when it is closed; NULL: it is closed at once. */
int send_batch(const struct bytes *batch, unsigned *line, int *owner);

#endif
