/* The commands of a text, and the block of a whole table, as messages in the order of nft: it adds the chains of a table
   first, then its counters, its sets with their elements, its flow tables, and its rules last. */
#include "nft-reader.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

/* A message with the name of the table, and of one thing in it. */
static void put_names(struct reader *reader, int type, int flags, int first, int second, struct slice name)
{
    struct bytes *to = &reader->out;
    size_t message = begin_message(to, type, flags, reader->text.line);
    put_text(to, first, reader->table.at, reader->table.size);
    if (second)
        put_text(to, second, name.at, name.size);
    if (type == NFT_MSG_DELOBJ)
        put_32(to, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
    end_message(to, message);
}

/* NAME [{ [packets N bytes N] }] */
static void read_counter(struct reader *reader)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->out;
    uint64_t packets = 0, size = 0;
    unsigned line = text->line;
    struct slice name = take_name(text);
    if (take(text, "{")) {
        if (take(text, "packets")) {
            packets = take_number(text, UINT64_MAX);
            need(text, "bytes");
            size = take_number(text, UINT64_MAX);
        }
        need(text, "}");
    }
    size_t message = begin_message(to, NFT_MSG_NEWOBJ, NLM_F_CREATE, line);
    put_text(to, NFTA_OBJ_TABLE, reader->table.at, reader->table.size);
    put_text(to, NFTA_OBJ_NAME, name.at, name.size);
    put_32(to, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
    size_t list = begin_list(to, NFTA_OBJ_DATA);
    put_64(to, NFTA_COUNTER_BYTES, size);
    put_64(to, NFTA_COUNTER_PACKETS, packets);
    end_list(to, list);
    end_message(to, message);
}

/* type TYPE hook HOOK priority N; [policy accept;] */
static void read_hook(struct text *text, struct bytes *to)
{
    static const char *const TYPES[] = {"filter", "route", "nat"};
    /* In the order of NF_INET_PRE_ROUTING and so on. */
    static const char *const HOOKS[] = {"prerouting", "input", "forward", "output", "postrouting"};
    size_t type = 0, hook = 0;
    while (type < 3 && !take(text, TYPES[type]))
        type++;
    need(text, "hook");
    while (hook < 5 && !take(text, HOOKS[hook]))
        hook++;
    need(text, "priority");
    if (type == 3 || hook == 5) {
        refuse(text);
        return;
    }
    bool is_negative = text->kind == WORD_PLAIN && *text->word.at == '-';
    text->word.at += is_negative;
    text->word.size -= is_negative;
    uint32_t priority = (uint32_t)take_number(text, (uint32_t)INT32_MAX + is_negative);
    need(text, ";");
    size_t list = begin_list(to, NFTA_CHAIN_HOOK);
    put_32(to, NFTA_HOOK_HOOKNUM, (uint32_t)hook);
    put_32(to, NFTA_HOOK_PRIORITY, is_negative ? -priority : priority);
    end_list(to, list);
    if (take_words(text, "policy accept")) {
        put_32(to, NFTA_CHAIN_POLICY, NF_ACCEPT);
        need(text, ";");
    }
    if (text->kind != WORD_LINE && !is_word(text, "}"))
        refuse(text);
    put_text(to, NFTA_CHAIN_TYPE, TYPES[type], strlen(TYPES[type]));
}

/* The message of a chain, up to its rules. */
static void read_chain(struct reader *reader)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->out;
    size_t message = begin_message(to, NFT_MSG_NEWCHAIN, NLM_F_CREATE, text->line);
    struct slice name = take_name(text);
    put_text(to, NFTA_CHAIN_TABLE, reader->table.at, reader->table.size);
    put_text(to, NFTA_CHAIN_NAME, name.at, name.size);
    struct text before = *text;
    if (take(text, "{")) {
        step_lines(text);
        if (take(text, "type"))
            read_hook(text, to);
        if (!text->refused_line)
            *text = before;
        leave_block(text);
    }
    end_message(to, message);
}

static void read_rules(struct reader *reader)
{
    struct text *text = &reader->text;
    reader->chain = take_name(text);
    need(text, "{");
    step_lines(text);
    if (is_word(text, "type"))
        while (text->kind != WORD_LINE && text->kind != WORD_END)
            step(text);
    for (step_lines(text); !is_word(text, "}") && text->kind != WORD_END; step_lines(text))
        read_rule(reader);
    need(text, "}");
}

/* NAME { hook ingress priority 0; devices = { NAME }; } */
static void read_flow_table(struct reader *reader)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->out;
    unsigned line = text->line;
    struct slice name = take_name(text);
    need(text, "{");
    step_lines(text);
    if (!take_words(text, "hook ingress priority 0"))
        refuse(text);
    need(text, ";");
    need(text, "devices");
    need(text, "=");
    need(text, "{");
    struct slice device = take_name(text);
    need(text, "}");
    need(text, ";");
    step_lines(text);
    need(text, "}");
    size_t message = begin_message(to, NFT_MSG_NEWFLOWTABLE, NLM_F_CREATE, line);
    put_text(to, NFTA_FLOWTABLE_TABLE, reader->table.at, reader->table.size);
    put_text(to, NFTA_FLOWTABLE_NAME, name.at, name.size);
    size_t hook = begin_list(to, NFTA_FLOWTABLE_HOOK);
    put_32(to, NFTA_FLOWTABLE_HOOK_NUM, NF_NETDEV_INGRESS);
    put_32(to, NFTA_FLOWTABLE_HOOK_PRIORITY, 0);
    size_t devices = begin_list(to, NFTA_FLOWTABLE_HOOK_DEVS);
    put_text(to, NFTA_DEVICE_NAME, device.at, device.size);
    end_list(to, devices);
    end_list(to, hook);
    end_message(to, message);
}

enum { COUNTERS, SETS, FLOW_TABLES, CHAINS, KINDS };

/* In the order in which they are read, once the chains are there. */
static const struct {
    char word[10];
    void (*read)(struct reader *reader);
} BLOCKS[KINDS] = {
    {"counter", read_counter},
    {"set", read_set},
    {"flowtable", read_flow_table},
    {"chain", read_rules},
};

static void skip_block(struct text *text)
{
    take_name(text);
    if (!is_word(text, "{"))
        refuse(text);
    leave_block(text);
}

/* What stands between the braces of a table: its chains without their rules, and where the first block of each kind is. */
static void read_chains(struct reader *reader, struct text *first, size_t *count)
{
    struct text *text = &reader->text;
    for (step_lines(text); !is_word(text, "}") && text->kind != WORD_END; step_lines(text)) {
        struct text before = *text;
        size_t kind = 0;
        while (kind < KINDS && !take(text, BLOCKS[kind].word))
            kind++;
        if (kind == KINDS) {
            refuse(text);
            return;
        }
        if (count[kind]++ == 0)
            first[kind] = before;
        if (kind == CHAINS)
            read_chain(reader);
        else
            skip_block(text);
        if (text->kind != WORD_LINE)
            refuse(text);
    }
    need(text, "}");
}

static void take_table(struct reader *reader)
{
    need(&reader->text, "inet");
    reader->table = take_name(&reader->text);
}

static void read_table(struct reader *reader)
{
    struct text *text = &reader->text, first[KINDS];
    size_t count[KINDS] = {0};
    take_table(reader);
    size_t message = begin_message(&reader->out, NFT_MSG_NEWTABLE, NLM_F_CREATE, text->line);
    put_text(&reader->out, NFTA_TABLE_NAME, reader->table.at, reader->table.size);
    need(text, "{");
    step_lines(text);
    if (take_words(text, "flags owner")) {
        put_32(&reader->out, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
        need(text, ";");
    }
    end_message(&reader->out, message);
    read_chains(reader, first, count);
    struct text end = *text;
    for (size_t kind = 0; kind < KINDS && !text->refused_line; kind++) {
        if (count[kind] > 0)
            *text = first[kind];
        while (count[kind] > 0 && text->kind != WORD_END) {
            if (take(text, BLOCKS[kind].word)) {
                BLOCKS[kind].read(reader);
                count[kind]--;
            } else {
                step(text);
                skip_block(text);
            }
            step_lines(text);
        }
    }
    if (!text->refused_line)
        *text = end;
}

static void read_add(struct reader *reader)
{
    struct text *text = &reader->text;
    bool is_counter, is_chain, is_element;
    if (take(text, "table")) {
        take_table(reader);
        put_names(reader, NFT_MSG_NEWTABLE, NLM_F_CREATE, NFTA_TABLE_NAME, 0, reader->table);
    } else if ((is_counter = take(text, "counter")) || take(text, "set")) {
        take_table(reader);
        (is_counter ? read_counter : read_set)(reader);
    } else if ((is_chain = take(text, "chain")) || take(text, "rule")) {
        take_table(reader);
        if (is_chain)
            read_chain(reader);
        else {
            reader->chain = take_name(text);
            read_rule(reader);
        }
    } else if ((is_element = take(text, "element"))) {
        take_table(reader);
        struct slice name = take_name(text);
        const struct set *set = find_set(reader, name);
        if (set)
            read_elements(reader, set);
        else
            refuse(text);
    } else
        refuse(text);
}

/* What is deleted, or emptied. */
static const struct {
    char words[16];
    uint8_t type, first, second;
} LEAVING[] = {
    {"delete table", NFT_MSG_DELTABLE, NFTA_TABLE_NAME, 0},
    {"delete chain", NFT_MSG_DELCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME},
    {"delete set", NFT_MSG_DELSET, NFTA_SET_TABLE, NFTA_SET_NAME},
    {"delete counter", NFT_MSG_DELOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_NAME},
    {"flush chain", NFT_MSG_DELRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN},
    {"flush set", NFT_MSG_DELSETELEM, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET},
};

static void read_command(struct reader *reader)
{
    struct text *text = &reader->text;
    if (take(text, "add")) {
        read_add(reader);
        return;
    }
    if (take(text, "table")) {
        read_table(reader);
        return;
    }
    size_t i = 0, count = sizeof(LEAVING) / sizeof(LEAVING[0]);
    while (i < count && !take_words(text, LEAVING[i].words))
        i++;
    if (i == count) {
        refuse(text);
        return;
    }
    take_table(reader);
    struct slice name = LEAVING[i].second ? take_name(text) : reader->table;
    put_names(reader, LEAVING[i].type, 0, LEAVING[i].first, LEAVING[i].second, name);
}

void read_batch(struct reader *reader)
{
    struct text *text = &reader->text;
    put_frame(&reader->out, NFNL_MSG_BATCH_BEGIN);
    size_t first = reader->out.size;
    for (step_lines(text); text->kind != WORD_END && !reader->out.is_broken; step_lines(text)) {
        read_command(reader);
        if (text->kind != WORD_LINE && text->kind != WORD_END)
            refuse(text);
    }
    /* Acknowledged if the kernel accepts all: Linux before 6.10 does not acknowledge the end. */
    struct nlmsghdr head;
    if (!reader->out.is_broken && reader->out.size > first) {
        memcpy(&head, reader->out.at + first, sizeof(head));
        head.nlmsg_flags |= NLM_F_ACK;
        memcpy(reader->out.at + first, &head, sizeof(head));
    }
    put_frame(&reader->out, NFNL_MSG_BATCH_END);
    reader->out.is_broken |= reader->rule.is_broken | reader->spare.is_broken;
}
