/* The engine's libunicode without the tables of \p{...} in regular expressions, 20 KB of the package: no expression
 * of the agent names a property of characters (test/node/package), and one that did would not compile. */
#define unicode_script unicode_script_of_engine
#define unicode_general_category unicode_general_category_of_engine
#define unicode_prop unicode_prop_of_engine
#define unicode_sequence_prop unicode_sequence_prop_of_engine
#include "libunicode.c"
#undef unicode_script
#undef unicode_general_category
#undef unicode_prop
#undef unicode_sequence_prop

/* What libregexp takes for a name that does not exist. */
enum { UNKNOWN = -2 };

int unicode_script(CharRange *cr, const char *script_name, bool is_ext)
{
    return UNKNOWN;
}

int unicode_general_category(CharRange *cr, const char *gc_name)
{
    return UNKNOWN;
}

int unicode_prop(CharRange *cr, const char *prop_name)
{
    return UNKNOWN;
}

int unicode_sequence_prop(const char *prop_name, UnicodeSequencePropCB *cb, void *opaque, CharRange *cr)
{
    return UNKNOWN;
}
