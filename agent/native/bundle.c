/* Loads the bundle. Its source is compiled once a boot, and the bytecode is kept in RAM. Compiling
   takes a second at each start and fragments the heap: with the 16 TLB entries of a 24K nearly each
   call then misses, and the same code runs ten to thirty times slower (emulated) than in a heap
   without a compiler's remains.

   The bytecode is used only if no other user can have written it, and if bundle and program are the
   same files that it was made from. */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quickjs-libc.h"

#define INSTALLED_BUNDLE "/usr/bin/whp"
#define BYTECODE_DIRECTORY "/var/run/whp"
#define BYTECODE_FILE "bundle.bytecode"
#define FIRST_COLLECTION ((size_t)3 << 20) /* half as much again as the program takes on 32 bits */

/* The files the bytecode was made from. Compared as bytes, on the machine that wrote it. */
struct origin {
    char magic[8];
    struct identity {
        long long device, inode, size, seconds, nanoseconds;
    } bundle, program;
    unsigned long long length;
};

static bool identify(struct identity *identity, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return false;
    memset(identity, 0, sizeof(*identity));
    identity->device = (long long)st.st_dev;
    identity->inode = (long long)st.st_ino;
    identity->size = (long long)st.st_size;
    identity->seconds = (long long)st.st_mtim.tv_sec;
    identity->nanoseconds = (long long)st.st_mtim.tv_nsec;
    return true;
}

static bool origin_of(struct origin *origin, const char *path)
{
    memset(origin, 0, sizeof(*origin));
    memcpy(origin->magic, "whp-bc1", sizeof(origin->magic));
    return identify(&origin->bundle, path) && identify(&origin->program, "/proc/self/exe");
}

/* Compares files, not names: PATH may contain a link. */
static bool is_installed(const char *bundle)
{
    struct stat here, there;
    return stat(bundle, &here) == 0 && stat(INSTALLED_BUNDLE, &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* An open directory for the bytecode of `bundle`, which only this user can write to; else -1.
   Default for the installed bundle only; WHP_BYTECODE sets it for any other. */
static int open_directory(const char *bundle)
{
    const char *path = getenv("WHP_BYTECODE");
    if (!path && is_installed(bundle))
        path = BYTECODE_DIRECTORY;
    if (!path || !*path || (mkdir(path, 0755) < 0 && errno != EEXIST))
        return -1;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (directory >= 0 &&
        (fstat(directory, &st) < 0 || st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))) {
        close(directory);
        return -1;
    }
    return directory;
}

static bool read_all(int fd, void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = read(fd, (char *)bytes + done, length - done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t put = write(fd, (const char *)bytes + done, length - done);
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

/* The kept bytecode of `path`, open after its origin, with its length in *length; else -1. */
static int open_bytecode(const char *path, size_t *length)
{
    struct origin wanted, found;
    struct stat st;
    int directory = open_directory(path);
    if (directory < 0)
        return -1;
    int fd = openat(directory, BYTECODE_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    close(directory);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        !(st.st_mode & (S_IWGRP | S_IWOTH)) && origin_of(&wanted, path) &&
        read_all(fd, &found, sizeof(found))) {
        wanted.length = (unsigned long long)st.st_size - sizeof(found);
        *length = (size_t)wanted.length;
        if (memcmp(&wanted, &found, sizeof(found)) == 0)
            return fd;
    }
    close(fd);
    return -1;
}

/* Writes a temporary file and renames it, so that no reader sees a part of it. */
static void keep(const char *path, const uint8_t *bytecode, size_t length)
{
    struct origin origin;
    char beside[sizeof(BYTECODE_FILE) + 24];
    int directory = open_directory(path);
    if (directory < 0)
        return;
    snprintf(beside, sizeof(beside), BYTECODE_FILE ".%ld", (long)getpid());
    int fd = openat(directory, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool sound = origin_of(&origin, path);
        origin.length = length;
        sound = sound && write_all(fd, &origin, sizeof(origin)) && write_all(fd, bytecode, length);
        sound = close(fd) == 0 && sound;
        if (!sound || renameat(directory, beside, directory, BYTECODE_FILE) < 0)
            unlinkat(directory, beside, 0);
    }
    close(directory);
}

static JSValue compile(JSContext *ctx, const char *path)
{
    size_t length;
    uint8_t *source = js_load_file(ctx, &length, path);
    if (!source)
        return JS_ThrowReferenceError(ctx, "could not read '%s': %s", path, strerror(errno));
    JSValue module = JS_Eval(ctx, (char *)source, length, path,
                             JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    js_free(ctx, source);
    return module;
}

/* Compiles in a child process, so that the fragmented heap ends with it. */
void bundle_prepare(const char *path, JSContext *(*new_context)(void))
{
    size_t length;
    int there = open_bytecode(path, &length);
    int directory = there < 0 ? open_directory(path) : -1;
    if (there >= 0)
        close(there);
    if (directory < 0)
        return;
    close(directory);
    pid_t child = fork();
    if (child == 0) {
        JSContext *ctx = new_context();
        if (ctx) /* all that the compiler makes is needed until the process ends */
            JS_SetGCThreshold(JS_GetRuntime(ctx), (size_t)-1);
        JSValue module = ctx ? compile(ctx, path) : JS_EXCEPTION;
        if (!JS_IsException(module)) {
            /* Line numbers of a minified file are useless; function names remain. */
            const int flags =
                JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE | JS_WRITE_OBJ_STRIP_DEBUG;
            uint8_t *bytecode = JS_WriteObject(ctx, &length, module, flags);
            if (bytecode)
                keep(path, bytecode, length);
        }
        _exit(0); /* the parent compiles an invalid source again and reports it */
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

JSValue bundle_load(JSContext *ctx, const char *path)
{
    size_t length;
    int fd = open_bytecode(path, &length);
    if (fd < 0)
        return compile(ctx, path);
    uint8_t *bytecode = js_malloc(ctx, length);
    bool sound = bytecode && read_all(fd, bytecode, length);
    close(fd);
    /* The engine's first collection is due at 256 KB, a tenth of the loaded program: it finds nothing. */
    JS_SetGCThreshold(JS_GetRuntime(ctx), FIRST_COLLECTION);
    JSValue module = sound ? JS_ReadObject(ctx, bytecode, length, JS_READ_OBJ_BYTECODE) : JS_EXCEPTION;
    js_free(ctx, bytecode);
    if (JS_IsException(module)) { /* damaged: the engine's checksum fails */
        JS_FreeValue(ctx, JS_GetException(ctx));
        return compile(ctx, path);
    }
    if (JS_ResolveModule(ctx, module) < 0) {
        JS_FreeValue(ctx, module);
        return JS_EXCEPTION;
    }
    return module;
}
