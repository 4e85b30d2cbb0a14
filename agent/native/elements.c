/* whp:nft: the elements that a message of a dump of a set has. A learned set has thousands; each would take the script
   hundreds of steps. */
#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <string.h>

#include "args.h"
#include "attribute.h"
#include "nft.h"

enum { LONGEST_KEY = 64 }; /* NFT_DATA_VALUE_MAXLEN */

/* Bytes [at, end) of a message. */
struct part {
    const uint8_t *bytes;
    size_t at, end;
};

struct element {
    const uint8_t *key; /* NULL: it has none, or one longer than LONGEST_KEY */
    size_t key_size;
    double left, packets, bytes; /* -1: it has none */
};

static struct part inside(struct part part, struct attribute one)
{
    return (struct part){part.bytes, one.body, one.body + one.size};
}

static enum walk next(struct part *part, struct attribute *one)
{
    return next_attribute(part->bytes, part->end, &part->at, one);
}

/* The last attribute of a type. False: there is none, or one of the part is broken. */
static bool find(struct part part, unsigned type, struct attribute *found)
{
    struct attribute one;
    enum walk walk;
    bool is_found = false;
    while ((walk = next(&part, &one)) == WALK_FOUND) {
        if (one.type == type) {
            *found = one;
            is_found = true;
        }
    }
    return is_found && walk == WALK_ENDED;
}

static double be64(struct part part, struct attribute one)
{
    uint64_t value;
    if (one.size < sizeof(value))
        return -1;
    memcpy(&value, part.bytes + one.body, sizeof(value));
    return (double)be64toh(value);
}

/* An expression of an element: its counter is read. */
static void read_expression(struct part part, struct element *element)
{
    static const char COUNTER[] = "counter";
    struct attribute name, data, packets, bytes;
    element->packets = element->bytes = -1;
    if (!find(part, NFTA_EXPR_NAME, &name) || !find(part, NFTA_EXPR_DATA, &data) ||
        name.size < sizeof(COUNTER) || memcmp(part.bytes + name.body, COUNTER, sizeof(COUNTER)) != 0)
        return;
    struct part counter = inside(part, data);
    if (!find(counter, NFTA_COUNTER_PACKETS, &packets) || !find(counter, NFTA_COUNTER_BYTES, &bytes) ||
        packets.size < sizeof(uint64_t) || bytes.size < sizeof(uint64_t))
        return;
    element->packets = be64(counter, packets);
    element->bytes = be64(counter, bytes);
}

/* False: an attribute is broken. */
static bool read_element(struct part part, struct element *element)
{
    struct attribute one, value;
    enum walk walk;
    *element = (struct element){.left = -1, .packets = -1, .bytes = -1};
    while ((walk = next(&part, &one)) == WALK_FOUND) {
        if (one.type == NFTA_SET_ELEM_KEY) {
            bool is_key = find(inside(part, one), NFTA_DATA_VALUE, &value) && value.size > 0 &&
                          value.size <= LONGEST_KEY;
            element->key = is_key ? part.bytes + value.body : NULL;
            element->key_size = value.size;
        } else if (one.type == NFTA_SET_ELEM_EXPIRATION)
            element->left = be64(part, one);
        else if (one.type == NFTA_SET_ELEM_EXPR)
            read_expression(inside(part, one), element);
    }
    return walk == WALK_ENDED;
}

/* One character for each byte (wire/hex, byteString). */
static JSValue byte_string(JSContext *ctx, const uint8_t *bytes, size_t size)
{
    char text[2 * LONGEST_KEY];
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] >= 0x80)
            text[length++] = (char)(0xc0 | bytes[i] >> 6);
        text[length++] = (char)(bytes[i] < 0x80 ? bytes[i] : 0x80 | (bytes[i] & 0x3f));
    }
    return JS_NewStringLen(ctx, text, length);
}

/* The list of elements of the message in argv: buffer, offset behind its header, and size from there. False: an
   exception. A message without a list has an empty one. */
static bool list_of(JSContext *ctx, JSValueConst *argv, struct part *list)
{
    uint8_t *bytes;
    size_t size, from, count;
    struct attribute found;
    if (buffer(ctx, argv[0], "message", &bytes, &size) || range(ctx, argv[1], argv[2], size, &from, &count))
        return false;
    *list = (struct part){bytes, from + count, from + count};
    struct part message = {bytes, from + sizeof(struct nfgenmsg), from + count};
    if (message.at <= message.end && find(message, NFTA_SET_ELEM_LIST_ELEMENTS, &found))
        *list = inside(message, found);
    return true;
}

JSValue nft_count(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    struct part list;
    struct attribute one;
    int count = 0;
    if (!list_of(ctx, argv, &list))
        return JS_EXCEPTION;
    while (next(&list, &one) == WALK_FOUND)
        count++;
    return JS_NewInt32(ctx, count);
}

/* False: an exception. */
static bool put(JSContext *ctx, JSValue array, uint32_t *length, JSValue value)
{
    return JS_DefinePropertyValueUint32(ctx, array, (*length)++, value, JS_PROP_C_W_E) >= 0;
}

JSValue nft_elements(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    struct part list;
    if (!list_of(ctx, argv, &list))
        return JS_EXCEPTION;
    JSValue array = JS_NewArray(ctx);
    if (JS_IsException(array))
        return array;
    uint32_t length = 0;
    struct attribute one;
    struct element element;
    while (next(&list, &one) == WALK_FOUND) {
        if (!read_element(inside(list, one), &element) || !element.key)
            continue;
        if (!put(ctx, array, &length, byte_string(ctx, element.key, element.key_size)) ||
            !put(ctx, array, &length, JS_NewNumber(ctx, element.left)) ||
            !put(ctx, array, &length, JS_NewNumber(ctx, element.packets)) ||
            !put(ctx, array, &length, JS_NewNumber(ctx, element.bytes))) {
            JS_FreeValue(ctx, array);
            return JS_EXCEPTION;
        }
    }
    return array;
}
