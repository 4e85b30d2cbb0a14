/* The user data of sets and elements: what tells nft how to list them. The kernel stores it unread. */
#include <linux/netfilter/nf_tables.h>

#include "nft-reader.h"

enum {
    /* Kinds of expressions in nft (enum expr_types). */
    KIND_PAYLOAD = 7,
    KIND_META = 9,
    KIND_CT = 12,
    KIND_CONCAT = 13,
    KIND_FIB = 26,
};

/* An entry has a type, a length, and a number in host order or entries. */
static size_t begin_entry(struct bytes *to, int type)
{
    uint8_t head[] = {(uint8_t)type, 0};
    put_bytes(to, head, sizeof(head));
    return to->size;
}

static void end_entry(struct bytes *to, size_t entry)
{
    size_t size = to->size - entry;
    if (size > UINT8_MAX)
        to->is_broken = true;
    if (!to->is_broken)
        to->at[entry - 1] = (uint8_t)size;
}

void put_entry(struct bytes *to, int type, uint32_t value)
{
    size_t entry = begin_entry(to, type);
    put_bytes(to, &value, sizeof(value));
    end_entry(to, entry);
}

static void put_part_entry(struct bytes *to, const struct expression *one)
{
    static const uint8_t KINDS[] = {KIND_PAYLOAD, KIND_META, KIND_CT, KIND_FIB};
    put_entry(to, 0, KINDS[one->loader]);
    size_t inside = begin_entry(to, 1);
    if (one->loader != LOAD_PAYLOAD) {
        put_entry(to, 0, one->key);
        if (one->loader == LOAD_CT)
            put_entry(to, 1, one->is_original ? 0 : UINT32_MAX);
        if (one->loader == LOAD_FIB)
            put_entry(to, 1, NFTA_FIB_F_DADDR);
    } else {
        put_entry(to, 0, one->header);
        put_entry(to, 1, one->field);
        if (!one->header) {
            put_entry(to, 2, one->base + 1u); /* enum proto_bases */
            put_entry(to, 3, one->offset * 8u);
            put_entry(to, 4, one->size * 8u);
        }
    }
    end_entry(to, inside);
}

void put_key_entry(struct bytes *to, int type, const struct key *key, bool is_typeof)
{
    size_t entry = begin_entry(to, type);
    if (key->parts == 1)
        put_part_entry(to, &key->part[0]);
    else {
        put_entry(to, 0, KIND_CONCAT);
        size_t inside = begin_entry(to, 1);
        for (size_t i = 0; is_typeof && i < key->parts; i++) {
            size_t part = begin_entry(to, (int)i);
            put_part_entry(to, &key->part[i]);
            end_entry(to, part);
        }
        end_entry(to, inside);
    }
    end_entry(to, entry);
}
