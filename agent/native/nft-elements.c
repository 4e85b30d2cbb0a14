/* The elements of a named set as the messages that add them. Those of a set of plain intervals are starts and ends: the
   end is the first key behind the interval. */
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "nft-reader.h"

enum {
    KEY_END = 10, /* NFTA_SET_ELEM_KEY_END, younger than some headers */
    FULL = 60000, /* bytes of elements in a message: a list has at most 64 KiB */
    OPEN_END = 1, /* user data: the interval ends with the last possible value */
};

/* The message that adds elements: begun for the first one, and again when it is full. */
struct adding {
    struct reader *reader;
    const struct set *set;
    size_t message, list;
    bool is_begun;
};

static void end_adding(struct adding *adding)
{
    struct bytes *to = &adding->reader->out;
    if (adding->is_begun) {
        end_list(to, adding->list);
        end_message(to, adding->message);
    }
    adding->is_begun = false;
}

static size_t begin_element(struct adding *adding)
{
    struct bytes *to = &adding->reader->out;
    if (adding->is_begun && to->size - adding->list > FULL)
        end_adding(adding);
    if (!adding->is_begun) {
        struct slice table = adding->reader->table, name = adding->set->name;
        adding->message =
            begin_message(to, NFT_MSG_NEWSETELEM, NLM_F_CREATE, adding->reader->text.line);
        put_text(to, NFTA_SET_ELEM_LIST_TABLE, table.at, table.size);
        put_text(to, NFTA_SET_ELEM_LIST_SET, name.at, name.size);
        adding->list = begin_list(to, NFTA_SET_ELEM_LIST_ELEMENTS);
        adding->is_begun = true;
    }
    return begin_list(to, NFTA_LIST_ELEM);
}

static void put_element_key(struct bytes *to, int type, const uint8_t *key, size_t size)
{
    size_t list = begin_list(to, type);
    put_attribute(to, NFTA_DATA_VALUE, key, size);
    end_list(to, list);
}

static void put_boundary(struct adding *adding, const uint8_t *key, size_t size, bool is_end, bool is_open)
{
    struct bytes *to = &adding->reader->out;
    size_t element = begin_element(adding);
    if (is_end)
        put_32(to, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
    put_element_key(to, NFTA_SET_ELEM_KEY, key, size);
    if (is_open) {
        struct bytes *spare = &adding->reader->spare;
        size_t before = spare->size;
        put_entry(spare, OPEN_END, 1);
        if (!spare->is_broken)
            put_attribute(to, NFTA_SET_ELEM_USERDATA, spare->at + before, spare->size - before);
        spare->size = before;
    }
    end_list(to, element);
}

/* Makes the next greater key; false: there is none. */
static bool increase(uint8_t *key, size_t size)
{
    while (size > 0)
        if (++key[--size] != 0)
            return true;
    return false;
}

struct interval {
    uint8_t from[REGISTER], to[REGISTER];
};

static int by_start(const void *a, const void *b)
{
    return memcmp(a, b, REGISTER);
}

/* The intervals in `spare`, their keys padded with zeros. */
static void put_intervals(struct adding *adding)
{
    struct reader *reader = adding->reader;
    size_t size = adding->set->key.part[0].size, count = reader->spare.size / sizeof(struct interval);
    if (reader->spare.is_broken || count == 0)
        return;
    qsort(reader->spare.at, count, sizeof(struct interval), by_start);
    static const uint8_t zero[REGISTER];
    struct interval one, last;
    for (size_t i = 0; i < count; i++, last = one) {
        memcpy(&one, reader->spare.at + i * sizeof(one), sizeof(one));
        if (i > 0 && memcmp(one.from, last.to, size) <= 0) {
            refuse(&reader->text);
            return;
        }
        if (i == 0 && memcmp(one.from, zero, size) != 0)
            put_boundary(adding, zero, size, true, false);
        uint8_t end[REGISTER];
        memcpy(end, one.to, sizeof(end));
        bool is_open = !increase(end, size);
        put_boundary(adding, one.from, size, false, is_open);
        if (!is_open)
            put_boundary(adding, end, size, true, false);
    }
}

/* One element: FROM[-TO] . FROM[-TO] ..., its keys padded with zeros. */
static void take_element(struct reader *reader, const struct set *set, uint8_t *from, uint8_t *to)
{
    struct text *text = &reader->text;
    memset(from, 0, LONGEST_KEY);
    memset(to, 0, LONGEST_KEY);
    for (size_t i = 0, at = 0; i < set->key.parts; at += padded(set->key.part[i++].size)) {
        const struct expression *part = &set->key.part[i];
        if (i > 0)
            need(text, ".");
        struct slice word = text->word;
        if (text->kind != WORD_PLAIN)
            refuse(text);
        const char *dash = memchr(word.at, '-', word.size);
        size_t before = dash ? (size_t)(dash - word.at) : word.size;
        value_of(text, part, (struct slice){word.at, before}, from + at);
        if (dash)
            value_of(text, part, (struct slice){dash + 1, word.size - before - 1}, to + at);
        else
            memcpy(to + at, from + at, part->size);
        if (memcmp(from + at, to + at, part->size) > 0 || (dash && !set->is_interval))
            refuse(text);
        step(text);
    }
}

void read_elements(struct reader *reader, const struct set *set)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->out;
    struct adding adding = {.reader = reader, .set = set};
    uint8_t from[LONGEST_KEY], end[LONGEST_KEY];
    size_t size = key_size(&set->key);
    bool is_plain = set->is_interval && set->key.parts == 1;
    reader->spare.size = 0;
    need(text, "{");
    do {
        step_line(text);
        take_element(reader, set, from, end);
        if (is_plain) {
            put_bytes(&reader->spare, from, REGISTER);
            put_bytes(&reader->spare, end, REGISTER);
        } else {
            size_t element = begin_element(&adding);
            if (set->has_timeout && take(text, "timeout"))
                put_64(to, NFTA_SET_ELEM_TIMEOUT, take_duration(text));
            else if (set->has_timeout && take(text, "expires"))
                put_64(to, NFTA_SET_ELEM_EXPIRATION, take_duration(text));
            put_element_key(to, NFTA_SET_ELEM_KEY, from, size);
            if (set->is_interval)
                put_element_key(to, KEY_END, end, size);
            end_list(to, element);
        }
    } while (take(text, ","));
    step_line(text);
    need(text, "}");
    if (is_plain)
        put_intervals(&adding);
    end_adding(&adding);
}
