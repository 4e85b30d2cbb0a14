/* Functions of whp:feeds on the store of open questions (questions.c). */
#ifndef WHP_QUESTIONS_H
#define WHP_QUESTIONS_H

#include "quickjs.h"

JSValue questions_note(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue questions_find(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue questions_expire(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);

#endif
