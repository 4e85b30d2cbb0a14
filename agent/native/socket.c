/* The native module whp:socket: system calls on sockets, for agent/src/kernel/ and others. Addresses
   and options are raw bytes that TypeScript encodes and decodes. A function returns a number >= 0 or
   -errno; an invalid argument (type, or a range outside its ArrayBuffer) throws before any system
   call. */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "attribute.h"
#include "module.h"

/* For calls that have done nothing if they return EINTR. */
#define RETRY(result, call) \
    do { \
        (result) = (call); \
    } while ((result) < 0 && errno == EINTR)

static JSValue answer(JSContext *ctx, int64_t result)
{
    return JS_NewInt64(ctx, result < 0 ? -errno : result);
}

static int address(JSContext *ctx, JSValueConst value, struct sockaddr_storage *out,
                   socklen_t *length)
{
    uint8_t *bytes;
    size_t size;
    if (buffer(ctx, value, "address", &bytes, &size))
        return -1;
    if (size > sizeof(*out)) {
        JS_ThrowRangeError(ctx, "address: longer than %d bytes", (int)sizeof(*out));
        return -1;
    }
    memcpy(out, bytes, size); /* copied, since an ArrayBuffer may be unaligned */
    *length = (socklen_t)size;
    return 0;
}

/* Fills the caller's address buffer and pads it with zeros. */
static void give_address(uint8_t *bytes, size_t size, const struct sockaddr_storage *from,
                         socklen_t length)
{
    size_t count = length < sizeof(*from) ? length : sizeof(*from);
    memset(bytes, 0, size);
    memcpy(bytes, from, count < size ? count : size);
}

static JSValue socket_open(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int domain, type, protocol;
    if (integer(ctx, argv[0], "domain", 0, &domain) || integer(ctx, argv[1], "type", 0, &type) ||
        integer(ctx, argv[2], "protocol", 0, &protocol))
        return JS_EXCEPTION;
    return answer(ctx, socket(domain, type | SOCK_CLOEXEC, protocol));
}

static JSValue socket_bind(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    struct sockaddr_storage to;
    socklen_t length;
    if (integer(ctx, argv[0], "fd", 0, &fd) || address(ctx, argv[1], &to, &length))
        return JS_EXCEPTION;
    return answer(ctx, bind(fd, (struct sockaddr *)&to, length));
}

static JSValue socket_connect(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    struct sockaddr_storage to;
    socklen_t length;
    if (integer(ctx, argv[0], "fd", 0, &fd) || address(ctx, argv[1], &to, &length))
        return JS_EXCEPTION;
    int result = connect(fd, (struct sockaddr *)&to, length);
    /* POSIX: an interrupted connect continues, and a second call would fail. */
    if (result < 0 && errno == EINTR)
        errno = EINPROGRESS;
    return answer(ctx, result);
}

static JSValue socket_listen(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd, backlog;
    if (integer(ctx, argv[0], "fd", 0, &fd) || integer(ctx, argv[1], "backlog", 0, &backlog))
        return JS_EXCEPTION;
    return answer(ctx, listen(fd, backlog));
}

/* The accepted socket is non-blocking if the listener is. */
static JSValue socket_accept(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd, result;
    if (integer(ctx, argv[0], "fd", 0, &fd))
        return JS_EXCEPTION;
    int mode = fcntl(fd, F_GETFL);
    if (mode < 0)
        return answer(ctx, mode);
    RETRY(result, accept4(fd, NULL, NULL, SOCK_CLOEXEC | (mode & O_NONBLOCK ? SOCK_NONBLOCK : 0)));
    return answer(ctx, result);
}

static JSValue socket_send(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd, flags;
    uint8_t *bytes;
    size_t size, from, count;
    ssize_t result;
    if (integer(ctx, argv[0], "fd", 0, &fd) || buffer(ctx, argv[1], "buffer", &bytes, &size) ||
        range(ctx, argv[2], argv[3], size, &from, &count) ||
        integer(ctx, argv[4], "flags", 0, &flags))
        return JS_EXCEPTION;
    RETRY(result, send(fd, bytes + from, count, flags | MSG_NOSIGNAL));
    return answer(ctx, result);
}

static JSValue socket_sendto(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd, flags;
    uint8_t *bytes;
    size_t size, from, count;
    struct sockaddr_storage to;
    socklen_t length;
    ssize_t result;
    if (integer(ctx, argv[0], "fd", 0, &fd) || buffer(ctx, argv[1], "buffer", &bytes, &size) ||
        range(ctx, argv[2], argv[3], size, &from, &count) ||
        integer(ctx, argv[4], "flags", 0, &flags) || address(ctx, argv[5], &to, &length))
        return JS_EXCEPTION;
    RETRY(result, sendto(fd, bytes + from, count, flags | MSG_NOSIGNAL, (struct sockaddr *)&to,
                         length));
    return answer(ctx, result);
}

static JSValue socket_recv(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd, flags;
    uint8_t *bytes;
    size_t size, from, count;
    ssize_t result;
    if (integer(ctx, argv[0], "fd", 0, &fd) || writable(ctx, argv[1], "buffer", &bytes, &size) ||
        range(ctx, argv[2], argv[3], size, &from, &count) ||
        integer(ctx, argv[4], "flags", 0, &flags))
        return JS_EXCEPTION;
    RETRY(result, recv(fd, bytes + from, count, flags));
    return answer(ctx, result);
}

static JSValue socket_recvfrom(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd, flags;
    uint8_t *bytes, *sender;
    size_t size, from, count, room;
    struct sockaddr_storage peer;
    socklen_t length;
    ssize_t result;
    if (integer(ctx, argv[0], "fd", 0, &fd) || writable(ctx, argv[1], "buffer", &bytes, &size) ||
        range(ctx, argv[2], argv[3], size, &from, &count) ||
        integer(ctx, argv[4], "flags", 0, &flags) ||
        writable(ctx, argv[5], "address", &sender, &room))
        return JS_EXCEPTION;
    do {
        length = sizeof(peer);
        result = recvfrom(fd, bytes + from, count, flags, (struct sockaddr *)&peer, &length);
    } while (result < 0 && errno == EINTR);
    if (result >= 0)
        give_address(sender, room, &peer, length);
    return answer(ctx, result);
}

static JSValue socket_setsockopt(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd, level, name;
    uint8_t *bytes;
    size_t size;
    if (integer(ctx, argv[0], "fd", 0, &fd) || integer(ctx, argv[1], "level", 0, &level) ||
        integer(ctx, argv[2], "name", 0, &name) || buffer(ctx, argv[3], "bytes", &bytes, &size))
        return JS_EXCEPTION;
    return answer(ctx, setsockopt(fd, level, name, bytes, (socklen_t)size));
}

/* Attaches a classic BPF program, an array of struct sock_filter; the kernel checks it. Not possible
   by setsockopt of this module, since the option holds a pointer. */
static JSValue socket_filter(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    uint8_t *bytes;
    size_t size;
    if (integer(ctx, argv[0], "fd", 0, &fd) || buffer(ctx, argv[1], "program", &bytes, &size))
        return JS_EXCEPTION;
    struct sock_filter program[32];
    if (size == 0 || size > sizeof(program) || size % sizeof(program[0]) != 0)
        return JS_ThrowRangeError(ctx, "program: not 1 to 32 instructions of 8 bytes");
    memcpy(program, bytes, size);
    struct sock_fprog whole_program = { (unsigned short)(size / sizeof(program[0])), program };
    return answer(ctx, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &whole_program,
                                  sizeof(whole_program)));
}

static JSValue socket_getsockopt(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd, level, name;
    uint8_t *bytes;
    size_t size;
    if (integer(ctx, argv[0], "fd", 0, &fd) || integer(ctx, argv[1], "level", 0, &level) ||
        integer(ctx, argv[2], "name", 0, &name) || writable(ctx, argv[3], "bytes", &bytes, &size))
        return JS_EXCEPTION;
    socklen_t length = (socklen_t)size;
    int result = getsockopt(fd, level, name, bytes, &length);
    return answer(ctx, result < 0 ? result : (int64_t)length);
}

/* Returns the full length of the address, which may be more than the buffer holds. */
static JSValue socket_getsockname(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int fd;
    uint8_t *bytes;
    size_t size;
    struct sockaddr_storage own;
    socklen_t length = sizeof(own);
    if (integer(ctx, argv[0], "fd", 0, &fd) || writable(ctx, argv[1], "address", &bytes, &size))
        return JS_EXCEPTION;
    int result = getsockname(fd, (struct sockaddr *)&own, &length);
    if (result < 0)
        return answer(ctx, result);
    give_address(bytes, size, &own, length);
    return answer(ctx, (int64_t)length);
}

static JSValue socket_umask(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int64_t mode;
    if (whole(ctx, argv[0], "mode", 0, 0777, &mode))
        return JS_EXCEPTION;
    return JS_NewInt32(ctx, (int32_t)umask((mode_t)mode));
}

static JSValue socket_monotonic(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return JS_NewFloat64(ctx, (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6);
}

/* attributes(bytes, at, end, into): reads the netlink attributes in bytes[at, end), as readAttributes of
   netlink/message does: `into` has as many places as sizes, 32 bits each. False: malformed. A dump has
   thousands of attributes, and the script's loop takes some 80 steps of the engine for each. */
static JSValue socket_attributes(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    uint8_t *bytes, *into;
    size_t size, room;
    int64_t first, last;
    if (buffer(ctx, argv[0], "bytes", &bytes, &size) || writable(ctx, argv[3], "into", &into, &room) ||
        whole(ctx, argv[1], "at", 0, INT32_MAX, &first) ||
        whole(ctx, argv[2], "end", 0, INT32_MAX, &last))
        return JS_EXCEPTION;
    size_t types = room / (2 * sizeof(int32_t)), end = (size_t)last;
    memset(into, 0, room);
    if (end > size)
        return JS_FALSE;
    size_t at = (size_t)first;
    struct attribute one;
    enum walk walk;
    while ((walk = next_attribute(bytes, end, &at, &one)) == WALK_FOUND) {
        int32_t found[] = {(int32_t)one.body, (int32_t)one.size};
        if (one.type < types) {
            memcpy(into + one.type * sizeof(int32_t), &found[0], sizeof(int32_t));
            memcpy(into + (types + one.type) * sizeof(int32_t), &found[1], sizeof(int32_t));
        }
    }
    return JS_NewBool(ctx, walk == WALK_ENDED);
}

/* These numbers differ on MIPS, so they come from the compiler. */
#define NUMBER(name) JS_PROP_INT32_DEF(#name, name, JS_PROP_ENUMERABLE)

static const JSCFunctionListEntry exports[] = {
    JS_CFUNC_DEF("socket", 3, socket_open),
    JS_CFUNC_DEF("bind", 2, socket_bind),
    JS_CFUNC_DEF("connect", 2, socket_connect),
    JS_CFUNC_DEF("listen", 2, socket_listen),
    JS_CFUNC_DEF("accept", 1, socket_accept),
    JS_CFUNC_DEF("send", 5, socket_send),
    JS_CFUNC_DEF("sendto", 6, socket_sendto),
    JS_CFUNC_DEF("recv", 5, socket_recv),
    JS_CFUNC_DEF("recvfrom", 6, socket_recvfrom),
    JS_CFUNC_DEF("setsockopt", 4, socket_setsockopt),
    JS_CFUNC_DEF("filter", 2, socket_filter),
    JS_CFUNC_DEF("getsockopt", 4, socket_getsockopt),
    JS_CFUNC_DEF("getsockname", 2, socket_getsockname),
    JS_CFUNC_DEF("umask", 1, socket_umask),
    JS_CFUNC_DEF("monotonic", 0, socket_monotonic),
    JS_CFUNC_DEF("attributes", 4, socket_attributes),
    NUMBER(AF_UNIX), NUMBER(AF_INET), NUMBER(AF_INET6), NUMBER(AF_NETLINK), NUMBER(AF_PACKET),
    NUMBER(SOCK_STREAM), NUMBER(SOCK_DGRAM), NUMBER(SOCK_RAW), NUMBER(SOCK_NONBLOCK),
    NUMBER(SOL_SOCKET), NUMBER(SO_REUSEADDR), NUMBER(SO_ERROR), NUMBER(SO_BROADCAST),
    NUMBER(SO_RCVBUF), NUMBER(SO_SNDBUF), NUMBER(SO_RCVBUFFORCE), NUMBER(SO_SNDBUFFORCE),
    NUMBER(SO_BINDTODEVICE), NUMBER(SO_MARK), NUMBER(SO_PEERCRED),
    NUMBER(MSG_PEEK), NUMBER(MSG_TRUNC), NUMBER(MSG_DONTWAIT),
    NUMBER(EPERM), NUMBER(ENOENT), NUMBER(ESRCH), NUMBER(EINTR), NUMBER(EIO), NUMBER(ENXIO),
    NUMBER(EBADF), NUMBER(EAGAIN), NUMBER(ENOMEM), NUMBER(EACCES), NUMBER(EBUSY), NUMBER(EEXIST),
    NUMBER(EXDEV), NUMBER(ENODEV), NUMBER(ENOTDIR), NUMBER(EINVAL), NUMBER(ENFILE), NUMBER(EMFILE),
    NUMBER(ENOSPC), NUMBER(EPIPE), NUMBER(ERANGE), NUMBER(ENOSYS), NUMBER(ENODATA),
    NUMBER(EOVERFLOW), NUMBER(EPROTO), NUMBER(EMSGSIZE), NUMBER(ENOTSOCK), NUMBER(EPROTONOSUPPORT),
    NUMBER(EOPNOTSUPP), NUMBER(EAFNOSUPPORT), NUMBER(EADDRINUSE), NUMBER(EADDRNOTAVAIL),
    NUMBER(ENETDOWN), NUMBER(ENETUNREACH), NUMBER(ECONNABORTED), NUMBER(ECONNRESET),
    NUMBER(ENOBUFS), NUMBER(EISCONN), NUMBER(ENOTCONN), NUMBER(ETIMEDOUT), NUMBER(ECONNREFUSED),
    NUMBER(EHOSTUNREACH), NUMBER(EALREADY), NUMBER(EINPROGRESS),
};

NATIVE_MODULE(whp_socket_module)
