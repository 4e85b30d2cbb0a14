/* The conditions of a rule: a value is compared, looked up in a named set, or in a list of the rule itself, which becomes
   an anonymous set or verdict map. */
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "nft-reader.h"

/* NFT_DATA_VERDICT: the type of a verdict map's values. */
#define VERDICTS 0xffffff00u

enum { KIND_VERDICT = 1 }; /* enum expr_types of nft */

static void put_lookup(struct bytes *to, struct slice name, bool is_not, uint32_t number, bool is_map)
{
    size_t place = begin_expression(to, "lookup");
    put_text(to, NFTA_LOOKUP_SET, name.at, name.size);
    put_32(to, NFTA_LOOKUP_SREG, NFT_REG_1);
    if (is_map)
        put_32(to, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
    if (number)
        put_32(to, NFTA_LOOKUP_SET_ID, number);
    if (is_not)
        put_32(to, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    end_expression(to, place);
}

static bool is_like(const struct key *one, const struct key *other)
{
    bool is_same = one->parts == other->parts;
    for (size_t i = 0; is_same && i < one->parts; i++)
        is_same = one->part[i].size == other->part[i].size && one->part[i].type == other->part[i].type;
    return is_same;
}

bool is_set(const struct text *text)
{
    return text->kind == WORD_PLAIN && *text->word.at == '@';
}

struct slice take_set(struct text *text)
{
    if (!is_set(text))
        refuse(text);
    else {
        text->word.at++;
        text->word.size--;
    }
    return take_name(text);
}

void check_set(struct reader *reader, struct slice name, const struct key *key, bool is_written)
{
    const struct set *set = find_set(reader, name);
    if (set && (!is_like(key, &set->key) || (is_written && !set->is_dynamic)))
        refuse(&reader->text);
}

/* The messages of an anonymous set; `spare` has its elements. */
static void put_list(struct reader *reader, const struct expression *left, struct slice name, uint32_t count)
{
    bool is_map = name.at[2] == 'm';
    struct bytes *to = &reader->out;
    size_t elements = reader->spare.size;
    uint32_t number = ++reader->set_number;
    unsigned line = reader->text.line;
    put_entry(&reader->spare, KEY_ORDER, left->is_host ? HOST_ORDER : NETWORK_ORDER);
    if (is_map) {
        static const uint8_t fields[] = {DATA_FIELDS, 8}, inside[] = {1, 0};
        put_entry(&reader->spare, DATA_ORDER, 0);
        put_bytes(&reader->spare, fields, sizeof(fields));
        put_entry(&reader->spare, 0, KIND_VERDICT);
        put_bytes(&reader->spare, inside, sizeof(inside));
        put_entry(&reader->spare, DATA_INTERVAL, 0);
    } else if (!left->is_masked && left->header != NO_FIELD) {
        struct key key = {.part = {*left}, .parts = 1};
        put_key_entry(&reader->spare, KEY_FIELDS, &key, true);
    }
    if (reader->spare.is_broken) {
        to->is_broken = true;
        return;
    }
    size_t message = begin_message(to, NFT_MSG_NEWSET, NLM_F_CREATE, line);
    put_text(to, NFTA_SET_TABLE, reader->table.at, reader->table.size);
    put_text(to, NFTA_SET_NAME, name.at, name.size);
    put_32(to, NFTA_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | (is_map ? NFT_SET_MAP : 0));
    put_32(to, NFTA_SET_KEY_TYPE, left->type);
    put_32(to, NFTA_SET_KEY_LEN, left->size);
    size_t limits = begin_list(to, NFTA_SET_DESC);
    put_32(to, NFTA_SET_DESC_SIZE, count);
    end_list(to, limits);
    if (is_map) {
        put_32(to, NFTA_SET_DATA_TYPE, VERDICTS);
        put_32(to, NFTA_SET_DATA_LEN, 0);
    }
    put_attribute(to, NFTA_SET_USERDATA, reader->spare.at + elements, reader->spare.size - elements);
    put_32(to, NFTA_SET_ID, number);
    end_message(to, message);
    message = begin_message(to, NFT_MSG_NEWSETELEM, NLM_F_CREATE, line);
    put_text(to, NFTA_SET_ELEM_LIST_TABLE, reader->table.at, reader->table.size);
    put_text(to, NFTA_SET_ELEM_LIST_SET, name.at, name.size);
    put_32(to, NFTA_SET_ELEM_LIST_SET_ID, number);
    size_t list = begin_list(to, NFTA_SET_ELEM_LIST_ELEMENTS);
    put_bytes(to, reader->spare.at, elements);
    end_list(to, list);
    end_message(to, message);
}

/* Reads the elements between braces into `spare`; returns their number. `value`: the last one. */
static uint32_t read_list(struct reader *reader, const struct expression *left, bool is_map, uint8_t *value)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->spare;
    uint32_t count = 0;
    to->size = 0;
    need(text, "{");
    do {
        size_t element = begin_list(to, NFTA_LIST_ELEM);
        take_value(text, left, value);
        size_t list = begin_list(to, NFTA_SET_ELEM_KEY);
        put_attribute(to, NFTA_DATA_VALUE, value, left->size);
        end_list(to, list);
        if (is_map) {
            need(text, ":");
            list = begin_list(to, NFTA_SET_ELEM_DATA);
            if (!take_verdict(text, to))
                refuse(text);
            end_list(to, list);
        }
        end_list(to, element);
        count++;
    } while (take(text, ","));
    need(text, "}");
    return count;
}

static bool is_next(const struct match *one, const struct match *other)
{
    return one->base == other->base && one->operator == other->operator &&
           one->offset + one->size == other->offset && one->size + other->size <= REGISTER;
}

static void put_match(struct bytes *to, const struct match *one)
{
    put_payload(to, one->base, one->offset, one->size, NFT_REG_1);
    put_compare(to, one->operator, one->value, one->size);
}

static int by_offset(const void *a, const void *b)
{
    const struct match *const *one = a, *const *other = b;
    int base = (*one)->base - (*other)->base, offset = (*one)->offset - (*other)->offset;
    return base ? base : offset ? offset : *one < *other ? -1 : 1;
}

void join_matches(struct reader *reader)
{
    struct match *order[MOST_MATCHES], *matches = reader->matches;
    size_t count = reader->match_count;
    bool is_joined = false;
    reader->match_count = 0;
    if (count < 2 || reader->rule.is_broken)
        return;
    for (size_t i = 0; i < count; i++)
        order[i] = &matches[i];
    qsort(order, count, sizeof(order[0]), by_offset);
    struct match *first = order[0];
    for (size_t i = 1; i < count; i++) {
        struct match *other = order[i];
        if (!is_next(first, other)) {
            first = other;
            continue;
        }
        memcpy(first->value + first->size, other->value, other->size);
        first->size += other->size;
        other->size = 0;
        is_joined = true;
    }
    if (!is_joined)
        return;
    /* The expressions from the first match on are written again: what lies between the matches as it is. */
    struct bytes *rule = &reader->rule, *spare = &reader->spare;
    size_t from = matches[0].from, at = from;
    spare->size = 0;
    put_bytes(spare, rule->at + from, rule->size - from);
    if (spare->is_broken) {
        rule->is_broken = true;
        return;
    }
    size_t end = rule->size;
    rule->size = from;
    for (size_t i = 0; i < count; i++) {
        put_bytes(rule, spare->at + at - from, matches[i].from - at);
        if (matches[i].size)
            put_match(rule, &matches[i]);
        at = matches[i].end;
    }
    put_bytes(rule, spare->at + at - from, end - at);
}

/* A comparison of bytes of the packet that needs no condition before it. */
static bool is_joinable(const struct expression *left, int operator)
{
    return left->loader == LOAD_PAYLOAD && left->base >= NFT_PAYLOAD_TRANSPORT_HEADER && !left->protocol &&
           !left->is_masked && operator != NFT_CMP_GTE;
}

static void compare(struct reader *reader, const struct key *key, int operator, const uint8_t *value)
{
    const struct expression *left = &key->part[0];
    if (is_joinable(left, operator)) {
        if (reader->match_count == MOST_MATCHES)
            join_matches(reader);
        struct match *match = &reader->matches[reader->match_count++];
        *match = (struct match){.from = reader->rule.size, .base = left->base, .size = left->size,
                                .operator = (uint8_t)operator, .offset = left->offset};
        memcpy(match->value, value, left->size);
        put_match(&reader->rule, match);
        match->end = reader->rule.size;
        return;
    }
    load_key(reader, key);
    if (operator == NFT_CMP_GTE && left->is_host)
        put_order(&reader->rule, left->size);
    put_compare(&reader->rule, operator, value, left->size);
    if (operator != NFT_CMP_EQ || left->loader != LOAD_META || left->is_masked)
        return;
    if (left->key == NFT_META_NFPROTO)
        reader->known.family = value[0];
    else if (left->key == NFT_META_L4PROTO)
        reader->known.protocol = value[0];
    else if (left->key == NFT_META_IIFTYPE)
        reader->known.is_ether = true;
}

/* FROM-TO: numbers. False: the current word is no such range. */
static bool read_range(struct reader *reader, const struct key *key)
{
    struct text *text = &reader->text;
    struct expression left = key->part[0];
    struct slice word = text->word;
    const char *dash = text->kind == WORD_PLAIN ? memchr(word.at, '-', word.size) : NULL;
    if (!dash)
        return false;
    if (left.type != TYPE_INTEGER && left.type != TYPE_SERVICE)
        refuse(text);
    uint8_t from[REGISTER], to[REGISTER];
    size_t before = (size_t)(dash - word.at);
    left.is_host = 0;
    value_of(text, &left, (struct slice){word.at, before}, from);
    value_of(text, &left, (struct slice){dash + 1, word.size - before - 1}, to);
    if (memcmp(from, to, left.size) > 0)
        refuse(text);
    step(text);
    load_key(reader, key);
    if (key->part[0].is_host)
        put_order(&reader->rule, left.size);
    put_compare(&reader->rule, NFT_CMP_GTE, from, left.size);
    put_compare(&reader->rule, NFT_CMP_LTE, to, left.size);
    return true;
}

/* Any of the flags is set: NAME,NAME */
static void read_flags(struct reader *reader, const struct key *key)
{
    static const uint8_t none[4];
    struct text *text = &reader->text;
    uint8_t mask[4] = {0}, flag[4];
    do {
        take_value(text, &key->part[0], flag);
        for (size_t i = 0; i < 4; i++)
            mask[i] |= flag[i];
    } while (take(text, ","));
    load_key(reader, key);
    put_bits(&reader->rule, NFT_REG_1, mask, none, 4);
    put_compare(&reader->rule, NFT_CMP_NEQ, none, 4);
}

void read_match(struct reader *reader, const struct key *key)
{
    struct text *text = &reader->text;
    const struct expression *left = &key->part[0];
    uint8_t value[REGISTER] = {0};
    if (key->parts == 1 && take(text, "vmap")) {
        join_matches(reader);
        uint32_t count = read_list(reader, left, true, value);
        struct slice map = {"__map%d", 7};
        put_list(reader, left, map, count);
        load_key(reader, key);
        put_lookup(&reader->rule, map, false, reader->set_number, true);
        return;
    }
    bool is_equal = take(text, "=="), is_not = !is_equal && take(text, "!=");
    bool is_least = !is_equal && !is_not && take(text, ">=");
    if (!is_equal && !is_least && is_set(text)) {
        struct slice name = take_set(text);
        check_set(reader, name, key, false);
        load_key(reader, key);
        put_lookup(&reader->rule, name, is_not, 0, false);
        return;
    }
    if (key->parts > 1) {
        refuse(text);
        return;
    }
    if (!is_equal && !is_least && is_word(text, "{")) {
        uint32_t count = read_list(reader, left, false, value);
        if (count == 1) {
            compare(reader, key, is_not ? NFT_CMP_NEQ : NFT_CMP_EQ, value);
            return;
        }
        struct slice set = {"__set%d", 7};
        put_list(reader, left, set, count);
        load_key(reader, key);
        put_lookup(&reader->rule, set, is_not, reader->set_number, false);
        return;
    }
    if (!is_equal && !is_not && !is_least) {
        if (!left->is_masked && (left->type == TYPE_CT_STATE || left->type == TYPE_CT_STATUS)) {
            read_flags(reader, key);
            return;
        }
        if (left->is_masked || left->type == TYPE_TCP_FLAG)
            refuse(text);
        if (read_range(reader, key))
            return;
    }
    size_t prefix = left->type == TYPE_IFNAME && !is_least ? take_prefix(text, value) : 0;
    if (prefix > 0) {
        load_key(reader, key);
        put_compare(&reader->rule, is_not ? NFT_CMP_NEQ : NFT_CMP_EQ, value, prefix);
        return;
    }
    struct expression shape = *left;
    if (is_least)
        shape.is_host = 0;
    take_value(text, &shape, value);
    compare(reader, key, is_least ? NFT_CMP_GTE : is_not ? NFT_CMP_NEQ : NFT_CMP_EQ, value);
}
