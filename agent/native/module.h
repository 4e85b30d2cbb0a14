/* A native module: what each has after its list `exports`. */
#ifndef WHP_MODULE_H
#define WHP_MODULE_H

#include "quickjs.h"

/* Defines JSModuleDef *function(JSContext *ctx, const char *name). */
#define NATIVE_MODULE(function)                                                                    \
    static int fill(JSContext *ctx, JSModuleDef *module)                                           \
    {                                                                                              \
        return JS_SetModuleExportList(ctx, module, exports, sizeof(exports) / sizeof(exports[0])); \
    }                                                                                              \
    JSModuleDef *function(JSContext *ctx, const char *name)                                        \
    {                                                                                              \
        JSModuleDef *module = JS_NewCModule(ctx, name, fill);                                      \
        if (module)                                                                                \
            JS_AddModuleExportList(ctx, module, exports, sizeof(exports) / sizeof(exports[0]));    \
        return module;                                                                             \
    }

#endif
