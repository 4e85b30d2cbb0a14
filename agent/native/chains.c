/* whp:nft: the chains of a table, or of all others. A router has hundreds, and whether one has changed is asked after each
   transaction of another program; to read them takes the script a thousand steps each. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attribute.h"
#include "nft-bytes.h"
#include "nft.h"

enum {
    TRIES = 5, /* of a dump that a change of the tables interrupts */
    DATAGRAM = 32768,
    MOST_TEXT = 4 << 20,
};

struct chain {
    const char *table, *name; /* NULL: not said */
    uint64_t handle;
    uint32_t uses;
};

/* A name of the kernel, which ends with a zero byte; NULL: it does not. */
static const char *name_in(const uint8_t *bytes, struct attribute one)
{
    return memchr(bytes + one.body, 0, one.size) ? (const char *)bytes + one.body : NULL;
}

/* Reads the message bytes[0, size). False: it is no chain. */
static bool read_chain(const uint8_t *bytes, size_t size, struct chain *chain)
{
    size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
    struct attribute one;
    enum walk walk;
    *chain = (struct chain){0};
    while ((walk = next_attribute(bytes, size, &at, &one)) == WALK_FOUND) {
        if (one.type == NFTA_CHAIN_TABLE)
            chain->table = name_in(bytes, one);
        else if (one.type == NFTA_CHAIN_NAME)
            chain->name = name_in(bytes, one);
        else if (one.type == NFTA_CHAIN_HANDLE && one.size >= sizeof(chain->handle)) {
            memcpy(&chain->handle, bytes + one.body, sizeof(chain->handle));
            chain->handle = be64toh(chain->handle);
        } else if (one.type == NFTA_CHAIN_USE && one.size >= sizeof(chain->uses)) {
            memcpy(&chain->uses, bytes + one.body, sizeof(chain->uses));
            chain->uses = ntohl(chain->uses);
        }
    }
    return walk == WALK_ENDED && chain->table && chain->name;
}

/* Which chains are wanted: those of the table, or those of all others. */
struct wanted {
    const char *table;
    bool is_of;
};

static void put_chain(struct bytes *text, const struct chain *chain, struct wanted wanted)
{
    char rest[64];
    if ((strcmp(chain->table, wanted.table) == 0) != wanted.is_of)
        return;
    if (!wanted.is_of) {
        put_bytes(text, chain->table, strlen(chain->table));
        put_bytes(text, " ", 1);
    }
    put_bytes(text, chain->name, strlen(chain->name));
    int size = snprintf(rest, sizeof(rest), " %" PRIu64 " %" PRIu32 "\n", chain->handle, chain->uses);
    put_bytes(text, rest, (size_t)size);
}

enum answer { GOES_ON, IS_OVER, IS_INTERRUPTED };

/* The messages of a datagram. */
static enum answer read_datagram(const uint8_t *bytes, size_t size, struct wanted wanted, struct bytes *text)
{
    struct nlmsghdr head;
    struct chain chain;
    bool is_interrupted = false;
    while (size >= sizeof(head)) {
        memcpy(&head, bytes, sizeof(head));
        if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > size)
            break;
        is_interrupted |= (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR)
            return is_interrupted ? IS_INTERRUPTED : IS_OVER;
        if (head.nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) &&
            read_chain(bytes, head.nlmsg_len, &chain))
            put_chain(text, &chain, wanted);
        size_t next = NLMSG_ALIGN(head.nlmsg_len);
        if (next >= size)
            break;
        bytes += next;
        size -= next;
    }
    return is_interrupted ? IS_INTERRUPTED : GOES_ON;
}

/* One dump. False: it was interrupted, or a part was lost. */
static bool dump(int fd, struct wanted wanted, struct bytes *text)
{
    static uint8_t datagram[DATAGRAM];
    uint8_t family = wanted.is_of ? NFPROTO_INET : NFPROTO_UNSPEC;
    struct {
        struct nlmsghdr head;
        struct nfgenmsg netfilter;
    } question = {{.nlmsg_len = sizeof(question),
                   .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                  {.nfgen_family = family, .version = NFNETLINK_V0}};
    bool is_whole = true;
    text->size = 0;
    if (send(fd, &question, sizeof(question), 0) < 0)
        return true;
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t length = sizeof(from);
        ssize_t size = recvfrom(fd, datagram, sizeof(datagram), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (size < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN && is_whole;
        }
        if (from.nl_pid != 0) /* not the kernel's */
            continue;
        enum answer answer = read_datagram(datagram, (size_t)size, wanted, text);
        is_whole &= answer != IS_INTERRUPTED;
        if (answer == IS_OVER)
            return is_whole;
    }
}

JSValue nft_chains(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    if (!JS_IsString(argv[0]))
        return JS_ThrowTypeError(ctx, "table: not a string");
    const char *table = JS_ToCString(ctx, argv[0]);
    if (!table)
        return JS_EXCEPTION;
    struct bytes text = {.most = MOST_TEXT};
    struct wanted wanted = {table, JS_ToBool(ctx, argv[1]) > 0};
    int tries = 0, fd;
    do {
        /* A socket for each try: what is left of an interrupted dump would be read as the next one's. */
        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
        bool is_done = fd < 0 || dump(fd, wanted, &text);
        if (fd >= 0)
            close(fd);
        if (is_done)
            break;
    } while (++tries < TRIES);
    JS_FreeCString(ctx, table);
    JSValue result = JS_NewStringLen(ctx, (const char *)text.at, text.size);
    free(text.at);
    return result;
}
