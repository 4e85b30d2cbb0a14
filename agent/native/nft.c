/* The native module whp:nft: the text of a table becomes one transaction of nf_tables. The language is the part of nft's
   that ruleset/render and ruleset/transaction write, and the messages are those that nft sends for it. And what the
   kernel lists of sets and chains. */
#include "nft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "nft-reader.h"
#include "nft-send.h"

enum {
    LONGEST_TEXT = 4 << 20,
    LONGEST_BATCH = 16 << 20,
    LONGEST_RULE = 64 << 10,
    LONGEST_LIST = 8 << 20, /* of elements that have to be sorted or counted first */
    LONGEST_WORD = 40,      /* of what is shown of a text */
    LONGEST_LINE = 200,
};

static JSValue refusal(JSContext *ctx, unsigned line, struct slice shown, size_t longest, const char *why)
{
    char said[LONGEST_LINE + 100];
    int size = (int)(shown.size < longest ? shown.size : longest);
    snprintf(said, sizeof(said), "line %u: %.*s: %s", line, size, shown.at, why);
    return JS_NewString(ctx, said);
}

/* The line with this number; empty: there is none. */
static struct slice line_of(const char *text, unsigned line)
{
    while (line > 1 && (text = strchr(text, '\n')) != NULL) {
        text++;
        line--;
    }
    if (!text || !line)
        return (struct slice){"", 0};
    text += strspn(text, " ");
    return (struct slice){text, strcspn(text, "\n")};
}

static JSValue told(JSContext *ctx, const char *text, int error, unsigned line)
{
    char why[100];
    snprintf(why, sizeof(why), "%s (errno %d)", strerror(error), error);
    return refusal(ctx, line, line_of(text, line), LONGEST_LINE, why);
}

enum way { ENCODED, SENT, OWNED };

/* Reads the text; returns the bytes of the transaction, or sends it. */
static JSValue run(JSContext *ctx, JSValueConst value, enum way way)
{
    size_t size;
    if (!JS_IsString(value))
        return JS_ThrowTypeError(ctx, "text: not a string");
    const char *text = JS_ToCStringLen(ctx, &size, value);
    if (!text)
        return JS_EXCEPTION;
    struct reader reader = {.out.most = LONGEST_BATCH, .rule.most = LONGEST_RULE, .spare.most = LONGEST_LIST};
    open_text(&reader.text, text, size < LONGEST_TEXT ? size : 0);
    read_batch(&reader);
    JSValue result;
    if (reader.out.is_broken || size >= LONGEST_TEXT)
        result = refusal(ctx, reader.text.line, (struct slice){"the text", 8}, 8, "too long");
    else if (reader.text.refused_line)
        result = refusal(ctx, reader.text.refused_line, reader.text.refused, LONGEST_WORD, "not understood");
    else if (way != ENCODED) {
        unsigned line;
        int owner = -1, error = send_batch(&reader.out, &line, way == OWNED ? &owner : NULL);
        result = error ? told(ctx, text, error, line) : way == OWNED ? JS_NewInt32(ctx, owner) : JS_NewString(ctx, "");
    } else
        result = JS_NewArrayBufferCopy(ctx, reader.out.at, reader.out.size);
    free(reader.out.at);
    free(reader.rule.at);
    free(reader.spare.at);
    free(reader.sets);
    JS_FreeCString(ctx, text);
    return result;
}

static JSValue encode(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    return run(ctx, argv[0], ENCODED);
}

static JSValue load(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    return run(ctx, argv[0], SENT);
}

static JSValue own(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    return run(ctx, argv[0], OWNED);
}

static const JSCFunctionListEntry exports[] = {
    JS_CFUNC_DEF("encode", 1, encode),
    JS_CFUNC_DEF("load", 1, load),
    JS_CFUNC_DEF("own", 1, own),
    JS_CFUNC_DEF("chains", 2, nft_chains),
    JS_CFUNC_DEF("count", 3, nft_count),
    JS_CFUNC_DEF("elements", 3, nft_elements),
};

NATIVE_MODULE(whp_nft_module)
