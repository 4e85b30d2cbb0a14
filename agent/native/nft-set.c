/* A named set as the message that creates it, with nft's user data of its key. */
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "nft-reader.h"

enum {
    SET_CONCAT = 128, /* NFT_SET_CONCAT */
    DESC_CONCAT = 2,  /* NFTA_SET_DESC_CONCAT */
    TYPE_BITS = 6,    /* of each field in the type of a concatenation */
};

const struct set *find_set(const struct reader *reader, struct slice name)
{
    for (size_t i = 0; i < reader->set_count; i++) {
        const struct set *set = &reader->sets[i];
        if (set->name.size == name.size && memcmp(set->name.at, name.at, name.size) == 0)
            return set;
    }
    return NULL;
}

static struct set *new_set(struct reader *reader)
{
    if (reader->set_count == reader->set_room) {
        size_t room = reader->set_room ? 2 * reader->set_room : 32;
        struct set *sets = room > MOST_SETS ? NULL : realloc(reader->sets, room * sizeof(*sets));
        if (!sets) {
            reader->out.is_broken = true;
            return NULL;
        }
        reader->sets = sets;
        reader->set_room = room;
    }
    return memset(&reader->sets[reader->set_count++], 0, sizeof(*reader->sets));
}

/* What is declared of a set. */
struct shape {
    uint64_t size, timeout;
    bool has_timeout, is_typeof;
    unsigned line;
};

static void put_set(struct reader *reader, const struct set *set, const struct shape *shape)
{
    const struct key *key = &set->key;
    struct bytes *to = &reader->out, *spare = &reader->spare;
    bool is_concat = key->parts > 1;
    uint32_t type = 0;
    for (size_t i = 0; i < key->parts; i++)
        type = type << TYPE_BITS | key->part[i].type;
    size_t message = begin_message(to, NFT_MSG_NEWSET, NLM_F_CREATE, shape->line);
    put_text(to, NFTA_SET_TABLE, reader->table.at, reader->table.size);
    put_text(to, NFTA_SET_NAME, set->name.at, set->name.size);
    put_32(to, NFTA_SET_FLAGS, (set->is_interval ? NFT_SET_INTERVAL | (is_concat ? SET_CONCAT : 0) : 0) |
                                   (set->has_timeout ? NFT_SET_TIMEOUT : 0) |
                                   (set->is_dynamic ? NFT_SET_EVAL : 0));
    put_32(to, NFTA_SET_KEY_TYPE, type);
    put_32(to, NFTA_SET_KEY_LEN, (uint32_t)key_size(key));
    bool has_fields = is_concat && set->is_interval;
    if (shape->size || has_fields) {
        size_t limits = begin_list(to, NFTA_SET_DESC);
        if (shape->size)
            put_32(to, NFTA_SET_DESC_SIZE, (uint32_t)shape->size);
        if (has_fields) {
            size_t fields = begin_list(to, DESC_CONCAT);
            for (size_t i = 0; i < key->parts; i++) {
                size_t field = begin_list(to, NFTA_LIST_ELEM);
                put_32(to, NFTA_SET_FIELD_LEN, key->part[i].size);
                end_list(to, field);
            }
            end_list(to, fields);
        }
        end_list(to, limits);
    }
    put_32(to, NFTA_SET_ID, ++reader->set_number);
    if (shape->has_timeout)
        put_64(to, NFTA_SET_TIMEOUT, shape->timeout);
    spare->size = 0;
    put_entry(spare, KEY_ORDER, is_concat || key->part[0].type == TYPE_NFPROTO ? NO_ORDER : NETWORK_ORDER);
    if (is_concat || shape->is_typeof)
        put_key_entry(spare, KEY_FIELDS, key, shape->is_typeof);
    if (spare->is_broken)
        to->is_broken = true;
    else
        put_attribute(to, NFTA_SET_USERDATA, spare->at, spare->size);
    end_message(to, message);
}

static void read_type(struct text *text, struct key *key)
{
    do {
        const struct expression *part = named_type(text);
        if (!part || key->parts == MOST_PARTS) {
            refuse(text);
            return;
        }
        key->part[key->parts++] = *part;
    } while (take(text, "."));
}

static void read_property(struct reader *reader, struct set *set, struct shape *shape)
{
    struct text *text = &reader->text;
    if (!set->key.parts && take(text, "type"))
        read_type(text, &set->key);
    else if (!set->key.parts && take(text, "typeof")) {
        shape->is_typeof = true;
        if (!take_key(text, &set->key))
            refuse(text);
        /* Keys of named sets are in the byte order of the network. */
        for (size_t i = 0; i < set->key.parts; i++)
            if (set->key.part[i].is_masked || (set->key.part[i].is_host && set->key.part[i].size > 1))
                refuse(text);
    } else if (take(text, "size"))
        shape->size = take_number(text, UINT32_MAX);
    else if (take(text, "flags")) {
        do {
            if (take(text, "interval"))
                set->is_interval = true;
            else if (take(text, "timeout"))
                set->has_timeout = true;
            else if (take(text, "dynamic"))
                set->is_dynamic = true;
            else
                refuse(text);
        } while (take(text, ","));
    } else if (take(text, "timeout")) {
        shape->has_timeout = true;
        shape->timeout = take_duration(text);
    } else
        refuse(text);
}

void read_set(struct reader *reader)
{
    struct text *text = &reader->text;
    struct shape shape = {.line = text->line};
    struct slice name = take_name(text);
    struct set *set = new_set(reader);
    if (!set)
        return;
    set->name = name;
    need(text, "{");
    bool has_elements = false;
    for (;;) {
        while (text->kind == WORD_LINE || is_word(text, ";"))
            step(text);
        has_elements = is_word(text, "elements");
        if (has_elements || is_word(text, "}") || text->kind == WORD_END)
            break;
        read_property(reader, set, &shape);
    }
    if (!set->key.parts || (set->is_interval && set->has_timeout) || shape.has_timeout > set->has_timeout)
        refuse(text);
    if (text->refused_line)
        return;
    put_set(reader, set, &shape);
    if (take(text, "elements")) {
        need(text, "=");
        read_elements(reader, set);
        step_lines(text);
    }
    need(text, "}");
}
